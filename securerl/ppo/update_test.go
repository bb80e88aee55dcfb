package ppo

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
	"securecoderl/securerl/optim"
	"securecoderl/securerl/rng"
)

// micro is a model of one layer with an adapter that already changes it, and the
// graphs that its tests share: no number of a Config is part of a graph.
type micro struct {
	e             *engine.Engine
	config        decoder.Config
	lora          decoder.LoRA
	base, adapter *engine.Tree

	score  *engine.Func
	shared *Updater
}

func newMicro(t *testing.T, e *engine.Engine) *micro {
	t.Helper()
	c := decoder.Tiny(24)
	c.HiddenSize, c.HeadDim, c.IntermediateSize, c.NumHiddenLayers, c.NumAttentionHeads, c.NumKeyValueHeads = 16, 8, 24, 1, 2, 1
	l := decoder.LoRA{Rank: 2, Alpha: 4, Targets: decoder.Projections}
	base := decoder.Init(c, rng.New(1))
	move(base, base, 0.2) // larger weights than a fresh model's: its distribution is not flat
	adapter := decoder.InitAdapter(c, l, rng.New(2))
	move(adapter, direction(adapter, 3), 0.2)
	m := &micro{e: e, config: c, lora: l, base: base, adapter: adapter}
	m.score = e.NewFunc("score", func(in []*Node) []*Node {
		net := decoder.Bind(e, m.config, &m.lora, in[2:2+base.Len()], in[2+base.Len():])
		logp, _ := decoder.TokenLogProbs(net.Logits(net.Hidden(in[0])), in[1], nil)
		return []*Node{logp}
	})
	var err error
	m.shared, err = New(e, c, l, Default())
	require.NoError(t, err)
	return m
}

func TestUpdater(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		m := newMicro(t, e)
		for name, test := range map[string]func(*micro, *testing.T){
			"the gradient of the whole loss is its slope":                     (*micro).slope,
			"any partition into micro-batches gives the same gradient":        (*micro).partition,
			"the KL term has no gradient where policy and reference agree":    (*micro).agreement,
			"the first ratio is one for what the sampler drew":                (*micro).firstRatio,
			"KL in the reward leaves the loss alone":                          (*micro).klInReward,
			"what was good becomes more probable, what was bad less":          (*micro).improves,
			"the target KL stops the whole update":                            (*micro).stops,
			"a loss that is not finite changes nothing and names its samples": (*micro).diverges,
			"samples that do not fit are refused":                             (*micro).refuses,
		} {
			t.Run(name, func(t *testing.T) { test(m, t) })
		}
	})
}

// direction is a tree of standard normal numbers.
func direction(like *engine.Tree, seed uint64) *engine.Tree {
	d, s := like.ZerosLike(), rng.New(seed).Stream()
	for _, x := range d.Tensors {
		x.MustMutableFlatData(func(flat any) {
			for i := range flat.([]float32) {
				flat.([]float32)[i] = float32(s.NormFloat64())
			}
		})
	}
	return d
}

// move adds scale x d to a tree.
func move(t, d *engine.Tree, scale float64) {
	for i, x := range t.Tensors {
		step := tensors.MustCopyFlatData[float32](d.Tensors[i])
		x.MustMutableFlatData(func(flat any) {
			for k := range flat.([]float32) {
				flat.([]float32)[k] += float32(scale) * step[k]
			}
		})
	}
}

// rollout makes samples of different lengths whose old and reference
// log-probabilities lie off the policy's by the given standard deviations.
func (m *micro) rollout(t *testing.T, n int, old, reference float64) []Sample {
	t.Helper()
	s := rng.New(9).Stream()
	list := make([]Sample, n)
	draw := func(k int) []int32 {
		x := make([]int32, k)
		for i := range x {
			x[i] = int32(s.IntN(24))
		}
		return x
	}
	for i := range list {
		list[i] = Sample{Prompt: draw(1 + s.IntN(5)), Completion: draw(1 + s.IntN(9))}
	}
	for i, lp := range m.logProbs(t, m.adapter, list) {
		for _, x := range lp {
			list[i].Old = append(list[i].Old, x+old*s.NormFloat64())
			list[i].Reference = append(list[i].Reference, x+reference*s.NormFloat64())
			list[i].Advantages = append(list[i].Advantages, s.NormFloat64())
		}
	}
	return list
}

