package decoder_test

import (
	"math"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
	"securecoderl/securerl/rng"
)

// small is a grouped-heads model whose end token is drawn often.
func small() (decoder.Config, decoder.LoRA) {
	c := decoder.Tiny(40)
	c.HiddenSize, c.HeadDim, c.IntermediateSize, c.NumHiddenLayers = 32, 8, 48, 2
	c.NumKeyValueHeads = 2
	return c, decoder.LoRA{Rank: 4, Alpha: 8, Targets: decoder.Projections}
}

// busy is an adapter whose B is not zero, so that it changes the policy.
func busy(c decoder.Config, l decoder.LoRA) *engine.Tree {
	a := decoder.InitAdapter(c, l, rng.New(7))
	s := rng.New(8).Stream()
	for _, x := range a.Tensors {
		x.MustMutableFlatData(func(flat any) {
			for i := range flat.([]float32) {
				flat.([]float32)[i] += float32(0.3 * s.NormFloat64())
			}
		})
	}
	return a
}

func prompts(n int) ([][]int32, []rng.Key) {
	ps, ks := make([][]int32, n), make([]rng.Key, n)
	for i := range ps {
		ps[i] = make([]int32, 1+i%9)
		for k := range ps[i] {
			ps[i][k] = int32(4 + (i*7+k*3)%36)
		}
		ks[i] = rng.New(5).Fold(uint32(i))
	}
	return ps, ks
}

// score returns the log-probabilities of completions under the training graph.
func score(t *testing.T, e *engine.Engine, c decoder.Config, l decoder.LoRA, base, adapter *engine.Tree, prompts [][]int32, out []decoder.Sampled, temperature float32) [][]float64 {
	t.Helper()
	const s = 24
	ids, targets := make([]int32, len(out)*s), make([]int32, len(out)*s)
	for i, o := range out {
		row := append(append([]int32{}, prompts[i]...), o.Tokens...)
		copy(ids[i*s:], row[:len(row)-1])
		copy(targets[i*s:], row[1:])
	}
	f := e.NewFunc("score", func(in []*Node) []*Node {
		nb := base.Len()
		n := decoder.Bind(e, c, &l, in[3:3+nb], in[3+nb:])
		lp, ent := decoder.TokenLogProbs(n.Logits(n.Hidden(in[0])), in[1], in[2])
		return []*Node{lp, ent}
	})
	in := []*tensors.Tensor{tensors.FromFlatDataAndDimensions(ids, len(out), s), tensors.FromFlatDataAndDimensions(targets, len(out), s), tensors.FromScalar(temperature)}
	res, err := f.Call(append(append(in, base.Tensors...), adapter.Tensors...)...)
	require.NoError(t, err)
	flat := tensors.MustCopyFlatData[float32](res[0])
	lps := make([][]float64, len(out))
	for i, o := range out {
		for k := range o.Tokens {
			lps[i] = append(lps[i], float64(flat[i*s+len(prompts[i])-1+k]))
		}
	}
	return lps
}

func TestSamplerReportsTheTrainersLogProbabilities(t *testing.T) {
	c, l := small()
	var first []decoder.Sampled
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		base, adapter := decoder.Init(c, rng.New(1)), busy(c, l)
		ps, ks := prompts(13)
		out, err := decoder.NewSampler(e, c, &l, decoder.Law{Temperature: 0.8}, 10, 14, 3).Sample(base, adapter, ps, ks)
		require.NoError(t, err)
		ended := 0
		for i, lps := range score(t, e, c, l, base, adapter, ps, out, 0.8) {
			for k, lp := range lps {
				assert.InDelta(t, lp, out[i].LogProbs[k], 1e-4)
			}
			if out[i].Ended {
				ended++
				assert.EqualValues(t, 3, out[i].Tokens[len(out[i].Tokens)-1])
			} else {
				assert.Len(t, out[i].Tokens, 14)
			}
		}
		t.Logf("%d of %d rows ended", ended, len(out))
		if first == nil {
			first = out
		}
		for i := range out {
			assert.Equal(t, first[i].Tokens, out[i].Tokens, "tokens are equal on every backend")
		}
	})
}

