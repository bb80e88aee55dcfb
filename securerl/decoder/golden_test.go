package decoder_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
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

// Golden numbers of testdata/models and testdata/lora: PyTorch 2.11, Transformers
// 5.23 and PEFT 0.21; tolerances as their README states them.
const (
	logitTolerance   = 5e-4
	hiddenTolerance  = 2e-4
	logProbTolerance = 2e-4
	lossTolerance    = 1e-4
	gradientShare    = 1e-3 // of the tensor's largest entry
)

type goldenFile struct {
	t *testing.T
	f *safetensors.File
}

func openGolden(t *testing.T, path string) goldenFile {
	t.Helper()
	f, err := safetensors.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, f.Close()) })
	return goldenFile{t, f}
}

func (g goldenFile) ints(name string) (shape []int, values []int32) {
	x, err := g.f.Tensor(name)
	require.NoError(g.t, err)
	require.Equal(g.t, "I64", x.DType)
	for i := 0; i < len(x.Data); i += 8 {
		values = append(values, int32(binary.LittleEndian.Uint64(x.Data[i:])))
	}
	return x.Shape, values
}

func (g goldenFile) floats(name string) []float32 {
	x, err := g.f.Tensor(name)
	require.NoError(g.t, err)
	v, err := x.Float32()
	require.NoError(g.t, err)
	return v
}

func worst(a, b []float32, at func(i int) bool) (d float64) {
	for i := range a {
		if at(i) {
			d = math.Max(d, math.Abs(float64(a[i]-b[i])))
		}
	}
	return d
}

var models = []string{"llama_gqa_tied", "llama_codellama", "llama_deepseek", "qwen2", "starcoder2", "gpt2"}

// batch is the golden batch of a model: rows padded to the right.
type batch struct {
	rows, length      int
	ids, mask, labels []int32
}

func openBatch(g goldenFile) batch {
	shape, ids := g.ints("batch.input_ids")
	_, mask := g.ints("batch.attention_mask")
	_, labels := g.ints("batch.labels")
	return batch{shape[0], shape[1], ids, mask, labels}
}

// next is the token after each one, 0 at the end of a row.
func next(ids []int32, length int) []int32 {
	out := make([]int32, len(ids))
	for i := range out {
		if i%length+1 < length {
			out[i] = ids[i+1]
		}
	}
	return out
}

func TestModelsGiveTransformersNumbers(t *testing.T) {
	for _, name := range models {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("../../testdata/models", name)
			g := openGolden(t, filepath.Join(dir, "expected.safetensors"))
			enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
				c, base, err := checkpoint.Load(dir)
				require.NoError(t, err)
				checkBatch(t, e, g, dir, c, base)
				checkLong(t, e, g, dir)
				_, prompt := g.ints("greedy.prompt")
				_, tokens := g.ints("greedy.tokens")
				sampled, err := decoder.NewSampler(e, c, nil, decoder.Law{Greedy: true}, len(prompt), len(tokens)).Sample(base, nil, [][]int32{prompt}, []rng.Key{{}})
				require.NoError(t, err)
				assert.Equal(t, tokens, sampled[0].Tokens, "greedy decoding")
				if name != "llama_codellama" { // its greedy numbers were made with rotary frequencies rounded to bfloat16
					assert.Less(t, worst(sampled[0].LogProbs, g.floats("greedy.logprobs"), every), logProbTolerance)
				}
			})
		})
	}
}

func every(int) bool { return true }

