package rng_test

import (
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
	"securecoderl/securerl/rng"
)

// words computes Bits on a backend: result [len(keys)][n].
func words(t *testing.T, e *engine.Engine, keys [][]uint32, pos []int32, n int) [][]uint32 {
	t.Helper()
	f := e.NewFunc("bits", func(in []*graph.Node) []*graph.Node { return []*graph.Node{rng.Bits(in[0], in[1], n)} })
	out, err := f.Call(tensors.FromValue(keys), tensors.FromValue(pos))
	require.NoError(t, err)
	return out[0].Value().([][]uint32)
}

func TestBitsAreThoseOfTheHost(t *testing.T) {
	keys := [][]uint32{{0, 0}, {math.MaxUint32, math.MaxUint32}, {0x13198a2e, 0x03707344}, {1, 2}}
	pos := []int32{0, -1, 0x243f6a88, 77}
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		for _, n := range []int{1, 2, 7, 256} {
			got := words(t, e, keys, pos, n)
			for i, row := range got {
				require.Len(t, row, n)
				half := (n + 1) / 2
				for c := range half {
					x0, x1 := rng.Threefry(rng.Key{keys[i][0], keys[i][1]}, uint32(pos[i]), uint32(c))
					require.Equal(t, x0, row[c], "row %d column %d of %d", i, c, n)
					if half+c < n {
						require.Equal(t, x1, row[half+c], "row %d column %d of %d", i, half+c, n)
					}
				}
			}
		}
	})
}

func TestBitsDoNotDependOnTheBatch(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		alone := words(t, e, [][]uint32{{5, 6}}, []int32{9}, 11)
		among := words(t, e, [][]uint32{{1, 1}, {5, 6}, {2, 2}}, []int32{0, 9, 4}, 11)
		assert.Equal(t, alone[0], among[1])
	})
}

func TestGumbelAgainstFloat64(t *testing.T) {
	bits := []uint32{0, 1, 2, 255, 1 << 16, 1 << 24, 1<<31 - 1, 1 << 31, 3 << 30, math.MaxUint32 - 1<<9, math.MaxUint32}
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		f := e.NewFunc("gumbel", func(in []*graph.Node) []*graph.Node { return []*graph.Node{rng.Gumbel(in[0])} })
		out, err := f.Call(tensors.FromValue(bits))
		require.NoError(t, err)
		for i, got := range out[0].Value().([]float32) {
			u := min((float64(bits[i])+0.5)/(1<<32), 1-1.0/(1<<24))
			// Relative 2^-24 of u, amplified by at most 1/(1-u)/E where u is near 1.
			assert.InDelta(t, -math.Log(-math.Log1p(-u)), float64(got), 0.06, "bits %d", bits[i])
			if u < 0.9 {
				assert.InDelta(t, -math.Log(-math.Log1p(-u)), float64(got), 3e-6, "bits %d", bits[i])
			}
			assert.True(t, got >= -2.82 && got <= 22.88)
		}
	})
}

// A draw by argmax of logits plus noise must follow the softmax; the limit is 4.5
// standard errors of each share.
func TestGumbelArgmaxFollowsTheSoftmax(t *testing.T) {
	const rows = 4000
	logits := []float32{0, 1, 2, -1}
	keys, pos := make([][]uint32, rows), make([]int32, rows)
	for i := range keys {
		k := rng.New(42).Fold(uint32(i))
		keys[i] = k[:]
	}
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		f := e.NewFunc("draw", func(in []*graph.Node) []*graph.Node {
			noise := rng.Gumbel(rng.Bits(in[0], in[1], len(logits)))
			return []*graph.Node{graph.ArgMax(graph.Add(noise, graph.InsertAxes(in[2], 0)), -1)}
		})
		out, err := f.Call(tensors.FromValue(keys), tensors.FromValue(pos), tensors.FromValue(logits))
		require.NoError(t, err)
		counts := make([]float64, len(logits))
		for _, token := range out[0].Value().([]int32) {
			counts[token]++
		}
		total := 0.0
		for _, l := range logits {
			total += math.Exp(float64(l))
		}
		for i, l := range logits {
			p := math.Exp(float64(l)) / total
			assert.InDelta(t, p, counts[i]/rows, 4.5*math.Sqrt(p*(1-p)/rows))
		}
	})
}