// The share of each first token over many keys against the stated law: Pearson's
// statistic stays below the 0.9999 quantile of its distribution.
func TestDrawsFollowTheLaw(t *testing.T) {
	c, l := small()
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		base, adapter := decoder.Init(c, rng.New(1)), busy(c, l)
		const n = 4096
		ps, ks := make([][]int32, n), make([]rng.Key, n)
		for i := range ps {
			ps[i], ks[i] = []int32{1, 9, 2}, rng.New(77).Fold(uint32(i))
		}
		out, err := decoder.NewSampler(e, c, &l, decoder.Law{Temperature: 0.7}, 4, 1, 3).Sample(base, adapter, ps, ks)
		require.NoError(t, err)
		count, prob := map[int32]float64{}, map[int32]float64{}
		for _, o := range out {
			count[o.Tokens[0]]++
			prob[o.Tokens[0]] = math.Exp(float64(o.LogProbs[0]))
		}
		chi, cells, mass, rest := 0.0, 0, 0.0, float64(n)
		for tok, p := range prob {
			if p*n < 5 {
				continue
			}
			chi += (count[tok] - p*n) * (count[tok] - p*n) / (p * n)
			cells, mass, rest = cells+1, mass+p, rest-count[tok]
		}
		if left := (1 - mass) * n; left >= 5 {
			chi += (rest - left) * (rest - left) / left
			cells++
		}
		k := float64(cells - 1) // Wilson and Hilferty's approximation of the quantile
		limit := k * math.Pow(1-2/(9*k)+3.72*math.Sqrt(2/(9*k)), 3)
		assert.Less(t, chi, limit, "%d cells", cells)
	})
}

func TestGreedyTakesTheMostProbableToken(t *testing.T) {
	c, l := small()
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		base, adapter := decoder.Init(c, rng.New(1)), busy(c, l)
		ps, ks := prompts(8)
		greedy, err := decoder.NewSampler(e, c, &l, decoder.Law{Greedy: true}, 10, 6, 3).Sample(base, adapter, ps, ks)
		require.NoError(t, err)
		cold, err := decoder.NewSampler(e, c, &l, decoder.Law{Temperature: 1e-4}, 10, 6, 3).Sample(base, adapter, ps, ks)
		require.NoError(t, err)
		for i := range greedy {
			assert.Equal(t, cold[i].Tokens, greedy[i].Tokens)
		}
	})
}

// Any of several end tokens ends a row, on the host's loop and on the device's; what
// follows it is cut, and the tokens before it are those of a sampler without ends.
func TestEveryEndTokenEnds(t *testing.T) {
	c, l := small()
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		base, adapter := decoder.Init(c, rng.New(1)), busy(c, l)
		ps, ks := prompts(13)
		free, err := decoder.NewSampler(e, c, &l, decoder.Law{Temperature: 1}, 10, 14).Sample(base, adapter, ps, ks)
		require.NoError(t, err)
		ends := []int32{free[0].Tokens[2], free[1].Tokens[5], free[2].Tokens[0]}
		out, err := decoder.NewSampler(e, c, &l, decoder.Law{Temperature: 1}, 10, 14, ends...).Sample(base, adapter, ps, ks)
		require.NoError(t, err)
		seen := map[int32]bool{}
		for i, o := range out {
			at := slices.IndexFunc(free[i].Tokens, func(x int32) bool { return slices.Contains(ends, x) })
			want := free[i].Tokens
			if at >= 0 {
				want = want[:at+1]
				seen[want[at]] = true
			}
			assert.Equal(t, want, o.Tokens)
			assert.Equal(t, free[i].LogProbs[:len(want)], o.LogProbs)
			assert.Equal(t, at >= 0, o.Ended)
		}
		assert.Greater(t, len(seen), 1, "more than one of them did")
	})
}

func TestTheTinyShapeHasItsSize(t *testing.T) {
	c := decoder.Tiny(512)
	assert.Equal(t, 268080, decoder.Init(c, rng.New(1)).Parameters())
	assert.Equal(t, 36096, decoder.InitAdapter(c, decoder.LoRA{Rank: 8, Alpha: 16, Targets: decoder.Projections}, rng.New(1)).Parameters())
}