// checkBatch compares everything that the file says about the padded batch: logits,
// log-probabilities, entropies, cross-entropies, states of the first row, gradients.
func checkBatch(t *testing.T, e *engine.Engine, g goldenFile, dir string, c decoder.Config, base *engine.Tree) {
	t.Helper()
	b := openBatch(g)
	s, v := b.length, c.VocabSize
	weight, count := make([]float32, len(b.ids)), float32(0) // 1 where the next token carries loss
	for i := range weight {
		if i%s+1 < s && b.labels[i+1] >= 0 {
			weight[i] = 1
			count++
		}
	}
	f := e.NewFunc("golden", func(in []*Node) []*Node {
		n := decoder.Bind(e, c, nil, in[3:], nil)
		states := n.States(in[0])
		logits := n.Logits(states[len(states)-1])
		lp, ent := decoder.TokenLogProbs(logits, in[1], nil)
		loss := Neg(MulScalar(ReduceAllSum(Mul(lp, in[2])), 1/float64(count)))
		return append(append([]*Node{logits, lp, ent, loss}, Gradient(loss, in[3:]...)...), states...)
	})
	in := []*tensors.Tensor{tensors.FromFlatDataAndDimensions(b.ids, b.rows, s), tensors.FromFlatDataAndDimensions(next(b.ids, s), b.rows, s), tensors.FromFlatDataAndDimensions(weight, b.rows, s)}
	out, err := f.Call(append(in, base.Tensors...)...)
	require.NoError(t, err)
	flat := func(i int) []float32 { return tensors.MustCopyFlatData[float32](out[i]) }
	assert.Less(t, worst(flat(0), g.floats("batch.logits"), func(i int) bool { return b.mask[i/v] == 1 }), logitTolerance, "logits")
	for k, what := range []string{"batch.logprobs", "batch.entropy"} {
		want := make([]float32, len(b.ids))
		for i, x := range g.floats(what) { // [rows, s-1] there
			want[i/(s-1)*s+i%(s-1)] = x
		}
		assert.Less(t, worst(flat(k+1), want, func(i int) bool { return i%s+1 < s && b.mask[i+1] == 1 }), logProbTolerance, what)
	}
	checkCrossEntropy(t, dir, flat(1), weight, s, tensors.ToScalar[float32](out[3]))
	states := out[4+base.Len():]
	require.Len(t, states, c.NumHiddenLayers+2)
	for i, x := range states {
		what := fmt.Sprintf("hidden.layer%d", i-1)
		if i == 0 {
			what = "hidden.embed"
		} else if i == len(states)-1 {
			what = "hidden.final_norm"
		}
		want := g.floats(what) // of the real tokens of the first row
		assert.Less(t, worst(tensors.MustCopyFlatData[float32](x)[:len(want)], want, every), hiddenTolerance, what)
	}
	checkGradients(t, dir, c, out[4:4+base.Len()])
}

// checkCrossEntropy sums log-probabilities [rows, s] as the file does.
func checkCrossEntropy(t *testing.T, dir string, lp, weight []float32, s int, loss float32) {
	t.Helper()
	var want struct {
		CE struct {
			Mean  float64   `json:"mean_token"`
			Means float64   `json:"mean_of_sequence_means"`
			Sums  []float64 `json:"per_sequence_sum"`
			Count []int     `json:"per_sequence_count"`
		} `json:"cross_entropy"`
		Loss float64 `json:"library_loss"`
	}
	readJSON(t, filepath.Join(dir, "expected.json"), &want)
	assert.InDelta(t, want.Loss, loss, lossTolerance)
	sums, counts := make([]float64, len(want.CE.Sums)), make([]int, len(want.CE.Sums))
	total, tokens, means := 0.0, 0, 0.0
	for i, w := range weight {
		sums[i/s] -= float64(w * lp[i])
		counts[i/s] += int(w)
	}
	for i := range sums {
		total, tokens, means = total+sums[i], tokens+counts[i], means+sums[i]/float64(counts[i])
		assert.InDelta(t, want.CE.Sums[i]/float64(counts[i]), sums[i]/float64(counts[i]), lossTolerance)
	}
	assert.Equal(t, want.CE.Count, counts)
	assert.InDelta(t, want.CE.Mean, total/float64(tokens), lossTolerance)
	assert.InDelta(t, want.CE.Means, means/float64(len(sums)), lossTolerance)
}

// checkGradients compares norm, sum and eight entries of the gradient of every tensor.
func checkGradients(t *testing.T, dir string, c decoder.Config, got []*tensors.Tensor) {
	t.Helper()
	var want struct {
		Parameters map[string]struct {
			Norm, Sum float64
			Largest   float64 `json:"max_abs"`
			Places    []int   `json:"flat_places"`
			Values    []float64
		}
	}
	readJSON(t, filepath.Join(dir, "gradients.json"), &want)
	require.Len(t, want.Parameters, len(got))
	for i, p := range c.Parameters() {
		w := want.Parameters[p.Name]
		flat := tensors.MustCopyFlatData[float32](got[i])
		norm, sum := 0.0, 0.0
		for _, x := range flat {
			norm += float64(x) * float64(x)
			sum += float64(x)
		}
		assert.InDelta(t, w.Norm, math.Sqrt(norm), gradientShare*w.Norm+1e-6, p.Name)
		assert.InDelta(t, w.Sum, sum, gradientShare*w.Norm*10, p.Name)
		require.Len(t, w.Places, 8, p.Name)
		for k, at := range w.Places { // in the order of the file
			if p.Turned {
				at = at%p.Dims[0]*p.Dims[1] + at/p.Dims[0]
			}
			assert.InDelta(t, w.Values[k], flat[at], gradientShare*w.Largest+1e-9, "%s entry %d", p.Name, w.Places[k])
		}
	}
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, into))
}

