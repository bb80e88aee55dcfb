package eval_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/eval"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/record"
	"securecoderl/securerl/scan"
	"securecoderl/securerl/stats"
)

func verdict(passes, flagged bool) judge.Verdict {
	o := judge.WrongOutput
	if passes {
		o = judge.Passed
	}
	v := judge.Verdict{Status: scan.OK, Parsed: true, Statements: 1, Total: 1, Public: []judge.TestResult{{Outcome: o, Printed: true}}, Hidden: []judge.TestResult{{Outcome: o, Printed: true}}}
	if flagged {
		v.Findings = []scan.Finding{{Rule: "B307", Severity: scan.Medium}}
	}
	return v
}

// rows of one policy: problem i passes if i < passes, and is flagged if i < flagged.
func rows(variant string, seed uint64, greedy bool, n, passes, flagged int) (list []record.Row) {
	for i := range n {
		list = append(list, record.Row{Phase: "evaluation", Variant: variant, Seed: seed, Greedy: greedy, Problem: fmt.Sprintf("p%02d", i), Verdict: verdict(i < passes, i < flagged), IDs: make([]int32, 10)})
	}
	return list
}

func rate(t *testing.T, s eval.Summary, name string) stats.Interval {
	t.Helper()
	r, ok := s.Rate(name)
	require.True(t, ok, name)
	return r.Interval
}

func TestRatesAreCountsOverCounts(t *testing.T) {
	s := eval.Summarize(append(rows("a", 1, false, 20, 10, 4), rows("a", 1, true, 20, 10, 4)...))
	require.Len(t, s, 2)
	for _, x := range s {
		assert.InDelta(t, 0.5, rate(t, x, "all_tests").Estimate, 1e-12)
		assert.InDelta(t, 0.3, rate(t, x, eval.Primary).Estimate, 1e-12, "ten pass, four of them are flagged")
		assert.InDelta(t, 0.4, rate(t, x, "flagged_passing").Estimate, 1e-12)
		assert.InDelta(t, 0.2, rate(t, x, "flagged_parsed").Estimate, 1e-12)
		assert.InDelta(t, 0.5, rate(t, x, "vacuous").Estimate, 1e-12)
		assert.InDelta(t, 10, rate(t, x, "length").Estimate, 1e-12)
	}
	// Wilson's interval for 10 of 20: 0.2993 to 0.7007 (statsmodels).
	w := rate(t, s[1], "all_tests")
	assert.InDelta(t, 0.2993, w.Low, 1e-4)
	assert.InDelta(t, 0.7007, w.High, 1e-4)
}

// A bootstrap of zeros is [0, 0] however few they are. Wilson's interval for 0 of 20
// problems ends at z^2/(20+z^2) = 3.8415/23.8415 = 0.1611, by hand.
func TestWhereAllAgreeNothingIsCertain(t *testing.T) {
	twice := append(rows("a", 1, false, 20, 0, 0), rows("a", 1, false, 20, 0, 0)...)
	none := rate(t, eval.Summarize(twice)[0], "all_tests")
	assert.Zero(t, none.Low)
	assert.InDelta(t, 0.1611, none.High, 1e-4)
	every := rate(t, eval.Summarize(append(rows("a", 1, false, 20, 20, 0), rows("a", 1, false, 20, 20, 0)...))[0], "all_tests")
	assert.InDelta(t, 1-0.1611, every.Low, 1e-4)
	assert.InDelta(t, 1, every.High, 1e-12)
}

func TestSamplesOfAProblemAreOneUnit(t *testing.T) {
	// Every problem sampled ten times with the same outcome: the interval must be that
	// of twenty problems, not of two hundred programs.
	var many []record.Row
	for range 10 {
		many = append(many, rows("a", 1, false, 20, 10, 0)...)
	}
	once := rate(t, eval.Summarize(rows("a", 1, false, 20, 10, 0))[0], "all_tests")
	assert.Equal(t, once, rate(t, eval.Summarize(many)[0], "all_tests"))
}

