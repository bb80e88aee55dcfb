package engine_test

import (
	"fmt"
	"sync"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
)

// weighted is sum over the rows of x of (x . w) times scale, and its gradient by w.
func weighted(in []*Node) []*Node {
	x, scale, w := in[0], in[1], in[2]
	y := Mul(ReduceAllSum(Dot(x, w).General([]int{1}, nil, []int{0}, nil)), scale)
	return []*Node{y, Gradient(y, w)[0], ReduceAllMax(x)}
}

func TestASpreadFunctionComputesWhatOneDeviceDoes(t *testing.T) {
	enginetest.Devices(t, []int{1, 2, 4}, func(t *testing.T, e *engine.Engine) {
		f := e.NewFunc("weighted", weighted).Spread(0)
		x := tensors.FromValue([][]float32{{1, 2}, {3, 4}, {5, 6}, {7, 8}})
		w, scale := tensors.FromValue([]float32{1, -1}), tensors.FromScalar(float32(2))
		for range 3 {
			out, err := f.Call(x, scale, w)
			require.NoError(t, err)
			require.Len(t, out, 3)
			assert.Equal(t, float32(-8), out[0].Value()) // by hand: 2 * 4 * (-1)
			assert.Equal(t, []float32{32, 40}, out[1].Value())
			assert.Equal(t, float32(8), out[2].Value())
			// An output is an input of the next call, here w, without passing through the host.
			next, err := f.Call(x, out[0], out[1])
			require.NoError(t, err)
			assert.Equal(t, float32(-8*(16*32+20*40)), next[0].Value())
			for _, y := range append(out, next...) {
				y.MustFinalizeAll()
			}
		}
	})
}

func TestRowsThatDoNotDivideAreAnError(t *testing.T) {
	enginetest.Devices(t, []int{2, 4}, func(t *testing.T, e *engine.Engine) {
		f := e.NewFunc("weighted", weighted).Spread(0)
		w, scale := tensors.FromValue([]float32{1, -1}), tensors.FromScalar(float32(2))
		_, err := f.Call(tensors.FromValue([][]float32{{1, 2}, {3, 4}, {5, 6}}), scale, w)
		require.ErrorIs(t, err, engine.ErrRows)
		assert.Contains(t, err.Error(), fmt.Sprintf("%d devices", e.Info().Devices))
		assert.Equal(t, 4, f.Rows(3))
		assert.Equal(t, 3, e.NewFunc("alone", weighted).Rows(3))
		_, err = f.Call(tensors.FromScalar(float32(1)), scale, w)
		assert.ErrorIs(t, err, engine.ErrRows)
		out, err := f.Call(tensors.FromValue([][]float32{{1, 2}, {3, 4}, {5, 6}, {0, 0}}), scale, w)
		require.NoError(t, err, "the function is usable afterwards")
		assert.Equal(t, float32(-6), out[0].Value())
	})
}

func TestSpreadCallsFromSeveralGoroutinesDoNotInterleave(t *testing.T) {
	enginetest.Devices(t, []int{4}, func(t *testing.T, e *engine.Engine) {
		f, g := e.NewFunc("weighted", weighted).Spread(0), e.NewFunc("again", weighted).Spread(0)
		w, scale := tensors.FromValue([]float32{1, -1}), tensors.FromScalar(float32(2))
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				h := []*engine.Func{f, g}[i%2]
				for range 20 {
					out, err := h.Call(tensors.FromValue([][]float32{{1, 2}, {3, 4}, {5, 6}, {7, 8}}), scale, w)
					assert.NoError(t, err)
					assert.Equal(t, float32(-8), out[0].Value())
				}
			})
		}
		wg.Wait()
	})
}

func TestEnginesOfSeveralCountsLiveBesideEachOther(t *testing.T) {
	enginetest.Devices(t, []int{2}, func(t *testing.T, two *engine.Engine) {
		one, err := engine.Open("xla:cpu")
		require.NoError(t, err)
		defer one.Close()
		four, err := engine.Open("xla:cpu", engine.WithDevices(4))
		require.NoError(t, err)
		defer four.Close()
		for _, e := range []*engine.Engine{four, one, two, four} {
			out, err := e.NewFunc("weighted", weighted).Spread(0).Call(tensors.FromValue([][]float32{{1, 2}, {3, 4}, {5, 6}, {7, 8}}), tensors.FromScalar(float32(2)), tensors.FromValue([]float32{1, -1}))
			require.NoError(t, err)
			assert.Equal(t, float32(-8), out[0].Value())
		}
		assert.Contains(t, four.Info().Note, "4 devices")
	})
}

func TestMoreDevicesThanThereAreIsAnError(t *testing.T) {
	for _, c := range []struct {
		backend string
		devices int
	}{{"go", 2}, {"go", 0}, {"xla:cpu", -1}, {"xla:cuda", 4096}} {
		_, err := engine.Open(c.backend, engine.WithDevices(c.devices))
		assert.ErrorIs(t, err, engine.ErrUnavailable, c.backend)
	}
}
