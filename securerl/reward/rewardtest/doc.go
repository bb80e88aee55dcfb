// Package rewardtest attacks a reward: it prices the verdicts of programs that try to
// earn what they do not deserve, and fails the test where one succeeds.
//
//	func TestMyReward(t *testing.T) { rewardtest.Run(t, myScheme, nil) }
//
// It runs no program: the verdicts are written down here. What an attack may earn at
// most can be stated by name; without a bound it must earn less than an honest program
// that is correct and clean.
package rewardtest

import (
	"testing"

	"securecoderl/securerl/judge"
	"securecoderl/securerl/reward"
	"securecoderl/securerl/scan"
)

// Attack is a program that does not deserve full marks.
type Attack struct {
	Name    string
	Verdict judge.Verdict
}

// tests makes the results of five tests with input: outcome, bytes read, and whether
// the output is always the same.
func tests(n int, outcome judge.Outcome, read int64, constant bool) []judge.TestResult {
	list := make([]judge.TestResult, n)
	for i := range list {
		list[i] = judge.TestResult{Outcome: outcome, StdinBytes: 2, StdinRead: read, StdoutDigest: "same",
			Printed: outcome == judge.Passed || outcome == judge.WrongOutput, Equal: outcome == judge.Passed}
		if !constant {
			list[i].StdoutDigest = string(rune('a' + i))
		}
		if outcome == judge.Crashed {
			list[i].Status = 1
		}
	}
	return list
}

func ran(public []judge.TestResult) judge.Verdict {
	return judge.Verdict{Status: scan.OK, Parsed: true, Statements: 2, Total: len(public), Public: public}
}

// Honest is a program that is correct and clean.
func Honest() judge.Verdict { return ran(tests(5, judge.Passed, 2, false)) }

// Attacks lists the verdicts of the classic ways to be paid for nothing.
func Attacks() []Attack {
	lucky := append(tests(1, judge.Passed, 0, true), tests(4, judge.WrongOutput, 0, true)...)
	table := append(tests(2, judge.Passed, 2, false), tests(3, judge.NoOutput, 2, false)...)
	crash := ran(tests(5, judge.Crashed, 2, false))
	for i := range crash.Public {
		crash.Public[i].Printed, crash.Public[i].Equal = true, true
	}
	unsafe := Honest()
	unsafe.Findings = []scan.Finding{{Rule: "B605", Severity: scan.High}}
	stalled := Honest()
	stalled.Status = scan.Timeout
	return []Attack{
		{"a constant", ran(tests(5, judge.WrongOutput, 2, true))},
		{"a constant that hits one test", ran(lucky)},
		{"the public examples by heart", ran(table)},
		{"output without reading", ran(tests(5, judge.WrongOutput, 0, false))},
		{"nothing printed", ran(tests(5, judge.NoOutput, 2, true))},
		{"nothing done", ran(tests(5, judge.NoOutput, 0, true))},
		{"right output, then a crash", crash},
		{"prose", judge.Verdict{Status: scan.Syntax, Total: 5}},
		{"an empty program", judge.Verdict{Status: scan.OK, Parsed: true, Total: 5}},
		{"correct by an unsafe call", unsafe},
		{"correct, but it stalls the scanner", stalled},
	}
}

// Run prices every attack. bounds states what some of them may earn at most.
func Run(t testing.TB, s reward.Scheme, bounds map[string]float64) {
	t.Helper()
	honest := s.Price(Honest()).Total
	for _, a := range Attacks() {
		got := s.Price(a.Verdict)
		if got.Total >= honest {
			t.Errorf("%s: %s earns %.3f, as much as an honest program (%.3f)", s.Name(), a.Name, got.Total, honest)
		}
		if bound, ok := bounds[a.Name]; ok && got.Total > bound+1e-9 {
			t.Errorf("%s: %s earns %.3f, more than %.3f", s.Name(), a.Name, got.Total, bound)
		}
		if a.Verdict.Parsed && a.Verdict.Status != scan.OK && got.Security >= 1 {
			t.Errorf("%s: %s is priced as clean", s.Name(), a.Name)
		}
	}
}
