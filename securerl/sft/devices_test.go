package sft

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/rng"
)

// course is what a few steps did: losses, norms, and the weights before and after.
type course struct{ losses, norms, start, weights []float64 }

// train makes three steps on 5 rows in micro-batches of 3: neither 2 nor 4 devices share
// them equally.
func train(t *testing.T, e *engine.Engine, kind string) (c course) {
	t.Helper()
	m := newMicro(e)
	m.lora.Dropout = 0.3
	m.config.Compute = decoder.Compute{Checkpointed: true, LossTokens: 96}
	config := Config{AdamW: optim.AdamW{LearningRate: 1e-2, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-8, ClipNorm: 0.5}, Steps: 10, MicrobatchSize: 3, Key: rng.New(7)}
	trainer, base, params := New(e, m.config, &m.lora, config), m.base, m.adapter
	if kind == "all weights" {
		trainer, base, params = New(e, m.config, nil, config), nil, m.base
	}
	c.start = flatten(params)
	state := optim.NewState(params)
	for step := range 3 {
		next, stats, err := trainer.Step(base, params, state, rows(5), step)
		require.NoError(t, err)
		params = next
		c.losses, c.norms = append(c.losses, stats.Loss), append(c.norms, stats.Norm)
	}
	c.weights = flatten(params)
	return c
}

func TestSeveralDevicesMakeTheStepsOfOne(t *testing.T) {
	alone := map[string]course{}
	enginetest.Devices(t, []int{1, 2, 4}, func(t *testing.T, e *engine.Engine) {
		for _, kind := range []string{"adapter with dropout", "all weights"} {
			got := train(t, e, kind)
			if e.Info().Devices == 1 {
				alone[kind] = got
				continue
			}
			want := alone[kind]
			for i := range want.losses {
				assert.InEpsilon(t, want.losses[i], got.losses[i], 1e-5, "%s: loss of step %d", kind, i)
				assert.InEpsilon(t, want.norms[i], got.norms[i], 1e-5, "%s: norm of step %d", kind, i)
			}
			d, size := distance(want.weights, got.weights)
			assert.Less(t, d/size, 1e-5, "%s: weights", kind)
			moved, _ := distance(want.weights, want.start)
			assert.Greater(t, moved/size, 1e-3, "%s: the steps moved the weights", kind)
		}
	})
}

// A program on several devices samples on the first, with weights that steps on all of
// them made.
func TestTheFirstDeviceSamplesWithWhatAllDevicesTrained(t *testing.T) {
	texts := map[int][]decoder.Sampled{}
	enginetest.Devices(t, []int{1, 2}, func(t *testing.T, e *engine.Engine) {
		m := newMicro(e)
		state := optim.NewState(m.adapter)
		adapter, _, err := m.tuner.Step(m.base, m.adapter, state, rows(5), 1)
		require.NoError(t, err)
		s := decoder.NewSampler(e, m.config, &m.lora, decoder.Law{Temperature: 1}, 8, 6, 3)
		drawn, err := s.Sample(m.base, adapter, [][]int32{{5, 6, 7}, {8}}, []rng.Key{rng.New(1), rng.New(2)})
		require.NoError(t, err)
		texts[e.Info().Devices] = drawn
	})
	for i := range texts[2] {
		assert.Equal(t, texts[1][i].Tokens, texts[2][i].Tokens)
	}
}
