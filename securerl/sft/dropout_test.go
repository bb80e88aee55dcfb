package sft

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/rng"
)

// What a row loses depends on the key, the step and its place, not on its company.
func TestDropoutHasAKey(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		m := newMicro(e)
		l := m.lora
		l.Dropout = 0.5
		dropping := New(e, m.config, &l, m.tuner.config)
		loss := func(tr *Trainer, step int) (float64, string) {
			next, stats, err := tr.Step(m.base, m.adapter, optim.NewState(m.adapter), rows(8), step)
			require.NoError(t, err)
			return stats.Loss, next.Digest()
		}
		plain, _ := loss(m.tuner, 0)
		first, weights := loss(dropping, 0)
		again, same := loss(dropping, 0)
		assert.Equal(t, first, again)
		assert.Equal(t, weights, same)
		assert.NotEqual(t, plain, first)
		whole, _ := loss(with(dropping, func(c *Config) { c.MicrobatchSize = 0 }), 0)
		assert.InDelta(t, first, whole, 1e-5, "micro-batches change nothing")
		later, _ := loss(dropping, 1)
		assert.NotEqual(t, first, later)
		other, _ := loss(with(dropping, func(c *Config) { c.Key = rng.New(5) }), 0)
		assert.NotEqual(t, first, other)
	})
}