// logProbs are those of an adapter at temperature 1.
func (m *micro) logProbs(t *testing.T, adapter *engine.Tree, list []Sample) [][]float64 {
	t.Helper()
	c := decoder.Chunk{Size: 16, Length: 64}
	for i := range list {
		c.Rows = append(c.Rows, i)
	}
	tokens, targets := c.Tokens(func(i int) []int32 { return slices.Concat(list[i].Prompt, list[i].Completion) })
	res, err := m.score.Call(slices.Concat([]*tensors.Tensor{tokens, targets}, m.base.Tensors, adapter.Tensors)...)
	require.NoError(t, err)
	out := make([][]float64, len(list))
	for i, x := range list {
		for _, lp := range c.Pick(tensors.MustCopyFlatData[float32](res[0]), i, len(x.Prompt), len(x.Completion)) {
			out[i] = append(out[i], float64(lp))
		}
	}
	return out
}

func (m *micro) updater(t *testing.T, change func(*Config)) *Updater {
	t.Helper()
	u := *m.shared
	u.config.MinibatchSize, u.config.MicrobatchSize, u.config.TargetKL = 4, 4, 0
	if change != nil {
		change(&u.config)
	}
	require.NoError(t, u.config.Validate())
	return &u
}

// gradient is that of all weights an updater moves.
func (m *micro) gradient(u *Updater, params *engine.Tree, list []Sample, rows []int) ([metrics]float64, *engine.Tree, []int, error) {
	return u.gradient(u.whole(m.base, params), list, rows)
}

func flatten(t *engine.Tree) (all []float64) {
	for _, x := range t.Tensors {
		for _, v := range tensors.MustCopyFlatData[float32](x) {
			all = append(all, float64(v))
		}
	}
	return all
}

