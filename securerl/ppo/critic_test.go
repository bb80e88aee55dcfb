package ppo

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/policy"
	"securecoderl/securerl/rng"
)

// actor is a micro model with a critic whose weights are not zero; both graphs of its
// updater weigh tokens.
func actor(t *testing.T, e *engine.Engine) (*micro, *engine.Tree) {
	t.Helper()
	m := newMicro(t, e)
	c := Default()
	c.ValueWeight, c.ImportanceCap = 1, 2
	var err error
	m.shared, err = New(e, m.config, m.lora, c)
	require.NoError(t, err)
	head := policy.NewHead(m.config)
	move(head, direction(head, 12), 0.3)
	return m, policy.Join(m.adapter, head)
}

// criticized adds to a rollout what a critic needs, and a sampler without a gap.
func (m *micro) criticized(t *testing.T, n int) []Sample {
	list, s := m.rollout(t, n, 0.15, 0.3), rng.New(10).Stream()
	for i := range list {
		list[i].Sampler = list[i].Old
		for range list[i].Completion {
			list[i].Values, list[i].Returns = append(list[i].Values, 0.5*s.NormFloat64()), append(list[i].Returns, s.NormFloat64())
		}
	}
	return list
}

func TestCritic(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		m, weights := actor(t, e)
		for name, test := range map[string]func(*micro, *testing.T, *engine.Tree){
			"the gradient of the whole loss is its slope":                (*micro).criticSlope,
			"any partition into micro-batches gives the same gradient":   (*micro).criticPartition,
			"a warm-up moves the head and no byte of the adapter":        (*micro).warmUp,
			"a critic learns what is earned":                             (*micro).criticLearns,
			"an importance weight multiplies the policy's loss alone":    (*micro).importance,
			"weights and samples that do not fit the config are refused": (*micro).criticRefuses,
		} {
			t.Run(name, func(t *testing.T) { test(m, t, weights) })
		}
	})
}

func (m *micro) criticSlope(t *testing.T, weights *engine.Tree) {
	list, rows := m.criticized(t, 5), []int{0, 1, 2, 3, 4}
	for i := range list { // weights between 0.8 and the cap
		list[i].Sampler = append([]float64(nil), list[i].Old...)
		for k := range list[i].Sampler {
			list[i].Sampler[k] += 0.2 - float64(k%3)
		}
	}
	for _, clip := range []float64{0.3, 0} {
		u := m.updater(t, func(c *Config) { c.KLWeight, c.EntropyWeight, c.ValueWeight, c.ValueClip = 0.5, 0.3, 0.7, clip })
		_, grads, _, err := m.gradient(u, weights, list, rows)
		require.NoError(t, err)
		g := flatten(grads)
		for seed := range uint64(3) {
			d := direction(weights, 200+seed)
			const h = 5e-4
			loss := func(scale float64) float64 {
				moved := weights.Clone()
				move(moved, d, scale)
				got, _, _, err := m.gradient(u, moved, list, rows)
				require.NoError(t, err)
				return got[outLoss]
			}
			assert.InDelta(t, dot(g, flatten(d)), (loss(h)-loss(-h))/(2*h), 0.02*norm(g), "clip %g, direction %d; norm of the gradient %g", clip, seed, norm(g))
		}
	}
}

func (m *micro) criticPartition(t *testing.T, weights *engine.Tree) {
	list, rows := m.criticized(t, 7), []int{6, 2, 0, 4, 1, 5, 3}
	var want []float64
	var whole [metrics]float64
	for _, size := range []int{7, 1, 4} {
		u := m.updater(t, func(c *Config) { c.MicrobatchSize, c.ValueClip = size, 0.2 })
		got, grads, _, err := m.gradient(u, weights, list, rows)
		require.NoError(t, err)
		diff := flatten(grads)
		if want == nil {
			want, whole = flatten(grads), got
			assert.Positive(t, got[outValue])
			assert.Positive(t, got[outValueClipped])
			head, sums, _, err := u.gradient(u.headOnly(m.base, weights), list, rows)
			require.NoError(t, err)
			assert.InDeltaSlice(t, diff[len(diff)-m.config.HiddenSize-1:], flatten(sums), 1e-5*norm(want), "the head alone has the head's part of the gradient")
			assert.InDeltaSlice(t, whole[:], head[:], 1e-5)
		}
		for i := range diff {
			diff[i] -= want[i]
		}
		assert.LessOrEqual(t, norm(diff), 1e-5*norm(want), "micro-batches of %d", size)
		for k := range metrics {
			assert.InDelta(t, whole[k], got[k], 1e-5, "metric %d, micro-batches of %d", k, size)
		}
	}
}

