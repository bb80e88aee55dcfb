// Package scan finds weaknesses in Python sources with a pinned Bandit.
//
//	source --Scanner.Scan--> Report{Status, Findings{Rule, Severity, CWE, bytes}, Statements}
//
// The scanner is also the judge of syntax: the source is compiled (never run) before
// its rules look at it, so that a program which cannot be parsed never costs a test.
//
// Bandit runs in a long-lived worker inside the sandbox: a source may be hostile to
// its scanner too. A worker is replaced every 256 scans and after any fault, and
// proves itself on a canary at the start and every 64 scans. "# nosec" is ignored.
// Spans are exact byte ranges, so that a finding can be laid over tokens.
//
// Three things are kept apart: what a source is (Findings, or a Status such as
// too_deep that is priced worst), what went wrong with the scanner (an error, which
// stops the update), and "no findings", which only a scan that ended well can say.
// The first paper's runner reads a failing Bandit as "no findings".
//
// "No findings" is not "secure": on published programs with security tests Bandit
// finds a quarter to two fifths of the vulnerable ones.
//
// Sources: Bandit (github.com/PyCQA/bandit), Apache-2.0.
package scan
