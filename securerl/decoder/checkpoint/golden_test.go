package checkpoint_test

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/safetensors"
)

// testdata/checkpoint holds what Transformers 5.23 and PEFT 0.21 answered (make.py there).
const folders = "../../../testdata/checkpoint"

const logitTolerance = 5e-4 // float32; a wrong formula moves a logit by 2e-3 and more

func tensor(t *testing.T, path, name string) safetensors.Tensor {
	t.Helper()
	f, err := safetensors.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, f.Close()) })
	x, err := f.Tensor(name)
	require.NoError(t, err)
	return x
}

func floats(t *testing.T, path, name string) []float32 {
	t.Helper()
	v, err := tensor(t, path, name).Float32()
	require.NoError(t, err)
	return v
}

func ids(t *testing.T, path string) (rows, length int, values []int32) {
	t.Helper()
	x := tensor(t, path, "input_ids")
	for i := 0; i < len(x.Data); i += 8 {
		values = append(values, int32(binary.LittleEndian.Uint64(x.Data[i:])))
	}
	return x.Shape[0], x.Shape[1], values
}

// logits runs whole rows.
func logits(t *testing.T, e *engine.Engine, c decoder.Config, l *decoder.LoRA, base, adapter *engine.Tree, tokens []int32, rows int) []float32 {
	t.Helper()
	f := e.NewFunc("logits", func(in []*Node) []*Node {
		var extra []*Node
		if adapter != nil {
			extra = in[1+base.Len():]
		}
		n := decoder.Bind(e, c, l, in[1:1+base.Len()], extra)
		return []*Node{n.Logits(n.Hidden(in[0]))}
	})
	in := append([]*tensors.Tensor{tensors.FromFlatDataAndDimensions(tokens, rows, len(tokens)/rows)}, base.Tensors...)
	if adapter != nil {
		in = append(in, adapter.Tensors...)
	}
	out, err := f.Call(in...)
	require.NoError(t, err)
	return tensors.MustCopyFlatData[float32](out[0])
}

func worst(t *testing.T, want, got []float32) (d float64) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		d = math.Max(d, math.Abs(float64(got[i]-want[i])))
	}
	return d
}

// place puts a folder on the device as it is stored, here in BF16.
func place(t *testing.T, e *engine.Engine, dir string) (decoder.Config, *engine.Tree) {
	t.Helper()
	f, err := checkpoint.Open(dir)
	require.NoError(t, err)
	var seen []int64
	c, base, err := f.Place(t.Context(), e, func(done, total int64) {
		assert.Equal(t, f.Bytes(), total)
		seen = append(seen, done)
	})
	require.NoError(t, err)
	assert.IsIncreasing(t, seen)
	assert.Equal(t, f.Bytes(), seen[len(seen)-1])
	require.NoError(t, f.Close())
	return c, base
}

func TestScalingsBiasesWindowsAndAdaptersAreThoseOfTransformersAndPEFT(t *testing.T) {
	for _, name := range []string{"llama3", "dynamic", "qwen2_window", "gpt2", "starcoder2"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(folders, name)
			expected := filepath.Join(dir, "expected.safetensors")
			rows, length, tokens := ids(t, expected)
			enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
				c, base := place(t, e, dir)
				if name == "dynamic" {
					short := append(append([]int32{}, tokens[:20]...), tokens[length:length+20]...)
					assert.Less(t, worst(t, floats(t, expected, "short_logits"), logits(t, e, c, nil, base, nil, short, rows)), logitTolerance)
					c.RopeScaling.Original = length
				}
				assert.Less(t, worst(t, floats(t, expected, "logits"), logits(t, e, c, nil, base, nil, tokens, rows)), logitTolerance)
				if _, err := os.Stat(filepath.Join(dir, "adapter")); err != nil {
					return
				}
				l, adapter, err := checkpoint.LoadAdapter(filepath.Join(dir, "adapter"), c)
				require.NoError(t, err)
				got := logits(t, e, c, &l, base, adapter, tokens, rows)
				assert.Less(t, worst(t, floats(t, expected, "adapter_logits"), got), logitTolerance)
				assert.Greater(t, worst(t, floats(t, expected, "logits"), got), 0.1, "the adapter changes something")
			})
		})
	}
}

func TestATextLongerThanItsPositionsIsRefused(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		for name, limit := range map[string]int{"dynamic": 24, "gpt2": 64} {
			c, base, err := checkpoint.Load(filepath.Join(folders, name))
			require.NoError(t, err)
			assert.Equal(t, limit, c.Longest())
			f := e.NewFunc("long", func(in []*Node) []*Node { return []*Node{decoder.Bind(e, c, nil, in[1:], nil).Hidden(in[0])} })
			_, err = f.Call(append([]*tensors.Tensor{tensors.FromFlatDataAndDimensions(make([]int32, limit+1), 1, limit+1)}, base.Tensors...)...)
			assert.ErrorIs(t, err, decoder.ErrLong)
		}
	})
}

// Decoding with a cache and the training graph are two programs: they must agree in
// every family, beyond the window too, and for prompts of unequal lengths.
func TestTheCacheAndWholeRowsGiveTheSameLogProbabilities(t *testing.T) {
	for _, name := range []string{"qwen2_window", "gpt2"} {
		t.Run(name, func(t *testing.T) {
			var first []decoder.Sampled
			enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
				c, base := place(t, e, filepath.Join(folders, name))
				prompts := [][]int32{{5, 9, 33}, {7, 7, 12, 40, 8, 3, 22}, {60}, {2, 44, 31, 18, 9}}
				keys := []rng.Key{rng.New(1), rng.New(2), rng.New(3), rng.New(4)}
				out, err := decoder.NewSampler(e, c, nil, decoder.Law{Temperature: 1.3}, 8, 16).Sample(base, nil, prompts, keys)
				require.NoError(t, err)
				if first == nil {
					first = out
				}
				const s = 24
				tokens, targets := make([]int32, 4*s), make([]int32, 4*s)
				for i, o := range out {
					require.Len(t, o.Tokens, 16)
					assert.Equal(t, first[i].Tokens, o.Tokens, "tokens are equal on every backend")
					row := append(append([]int32{}, prompts[i]...), o.Tokens...)
					copy(tokens[i*s:], row[:len(row)-1])
					copy(targets[i*s:], row[1:])
				}
				f := e.NewFunc("score", func(in []*Node) []*Node {
					n := decoder.Bind(e, c, nil, in[3:], nil)
					lp, _ := decoder.TokenLogProbs(n.Logits(n.Hidden(in[0])), in[1], in[2])
					return []*Node{lp}
				})
				in := []*tensors.Tensor{tensors.FromFlatDataAndDimensions(tokens, 4, s), tensors.FromFlatDataAndDimensions(targets, 4, s), tensors.FromScalar(float32(1.3))}
				res, err := f.Call(append(in, base.Tensors...)...)
				require.NoError(t, err)
				flat := tensors.MustCopyFlatData[float32](res[0])
				for i, o := range out {
					for k, lp := range o.LogProbs {
						assert.InDelta(t, flat[i*s+len(prompts[i])-1+k], lp, 1e-4)
					}
				}
			})
		})
	}
}
