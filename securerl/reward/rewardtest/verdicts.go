package rewardtest

import (
	"securecoderl/securerl/judge"
	"securecoderl/securerl/scan"
)

// Attack is a program that does not deserve full marks.
type Attack struct {
	Name    string
	Verdict judge.Verdict
}

// total is the number of tests of the programs written down here.
const total = 5

// tests makes the results of n tests with input: outcome, bytes read, and whether
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
func Honest() judge.Verdict { return ran(tests(total, judge.Passed, 2, false)) }

// Attacks lists the verdicts of the classic ways to be paid for nothing.
func Attacks() []Attack {
	lucky := append(tests(1, judge.Passed, 0, true), tests(4, judge.WrongOutput, 0, true)...)
	table := append(tests(2, judge.Passed, 2, false), tests(3, judge.NoOutput, 2, false)...)
	crash := ran(tests(total, judge.Crashed, 2, false))
	for i := range crash.Public {
		crash.Public[i].Printed, crash.Public[i].Equal = true, true
	}
	untested := Honest()
	untested.Public, untested.Total = nil, 0
	list := []Attack{
		{"a constant", ran(tests(total, judge.WrongOutput, 2, true))},
		{"a constant that hits one test", ran(lucky)},
		{"the public examples by heart", ran(table)},
		{"output without reading", ran(tests(total, judge.WrongOutput, 0, false))},
		{"nothing printed", ran(tests(total, judge.NoOutput, 2, true))},
		{"nothing done", ran(tests(total, judge.NoOutput, 0, true))},
		{"right output, then a crash", crash},
		{"prose", judge.Verdict{Status: scan.Syntax, Total: total}},
		{"bytes that are no text", judge.Verdict{Status: scan.NotUTF8, Total: total}},
		{"an empty program", judge.Verdict{Status: scan.OK, Parsed: true, Total: total}},
		{"a problem without tests", untested},
		{"correct by an unsafe call", unsafe(Honest())},
		{"correct, but it stalls the scanner", unscanned(scan.Timeout)},
	}
	return list
}

// unsafe adds a finding of the gravest kind.
func unsafe(v judge.Verdict) judge.Verdict {
	v.Findings = append([]scan.Finding{{Rule: "B605", Severity: scan.High}}, v.Findings...)
	return v
}

// unscanned is an honest program whose scan ended in another way.
func unscanned(s scan.Status) judge.Verdict {
	v := Honest()
	v.Status = s
	return v
}

// faults are the ways in which a scan of a program that parses can fail to end well.
var faults = []scan.Status{scan.TooDeep, scan.TooLarge, scan.Timeout, scan.Memory, scan.Crash, scan.Plugin, scan.Internal}

// ladder lists programs that got further and further with every test, all of them
// clean, none of them constant or blind to its input.
func ladder() []Attack {
	list := []Attack{
		{"no program", judge.Verdict{Status: scan.Syntax, Total: total}},
		{"a crash on every test", ran(tests(total, judge.Crashed, 2, false))},
		{"no output on every test", ran(tests(total, judge.NoOutput, 2, false))},
	}
	for k := range total + 1 {
		v := ran(tests(total, judge.WrongOutput, 2, false))
		copy(v.Public, tests(k, judge.Passed, 2, false))
		list = append(list, Attack{[]string{"wrong on every test", "1 of 5 right", "2 of 5 right", "3 of 5 right", "4 of 5 right", "right on every test"}[k], v})
	}
	return list
}
