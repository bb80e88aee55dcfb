package decoder

import (
	"math"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
)

// The share of zeros is the one asked for, what stays is scaled so that the mean stays,
// and rows with other keys and maps with other numbers lose other inputs.
func TestDropoutKeepsTheMean(t *testing.T) {
	const rows, s, e, p = 3, 40, 100, 0.25
	enginetest.Each(t, func(t *testing.T, engine *engine.Engine) {
		f := engine.NewFunc("drop", func(in []*Node) []*Node {
			n := (&Net{lora: &LoRA{Rank: 1, Dropout: p}}).WithDropout(in[1])
			return []*Node{n.drop(in[0], 0), n.drop(in[0], 1)}
		})
		ones := make([]float32, rows*s*e)
		for i := range ones {
			ones[i] = 1
		}
		keys := []uint32{7, 1, 7, 2, 7, 1} // the first and the last row have one key
		out, err := f.Call(tensors.FromFlatDataAndDimensions(ones, rows, s, e), tensors.FromFlatDataAndDimensions(keys, rows, 2))
		require.NoError(t, err)
		first, second := tensors.MustCopyFlatData[float32](out[0]), tensors.MustCopyFlatData[float32](out[1])
		zeros, differ := 0, 0
		for i, x := range first {
			if x == 0 {
				zeros++
			} else {
				require.InDelta(t, 1/(1-p), x, 1e-6)
			}
			if x != second[i] {
				differ++
			}
		}
		n := float64(rows * s * e)
		deviation := math.Sqrt(n * p * (1 - p) * 1.5) // two rows are one draw
		assert.InDelta(t, n*p, zeros, 5*deviation)
		assert.InDelta(t, n*2*p*(1-p), differ, 5*deviation)
		assert.Equal(t, first[:s*e], first[2*s*e:], "equal keys")
		assert.NotEqual(t, first[:s*e], first[s*e:2*s*e], "other keys")
	})
}
