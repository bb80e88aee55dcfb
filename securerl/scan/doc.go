// Package scan finds weaknesses in Python sources with a pinned Bandit.
//
//	source --Scanner.Scan--> Report{Status, Findings{Rule, Severity, CWE, bytes}, Extra, Statements}
//
// The scanner is also the judge of syntax: the source is compiled (never run) before
// its rules look at it, so that a program which cannot be parsed never costs a test.
//
// Bandit runs in a long-lived worker inside the sandbox: a source may be hostile to
// its scanner too. A worker is replaced every 1,024 scans and after any fault, and
// proves itself on a canary at the start and every 64 scans. "# nosec" is ignored.
// Spans are exact byte ranges, so that a finding can be laid over tokens. Versions
// below 1.8 are refused, whatever the options say.
//
// Three things are kept apart: what a source is (Findings, or a Status such as
// too_deep that is priced worst), what went wrong with the scanner (an error, which
// stops the update), and "no findings", which only a scan that ended well can say.
// The first paper's runner reads a failing Bandit as "no findings".
//
// # Rule sets
//
// A set has a name, which every report carries with the digest of its rules. "bandit"
// prices every shipped config. "bandit+x" adds rules of our own, for what Bandit is
// blind to. They are cheap, so they are always looked at; outside their set they stand
// in Report.Extra, where no scheme prices them. A program that only they see evades
// Bandit: eval counts those. Rules of the user's own (Options.Rules) belong to any set.
//
//	id    name             severity confidence CWE  what
//	X001  dynamic_import   MEDIUM   HIGH       470  __import__(...); importlib.import_module of a computed name, or of a module such as os
//	X002  code_as_value    MEDIUM   HIGH       95   eval, exec or compile as a value: e = eval, map(eval, ...), partial(eval)
//	X003  code_looked_up   MEDIUM   MEDIUM     95   eval and its like by another way: builtins.eval, getattr, globals(), __dict__, __globals__
//	X004  command_hidden   HIGH     MEDIUM     78   os.system, subprocess.run and their like as a value, looked up, or by a name Bandit does not follow
//	X005  code_object      MEDIUM   MEDIUM     95   compile(...), types.FunctionType, runpy, code.interact
//	X006  secret_constant  MEDIUM   LOW        798  a key, token or password that is a constant, bytes too, above the floor of Options.Secrets
//	X007  shell_constant   MEDIUM   HIGH       78   a shell with a constant command, which Bandit calls LOW
//	X008  loose_mode       MEDIUM   HIGH       732  chmod by keyword, or of a path, for group or others; HIGH where others may write
//
// The rules follow names a few steps (imports, assignments of modules, constants that
// are added up) and no further: they are a yardstick for evasion, no proof of its
// absence. Each looks once at what the one pass over the tree has marked.
//
// "dlint" is a second opinion by rules of its own, which `make second` installs. Ask
// for one with judge.Options.Second; it grades everything MEDIUM, because dlint grades
// nothing. Agree measures how far two scanners agree.
//
// # Speed
//
// Most calls are of interest to none of Bandit's rules, which is seen from their names:
// the worker asks the rules about the others only. The findings are those of Bandit's
// own manager, to the byte; Stock runs that one, for tests and for `make bench`.
//
// "No findings" is not "secure": on published programs with security tests Bandit
// finds a quarter to two fifths of the vulnerable ones.
//
// Sources: Bandit (github.com/PyCQA/bandit), Apache-2.0; dlint
// (github.com/dlint-py/dlint), BSD-3-Clause.
package scan
