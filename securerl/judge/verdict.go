package judge

import (
	"slices"
	"strings"
	"time"

	"securecoderl/securerl/completion"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/scan"
)

// Submission is a program for a problem. Offset is where the source begins in the
// completion it was taken from; it travels along so that spans can be traced back.
type Submission struct {
	Problem *problem.Problem
	Source  string
	Offset  int
	Finish  completion.Finish
}

// Stage is how far a program got on the public tests. Stages are ordered: a program
// is at the highest one it reached with every test.
type Stage int

// The stages.
const (
	Unparsable Stage = iota // Python cannot compile it (Options.ASTParse: cannot parse it)
	Parses                  // compiles; some test crashes or hits a limit
	Runs                    // every public test ends with status 0
	Prints                  // and prints something
	Some                    // and at least one output is right
	Passes                  // all are
)

var stageNames = []string{"unparsable", "parses", "runs", "prints", "some", "passes"}

// String is the stage's name.
func (s Stage) String() string { return stageNames[s] }

// Outcome is what one test of one program came to.
type Outcome string

// The outcomes of a test.
const (
	Passed        Outcome = "passed"
	WrongOutput   Outcome = "wrong_output"
	NoOutput      Outcome = "no_output" // nothing but blanks
	Crashed       Outcome = "crashed"   // a status other than 0, or a signal
	TimedOut      Outcome = "timeout"
	OutOfMemory   Outcome = "memory"
	OutputLimit   Outcome = "output_limit"
	ForbiddenCall Outcome = "forbidden_call"
	Skipped       Outcome = "skipped" // not run, after a time-out
)

// TestResult is what is known of one test, without any clock.
type TestResult struct {
	Outcome      Outcome `json:"outcome"`
	Status       int     `json:"status,omitempty"`
	Signal       int     `json:"signal,omitempty"`
	StdinBytes   int64   `json:"stdin_bytes,omitempty"`
	StdinRead    int64   `json:"stdin_read,omitempty"`
	StdoutBytes  int     `json:"stdout_bytes,omitempty"`
	StdoutDigest string  `json:"stdout_digest,omitempty"` // first 16 hexadecimal digits of its SHA-256, addresses of objects left out
	Printed      bool    `json:"printed,omitempty"`       // a character that is no blank
	Equal        bool    `json:"equal,omitempty"`         // the right output, whatever the status
	Exception    string  `json:"exception,omitempty"`
	Line         int     `json:"line,omitempty"`
	FirstDiff    int     `json:"first_diff,omitempty"` // first line that differs, from 1
}

// ended tells whether the program ended by itself with status 0.
func (t TestResult) ended() bool {
	return t.Outcome == Passed || t.Outcome == WrongOutput || t.Outcome == NoOutput
}

// Verdict holds the facts about a program: enough to price it under every scheme
// later, and nothing that differs between two runs of the same program.
type Verdict struct {
	Status           scan.Status    `json:"status"`
	Scanner          string         `json:"scanner,omitempty"`  // tool, version, rule set and its digest; empty in rows older than rule sets
	Parsed           bool           `json:"parsed"`             // by the judge's rule
	ASTOnly          bool           `json:"ast_only,omitempty"` // ast.parse accepts it, Python does not compile it: a return outside a function
	SyntaxError      string         `json:"syntax_error,omitempty"`
	SyntaxLine       int            `json:"syntax_line,omitempty"`
	Statements       int            `json:"statements"`         // docstrings aside
	Findings         []scan.Finding `json:"findings,omitempty"` // spans in the source; what is priced
	Extra            []scan.Finding `json:"extra,omitempty"`    // of the rules X..., where the rule set leaves them out
	Opinion          *Opinion       `json:"opinion,omitempty"`  // nil if no second one was asked for
	Public           []TestResult   `json:"public,omitempty"`   // nil if the program was not run
	Hidden           []TestResult   `json:"hidden,omitempty"`   // nil if not asked for
	Total            int            `json:"total"`              // public tests of the problem
	Truncated        bool           `json:"truncated,omitempty"`
	Nondeterministic bool           `json:"nondeterministic,omitempty"`
}

// Opinion is what a second scanner says of a program.
type Opinion struct {
	Status   scan.Status    `json:"status"`
	Scanner  string         `json:"scanner,omitempty"`
	Findings []scan.Finding `json:"findings,omitempty"`
}

// Empty tells whether a program does nothing at all.
func (v Verdict) Empty() bool { return v.Parsed && v.Statements == 0 }

