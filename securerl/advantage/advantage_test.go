package advantage_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/securerl/advantage"
)

func ExampleGAE() {
	adv, _ := advantage.GAE([]float64{0, 0, 1}, []float64{0, 0, 0, 0}, 1, 0.5)
	fmt.Println(adv)
	// Output: [0.25 0.5 1]
}

func ExampleLeaveOneOut() {
	fmt.Println(advantage.LeaveOneOut([]float64{1, 0, 0, 0}))
	// Output: [1 -0.3333333333333333 -0.3333333333333333 -0.3333333333333333]
}

type golden struct {
	Tolerance float64
	Mask      [][]int
	Rows      struct {
		Rewards, Values [][]float64
		Cases           []struct {
			Gamma, Lam float64
			Bootstrap  any // "none" or one number per row
			Advantages [][]float64
			Returns    [][]float64
			Whitened   [][]float64 `json:"advantages_whitened"`
		}
	} `json:"gae_rows"`
	Stream struct {
		Rewards, Values       []float64
		Next                  []float64 `json:"next_values"`
		Terminated, Truncated []int
		Cases                 []struct {
			Gamma, Lam          float64
			Advantages, Returns []float64
		}
	} `json:"gae_stream"`
	Whiten struct {
		Values, Shifted [][]float64
		NotShifted      [][]float64 `json:"not_shifted"`
	}
	Groups struct {
		Rewards, GRPO, RLOO [][]float64
		DrGRPO              [][]float64 `json:"dr_grpo"`
	}
}