// checkLong compares a long text, with the weights on the device as they are stored.
func checkLong(t *testing.T, e *engine.Engine, g goldenFile, dir string) {
	t.Helper()
	folder, err := checkpoint.Open(dir)
	require.NoError(t, err)
	c, base, err := folder.Place(t.Context(), e, nil)
	require.NoError(t, err)
	require.NoError(t, folder.Close())
	_, ids := g.ints("long.input_ids")
	_, places := g.ints("long.logit_positions")
	_, argmax := g.ints("long.argmax")
	f := e.NewFunc("long", func(in []*Node) []*Node {
		n := decoder.Bind(e, c, nil, in[2:], nil)
		logits := n.Logits(n.Hidden(in[0]))
		lp, ent := decoder.TokenLogProbs(logits, in[1], nil)
		return []*Node{logits, lp, ent}
	})
	s := len(ids)
	out, err := f.Call(append([]*tensors.Tensor{tensors.FromFlatDataAndDimensions(ids, 1, s), tensors.FromFlatDataAndDimensions(next(ids, s), 1, s)}, base.Tensors...)...)
	require.NoError(t, err)
	logits, v := tensors.MustCopyFlatData[float32](out[0]), c.VocabSize
	want := g.floats("long.logits")
	for i, at := range places {
		assert.Less(t, worst(logits[int(at)*v:int(at+1)*v], want[i*v:(i+1)*v], every), logitTolerance, "position %d", at)
	}
	for i, token := range argmax {
		row := logits[i*v : (i+1)*v]
		assert.InDelta(t, slices.Max(row), row[token], logitTolerance)
	}
	for k, what := range []string{"long.logprobs", "long.entropy"} {
		assert.Less(t, worst(tensors.MustCopyFlatData[float32](out[k+1])[:s-1], g.floats(what), every), logProbTolerance, what)
	}
}

// lossGradient is the library's loss: mean cross-entropy over labelled tokens.
func lossGradient(t *testing.T, e *engine.Engine, c decoder.Config, l *decoder.LoRA, base, adapter *engine.Tree, shape []int, ids, labels []int32) []*tensors.Tensor {
	t.Helper()
	b, s := shape[len(shape)-2], shape[len(shape)-1]
	targets, mask, count := make([]int32, b*s), make([]float32, b*s), 0
	for i := range targets {
		if i%s+1 < s && labels[i+1] >= 0 {
			targets[i], mask[i] = labels[i+1], 1
			count++
		}
	}
	f := e.NewFunc("loss", func(in []*Node) []*Node {
		weights := in[3 : 3+base.Len()]
		var extra []*Node
		if adapter != nil {
			extra = in[3+base.Len():]
		}
		n := decoder.Bind(e, c, l, weights, extra)
		lp, _ := decoder.TokenLogProbs(n.Logits(n.Hidden(in[0])), in[1], nil)
		loss := Neg(MulScalar(ReduceAllSum(Mul(lp, in[2])), 1/float64(count)))
		over := weights
		if adapter != nil {
			over = extra
		}
		return append([]*Node{loss}, Gradient(loss, over...)...)
	})
	in := []*tensors.Tensor{tensors.FromFlatDataAndDimensions(ids, b, s), tensors.FromFlatDataAndDimensions(targets, b, s), tensors.FromFlatDataAndDimensions(mask, b, s)}
	in = append(in, base.Tensors...)
	if adapter != nil {
		in = append(in, adapter.Tensors...)
	}
	out, err := f.Call(in...)
	require.NoError(t, err)
	return out
}

func TestAdaptersAreThoseOfPEFT(t *testing.T) {
	dir := "../../testdata/lora/r16_a32"
	g, want := openGolden(t, filepath.Join(dir, "expected.safetensors")), openGolden(t, filepath.Join(dir, "gradients.safetensors"))
	shape, ids := g.ints("steps.input_ids")
	_, labels := g.ints("steps.labels")
	n := shape[1] * shape[2]
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		c, base, err := checkpoint.Load("../../testdata/models/llama_deepseek")
		require.NoError(t, err)
		l, adapter, err := checkpoint.LoadAdapter(filepath.Join(dir, "adapter"), c)
		require.NoError(t, err)
		assert.Equal(t, 24576, adapter.Parameters())
		out := lossGradient(t, e, c, &l, base, adapter, shape, ids[:n], labels[:n])
		assert.InDelta(t, 8.977716445922852, tensors.ToScalar[float32](out[0]), 1e-4)
		for i, name := range adapter.Names {
			dims := adapter.Tensors[i].Shape().Dimensions
			file := want.floats("base_model.model." + name + ".weight")
			got := tensors.MustCopyFlatData[float32](out[i+1])
			largest, d := 0.0, 0.0
			for r := range dims[0] {
				for k := range dims[1] {
					x := file[k*dims[0]+r] // files hold the transpose
					largest = math.Max(largest, math.Abs(float64(x)))
					d = math.Max(d, math.Abs(float64(got[r*dims[1]+k]-x)))
				}
			}
			assert.Less(t, d, gradientShare*largest+1e-9, name)
		}
	})
}
