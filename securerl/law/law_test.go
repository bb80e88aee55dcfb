package law_test

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
	"securecoderl/securerl/law"
)

// number reads what JSON has no number for.
type number float32

func (n *number) UnmarshalJSON(b []byte) error {
	if string(b) == `"-inf"` {
		*n = number(math.Inf(-1))
		return nil
	}
	var x float32
	err := json.Unmarshal(b, &x)
	*n = number(x)
	return err
}

// golden is what the processors of Transformers 5.23 made of rows of logits.
type golden struct {
	Context []int `json:"context_ids"`
	Prompt  int   `json:"prompt_len_default"`
	Logits  map[string][]number
	Cases   []struct {
		Logits   string
		Settings struct {
			Temperature *float64
			TopK        int     `json:"top_k"`
			TopP        float64 `json:"top_p"`
			MinP        float64 `json:"min_p"`
			Penalty     float64 `json:"repetition_penalty"`
			MinNew      int     `json:"min_new_tokens"`
			Ends        []int32 `json:"eos"`
			Sample      *bool   `json:"do_sample"`
			Prompt      *int    `json:"prompt_len"`
		}
		Kept  int
		Tie   bool `json:"border_tie"`
		Sum   bool `json:"border_sum"`
		Probs []float64
	}
}

func TestLawsAreThoseOfTransformers(t *testing.T) {
	b, err := os.ReadFile("../../testdata/law/sampling.json")
	require.NoError(t, err)
	var g golden
	require.NoError(t, json.Unmarshal(b, &g))
	require.NotEmpty(t, g.Cases)
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		compiled := map[string]*engine.Func{} // one graph per law: rows differ in their logits alone
		for i, c := range g.Cases {
			s := c.Settings
			l := law.Law{Temperature: 1, TopK: s.TopK, TopP: s.TopP, MinP: s.MinP, RepetitionPenalty: s.Penalty, MinNew: s.MinNew}
			if s.Temperature != nil {
				l.Temperature = *s.Temperature
			}
			l.Greedy = s.Sample != nil && !*s.Sample
			require.NoError(t, l.Validate())
			row := g.Logits[c.Logits]
			v, logits := len(row), make([]float32, len(row))
			seen := make([]float32, v)
			for k, x := range row {
				logits[k] = float32(x)
			}
			for _, k := range g.Context {
				seen[k]++
			}
			prompt := g.Prompt
			if s.Prompt != nil {
				prompt = *s.Prompt
			}
			key, err := json.Marshal(s)
			require.NoError(t, err)
			f := compiled[string(key)]
			if f == nil {
				f = e.NewFunc("law", func(in []*Node) []*Node {
					z := l.Apply(in[0], nil, law.Text{Seen: in[1], Early: in[2], Ends: s.Ends})
					return []*Node{Softmax(z, -1)}
				})
				compiled[string(key)] = f
			}
			out, err := f.Call(tensors.FromFlatDataAndDimensions(logits, 1, v), tensors.FromFlatDataAndDimensions(seen, 1, v), tensors.FromValue([]bool{len(g.Context)-prompt < s.MinNew}))
			require.NoError(t, err)
			got := tensors.MustCopyFlatData[float32](out[0])
			kept := 0
			for _, p := range got {
				if p > 0 {
					kept++
				}
			}
			if c.Sum { // rounding alone decides about one token
				assert.InDelta(t, c.Kept, kept, 1, "case %d", i)
				continue
			}
			want := slices.Clone(c.Probs)
			if c.Tie { // which of equal tokens stay is a matter of the sort
				slices.Sort(want)
				slices.Sort(got)
			}
			for k := range want {
				assert.InDelta(t, want[k], got[k], 1e-5, "case %d: %s %s token %d", i, c.Logits, key, k)
			}
		}
	})
}

func TestOnlyTheModelsOwnLawIsPlain(t *testing.T) {
	assert.True(t, law.Law{Temperature: 0.7}.IsPlain())
	assert.True(t, law.Law{Temperature: 1, TopP: 1, RepetitionPenalty: 1}.IsPlain(), "settings that do nothing")
	for _, l := range []law.Law{{}, {Greedy: true}, {Temperature: 1, TopK: 5}, {Temperature: 1, TopP: 0.9}, {Temperature: 1, MinP: 0.1}, {Temperature: 1, MinNew: 1}, {Temperature: 1, RepetitionPenalty: 1.1}} {
		assert.False(t, l.IsPlain(), "%+v", l)
	}
	for _, l := range []law.Law{{}, {Temperature: -1}, {Temperature: math.NaN()}, {Temperature: 1, TopP: 1.1}, {Temperature: 1, MinP: -1}, {Temperature: 1, TopK: -1}, {Temperature: 1, MinNew: -1}, {Temperature: 1, RepetitionPenalty: math.Inf(1)}} {
		assert.ErrorIs(t, l.Validate(), law.ErrLaw, "%+v", l)
	}
	assert.NoError(t, law.Law{Greedy: true}.Validate())
}
