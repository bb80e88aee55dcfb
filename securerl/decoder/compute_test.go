package decoder_test

import (
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
	"securecoderl/securerl/rng"
)

// outcome is what a loss over both results of TokenLogProbs gives: log-probabilities,
// entropies, and the gradient of every weight that is trained.
type outcome struct {
	logp, entropy []float32
	gradients     [][]float32
}

// computed trains the adapter, or without one all weights, under a way to compute.
func computed(t *testing.T, e *engine.Engine, c decoder.Config, l *decoder.LoRA, base, adapter *engine.Tree, how decoder.Compute, temperature float32) outcome {
	t.Helper()
	const rows, length = 3, 21
	c.Compute = how
	ids, targets, weights := make([]int32, rows*length), make([]int32, rows*length), make([]float32, rows*length)
	s := rng.New(4).Stream()
	for i := range ids {
		ids[i], targets[i], weights[i] = int32(s.IntN(c.VocabSize)), int32(s.IntN(c.VocabSize)), float32(s.NormFloat64())
	}
	f := e.NewFunc("loss", func(in []*Node) []*Node {
		rest := in[4:]
		var net *decoder.Net
		trained := rest
		if l != nil {
			net, trained = decoder.Bind(e, c, l, rest[:base.Len()], rest[base.Len():]), rest[base.Len():]
		} else {
			net = decoder.Bind(e, c, nil, rest, nil)
		}
		logp, entropy := net.TokenLogProbs(net.Hidden(in[0]), in[1], in[3])
		loss := Add(ReduceAllSum(Mul(logp, in[2])), ReduceAllSum(MulScalar(Mul(entropy, Square(in[2])), 0.3)))
		return append([]*Node{logp, entropy}, Gradient(loss, trained...)...)
	})
	in := []*tensors.Tensor{tensors.FromFlatDataAndDimensions(ids, rows, length), tensors.FromFlatDataAndDimensions(targets, rows, length),
		tensors.FromFlatDataAndDimensions(weights, rows, length), tensors.FromScalar(temperature)}
	in = append(in, base.Tensors...)
	if l != nil {
		in = append(in, adapter.Tensors...)
	}
	out, err := f.Call(in...)
	require.NoError(t, err)
	o := outcome{logp: tensors.MustCopyFlatData[float32](out[0]), entropy: tensors.MustCopyFlatData[float32](out[1])}
	for _, g := range out[2:] {
		require.Equal(t, dtypes.F32, g.DType())
		o.gradients = append(o.gradients, tensors.MustCopyFlatData[float32](g))
	}
	return o
}

// far is the largest difference as a part of the largest number.
func far(a, b []float32) float64 {
	most, size := 0.0, 1e-12
	for i := range a {
		most, size = math.Max(most, math.Abs(float64(a[i])-float64(b[i]))), math.Max(size, math.Abs(float64(a[i])))
	}
	return most / size
}

func (o outcome) far(t *testing.T, other outcome) float64 {
	t.Helper()
	worst := math.Max(far(o.logp, other.logp), far(o.entropy, other.entropy))
	require.Len(t, other.gradients, len(o.gradients))
	for i := range o.gradients {
		worst = math.Max(worst, far(o.gradients[i], other.gradients[i]))
	}
	return worst
}

// gentle is an adapter that leaves attention soft: a hard choice between two tokens turns
// over for any rounding.
func gentle(c decoder.Config, l decoder.LoRA) *engine.Tree {
	a, s := decoder.InitAdapter(c, l, rng.New(7)), rng.New(8).Stream()
	for _, x := range a.Tensors {
		x.MustMutableFlatData(func(flat any) {
			for i := range flat.([]float32) {
				flat.([]float32)[i] += float32(0.03 * s.NormFloat64())
			}
		})
	}
	return a
}