func (m *micro) warmUp(t *testing.T, weights *engine.Tree) {
	list := m.criticized(t, 10)
	u := m.updater(t, func(c *Config) { c.WeightDecay, c.Epochs = 0.1, 2 })
	adapter, head := policy.Divide(weights)
	before, headBefore, state := adapter.Digest(), head.Digest(), optim.NewState(head)
	after, stats, err := u.WarmUp(m.base, weights, state, list, rng.New(5))
	require.NoError(t, err)
	assert.Equal(t, 6, stats.Minibatches)
	assert.Equal(t, 6, state.Step)
	a, h := policy.Divide(after)
	assert.Equal(t, before, a.Digest())
	assert.NotEqual(t, headBefore, h.Digest())
	assert.Equal(t, headBefore, head.Digest(), "the head that came in is untouched")
	all, _, err := u.Update(m.base, after, optim.NewState(after), list, rng.New(5))
	require.NoError(t, err)
	a, _ = policy.Divide(all)
	assert.NotEqual(t, before, a.Digest(), "an update moves the adapter too")
}

// Returns that depend on nothing but the token before are learnt by the head alone.
func (m *micro) criticLearns(t *testing.T, _ *engine.Tree) {
	list, n, odd := m.criticized(t, 12), 0.0, 0.0
	for i, x := range list {
		seen := append([]int32{x.Prompt[len(x.Prompt)-1]}, x.Completion...)
		for k := range x.Completion {
			list[i].Values[k], list[i].Returns[k] = 0, float64(seen[k]%2)
			n, odd = n+1, odd+list[i].Returns[k]
		}
	}
	constant := 0.5 * odd / n * (1 - odd/n) // half the variance: the loss of the best critic that sees nothing
	u := m.updater(t, func(c *Config) { c.LearningRate, c.ValueClip, c.MinibatchSize, c.MicrobatchSize = 0.05, 0, 12, 12 })
	weights := policy.Join(m.adapter, policy.NewHead(m.config))
	_, head := policy.Divide(weights)
	state, last := optim.NewState(head), 0.0
	for step := range 60 {
		next, stats, err := u.WarmUp(m.base, weights, state, list, rng.New(uint64(step)))
		require.NoError(t, err)
		weights, last = next, stats.ValueLoss
	}
	assert.Less(t, last, 0.8*constant)
}

// A gap made by hand: the sampler thought a token rarer by ln 1.5, so it weighs 1.5; by
// ln 8, and it weighs no more than the cap.
func (m *micro) importance(t *testing.T, weights *engine.Tree) {
	list, rows := m.criticized(t, 4), []int{0, 1, 2, 3}
	u := m.updater(t, nil)
	one, gradOne, _, err := m.gradient(u, weights, list, rows)
	require.NoError(t, err)
	for gap, want := range map[float64]float64{math.Log(1.5): 1.5, math.Log(0.25): 0.25, math.Log(8): 2} {
		far := make([]Sample, len(list))
		for i, x := range list {
			x.Sampler = append([]float64(nil), x.Old...)
			for k := range x.Sampler {
				x.Sampler[k] -= gap
			}
			far[i] = x
		}
		got, grads, _, err := m.gradient(u, weights, far, rows)
		require.NoError(t, err)
		assert.InDelta(t, want*one[outPolicy], got[outPolicy], 1e-5)
		for k := range metrics {
			if k != outPolicy && k != outLoss {
				assert.InDelta(t, one[k], got[k], 1e-6, "metric %d", k)
			}
		}
		// Advantages scaled by hand give the same gradient: the weight is a number.
		for i := range far {
			x := list[i]
			x.Advantages = append([]float64(nil), x.Advantages...)
			for k := range x.Advantages {
				x.Advantages[k] *= want
			}
			far[i] = x
		}
		_, byHand, _, err := m.gradient(u, weights, far, rows)
		require.NoError(t, err)
		assert.InDeltaSlice(t, flatten(byHand), flatten(grads), 1e-5*norm(flatten(gradOne)))
	}
	near, capped := list[0], list[1]
	capped.Sampler = append([]float64(nil), capped.Old...)
	for k := range capped.Sampler {
		capped.Sampler[k] -= 3
	}
	_, stats, err := u.Update(m.base, weights, optim.NewState(weights), []Sample{near, capped}, rng.New(1))
	require.NoError(t, err)
	share := float64(len(capped.Completion)) / float64(stats.Tokens)
	assert.InDelta(t, share, stats.ImportanceCapped, 1e-9)
	assert.InDelta(t, 1+share, stats.Importance, 1e-9, "weights of one and of two")
}

func TestImportanceIsTruncatedFromAboveOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		trainer, sampler := rapid.Float64Range(-300, 0).Draw(t, "trainer"), rapid.Float64Range(-300, 0).Draw(t, "sampler")
		limit := rapid.Float64Range(1, 10).Draw(t, "limit")
		w := Importance([]float64{trainer}, []float64{sampler}, limit)
		require.Len(t, w, 1)
		assert.True(t, w[0] >= 0 && w[0] <= limit)
		if trainer-sampler <= math.Log(limit) {
			assert.InDelta(t, trainer-sampler, math.Log(w[0]), 1e-9)
		} else {
			assert.InDelta(t, limit, w[0], 1e-9*limit)
		}
	})
	assert.Equal(t, []float64{1, 1}, Importance([]float64{-3, -0.1}, []float64{-3, -0.1}, 1), "no gap, no weight")
}

func (m *micro) criticRefuses(t *testing.T, weights *engine.Tree) {
	good := m.criticized(t, 1)[0]
	u := m.updater(t, nil)
	for name, spoil := range map[string]func(*Sample){
		"no values":         func(s *Sample) { s.Values = nil },
		"returns too long":  func(s *Sample) { s.Returns = append(s.Returns, 1) },
		"sampler":           func(s *Sample) { s.Sampler = nil },
		"NaN in values":     func(s *Sample) { s.Values = append([]float64{math.NaN()}, s.Values[1:]...) },
		"+Inf in returns":   func(s *Sample) { s.Returns = append([]float64{math.Inf(1)}, s.Returns[1:]...) },
		"-Inf in sampler":   func(s *Sample) { s.Sampler = append([]float64{math.Inf(-1)}, s.Sampler[1:]...) },
		"NaN in advantages": func(s *Sample) { s.Advantages = append([]float64{math.NaN()}, s.Advantages[1:]...) },
	} {
		bad := good
		spoil(&bad)
		_, _, err := u.Update(m.base, weights, optim.NewState(weights), []Sample{good, bad}, rng.New(1))
		require.ErrorIs(t, err, ErrSample, name)
		assert.Contains(t, err.Error(), "1 of 2", name)
	}
	_, _, err := u.Update(m.base, m.adapter, optim.NewState(m.adapter), []Sample{good}, rng.New(1))
	assert.ErrorIs(t, err, ErrConfig, "no head")
	_, head := policy.Divide(weights)
	_, _, err = u.Update(m.base, head, optim.NewState(head), []Sample{good}, rng.New(1))
	assert.ErrorIs(t, err, ErrConfig, "no adapter")
	plain, err := New(m.e, m.config, m.lora, Default())
	require.NoError(t, err)
	_, _, err = plain.Update(m.base, weights, optim.NewState(weights), []Sample{good}, rng.New(1))
	assert.ErrorIs(t, err, ErrConfig, "a head where no critic is wanted")
	_, _, err = plain.WarmUp(m.base, m.adapter, optim.NewState(m.adapter), []Sample{good}, rng.New(1))
	assert.ErrorIs(t, err, ErrConfig, "nothing to warm up")
}

func TestConfigOfACriticAndItsFaults(t *testing.T) {
	c := Default()
	c.ValueWeight, c.ValueClip, c.ImportanceCap = 0.5, 0.2, 2
	assert.NoError(t, c.Validate())
	c.ValueWeight, c.ValueClip, c.ImportanceCap = -1, math.NaN(), 0.5
	err := c.Validate()
	require.ErrorIs(t, err, ErrConfig)
	for _, key := range []string{"value_weight", "value_clip", "importance_cap"} {
		assert.Contains(t, err.Error(), key)
	}
}