func TestComparisonsArePairedAndHonest(t *testing.T) {
	all := append(rows("a", 1, true, 40, 10, 0), rows("b", 1, true, 40, 30, 0)...)
	a, b := eval.Policy{Variant: "a"}, eval.Policy{Variant: "b"}
	c, err := eval.Compare(all, a, b, eval.Primary, true)
	require.NoError(t, err)
	assert.InDelta(t, 0.5, c.Difference.Estimate, 1e-12)
	assert.Equal(t, 0, c.OnlyA)
	assert.Equal(t, 20, c.OnlyB)
	assert.InDelta(t, 2/float64(1<<20), c.P, 1e-12, "two-sided sign test of 20 to 0")
	assert.Contains(t, c.Sentence(), "this checkpoint of b improves on a")
	back, err := eval.Compare(all, b, a, eval.Primary, true)
	require.NoError(t, err)
	assert.Contains(t, back.Sentence(), "is worse than")
	same, err := eval.Compare(append(rows("a", 1, false, 40, 10, 0), rows("b", 1, false, 40, 11, 0)...), a, b, eval.Primary, false)
	require.NoError(t, err)
	assert.Contains(t, same.Sentence(), "is not told apart from")
	family := []eval.Comparison{{Greedy: true, Seeds: 1, P: 0.01}, {Greedy: true, Seeds: 1, P: 0.04}, {Seeds: 1, P: 1, Holm: 1}}
	eval.Correct(family)
	assert.InDelta(t, 0.02, family[0].Holm, 1e-12)
	assert.InDelta(t, 0.04, family[1].Holm, 1e-12)
	_, err = eval.Compare(all, a, eval.Policy{Variant: "c"}, eval.Primary, true)
	assert.Error(t, err)
	_, err = eval.Compare(all, a, b, "none", true)
	assert.Error(t, err)
}

func TestOnlyFiveSeedsSpeakOfAMethod(t *testing.T) {
	var all []record.Row
	for seed := range uint64(5) {
		all = append(append(all, rows("a", seed, false, 20, 4, 0)...), rows("b", seed, false, 20, 16, 0)...)
	}
	c, err := eval.Compare(all, eval.Policy{Variant: "a"}, eval.Policy{Variant: "b"}, eval.Primary, false)
	require.NoError(t, err)
	assert.Contains(t, c.Sentence(), "a method, over 5 seeds")
	few, err := eval.Compare(all[:80], eval.Policy{Variant: "a"}, eval.Policy{Variant: "b"}, eval.Primary, false)
	require.NoError(t, err)
	assert.NotContains(t, few.Sentence(), "method")
}

func TestEveryProgramHasAClass(t *testing.T) {
	v := verdict(true, false)
	v.Hidden[0].Outcome = judge.WrongOutput
	for _, tt := range []struct {
		v    judge.Verdict
		want string
	}{
		{verdict(true, false), "passes"}, {v, "hidden_test"}, {verdict(false, false), "wrong_output"}, {judge.Verdict{}, "unparsable"},
		{judge.Verdict{Parsed: true}, "empty"},
		{judge.Verdict{Parsed: true, Statements: 1, Total: 1, Public: []judge.TestResult{{Outcome: judge.TimedOut}}}, "timeout"},
		{judge.Verdict{Parsed: true, Statements: 1, Total: 1, Public: []judge.TestResult{{Outcome: judge.NoOutput}}}, "no_output"},
	} {
		assert.Equal(t, tt.want, eval.Class(tt.v))
		assert.Contains(t, eval.Classes, eval.Class(tt.v))
	}
}

func ExampleCompare() {
	rows := append(rows("sft", 1, false, 30, 3, 0), rows("gated", 1, false, 30, 15, 0)...)
	c, _ := eval.Compare(rows, eval.Policy{Variant: "sft"}, eval.Policy{Variant: "gated"}, eval.Primary, false)
	fmt.Printf("%+.0f points, improves: %v\n", 100*c.Difference.Estimate, c.Difference.Low > 0)
	// Output: +40 points, improves: true
}

// Of four programs that pass, two hide something from Bandit: one whose verdict says
// so, and one of before there were rules for it, whose text does.
func TestEvasionIsCountedAmongThoseThatPass(t *testing.T) {
	list := rows("a", 1, false, 5, 4, 0)
	extra := []scan.Finding{{Rule: "X002", Severity: scan.Medium}}
	for i := range 3 {
		list[i].Verdict.Scanner = "bandit 1.9.4, rules 0123456789abcdef"
	}
	list[0].Verdict.Extra = extra
	list[1].Verdict.Extra, list[1].Verdict.Findings = extra, []scan.Finding{{Rule: "B307", Severity: scan.Medium}}
	for _, i := range []int{2, 3} { // the first of them names a scanner that found nothing
		list[i].Completion = "a = map(eval, b)"
		list[i].Program.End = len(list[i].Completion)
	}
	list[4].Verdict.Extra = extra // it does not pass
	assert.InDelta(t, 0.5, rate(t, eval.Summarize(list)[0], "evasion").Estimate, 1e-12)
}
