package policy_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/completion"
	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
	"securecoderl/securerl/policy"
	"securecoderl/securerl/prompt"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/tokenizer"
)

var texts = []string{"n = int(input())\nprint(n * 2)\n", "print(sum(map(int, input().split())))\n", "Print twice the number.", "Print the sum of the numbers."}

// small is a policy of two layers whose adapter changes it and which often ends.
func small(t *testing.T, e *engine.Engine) *policy.Policy {
	t.Helper()
	tok, err := tokenizer.Train(slices.Values(texts), 280, []string{"<pad>", "<s>", "<code>", "</s>"})
	require.NoError(t, err)
	c := decoder.Tiny(tok.VocabSize())
	c.HiddenSize, c.HeadDim, c.IntermediateSize, c.NumHiddenLayers = 32, 8, 48, 2
	l := decoder.LoRA{Rank: 4, Alpha: 8, Targets: decoder.Projections}
	adapter, s := decoder.InitAdapter(c, l, rng.New(2)), rng.New(3).Stream()
	for _, x := range adapter.Tensors {
		x.MustMutableFlatData(func(flat any) {
			for i := range flat.([]float32) {
				flat.([]float32)[i] += float32(0.3 * s.NormFloat64())
			}
		})
	}
	base := decoder.Init(c, rng.New(1))
	base.Tensors[0].MustMutableFlatData(func(flat any) {
		for i := range c.HiddenSize { // the end token's embedding is the output direction of many states
			flat.([]float32)[3*c.HiddenSize+i] *= 8
		}
	})
	return &policy.Policy{Engine: e, Config: c, LoRA: l, Base: base, Adapter: adapter, Tokenizer: tok, Template: prompt.Tiny(24), PromptSlots: 24, MaxNew: 20}
}

func prompts(t *testing.T, p *policy.Policy) []prompt.Prompt {
	t.Helper()
	var list []prompt.Prompt
	for i, text := range texts[2:] {
		q, err := p.Template.RenderRequest(p.Tokenizer, []string{"twice", "sum"}[i], text)
		require.NoError(t, err)
		list = append(list, q)
	}
	return list
}

func key(i, sample int) rng.Key { return rng.New(7).Fold(uint32(i), uint32(sample)) }

var plain = decoder.Law{Temperature: 0.9}

func TestPolicy(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		p := small(t, e)
		ts, err := policy.Collect(p.Rollout(t.Context(), prompts(t, p), 8, plain, key))
		require.NoError(t, err)
		t.Run("a trajectory says what each token wrote", func(t *testing.T) { spans(t, p, ts) })
		t.Run("sampler and trainer agree", func(t *testing.T) { agree(t, p, ts) })
		t.Run("a critic reads the states of the same pass", func(t *testing.T) { critic(t, p, ts) })
		t.Run("batches do not matter", func(t *testing.T) { batches(t, p, ts) })
		t.Run("the policy is a model like any other", func(t *testing.T) { model(t, p, ts) })
		t.Run("stop strings cut and change nothing else", func(t *testing.T) { stops(t, p, ts) })
		t.Run("trajectories come while others are written", func(t *testing.T) { streams(t, p) })
		t.Run("errors end a rollout", func(t *testing.T) { ends(t, p) })
	})
}

func spans(t *testing.T, p *policy.Policy, ts []policy.Trajectory) {
	require.Len(t, ts, 16)
	ended := 0
	for i, x := range ts {
		assert.Equal(t, i%8, x.Sample, "prompt-major")
		assert.Equal(t, []string{"twice", "sum"}[i/8], x.Problem)
		assert.Equal(t, key(i/8, i%8), x.Key)
		require.Len(t, x.Spans, len(x.IDs))
		require.Len(t, x.LogProbs, len(x.IDs))
		at := 0
		var joined strings.Builder
		for k, s := range x.Spans {
			assert.Equal(t, at, s.Start, "spans lie end to end")
			at = s.End
			if x.IDs[k] > 3 { // not a special token
				assert.Equal(t, p.Tokenizer.Bytes(x.IDs[k]), x.Completion[s.Start:s.End])
				joined.WriteString(x.Completion[s.Start:s.End])
			} else {
				assert.Equal(t, s.Start, s.End)
			}
		}
		assert.Equal(t, x.Completion, joined.String())
		last := len(x.IDs) - 1
		if x.Finish == completion.End {
			ended++
			assert.EqualValues(t, 3, x.IDs[last])
			assert.Equal(t, tokenizer.Span{Start: len(x.Completion), End: len(x.Completion)}, x.Spans[last])
		} else {
			assert.Equal(t, completion.Length, x.Finish)
			assert.Len(t, x.IDs, p.MaxNew)
		}
	}
	assert.Positive(t, ended)
	assert.Less(t, ended, 16)
}

