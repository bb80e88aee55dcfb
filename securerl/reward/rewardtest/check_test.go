package rewardtest_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/judge"
	"securecoderl/securerl/reward"
	"securecoderl/securerl/reward/rewardtest"
	"securecoderl/securerl/scan"
)

// priced is a reward made of a function.
type priced func(v judge.Verdict) float64

func (p priced) Name() string { return "own" }
func (p priced) Price(v judge.Verdict) reward.Score {
	return reward.Score{Scheme: "own", Total: p(v)}
}

// sound pays the share of tests passed, by programs that are clean.
func sound(v judge.Verdict) float64 {
	if v.NoTests() || v.Flagged(scan.Medium) {
		return 0
	}
	return float64(v.PassedPublic()) / float64(v.Total)
}

// when pays by a second rule what the first one meets, and else what is sound.
func when(is func(judge.Verdict) bool, pay float64) priced {
	return func(v judge.Verdict) float64 {
		if is(v) {
			return pay
		}
		return sound(v)
	}
}

// bad are rewards that people have written, or could, each with the rule it breaks, and
// whether the real programs of hacks.jsonl show it too.
func bad() map[string]struct {
	scheme   priced
	rule     rewardtest.Rule
	programs bool
} {
	calls := 0
	type row = struct {
		scheme   priced
		rule     rewardtest.Rule
		programs bool
	}
	printed := func(v judge.Verdict) bool { return v.Stage() >= judge.Prints }
	return map[string]row{
		"pays for printing":                   {when(printed, 1), rewardtest.FullMarks, true},
		"pays a lot for printing":             {when(func(v judge.Verdict) bool { return printed(v) && !v.AllPublic() && !v.Flagged(scan.Low) }, 0.9), rewardtest.Bound, true},
		"pays for exit 0":                     {when(func(v judge.Verdict) bool { return v.Stage() >= judge.Runs }, 1), rewardtest.FullMarks, true},
		"pays for right output, then a crash": {func(v judge.Verdict) float64 { return count(v, func(t judge.TestResult) bool { return t.Equal }) }, rewardtest.FullMarks, true},
		"takes a stalled scan for clean": {func(v judge.Verdict) float64 {
			if v.Status == scan.Timeout {
				v.Status = scan.OK
			}
			return sound(v)
		}, rewardtest.ScanFault, false},
		"counts findings only": {func(v judge.Verdict) float64 {
			if len(v.Findings) > 0 {
				return 0
			}
			return share2(v)
		}, rewardtest.ScanFault, false},
		"pays for what is unsafe":    {share2, rewardtest.FullMarks, true},
		"1 without tests":            {when(judge.Verdict.NoTests, 1), rewardtest.Nothing, false},
		"0 of 0 tests":               {share, rewardtest.Range, true},
		"pays for no program":        {when(func(v judge.Verdict) bool { return !v.Parsed }, 0.4), rewardtest.Nothing, true},
		"pays for an empty program":  {when(judge.Verdict.Empty, 0.1), rewardtest.Nothing, true},
		"pays less for a fence":      {when(func(v judge.Verdict) bool { return v.AllPublic() && v.Statements > 2 && !v.Flagged(scan.Low) }, 0.7), rewardtest.Paid, true},
		"depends on who came before": {func(v judge.Verdict) float64 { calls++; return sound(v) / (1 + float64(calls%7)) }, rewardtest.Pure, true},
		"looks at the first test only": {func(v judge.Verdict) float64 {
			return one(v.NoTests(), 0, sound(judge.Verdict{Status: v.Status, Findings: v.Findings, Parsed: v.Parsed, Total: 1, Public: v.Public[:min(1, len(v.Public))]}))
		}, rewardtest.FullMarks, true},
		"weighs tests by place": {func(v judge.Verdict) float64 { return one(v.Flagged(scan.Low), 0, places(v)) }, rewardtest.Symmetric, false},
		"NaN":                   {func(judge.Verdict) float64 { return math.NaN() }, rewardtest.Range, true},
		"below 0":               {when(func(v judge.Verdict) bool { return v.Stage() == judge.Parses }, -1), rewardtest.Range, true},
		"above 1":               {func(v judge.Verdict) float64 { return 2 * sound(v) }, rewardtest.Range, true},
		"needs a test":          {func(v judge.Verdict) float64 { return one(v.Public[0].Outcome == judge.Passed, 1, 0) }, rewardtest.Panics, true},
		"nothing at all":        {func(judge.Verdict) float64 { return 0 }, rewardtest.Paid, true},
		"1 for everything":      {func(judge.Verdict) float64 { return 1 }, rewardtest.FullMarks, true},
		"a crash before silence": {when(func(v judge.Verdict) bool {
			return v.Stage() == judge.Parses && !v.Empty() && !v.NoTests() && !v.Flagged(scan.Low)
		}, 0.1), rewardtest.Order, true},
		"most at three of five": {func(v judge.Verdict) float64 { k := 5 * sound(v); return one(k == 5, 1, one(k == 4, 0.1, k/10)) }, rewardtest.Monotone, false},
		"a finding is a prize": {func(v judge.Verdict) float64 {
			return one(v.Status == scan.OK, 0.5*share2(v)+0.2*float64(min(len(v.Findings), 1))*share2(v), 0)
		}, rewardtest.Findings, true},
		"writes into the verdict": {func(v judge.Verdict) float64 {
			if len(v.Public) > 0 {
				v.Public[0].Printed = !v.Public[0].Printed
			}
			return sound(v)
		}, rewardtest.Pure, true},
	}
}

