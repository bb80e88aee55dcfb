package decoder_test

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
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
	logProbTolerance = 2e-4
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

func TestModelsGiveTransformersNumbers(t *testing.T) {
	for _, name := range models {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("../../testdata/models", name)
			g := openGolden(t, filepath.Join(dir, "expected.safetensors"))
			shape, ids := g.ints("batch.input_ids")
			_, mask := g.ints("batch.attention_mask")
			enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
				c, base, err := checkpoint.Load(dir)
				require.NoError(t, err)
				b, s, v := shape[0], shape[1], c.VocabSize
				targets := make([]int32, b*s)
				for i := range targets {
					if i%s+1 < s {
						targets[i] = ids[i+1]
					}
				}
				f := e.NewFunc("golden", func(in []*Node) []*Node {
					n := decoder.Bind(e, c, nil, in[2:], nil)
					logits := n.Logits(n.Hidden(in[0]))
					lp, ent := decoder.TokenLogProbs(logits, in[1], nil)
					return []*Node{logits, lp, ent}
				})
				out, err := f.Call(append([]*tensors.Tensor{tensors.FromFlatDataAndDimensions(ids, b, s), tensors.FromFlatDataAndDimensions(targets, b, s)}, base.Tensors...)...)
				require.NoError(t, err)
				real := func(i int) bool { return mask[i] == 1 }
				logits := tensors.MustCopyFlatData[float32](out[0])
				assert.Less(t, worst(logits, g.floats("batch.logits"), func(i int) bool { return real(i / v) }), logitTolerance)
				for k, what := range []string{"batch.logprobs", "batch.entropy"} {
					got, want := tensors.MustCopyFlatData[float32](out[k+1]), g.floats(what)
					d := 0.0
					for i := range want {
						row, col := i/(s-1), i%(s-1)
						if real(row*s + col + 1) {
							d = math.Max(d, math.Abs(float64(got[row*s+col]-want[i])))
						}
					}
					assert.Less(t, d, logProbTolerance, what)
				}
				_, prompt := g.ints("greedy.prompt")
				_, tokens := g.ints("greedy.tokens")
				sampled, err := decoder.NewSampler(e, c, nil, decoder.Law{Greedy: true}, len(prompt), len(tokens)).Sample(base, nil, [][]int32{prompt}, []rng.Key{{}})
				require.NoError(t, err)
				assert.Equal(t, tokens, sampled[0].Tokens, "greedy decoding")
				if name == "llama_codellama" {
					return // its greedy numbers were made with rotary frequencies rounded to bfloat16
				}
				assert.Less(t, worst(sampled[0].LogProbs, g.floats("greedy.logprobs"), func(int) bool { return true }), logProbTolerance)
			})
		})
	}
}

func TestGradientsAreTransformers(t *testing.T) {
	for _, name := range models {
		dir := filepath.Join("../../testdata/models", name)
		g := openGolden(t, filepath.Join(dir, "expected.safetensors"))
		shape, ids := g.ints("batch.input_ids")
		_, labels := g.ints("batch.labels")
		b, err := os.ReadFile(filepath.Join(dir, "gradients.json"))
		require.NoError(t, err)
		var want struct {
			Loss       float64
			Parameters map[string]struct{ Norm, Sum float64 }
		}
		require.NoError(t, json.Unmarshal(b, &want))
		enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
			c, base, err := checkpoint.Load(dir)
			require.NoError(t, err)
			out := lossGradient(t, e, c, nil, base, nil, shape, ids, labels)
			assert.InDelta(t, want.Loss, tensors.ToScalar[float32](out[0]), 1e-4)
			require.Len(t, want.Parameters, base.Len())
			for i, p := range base.Names {
				norm, sum := 0.0, 0.0
				for _, x := range tensors.MustCopyFlatData[float32](out[i+1]) {
					norm += float64(x) * float64(x)
					sum += float64(x)
				}
				w := want.Parameters[p]
				assert.InDelta(t, w.Norm, math.Sqrt(norm), gradientShare*w.Norm+1e-6, "%s %s", name, p)
				assert.InDelta(t, w.Sum, sum, gradientShare*w.Norm*10, "%s %s", name, p)
			}
		})
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