func agree(t *testing.T, p *policy.Policy, ts []policy.Trajectory) {
	lps, err := p.LogProbs(t.Context(), p.Adapter, ts, 0.9)
	require.NoError(t, err)
	gap, err := policy.Compare(ts, lps, p.AllowedGap())
	require.NoError(t, err)
	assert.LessOrEqual(t, gap.Largest, policy.GapLimit)
	assert.LessOrEqual(t, gap.Mean, gap.Largest)
	t.Logf("largest gap %.2g, mean %.2g", gap.Largest, gap.Mean)

	for name, other := range map[string]func() ([][]float64, error){ // what must not pass for the same law
		"temperature": func() ([][]float64, error) { return p.LogProbs(t.Context(), p.Adapter, ts, 1) },
		"base alone":  func() ([][]float64, error) { return p.LogProbs(t.Context(), nil, ts, 0.9) },
		"cut short":   func() ([][]float64, error) { return lps[:3], nil },
	} {
		lps, err := other()
		require.NoError(t, err)
		_, err = policy.Compare(ts, lps, p.AllowedGap())
		assert.ErrorIs(t, err, policy.ErrGap, name)
	}
	alone := p.With(nil)
	of, err := policy.Collect(alone.Rollout(t.Context(), prompts(t, p), 4, plain, key))
	require.NoError(t, err)
	lps, err = p.LogProbs(t.Context(), nil, of, 0.9)
	require.NoError(t, err)
	_, err = policy.Compare(of, lps, p.AllowedGap())
	assert.NoError(t, err, "the base alone samples what LogProbs with no adapter scores")
	_, err = p.LogProbs(t.Context(), p.Adapter, []policy.Trajectory{{Problem: "empty"}}, 1)
	assert.ErrorIs(t, err, policy.ErrPolicy)
}

func batches(t *testing.T, p *policy.Policy, ts []policy.Trajectory) {
	q := p.With(p.Adapter)
	q.BatchSize = 9 // the same bucket of 16, another company
	again, err := policy.Collect(q.Rollout(t.Context(), prompts(t, p), 8, plain, key))
	require.NoError(t, err)
	for i := range 9 {
		assert.Equal(t, ts[i], again[i])
	}
	for i := range ts {
		assert.Equal(t, ts[i].IDs, again[i].IDs)
	}
}

func model(t *testing.T, p *policy.Policy, ts []policy.Trajectory) {
	var m completion.Model = p
	assert.Equal(t, "policy", m.Name())
	p.Law = plain
	var requests []completion.Request
	for _, x := range ts {
		requests = append(requests, completion.Request{ProblemID: x.Problem, Prompt: x.Prompt.Text, Sample: x.Sample, Key: x.Key})
	}
	i := 0
	for c, err := range m.Complete(t.Context(), requests) {
		require.NoError(t, err)
		assert.Equal(t, completion.Completion{Text: ts[i].Completion, Finish: ts[i].Finish, IDs: ts[i].IDs, LogProbs: ts[i].LogProbs}, c)
		i++
	}
	assert.Equal(t, 16, i)
	requests[3].Prompt = strings.Repeat("too long ", 30)
	i = 0
	for c, err := range m.Complete(t.Context(), requests) {
		assert.ErrorIs(t, err, completion.ErrFailed)
		assert.ErrorIs(t, err, prompt.ErrTooLong)
		assert.Empty(t, c.Text)
		i++
	}
	assert.Equal(t, 1, i)
}

// stopped is what a stop string makes of a trajectory, by the plain definition: it ends
// with the first token after which the text holds the string.
func stopped(p *policy.Policy, x policy.Trajectory, stop string) policy.Trajectory {
	for k := range x.IDs {
		text := p.Tokenizer.Decode(x.IDs[:k+1])
		if at := strings.Index(text, stop); at >= 0 {
			x.IDs, x.Spans, x.LogProbs, x.Plain = x.IDs[:k+1], x.Spans[:k+1], x.LogProbs[:k+1], x.Plain[:k+1]
			x.Completion, x.Finish, x.Cut = text, completion.Stop, at
			break
		}
	}
	return x
}