func dot(a, b []float64) (s float64) {
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

func norm(a []float64) float64 { return math.Sqrt(dot(a, a)) }

// The gradient of the whole loss, policy, KL and entropy, along random directions
// against central differences of the loss.
func (m *micro) slope(t *testing.T) {
	list := m.rollout(t, 5, 0.15, 0.3)
	u := m.updater(t, func(c *Config) { c.KLWeight, c.EntropyWeight, c.Temperature = 0.5, 0.3, 0.8 })
	rows := []int{0, 1, 2, 3, 4}
	_, grads, _, err := m.gradient(u, m.adapter, list, rows)
	require.NoError(t, err)
	g := flatten(grads)
	for seed := range uint64(4) {
		d := direction(m.adapter, 100+seed)
		const h = 7e-4 // larger steps cross the kinks of the clip
		loss := func(scale float64) float64 {
			moved := m.adapter.Clone()
			move(moved, d, scale)
			got, _, _, err := m.gradient(u, moved, list, rows)
			require.NoError(t, err)
			return got[outLoss]
		}
		slope := (loss(h) - loss(-h)) / (2 * h)
		want := dot(g, flatten(d))
		assert.InDelta(t, want, slope, 0.02*norm(g), "direction %d; norm of the gradient %g", seed, norm(g))
	}
}

func (m *micro) partition(t *testing.T) {
	list := m.rollout(t, 7, 0.15, 0.3)
	rows := []int{6, 2, 0, 4, 1, 5, 3}
	var want []float64
	var whole [metrics]float64
	for _, size := range []int{7, 1, 4} {
		u := m.updater(t, func(c *Config) { c.MicrobatchSize, c.KLWeight, c.EntropyWeight = size, 0.5, 0.3 })
		got, grads, _, err := m.gradient(u, m.adapter, list, rows)
		require.NoError(t, err)
		if want == nil {
			want, whole = flatten(grads), got
		}
		diff := flatten(grads)
		for i := range diff {
			diff[i] -= want[i]
		}
		assert.LessOrEqual(t, norm(diff), 1e-5*norm(want), "micro-batches of %d", size)
		for k := range metrics {
			assert.InDelta(t, whole[k], got[k], 1e-5, "metric %d, micro-batches of %d", k, size)
		}
	}
}

// Defect W7 of the first paper's code: its KL term pulls even where both agree.
func (m *micro) agreement(t *testing.T) {
	list := m.rollout(t, 4, 0, 0)
	for i := range list {
		clear(list[i].Advantages)
	}
	u := m.updater(t, func(c *Config) { c.KLWeight = 1 })
	got, grads, _, err := m.gradient(u, m.adapter, list, []int{0, 1, 2, 3})
	require.NoError(t, err)
	assert.InDelta(t, 0, got[outKL], 1e-6)
	assert.InDelta(t, 0, got[outApproxKL], 1e-6)
	assert.LessOrEqual(t, got[outRatio], 1e-4, "the ratio is one on the first pass")
	assert.LessOrEqual(t, norm(flatten(grads)), 1e-5)
	for i := range list { // a reference elsewhere pulls
		for k := range list[i].Reference {
			list[i].Reference[k] -= 0.5
		}
	}
	_, grads, _, err = m.gradient(u, m.adapter, list, []int{0, 1, 2, 3})
	require.NoError(t, err)
	assert.Greater(t, norm(flatten(grads)), 1e-2)
}

// Defect W4: there the sampler's law is another one than the trainer's.
func (m *micro) firstRatio(t *testing.T) {
	const heat = 0.7
	prompts, keys := make([][]int32, 8), make([]rng.Key, 8)
	for i := range prompts {
		prompts[i], keys[i] = []int32{5, int32(6 + i)}, rng.New(4).Fold(uint32(i))
	}
	drawn, err := decoder.NewSampler(m.e, m.config, &m.lora, decoder.Law{Temperature: heat}, 4, 9, 3).Sample(m.base, m.adapter, prompts, keys)
	require.NoError(t, err)
	var list []Sample
	for i, d := range drawn {
		s := Sample{Prompt: prompts[i], Completion: d.Tokens}
		for _, lp := range d.LogProbs {
			s.Old, s.Reference, s.Advantages = append(s.Old, float64(lp)), append(s.Reference, float64(lp)), append(s.Advantages, 1)
		}
		list = append(list, s)
	}
	rows := []int{0, 1, 2, 3, 4, 5, 6, 7}
	got, _, _, err := m.gradient(m.updater(t, func(c *Config) { c.Temperature = heat }), m.adapter, list, rows)
	require.NoError(t, err)
	assert.LessOrEqual(t, got[outRatio], 1e-4)
	assert.InDelta(t, 0, got[outApproxKL], 1e-6)
	got, _, _, err = m.gradient(m.updater(t, func(c *Config) { c.Temperature = 1 }), m.adapter, list, rows)
	require.NoError(t, err)
	assert.Greater(t, got[outRatio], 0.1, "another law shows at once")
}

func (m *micro) klInReward(t *testing.T) {
	list := m.rollout(t, 4, 0.1, 0.3)
	var losses []float64
	for _, weight := range []float64{0, 10} {
		u := m.updater(t, func(c *Config) { c.KLMode, c.KLWeight = KLReward, weight })
		got, _, _, err := m.gradient(u, m.adapter, list, []int{0, 1, 2, 3})
		require.NoError(t, err)
		assert.Positive(t, got[outKL], "it is measured")
		losses = append(losses, got[outLoss])
	}
	assert.Equal(t, losses[0], losses[1])
}

func TestMinibatchesKeepTheirSizeAndMissNoSample(t *testing.T) {
	sizes := map[int][]int{128: {64, 64}, 130: {64, 64, 2}, 10: {10}}
	for n, want := range sizes {
		order := deal(n, rng.New(1))
		var got []int
		for part := range slices.Chunk(order, 64) {
			got = append(got, len(part))
		}
		assert.Equal(t, want, got)
		assert.NotEqual(t, deal(n, rng.New(2)), order)
		assert.Equal(t, deal(n, rng.New(1)), order)
		slices.Sort(order)
		for i, x := range order {
			assert.Equal(t, i, x)
		}
	}
}

func (m *micro) improves(t *testing.T) {
	list := m.rollout(t, 10, 0, 0)
	for i := range list {
		for k := range list[i].Advantages {
			list[i].Advantages[k] = 1 - 2*float64(i%2)
		}
	}
	u := m.updater(t, func(c *Config) { c.LearningRate, c.Epochs = 1e-2, 3 })
	state, before := optim.NewState(m.adapter), m.adapter.Digest()
	after, stats, err := u.Update(m.base, m.adapter, state, list, rng.New(5))
	require.NoError(t, err)
	assert.Equal(t, before, m.adapter.Digest(), "the adapter that came in is untouched")
	assert.Equal(t, 9, stats.Minibatches, "3 epochs of 4 + 4 + 2 samples")
	assert.Equal(t, 9, state.Step)
	gain := 0.0
	for i, lp := range m.logProbs(t, after, list) {
		for k, x := range lp {
			gain += (x - list[i].Old[k]) * list[i].Advantages[k]
		}
	}
	assert.Positive(t, gain)
	again, _, err := u.Update(m.base, m.adapter, optim.NewState(m.adapter), list, rng.New(5))
	require.NoError(t, err)
	assert.Equal(t, after.Digest(), again.Digest(), "the same key gives the same update")
}

// Defect W8: there the stop watches the distance to the reference and leaves only
// the inner loop of one minibatch.
func (m *micro) stops(t *testing.T) {
	list := m.rollout(t, 8, 0, 3) // far from the reference, at the sampling policy
	u := m.updater(t, func(c *Config) { c.LearningRate, c.Epochs, c.TargetKL, c.KLWeight = 0.1, 50, 0.02, 0 })
	state := optim.NewState(m.adapter)
	after, stats, err := u.Update(m.base, m.adapter, state, list, rng.New(5))
	require.NoError(t, err)
	assert.True(t, stats.Stopped)
	assert.Greater(t, stats.ApproxKL, 0.02)
	assert.Greater(t, stats.KL, 0.02, "the reference is farther than the target and stops nothing")
	assert.Positive(t, stats.Minibatches)
	assert.Less(t, stats.Minibatches, 20)
	assert.Equal(t, stats.Minibatches, state.Step)
	assert.NotEqual(t, m.adapter.Digest(), after.Digest(), "what was learnt before the stop is kept")
}

func (m *micro) diverges(t *testing.T) {
	list := m.rollout(t, 4, 0, 0)
	list[2].Advantages[0] = 1e39 // infinite in float32
	u := m.updater(t, func(c *Config) { c.MicrobatchSize = 1 })
	state := optim.NewState(m.adapter)
	after, _, err := u.Update(m.base, m.adapter, state, list, rng.New(5))
	require.ErrorIs(t, err, ErrDiverged)
	assert.Contains(t, err.Error(), "samples [2]")
	assert.Equal(t, m.adapter.Digest(), after.Digest())
	assert.Zero(t, state.Step)
	list[2].Advantages[0] = 1
	_, _, err = u.Update(m.base, m.adapter, state, list, rng.New(5))
	assert.NoError(t, err, "the updater goes on")
}

func (m *micro) refuses(t *testing.T) {
	good := Sample{Prompt: []int32{1}, Completion: []int32{2}, Old: []float64{-1}, Reference: []float64{-1}, Advantages: []float64{1}}
	for name, spoil := range map[string]func(*Sample){
		"no prompt":       func(s *Sample) { s.Prompt = nil },
		"no completion":   func(s *Sample) { s.Completion = nil },
		"old too short":   func(s *Sample) { s.Old = nil },
		"reference long":  func(s *Sample) { s.Reference = []float64{1, 2} },
		"advantages long": func(s *Sample) { s.Advantages = []float64{1, 2} },
		"a NaN":           func(s *Sample) { s.Advantages = []float64{math.NaN()} },
		"infinite":        func(s *Sample) { s.Old = []float64{math.Inf(-1)} },
	} {
		bad := good
		spoil(&bad)
		_, _, err := m.updater(t, nil).Update(m.base, m.adapter, optim.NewState(m.adapter), []Sample{good, bad}, rng.New(1))
		assert.ErrorIs(t, err, ErrSample, name)
	}
}

func TestConfigListsEveryFault(t *testing.T) {
	assert.NoError(t, Default().Validate())
	c := Default()
	c.Clip, c.Epochs, c.Temperature, c.KLMode, c.LearningRate = 1.5, 0, 0, "k2", math.NaN()
	err := c.Validate()
	require.ErrorIs(t, err, ErrConfig)
	for _, key := range []string{"clip", "epochs", "temperature", "kl_mode", "learning_rate"} {
		assert.Contains(t, err.Error(), key)
	}
	_, err = New(nil, decoder.Config{}, decoder.LoRA{}, c)
	assert.ErrorIs(t, err, ErrConfig)
}