func load(t *testing.T) (g golden) {
	data, err := os.ReadFile("../../testdata/advantage/numbers.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &g))
	require.NotEmpty(t, g.Rows.Cases)
	require.NotEmpty(t, g.Stream.Cases)
	require.NotEmpty(t, g.Groups.Rewards)
	return g
}

// flat joins rows and their mask.
func flat(rows [][]float64, mask [][]int) (xs []float64, keep []bool) {
	for i, row := range rows {
		xs = append(xs, row...)
		for _, m := range mask[i] {
			keep = append(keep, m == 1)
		}
	}
	return xs, keep
}

func TestGAEOnRows(t *testing.T) {
	g := load(t)
	for _, c := range g.Rows.Cases {
		var all []float64
		for i, row := range g.Rows.Rewards {
			n := 0 // the response is the masked beginning of the row
			for _, m := range g.Mask[i] {
				n += m
			}
			values := append(slices.Clone(g.Rows.Values[i][:n]), 0)
			if list, ok := c.Bootstrap.([]any); ok {
				values[n] = list[i].(float64)
			}
			adv, err := advantage.GAE(row[:n], values, c.Gamma, c.Lam)
			require.NoError(t, err)
			assert.InDeltaSlice(t, c.Advantages[i][:n], adv, g.Tolerance)
			returns, err := advantage.Returns(adv, values)
			require.NoError(t, err)
			assert.InDeltaSlice(t, c.Returns[i][:n], returns, g.Tolerance)
			all = append(all, append(adv, make([]float64, len(row)-n)...)...)
		}
		want, keep := flat(c.Whitened, g.Mask)
		white, err := advantage.Whiten(all, keep, false)
		require.NoError(t, err)
		assert.InDeltaSlice(t, want, white, g.Tolerance)
	}
}

// A stream of episodes is GAE on each of them: an end bootstraps with 0, a cut with
// the value of the state reached.
func TestGAEOnEpisodes(t *testing.T) {
	s := load(t).Stream
	for _, c := range s.Cases {
		start := 0
		for i := range s.Rewards {
			if s.Terminated[i]+s.Truncated[i] == 0 {
				continue
			}
			values := append(slices.Clone(s.Values[start:i+1]), s.Next[i]*float64(1-s.Terminated[i]))
			adv, err := advantage.GAE(s.Rewards[start:i+1], values, c.Gamma, c.Lam)
			require.NoError(t, err)
			assert.InDeltaSlice(t, c.Advantages[start:i+1], adv, 1e-9)
			returns, err := advantage.Returns(adv, values)
			require.NoError(t, err)
			assert.InDeltaSlice(t, c.Returns[start:i+1], returns, 1e-9)
			start = i + 1
		}
		assert.Equal(t, len(s.Rewards), start)
	}
}

func TestGAEByHand(t *testing.T) {
	for _, tt := range []struct {
		name            string
		rewards, values []float64
		gamma, lambda   float64
		want            []float64
	}{
		{"reward at the end, no critic", []float64{0, 0, 1}, []float64{0, 0, 0, 0}, 1, 1, []float64{1, 1, 1}},
		{"lambda 0 is the one-step error", []float64{0, 1}, []float64{0.5, 0.25, 0}, 1, 0, []float64{-0.25, 0.75}},
		{"gamma 0 looks at nothing later", []float64{1, 2}, []float64{0.5, 0.5, 9}, 0, 1, []float64{0.5, 1.5}},
		{"no token", nil, []float64{7}, 1, 1, []float64{}},
	} {
		got, err := advantage.GAE(tt.rewards, tt.values, tt.gamma, tt.lambda)
		require.NoError(t, err, tt.name)
		assert.InDeltaSlice(t, tt.want, got, 1e-12, tt.name)
	}
}

func TestShapesAreChecked(t *testing.T) {
	_, err := advantage.GAE([]float64{1}, []float64{1}, 1, 1)
	assert.ErrorIs(t, err, advantage.ErrShape)
	_, err = advantage.Returns([]float64{1}, []float64{1})
	assert.ErrorIs(t, err, advantage.ErrShape)
	_, err = advantage.Whiten([]float64{1}, []bool{}, false)
	assert.ErrorIs(t, err, advantage.ErrShape)
}

func TestGroups(t *testing.T) {
	g := load(t).Groups
	for i, rewards := range g.Rewards {
		assert.InDeltaSlice(t, g.GRPO[i], advantage.GRPO(rewards), 1e-9)
		assert.InDeltaSlice(t, g.DrGRPO[i], advantage.DrGRPO(rewards), 1e-9)
		assert.InDeltaSlice(t, g.RLOO[i], advantage.LeaveOneOut(rewards), 1e-9)
	}
}

var groupFuncs = map[string]func([]float64) []float64{
	"leave-one-out": advantage.LeaveOneOut, "grpo": advantage.GRPO, "dr-grpo": advantage.DrGRPO,
}

func TestEqualRewardsHaveNoAdvantage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.Float64Range(-10, 10).Draw(t, "reward")
		n := rapid.IntRange(0, 9).Draw(t, "size")
		for name, f := range groupFuncs {
			assert.Equal(t, make([]float64, n), f(slices.Repeat([]float64{r}, n)), name)
		}
	})
}

func TestGroupAdvantages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		group := rapid.SliceOfN(rapid.Float64Range(0, 1), 2, 8).Draw(t, "group")
		shift := rapid.Float64Range(-5, 5).Draw(t, "shift")
		shifted := make([]float64, len(group))
		for i := range group {
			shifted[i] = group[i] + shift
		}
		for name, f := range groupFuncs {
			adv, sum := f(group), 0.0
			for _, a := range adv {
				sum += a
			}
			assert.InDelta(t, 0, sum, 1e-9, "%s sums to 0", name)
			assert.InDeltaSlice(t, adv, f(shifted), 1e-9, "%s ignores a constant", name)
		}
		for i, a := range advantage.LeaveOneOut(group) {
			others := 0.0
			for j, r := range group {
				if j != i {
					others += r / float64(len(group)-1)
				}
			}
			assert.InDelta(t, group[i]-others, a, 1e-12)
		}
	})
}