func one(b bool, yes, no float64) float64 {
	if b {
		return yes
	}
	return no
}

func count(v judge.Verdict, is func(judge.TestResult) bool) float64 {
	n := 0.0
	for _, t := range v.Public {
		n += one(is(t), 1, 0)
	}
	return one(v.NoTests(), 0, n/float64(max(v.Total, 1)))
}

// share is k/T without a thought for T = 0; share2 has one.
func share(v judge.Verdict) float64 { return float64(v.PassedPublic()) / float64(v.Total) }
func share2(v judge.Verdict) float64 {
	return count(v, func(t judge.TestResult) bool { return t.Outcome == judge.Passed })
}

func places(v judge.Verdict) (sum float64) {
	for i, t := range v.Public {
		sum += one(t.Outcome == judge.Passed, float64(i+1)/15, 0)
	}
	return sum
}

func rules(faults []rewardtest.Fault) (list []rewardtest.Rule) {
	for _, f := range faults {
		list = append(list, f.Rule)
	}
	return list
}

func TestASoundRewardHasNoFault(t *testing.T) {
	assert.Empty(t, rewardtest.Check(priced(sound), nil))
	rewardtest.Run(t, priced(sound), map[string]float64{"a constant": 0, "a constant that hits one test": 0.2})
	assert.Equal(t, []rewardtest.Rule{rewardtest.Bound}, rules(rewardtest.Check(priced(sound), map[string]float64{"a constant that hits one test": 0.1})))
}

func TestEveryBadRewardIsCaught(t *testing.T) {
	judged, err := rewardtest.Judge(context.Background(), nil)
	require.NoError(t, err)
	assert.Empty(t, judged.Check(priced(sound)))
	for name, b := range bad() {
		written, run := rules(rewardtest.Check(b.scheme, nil)), rules(judged.Check(b.scheme))
		assert.Contains(t, append(written, run...), b.rule, name)
		assert.Equal(t, b.programs, len(run) > 0, "%s: %v", name, run)
		assert.Equal(t, name == "pays less for a fence", len(written) == 0, "%s: the verdicts written down have one form of honest work", name)
	}
}

// The schemes of package reward break no rule but the one the published ones are meant
// to break: they pay for text that does not parse.
func TestTheSchemesHere(t *testing.T) {
	judged, err := rewardtest.Judge(context.Background(), nil)
	require.NoError(t, err)
	assert.Empty(t, judged.Stated(), "strict and strict-gated, as the rows state")
	for _, name := range reward.Names() {
		for _, suffix := range []string{"", "-exp"} {
			s, err := reward.Named(name + suffix)
			require.NoError(t, err)
			faults := append(rewardtest.Check(s, nil), judged.Check(s)...)
			if name != "paper" && name != "pilot" {
				assert.Empty(t, faults, s.Name())
				continue
			}
			var who []string
			for _, f := range faults {
				assert.Equal(t, rewardtest.Nothing, f.Rule, "%s: %s", s.Name(), f)
				who = append(who, f.Attack)
			}
			assert.Equal(t, []string{"prose", "bytes that are no text", "prose", "unparsable_with_shell"}, who)
		}
	}
	judged.List[4].Reward = [2]float64{0.1, 0.2}
	assert.Equal(t, "bound: label earns 0.760 under strict, want 0.100 to 0.200", fmt.Sprint(judged.Stated()[0]))
}

func TestHacksThatAreNone(t *testing.T) {
	for _, text := range []string{"", "{}", `{"tests": []}`, "[", `{"tests": [{"input": "1", "output": "2"}]} {"id": ""}`,
		`{"tests": [{"input": "1", "output": "2"}]} {"id": "x", "reward": [1, 0]}`, `{"tests": [{"input": "1", "output": "2"}]} [`} {
		_, err := rewardtest.Read(strings.NewReader(text), "x.jsonl")
		assert.ErrorIs(t, err, rewardtest.ErrHacks, text)
		assert.ErrorContains(t, err, "x.jsonl")
	}
	assert.Len(t, rewardtest.Embedded().List, 25)
}

func ExampleJudge() {
	programs, err := rewardtest.Judge(context.Background(), nil) // judged once, for any number of rewards
	fmt.Println(err, programs.Check(priced(sound)))
	for _, f := range rewardtest.Check(when(judge.Verdict.NoTests, 1), nil) { // needs no sandbox
		fmt.Println(f)
	}
	// Output:
	// <nil> []
	// nothing: a problem without tests earns 1.000
}