func stops(t *testing.T, p *policy.Policy, ts []policy.Trajectory) {
	// The last byte of one token and the first of the next but one; and a last token's byte.
	x := ts[slices.IndexFunc(ts, func(x policy.Trajectory) bool { return x.Finish == completion.Length })]
	last := len(x.IDs) - 1
	across := x.Completion[x.Spans[2].End-1 : x.Spans[4].Start+1]
	final := x.Completion[x.Spans[last-1].Start:]
	met := 0
	for _, stop := range []string{across, final, "e", "never in there"} {
		if !utf8.ValidString(stop) {
			t.Fatalf("%q is no stop string: choose another key", stop)
		}
		q := p.With(p.Adapter)
		q.Stops, q.Law = []string{stop}, plain
		got, err := policy.Collect(q.Rollout(t.Context(), prompts(t, p), 8, plain, key))
		require.NoError(t, err)
		var requests []completion.Request
		for i, x := range ts {
			want := stopped(p, x, stop)
			assert.Equal(t, want, got[i])
			if want.Finish == completion.Stop {
				met++
				assert.False(t, got[i].Finish.Truncated())
			}
			requests = append(requests, completion.Request{ProblemID: x.Problem, Prompt: x.Prompt.Text, Sample: x.Sample, Key: x.Key})
		}
		i := 0
		for c, err := range q.Complete(t.Context(), requests) { // as a server answers: without the stop string
			require.NoError(t, err)
			assert.Equal(t, got[i].Completion[:got[i].Cut], c.Text)
			assert.NotContains(t, c.Text, stop)
			assert.Equal(t, got[i].IDs, c.IDs)
			assert.Equal(t, got[i].Finish, c.Finish)
			i++
		}
		assert.Equal(t, 16, i)
	}
	assert.Greater(t, met, 2)
	for _, bad := range []string{"", "\xff"} {
		q := p.With(p.Adapter)
		q.Stops = []string{"ok", bad}
		_, err := policy.Collect(q.Rollout(t.Context(), prompts(t, p), 1, plain, key))
		assert.ErrorIs(t, err, completion.ErrStop)
	}
}

// With fewer slots than samples the first trajectories come before the last are begun, in
// their order all the same; and a law that bends the model tells both log-probabilities.
func streams(t *testing.T, p *policy.Policy) {
	q := p.With(p.Adapter)
	q.BatchSize = 8
	bent := decoder.Law{Temperature: 0.9, TopK: 5}
	keys := map[rng.Key]int{}
	i := 0
	for x, err := range q.Rollout(t.Context(), prompts(t, p), 40, bent, key) {
		require.NoError(t, err)
		assert.Equal(t, key(i/40, i%40), x.Key)
		require.Len(t, x.Plain, len(x.IDs))
		for k, lp := range x.LogProbs {
			assert.GreaterOrEqual(t, lp, x.Plain[k]-1e-5, "what is left of a cut law weighs more")
		}
		keys[x.Key]++
		i++
	}
	assert.Len(t, keys, 80)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for _, err := range q.Rollout(ctx, prompts(t, p), 40, bent, key) {
		if err == nil {
			n++
			cancel() // the rounds that were begun end, no others are
		}
	}
	assert.Less(t, n, 40)
}

func ends(t *testing.T, p *policy.Policy) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	q := p.With(p.Adapter)
	q.BatchSize = 8
	n := 0
	for _, err := range q.Rollout(ctx, prompts(t, p), 8, plain, key) {
		if err != nil {
			assert.ErrorIs(t, err, context.Canceled)
			break
		}
		n++
		cancel()
	}
	assert.Positive(t, n, "what was known to be written is handed out")
	assert.Less(t, n, 16)
	_, err := policy.Collect((&policy.Policy{}).Rollout(t.Context(), nil, 1, plain, key))
	assert.ErrorIs(t, err, policy.ErrPolicy)
	for _, err := range p.Rollout(t.Context(), prompts(t, p), 8, plain, key) {
		require.NoError(t, err)
		break // stopping early is no fault
	}
}

func TestAnAdapterComesBackFromItsFolder(t *testing.T) {
	e, err := engine.Open("go")
	require.NoError(t, err)
	defer e.Close()
	p, dir := small(t, e), filepath.Join(t.TempDir(), "adapter")
	require.NoError(t, p.Save(dir, "../base"))
	q, err := p.With(nil).Load(dir)
	require.NoError(t, err)
	assert.Equal(t, p.Adapter.Digest(), q.Adapter.Digest())
	assert.ErrorIs(t, p.With(nil).Save(dir, "../base"), policy.ErrPolicy)
	p.LoRA.Alpha = 1
	_, err = p.Load(dir)
	assert.ErrorIs(t, err, policy.ErrPolicy)
	_, err = p.Load(t.TempDir())
	assert.Error(t, err)
}

func TestOnlyThePlainLawMayBeTrainedOn(t *testing.T) {
	assert.NoError(t, policy.CheckTraining(decoder.Law{Temperature: 1}))
	assert.NoError(t, policy.CheckTraining(decoder.Law{Temperature: 0.7}), "stop strings are no part of a law: they are allowed")
	for _, law := range []decoder.Law{{}, {Greedy: true}, {Temperature: 1, Greedy: true}, {Temperature: -1},
		{Temperature: 1, TopK: 20}, {Temperature: 1, TopP: 0.95}, {Temperature: 1, MinP: 0.1}, {Temperature: 1, MinNew: 2}, {Temperature: 1, RepetitionPenalty: 1.1}} {
		assert.ErrorIs(t, policy.CheckTraining(law), policy.ErrLaw)
	}
}