func TestNormalize(t *testing.T) {
	// The population standard deviation of 0, 0, 1, 1 is 1/2.
	assert.Equal(t, []float64{2, -4}, advantage.Normalize([]float64{1, -2}, []float64{0, 0, 1, 1}, 0.1))
	// One success of 1000 has 0.0316: the floor holds.
	rare := make([]float64, 1000)
	rare[0] = 1
	assert.Equal(t, []float64{10}, advantage.Normalize([]float64{1}, rare, 0.1))
	assert.Equal(t, []float64{4}, advantage.Normalize([]float64{1}, nil, 0.25))
	assert.Empty(t, advantage.Normalize(nil, nil, 1))
}

func TestWhiten(t *testing.T) {
	g := load(t)
	xs, keep := flat(g.Whiten.Values, g.Mask)
	for keepMean, rows := range map[bool][][]float64{false: g.Whiten.Shifted, true: g.Whiten.NotShifted} {
		got, err := advantage.Whiten(xs, keep, keepMean)
		require.NoError(t, err)
		want, _ := flat(rows, g.Mask)
		assert.InDeltaSlice(t, want, got, 1e-9)
	}
	got, err := advantage.Whiten([]float64{0.7, 0.7, 0.7}, nil, false)
	require.NoError(t, err)
	assert.Equal(t, []float64{0, 0, 0}, got)
}

func TestWhitenedMoments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		xs := rapid.SliceOfN(rapid.Float64Range(-100, 100), 3, 20).Draw(t, "xs")
		xs[0], xs[1] = 50, -50 // some spread
		white, err := advantage.Whiten(xs, nil, false)
		require.NoError(t, err)
		mean, square := 0.0, 0.0
		for _, w := range white {
			mean += w / float64(len(xs))
			square += w * w / float64(len(xs)-1)
		}
		assert.InDelta(t, 0, mean, 1e-9)
		assert.InDelta(t, 1, math.Sqrt(square), 1e-9)
	})
}

func TestExplainedVariance(t *testing.T) {
	data, err := os.ReadFile("../../testdata/ppo/numbers.json")
	require.NoError(t, err)
	var g struct {
		Mask  [][]int
		Value struct {
			Old       [][]float64 `json:"old_values"`
			Returns   [][]float64
			Explained float64 `json:"explained_variance_of_old"`
		} `json:"value_loss"`
	}
	require.NoError(t, json.Unmarshal(data, &g))
	values, keep := flat(g.Value.Old, g.Mask)
	returns, _ := flat(g.Value.Returns, g.Mask)
	var v, r []float64
	for i, k := range keep {
		if k {
			v, r = append(v, values[i]), append(r, returns[i])
		}
	}
	got, err := advantage.ExplainedVariance(v, r)
	require.NoError(t, err)
	assert.InDelta(t, g.Value.Explained, got, 1e-9)

	for _, tt := range []struct {
		name            string
		values, returns []float64
		want            float64
	}{
		{"perfect", []float64{1, 2, 3}, []float64{1, 2, 3}, 1},
		{"off by a constant, which no advantage notices after whitening", []float64{5, 6, 7}, []float64{1, 2, 3}, 1},
		{"constant", []float64{2, 2, 2}, []float64{1, 2, 3}, 0},
		{"upside down: var(2r) = 4 var(r)", []float64{-1, -2, -3}, []float64{1, 2, 3}, -3},
		{"nothing to explain", []float64{1, 2}, []float64{1, 1}, 0},
		{"nothing", nil, nil, 0},
	} {
		got, err := advantage.ExplainedVariance(tt.values, tt.returns)
		require.NoError(t, err, tt.name)
		assert.InDelta(t, tt.want, got, 1e-12, tt.name)
	}
	_, err = advantage.ExplainedVariance([]float64{1}, nil)
	assert.ErrorIs(t, err, advantage.ErrShape)
}

func BenchmarkGAE(b *testing.B) {
	rewards, values := make([]float64, 512), make([]float64, 513)
	for b.Loop() {
		_, _ = advantage.GAE(rewards, values, 1, 0.95)
	}
	b.ReportMetric(float64(512*b.N)/b.Elapsed().Seconds(), "tokens/s")
}
