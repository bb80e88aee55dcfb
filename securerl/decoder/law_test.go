package decoder_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
	"securecoderl/securerl/law"
	"securecoderl/securerl/rng"
)

// Every processor at once, in the sampler: the tokens obey it, both log-probabilities
// are told, and the one under the model alone is the training graph's.
func TestSamplerAppliesALawThatBendsTheModel(t *testing.T) {
	c, l := small()
	bent := decoder.Law{Temperature: 0.8, RepetitionPenalty: 1.3, MinNew: 6, TopK: 9, TopP: 0.9, MinP: 0.02}
	var first []decoder.Sampled
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		base, adapter := decoder.Init(c, rng.New(1)), busy(c, l)
		ps, ks := prompts(13)
		out, err := decoder.NewSampler(e, c, &l, bent, 10, 14, 3, 9).Sample(base, adapter, ps, ks)
		require.NoError(t, err)
		if first == nil {
			first = out
		}
		for i, lps := range score(t, e, c, l, base, adapter, ps, out, 0.8) {
			assert.Equal(t, first[i].Tokens, out[i].Tokens, "tokens are equal on every backend")
			require.Len(t, out[i].Plain, len(out[i].Tokens))
			require.Len(t, out[i].LogProbs, len(out[i].Tokens))
			for k, lp := range lps {
				assert.InDelta(t, lp, out[i].Plain[k], 1e-4)
				assert.LessOrEqual(t, out[i].LogProbs[k], float32(1e-6))
				assert.GreaterOrEqual(t, out[i].LogProbs[k], float32(math.Log(0.02)-1e-4), "no draw below min-p of the largest")
				if k < 6 {
					assert.NotContains(t, []int32{3, 9}, out[i].Tokens[k], "not yet")
				}
			}
		}
		plain, err := decoder.NewSampler(e, c, &l, decoder.Law{Temperature: 0.8}, 10, 3, 3).Sample(base, adapter, ps[:2], ks[:2])
		require.NoError(t, err)
		assert.Equal(t, plain[0].LogProbs, plain[0].Plain)
		// Repetitions of the prompt or of the completion, with a strong penalty and without.
		repeated := func(law decoder.Law) (n int) {
			drawn, err := decoder.NewSampler(e, c, &l, law, 10, 12).Sample(base, adapter, ps, ks)
			require.NoError(t, err)
			for i, o := range drawn {
				text := slices.Clone(ps[i])
				for _, x := range o.Tokens {
					if slices.Contains(text, x) {
						n++
					}
					text = append(text, x)
				}
			}
			return n
		}
		often, seldom := repeated(decoder.Law{Greedy: true}), repeated(decoder.Law{Greedy: true, RepetitionPenalty: 50})
		assert.Less(t, 4*seldom, often)
		_, err = decoder.NewSampler(e, c, &l, decoder.Law{Temperature: 1, TopP: 2}, 10, 3).Sample(base, adapter, ps, ks)
		assert.ErrorIs(t, err, law.ErrLaw)
		_, err = decoder.NewSampler(e, c, &l, decoder.Law{Temperature: 1}, 10, 3).Sample(base, adapter, [][]int32{{5, 99}}, ks[:1])
		assert.ErrorIs(t, err, decoder.ErrPrompt)
	})
}

// A network that computes in bfloat16 keeps its cache in it: eight bits of a key or value
// are left, so log-probabilities move, by percents.
func TestTheCacheHasTheTypeThatIsComputed(t *testing.T) {
	c, _ := small()
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		base := decoder.Init(c, rng.New(1))
		ps, ks := prompts(8)
		law := decoder.Law{Temperature: 1}
		full, err := decoder.NewSampler(e, c, nil, law, 10, 3, 3).Sample(base, nil, ps, ks)
		require.NoError(t, err)
		half := c
		half.Compute.BF16 = true
		out, err := decoder.NewSampler(e, half, nil, law, 10, 3, 3).Sample(base, nil, ps, ks)
		require.NoError(t, err)
		moved := false
		for i := range out {
			for k := range min(len(out[i].Tokens), len(full[i].Tokens)) {
				if out[i].Tokens[k] != full[i].Tokens[k] {
					break
				}
				assert.InDelta(t, full[i].LogProbs[k], out[i].LogProbs[k], 0.1)
				moved = moved || full[i].LogProbs[k] != out[i].LogProbs[k]
			}
		}
		assert.True(t, moved)
	})
}