// NoTests tells whether the problem has no public tests. Nothing is known then of what
// the program does, and no scheme pays for it.
func (v Verdict) NoTests() bool { return v.Total == 0 }

// Stage is how far the program got on the public tests.
func (v Verdict) Stage() Stage {
	if !v.Parsed {
		return Unparsable
	}
	if len(v.Public) == 0 || !all(v.Public, TestResult.ended) {
		return Parses
	}
	if !all(v.Public, func(t TestResult) bool { return t.Printed }) {
		return Runs
	}
	switch v.PassedPublic() {
	case 0:
		return Prints
	case len(v.Public):
		return Passes
	}
	return Some
}

// PassedPublic counts the public tests passed.
func (v Verdict) PassedPublic() int { return passed(v.Public) }

// PassedHidden counts the hidden tests passed.
func (v Verdict) PassedHidden() int { return passed(v.Hidden) }

// AllPublic tells whether every public test passed; there must be one.
func (v Verdict) AllPublic() bool { return v.Total > 0 && v.PassedPublic() == v.Total }

// AllPassed tells whether every public and hidden test passed. It is false where the
// hidden tests were not run.
func (v Verdict) AllPassed() bool {
	return v.AllPublic() && len(v.Hidden) > 0 && v.PassedHidden() == len(v.Hidden)
}

// Flagged tells whether a finding of at least this severity stands against it, or
// its scan did not end well, which never counts as clean.
func (v Verdict) Flagged(low scan.Severity) bool {
	for _, f := range v.Findings {
		if f.Severity.AtLeast(low) {
			return true
		}
	}
	return v.Parsed && v.Status != scan.OK
}

// Evades tells whether only the rules X... see a weakness of at least this severity:
// the program is unsafe in a way that Bandit is blind to. A scan that did not end well
// is no evasion, it counts as a weakness by itself.
func (v Verdict) Evades(low scan.Severity) bool {
	unseen := false
	for _, f := range slices.Concat(v.Findings, v.Extra) {
		if f.Severity.AtLeast(low) {
			if strings.HasPrefix(f.Rule, "B") {
				return false
			}
			unseen = unseen || strings.HasPrefix(f.Rule, "X")
		}
	}
	return unseen && v.Status == scan.OK
}

// ReadsInput tells whether every public test that offered input had some of it read.
func (v Verdict) ReadsInput() bool {
	return len(v.Public) > 0 && all(v.Public, func(t TestResult) bool { return t.StdinBytes == 0 || t.StdinRead > 0 })
}

// Varies tells whether two public tests had different output.
func (v Verdict) Varies() bool {
	for _, t := range v.Public {
		if t.StdoutDigest != v.Public[0].StdoutDigest {
			return true
		}
	}
	return false
}

// Constant tells whether the program printed (or returned) the same on all of several
// public tests, though that is not right for all of them.
func (v Verdict) Constant() bool {
	return len(v.Public) > 1 && v.PassedPublic() < len(v.Public) && all(v.Public, func(t TestResult) bool { return t.Printed }) && !v.Varies()
}

func all(ts []TestResult, f func(TestResult) bool) bool {
	for _, t := range ts {
		if !f(t) {
			return false
		}
	}
	return true
}

func passed(ts []TestResult) (n int) {
	for _, t := range ts {
		if t.Outcome == Passed {
			n++
		}
	}
	return n
}

// clone copies the lists, so that nobody can change what a cache holds.
func (v Verdict) clone() Verdict {
	v.Findings, v.Extra, v.Public, v.Hidden = slices.Clone(v.Findings), slices.Clone(v.Extra), slices.Clone(v.Public), slices.Clone(v.Hidden)
	if v.Opinion != nil {
		o := *v.Opinion
		o.Findings = slices.Clone(o.Findings)
		v.Opinion = &o
	}
	return v
}

// Cost is what judging took. It travels beside the verdicts, never inside.
type Cost struct {
	ScanCPU   time.Duration // processor time of the scanner
	RunCPU    time.Duration // processor time of the programs
	Wall      time.Duration // of the whole batch
	Forks     int           // programs started
	Scans     int           // sources scanned
	CacheHits int           // submissions answered without either

	Confirmed  int           // programs that ran again alone
	Confirming time.Duration // what that took, part of Wall
}

// Add sums costs.
func (c Cost) Add(d Cost) Cost {
	return Cost{c.ScanCPU + d.ScanCPU, c.RunCPU + d.RunCPU, c.Wall + d.Wall, c.Forks + d.Forks, c.Scans + d.Scans, c.CacheHits + d.CacheHits,
		c.Confirmed + d.Confirmed, c.Confirming + d.Confirming}
}