// Neither layers that are computed again nor a loss in parts change a number beyond the
// order of sums, whatever the width of a part; bfloat16 does by its own precision.
func TestHowANetworkIsComputedChangesNoResult(t *testing.T) {
	c, l := small()
	headed := c
	c.TieWordEmbeddings = false
	remat, parts, both := decoder.Compute{Checkpointed: true}, decoder.Compute{LossTokens: 30}, decoder.Compute{LossTokens: 24, Checkpointed: true}
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		for _, x := range []struct {
			name   string
			config decoder.Config
			lora   *decoder.LoRA
			ways   []decoder.Compute
		}{{"own head, adapter", headed, &l, []decoder.Compute{remat, parts, both}}, {"own head, all weights", headed, nil, []decoder.Compute{both}}, {"tied, adapter", c, &l, []decoder.Compute{both}}} {
			base, adapter := decoder.Init(x.config, rng.New(1)), gentle(x.config, l)
			plain := computed(t, e, x.config, x.lora, base, adapter, decoder.Compute{}, 0.8)
			for _, how := range x.ways {
				assert.Less(t, plain.far(t, computed(t, e, x.config, x.lora, base, adapter, how, 0.8)), 2e-5, "%s %+v", x.name, how)
			}
			half := both
			half.BF16 = true
			moved := plain.far(t, computed(t, e, x.config, x.lora, base, adapter, half, 0.8))
			assert.Less(t, moved, 0.08, "%s: bfloat16 has 8 bits", x.name)
			assert.Greater(t, moved, 1e-5, "%s: and is in use", x.name)
			t.Logf("%s: bfloat16 moves a result by at most %.3f of the largest", x.name, moved)
		}
	})
}

// Weights of 16 bits that are widened when they are needed give what they give widened
// beforehand.
func TestStoredBF16IsWidenedExactly(t *testing.T) {
	c, l := small()
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		wide, narrow := &engine.Tree{}, &engine.Tree{}
		init := decoder.Init(c, rng.New(1))
		for i, x := range init.Tensors {
			f := e.NewFunc("round", func(in []*Node) []*Node {
				n := ConvertDType(in[0], dtypes.BF16)
				return []*Node{n, ConvertDType(n, dtypes.F32)}
			})
			out, err := f.Call(x)
			require.NoError(t, err)
			narrow.Add(init.Names[i], out[0])
			wide.Add(init.Names[i], out[1])
		}
		a := computed(t, e, c, &l, wide, busy(c, l), decoder.Compute{}, 1)
		for _, how := range []decoder.Compute{{}, {Checkpointed: true}} {
			assert.Less(t, a.far(t, computed(t, e, c, &l, narrow, busy(c, l), how, 1)), 2e-5, "%+v", how)
		}
	})
}

// A net for scoring gives the same numbers without the gradient's work.
func TestScoringIsTheSameLaw(t *testing.T) {
	c, l := small()
	c.Compute.LossTokens = 4
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		base, adapter := decoder.Init(c, rng.New(1)), busy(c, l)
		ids := tensors.FromValue([][]int32{{1, 5, 9, 13, 2, 7, 30}, {3, 3, 4, 1, 8, 39, 0}})
		f := e.NewFunc("both", func(in []*Node) []*Node {
			net := decoder.Bind(e, c, &l, in[1:1+base.Len()], in[1+base.Len():])
			h := net.Hidden(in[0])
			a, x := net.TokenLogProbs(h, in[0], nil)
			b, y := net.Scoring().TokenLogProbs(h, in[0], nil)
			return []*Node{ReduceAllMax(Abs(Sub(a, b))), ReduceAllMax(Abs(Sub(x, y)))}
		})
		out, err := f.Call(append(append([]*tensors.Tensor{ids}, base.Tensors...), adapter.Tensors...)...)
		require.NoError(t, err)
		assert.Less(t, tensors.ToScalar[float32](out[0]), float32(1e-6))
		assert.Less(t, tensors.ToScalar[float32](out[1]), float32(1e-6))
	})
}
