package ppo

import (
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/policy"
	"securecoderl/securerl/rng"
)

// Two epochs over 7 samples in minibatches of 5 and 2, micro-batches of 3: neither 2 nor 4 devices share
// them equally.
func TestSeveralDevicesMakeTheUpdateOfOne(t *testing.T) {
	type outcome struct {
		stats   Stats
		weights []float32
	}
	var want outcome
	enginetest.Devices(t, []int{1, 2, 4}, func(t *testing.T, e *engine.Engine) {
		m := newMicro(t, e)
		c := Default()
		c.MinibatchSize, c.MicrobatchSize, c.Epochs, c.TargetKL, c.EntropyWeight, c.LearningRate = 5, 3, 2, 0, 0.01, 1e-3
		u, err := New(e, m.config, m.lora, c)
		require.NoError(t, err)
		next, stats, err := u.Update(m.base, m.adapter, optim.NewState(m.adapter), rollout(7), rng.New(4))
		require.NoError(t, err)
		var weights []float32
		for _, x := range next.Tensors {
			weights = append(weights, tensors.MustCopyFlatData[float32](x)...)
		}
		if e.Info().Devices == 1 {
			want = outcome{stats, weights}
			return
		}
		assert.InEpsilon(t, want.stats.PolicyLoss, stats.PolicyLoss, 1e-5)
		assert.InEpsilon(t, want.stats.KL, stats.KL, 1e-5)
		assert.InEpsilon(t, want.stats.Entropy, stats.Entropy, 1e-5)
		assert.InEpsilon(t, want.stats.GradNorm, stats.GradNorm, 1e-5)
		assert.InEpsilon(t, want.stats.MaxRatio, stats.MaxRatio, 1e-4)
		assert.Equal(t, want.stats.Minibatches, stats.Minibatches)
		assert.Less(t, relative(want.weights, weights), 1e-5, "weights")
	})
}

// So with a critic and importance weights, whose inputs are rows too.
func TestSeveralDevicesTrainTheCriticOfOne(t *testing.T) {
	var want []float32
	enginetest.Devices(t, []int{1, 2}, func(t *testing.T, e *engine.Engine) {
		m := newMicro(t, e)
		c := Default()
		c.MinibatchSize, c.MicrobatchSize, c.TargetKL, c.LearningRate, c.ValueWeight, c.ValueClip, c.ImportanceCap = 5, 3, 0, 1e-3, 0.5, 0.2, 2
		u, err := New(e, m.config, m.lora, c)
		require.NoError(t, err)
		samples, s := rollout(7), rng.New(12).Stream()
		for i := range samples {
			for range samples[i].Completion {
				samples[i].Values, samples[i].Returns = append(samples[i].Values, s.NormFloat64()), append(samples[i].Returns, s.NormFloat64())
				samples[i].Sampler = append(samples[i].Sampler, -3+0.3*s.NormFloat64())
			}
		}
		all := policy.Join(m.adapter, policy.NewHead(m.config))
		next, stats, err := u.Update(m.base, all, optim.NewState(all), samples, rng.New(4))
		require.NoError(t, err)
		assert.NotZero(t, stats.ValueLoss)
		var weights []float32
		for _, x := range next.Tensors {
			weights = append(weights, tensors.MustCopyFlatData[float32](x)...)
		}
		if e.Info().Devices == 1 {
			want = weights
			return
		}
		assert.Less(t, relative(want, weights), 1e-5, "weights")
	})
}

// relative is the distance of b from a by the size of a.
func relative(a, b []float32) float64 {
	d, size := 0.0, 0.0
	for i := range a {
		d += float64(a[i]-b[i]) * float64(a[i]-b[i])
		size += float64(a[i]) * float64(a[i])
	}
	return math.Sqrt(d / size)
}

// rollout is samples of several lengths with numbers as a sampler might have left them.
func rollout(n int) []Sample {
	s := rng.New(11).Stream()
	list := make([]Sample, n)
	for i := range list {
		x := Sample{}
		for range 1 + s.IntN(4) {
			x.Prompt = append(x.Prompt, int32(4+s.IntN(20)))
		}
		for range 2 + s.IntN(9) {
			x.Completion = append(x.Completion, int32(4+s.IntN(20)))
			x.Old, x.Reference, x.Advantages = append(x.Old, -3+0.3*s.NormFloat64()), append(x.Reference, -3+0.3*s.NormFloat64()), append(x.Advantages, s.NormFloat64())
		}
		list[i] = x
	}
	return list
}
