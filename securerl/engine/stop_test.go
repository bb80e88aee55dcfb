package engine_test

import (
	"context"
	"errors"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
)

func TestADeviceWithoutMemoryIsAnErrorAndTheEngineGoesOn(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		if e.IsGo() {
			return // the Go runtime ends the process: see ErrMemory
		}
		const n = 1 << 19 // [n, n] of float32 is 1 TiB
		f := e.NewFunc("huge", func(in []*Node) []*Node {
			a := BroadcastToDims(Reshape(in[0], n, 1), n, n)
			return []*Node{Add(Mul(a, Transpose(a, 0, 1)), a)}
		})
		in := tensors.FromValue(make([]float32, n))
		_, err := f.Call(in)
		require.ErrorIs(t, err, engine.ErrMemory)
		var m *engine.MemoryError
		require.ErrorAs(t, err, &m)
		assert.Equal(t, "huge", m.Func)
		assert.GreaterOrEqual(t, m.Bytes, int64(1<<40))
		assert.Contains(t, err.Error(), "huge asked for")
		assert.NoError(t, e.SelfCheck())
		assert.Len(t, tensors.MustCopyFlatData[float32](in), n, "the input is as it was")
	})
}

// The words of PJRT's plugins, by hand.
func TestARefusalOfMemoryIsKnownByItsWords(t *testing.T) {
	for text, bytes := range map[string]int64{
		"PJRT error (code=8): Out of memory allocating 1099511627776 bytes.":               1 << 40,
		"PJRT error (code=8): Out of memory while trying to allocate 1.50GiB.":             3 << 29,
		"RESOURCE_EXHAUSTED: Out of memory while trying to allocate 1024 bytes. [a trace]": 1024,
		"PJRT error (code=8): something else ran out":                                      0,
	} {
		err := engine.Refusal("step", errors.New(text))
		var m *engine.MemoryError
		require.ErrorAs(t, err, &m, text)
		assert.Equal(t, bytes, m.Bytes, text)
		assert.Same(t, err, engine.Refusal("other", err), "it is wrapped once")
	}
	other := errors.New("PJRT error (code=3): invalid argument")
	assert.Same(t, other, engine.Refusal("step", other))
	assert.NoError(t, engine.Refusal("step", nil))
}

func TestWorkStopsBetweenCalls(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		f := e.NewFunc("double", func(in []*Node) []*Node { return []*Node{Add(in[0], in[0])} })
		ctx, cancel := context.WithCancelCause(t.Context())
		e.Until(ctx)
		defer e.Until(context.Background())
		_, err := f.Call(tensors.FromScalar(float32(1)))
		require.NoError(t, err)
		why := errors.New("the scheduler asked")
		cancel(why)
		_, err = f.Call(tensors.FromScalar(float32(1)))
		assert.ErrorIs(t, err, why)
	})
}
