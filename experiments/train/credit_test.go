package train

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/securerl/completion"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/policy"
	"securecoderl/securerl/prompt"
	"securecoderl/securerl/reward"
	"securecoderl/securerl/tokenizer"
)

// batch draws rewards of a few completions, some of them cut off, and a critic's values.
func batch(t *rapid.T) (c credit, ts []policy.Trajectory, values [][]float64) {
	number := rapid.Float64Range(-2, 2)
	for range rapid.IntRange(1, 6).Draw(t, "completions") {
		n := rapid.IntRange(1, 7).Draw(t, "tokens")
		c.rewards = append(c.rewards, rapid.SliceOfN(number, n, n).Draw(t, "rewards"))
		values = append(values, rapid.SliceOfN(number, n+1, n+1).Draw(t, "values"))
		ts = append(ts, policy.Trajectory{IDs: make([]int32, n), Finish: rapid.SampledFrom([]completion.Finish{completion.End, completion.Length}).Draw(t, "finish")})
	}
	c.advantages = make([][]float64, len(ts))
	return c, ts, values
}

// A critic that expects nothing, with gamma and lambda 1, leaves what was earned from
// each token on, also where a completion was cut off.
func TestWithoutExpectationsAdvantagesAreReturnsToGo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, ts, values := batch(t)
		for _, v := range values {
			clear(v)
		}
		require.NoError(t, PPO{Advantage: gae, Gamma: 1, Lambda: 1}.expect(&c, ts, values))
		for i, r := range c.rewards {
			togo := 0.0
			for k := len(r) - 1; k >= 0; k-- {
				togo += r[k]
				assert.InDelta(t, togo, c.advantages[i][k], 1e-12)
				assert.InDelta(t, togo, c.returns[i][k], 1e-12)
			}
		}
	})
}

// With lambda 1 the critic cancels: what was earned, and behind a cut what it expects,
// less the value before the token. The value after an end counts for nothing.
func TestOnlyACutCompletionIsWorthMoreThanItEarned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, ts, values := batch(t)
		require.NoError(t, PPO{Advantage: gae, Gamma: 1, Lambda: 1}.expect(&c, ts, values))
		for i, r := range c.rewards {
			want := sum(r) - values[i][0]
			if ts[i].Finish == completion.Length {
				want += values[i][len(r)]
			}
			assert.InDelta(t, want, c.advantages[i][0], 1e-12)
			assert.InDelta(t, want+values[i][0], c.returns[i][0], 1e-12)
		}
	})
}

// By hand: gamma 1, lambda 1/2, no token paid but the last.
//
//	ended: errors 0.5-0.2, 1-0.5 -> advantages 0.3+0.25, 0.5
//	cut:   errors 0.4-0.2, 1+0.6-0.4 -> advantages 0.2+0.6, 1.2
func TestExpectByHand(t *testing.T) {
	c := credit{rewards: [][]float64{{0, 1}, {0, 1}}, advantages: make([][]float64, 2)}
	ts := []policy.Trajectory{{Finish: completion.End}, {Finish: completion.Length}}
	values := [][]float64{{0.2, 0.5, 9}, {0.2, 0.4, 0.6}}
	p := PPO{Advantage: gae, Gamma: 1, Lambda: 0.5}
	require.NoError(t, p.expect(&c, ts, values))
	assert.InDeltaSlice(t, []float64{0.55, 0.5}, c.advantages[0], 1e-12)
	assert.InDeltaSlice(t, []float64{0.8, 1.2}, c.advantages[1], 1e-12)
	assert.InDeltaSlice(t, []float64{0.75, 1}, c.returns[0], 1e-12)
	assert.InDeltaSlice(t, []float64{1, 1.6}, c.returns[1], 1e-12)
	assert.Equal(t, 9.0, values[0][2], "what the critic said is left as it was")

	raw := append(append([]float64(nil), c.advantages[0]...), c.advantages[1]...)
	p.Whiten = true
	require.NoError(t, p.expect(&c, ts, values))
	assert.InDeltaSlice(t, []float64{0.75, 1}, c.returns[0], 1e-12, "returns are never whitened")
	var white []float64
	for _, a := range c.advantages {
		white = append(white, a...)
	}
	assert.InDelta(t, 0, sum(white), 1e-9)
	assert.InDelta(t, 1, deviation(white)*math.Sqrt(4.0/3), 1e-6)
	assert.InDelta(t, (raw[3]-raw[1])/(raw[0]-raw[1]), (white[3]-white[1])/(white[0]-white[1]), 1e-9, "the order and the proportions stay")
	assert.Error(t, p.expect(&c, ts, [][]float64{{0, 0}, {0, 0}}), "a value is missing")
}

// old of a gap made by hand: the sampler's number in float32, the trainer's in bfloat16
// or where the gap is weighed.
func TestOldIsTheTrainersWhereTheGapIsLarge(t *testing.T) {
	ts := []policy.Trajectory{{Prompt: prompt.Prompt{IDs: []int32{1}}, IDs: []int32{2, 3}, LogProbs: []float32{-1, -2}}}
	told := scored{current: [][]float64{{-1.25, -1.5}}, reference: [][]float64{{-1, -1}}, values: [][]float64{{0.1, 0.2, 0.3}}}
	c := credit{advantages: [][]float64{{1, 1}}}
	o := &optimization{policy: &policy.Policy{}}
	x := o.samples(ts, told, c)[0]
	assert.Equal(t, []float64{-1, -2}, x.Old)
	assert.Nil(t, x.Values)
	o.settings.ImportanceCap = 2
	x = o.samples(ts, told, c)[0]
	assert.Equal(t, []float64{-1.25, -1.5}, x.Old)
	assert.Equal(t, []float64{-1, -2}, x.Sampler)
	o.settings.ImportanceCap, o.policy.Config.Compute.BF16 = 0, true
	assert.Equal(t, []float64{-1.25, -1.5}, o.samples(ts, told, c)[0].Old)
	c.returns = [][]float64{{1, 2}}
	x = o.samples(ts, told, c)[0]
	assert.Equal(t, []float64{0.1, 0.2}, x.Values, "the last value is of no token")
	assert.Equal(t, []float64{1, 2}, x.Returns)
}

// What is paid is the same with and without a critic; only a critic places it in time.
func TestTheSameRewardsWithAndWithoutACritic(t *testing.T) {
	scheme, err := reward.Named("strict")
	require.NoError(t, err)
	verdicts, told, ts := make([]judge.Verdict, 4), scored{}, make([]policy.Trajectory, 4)
	for i := range ts {
		n := 2 + i
		ts[i] = policy.Trajectory{Completion: "pass", IDs: make([]int32, n), Spans: make([]tokenizer.Span, n), Finish: completion.End}
		verdicts[i].Parsed = i%2 == 0
		told.current = append(told.current, make([]float64, n))
		told.reference = append(told.reference, make([]float64, n))
		told.values = append(told.values, make([]float64, n+1))
	}
	o := &optimization{settings: PPO{Samples: 2, Advantage: "leave-one-out", StdFloor: 0.1}}
	group, err := o.credit(ts, verdicts, scheme, told)
	require.NoError(t, err)
	o.settings.Advantage, o.settings.Gamma, o.settings.Lambda = gae, 1, 1
	critic, err := o.credit(ts, verdicts, scheme, told)
	require.NoError(t, err)
	assert.Equal(t, group.rewards, critic.rewards)
	assert.Equal(t, group.scores, critic.scores)
	assert.Nil(t, group.returns)
	for i, r := range critic.rewards {
		assert.InDelta(t, sum(r), critic.advantages[i][0], 1e-12)
	}
}