func TestFoldersAreReadBackAsTheyWereWritten(t *testing.T) {
	c, l := small()
	base, adapter := decoder.Init(c, rng.New(1)), busy(c, l)
	dir := t.TempDir()
	require.NoError(t, checkpoint.Save(filepath.Join(dir, "base"), c, base, "F32", []byte("{}")))
	c2, base2, err := checkpoint.Load(filepath.Join(dir, "base"))
	require.NoError(t, err)
	assert.Equal(t, c, c2)
	assert.Equal(t, base.Digest(), base2.Digest())
	require.NoError(t, checkpoint.Save(filepath.Join(dir, "half"), c, base, "BF16", nil))
	_, half, err := checkpoint.Load(filepath.Join(dir, "half"))
	require.NoError(t, err)
	for i, name := range base.Names { // a rounding to eight bits of significand: 2^-8 of the value at most
		want, got := tensors.MustCopyFlatData[float32](base.Tensors[i]), tensors.MustCopyFlatData[float32](half.Tensors[i])
		for k := range want {
			require.LessOrEqual(t, math.Abs(float64(got[k]-want[k])), math.Abs(float64(want[k]))/256, name)
		}
	}
	assert.ErrorIs(t, checkpoint.Save(filepath.Join(dir, "other"), c, base, "I8", nil), decoder.ErrConfig)
	require.NoError(t, checkpoint.SaveAdapter(filepath.Join(dir, "lora"), c, l, adapter, "base"))
	l2, adapter2, err := checkpoint.LoadAdapter(filepath.Join(dir, "lora"), c)
	require.NoError(t, err)
	assert.Equal(t, l.Rank, l2.Rank)
	assert.Equal(t, adapter.Digest(), adapter2.Digest())
	b, err := checkpoint.EncodeTree(adapter)
	require.NoError(t, err)
	again, err := checkpoint.DecodeTree(b)
	require.NoError(t, err)
	assert.Equal(t, adapter.Digest(), again.Digest())
}

func TestTheTinyShapeHasItsSize(t *testing.T) {
	c := decoder.Tiny(512)
	assert.Equal(t, 268080, decoder.Init(c, rng.New(1)).Parameters())
	assert.Equal(t, 36096, decoder.InitAdapter(c, decoder.LoRA{Rank: 8, Alpha: 16, Targets: decoder.Projections}, rng.New(1)).Parameters())
}

func TestAConfigThatChangesTheMathematicsIsRefusedByName(t *testing.T) {
	good, err := os.ReadFile("../../testdata/models/llama_deepseek/config.json")
	require.NoError(t, err)
	for _, tt := range []struct{ old, new, want string }{
		{`"hidden_act": "silu"`, `"hidden_act": "gelu"`, "hidden_act"},
		{`"attention_bias": false`, `"attention_bias": true`, "attention_bias"},
		{`"type": "linear"`, `"type": "yarn"`, "yarn"},
		{`"model_type": "llama"`, `"model_type": "gemma"`, "model_type"},
		{`"use_cache": true`, `"use_cache": true, "logit_softcap": 30`, "logit_softcap"},
		{`"num_attention_heads": 4`, `"num_attention_heads": 0`, "num_attention_heads"},
	} {
		text := strings.Replace(string(good), tt.old, tt.new, 1)
		require.NotEqual(t, string(good), text, tt.old)
		path := filepath.Join(t.TempDir(), "config.json")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		_, err := checkpoint.ReadConfig(path)
		assert.ErrorIs(t, err, decoder.ErrConfig)
		assert.ErrorContains(t, err, tt.want)
	}
}
