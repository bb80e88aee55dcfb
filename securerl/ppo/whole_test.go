package ppo_test

import (
	"encoding/binary"
	"encoding/json"
	"os"
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
	"securecoderl/securerl/optim"
	"securecoderl/securerl/ppo"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/safetensors"
)

// whole is testdata/ppo/update: one actor-critic update of PyTorch, with everything
// that went in and came out. Tolerances are those that its README states.
type whole struct {
	Config struct {
		Prompts     []int `json:"prompt_lens"`
		Responses   []int `json:"response_lens"`
		Clip        float64
		ClipValue   float64 `json:"clip_value"`
		ValueWeight float64 `json:"vf_coef"`
		Entropy     float64 `json:"ent_coef"`
		LR, WD      float64
		MaxNorm     float64 `json:"max_norm"`
		Minibatches [][]int
	}
	Records []struct {
		Loss     float64
		Policy   float64 `json:"policy_loss"`
		Value    float64 `json:"value_loss"`
		Entropy  float64
		Clipped  float64 `json:"clip_fraction"`
		ApproxKL float64 `json:"approx_kl_k3"`
		Norm     float64 `json:"grad_norm_before_clip"`
	} `json:"minibatch_records"`

	model         decoder.Config
	lora          decoder.LoRA
	base, adapter *engine.Tree
	head          []*tensors.Tensor // value head: weight [E], bias
	file          *safetensors.File
}

const folder = "../../testdata/ppo/update/"

func loadWhole(t *testing.T) *whole {
	t.Helper()
	w := &whole{}
	b, err := os.ReadFile(folder + "expected.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, w))
	w.model, w.base, err = checkpoint.Load("../../testdata/models/llama_deepseek")
	require.NoError(t, err)
	w.lora, w.adapter, err = checkpoint.LoadAdapter(folder+"adapter", w.model)
	require.NoError(t, err)
	w.file, err = safetensors.Open(folder + "expected.safetensors")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, w.file.Close()) })
	w.head = []*tensors.Tensor{tensors.FromValue(w.floats(t, "value_head.weight")), tensors.FromScalar(w.floats(t, "value_head.bias")[0])}
	return w
}

func (w *whole) floats(t *testing.T, name string) []float32 {
	t.Helper()
	x, err := w.file.Tensor(name)
	require.NoError(t, err)
	v, err := x.Float32()
	require.NoError(t, err)
	return v
}

// rows are the given rows of a tensor [4, width].
func (w *whole) rows(t *testing.T, name string, rows []int) *tensors.Tensor {
	t.Helper()
	all := w.floats(t, name)
	var x []float32
	for _, r := range rows {
		x = append(x, all[15*r:15*r+15]...)
	}
	return tensors.FromFlatDataAndDimensions(x, len(rows), 15)
}

func (w *whole) ids(t *testing.T, row int) []int32 {
	t.Helper()
	x, err := w.file.Tensor("input_ids")
	require.NoError(t, err)
	ids := make([]int32, 16)
	for i := range ids {
		ids[i] = int32(binary.LittleEndian.Uint64(x.Data[8*(16*row+i):]))
	}
	return ids
}

// samples are the rows as this package takes them.
func (w *whole) samples(t *testing.T, rows []int) (list []ppo.Sample) {
	t.Helper()
	for _, r := range rows {
		p, n := w.Config.Prompts[r], w.Config.Responses[r]
		part := func(name string) (x []float64) {
			for _, v := range w.floats(t, name)[15*r+p-1 : 15*r+p-1+n] {
				x = append(x, float64(v))
			}
			return x
		}
		ids := w.ids(t, r)
		list = append(list, ppo.Sample{Prompt: ids[:p], Completion: ids[p : p+n], Old: part("old_logprobs"), Reference: part("ref_logprobs"), Advantages: part("advantages")})
	}
	return list
}

// saved is a tensor of a PyTorch file in this repository's orientation.
func saved(t *testing.T, f *safetensors.File, tree *engine.Tree, i int) []float32 {
	t.Helper()
	x, err := f.Tensor("base_model.model." + tree.Names[i] + ".weight")
	require.NoError(t, err)
	v, err := x.Float32()
	require.NoError(t, err)
	rows, cols := x.Shape[0], x.Shape[1]
	y := make([]float32, len(v))
	for r := range rows {
		for c := range cols {
			y[c*rows+r] = v[r*cols+c]
		}
	}
	return y
}

// The policy half through this package's own Updater, on the first minibatch.
func TestUpdaterMeasuresWhatPyTorchDoes(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		w := loadWhole(t)
		c := ppo.Default()
		c.AdamW = optim.AdamW{LearningRate: w.Config.LR, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: w.Config.WD, ClipNorm: w.Config.MaxNorm}
		c.Clip, c.KLWeight, c.EntropyWeight, c.MinibatchSize, c.MicrobatchSize = w.Config.Clip, 0, w.Config.Entropy, 2, 2
		u, err := ppo.New(e, w.model, w.lora, c)
		require.NoError(t, err)
		_, stats, err := u.Update(w.base, w.adapter, optim.NewState(w.adapter), w.samples(t, w.Config.Minibatches[0]), rng.New(1))
		require.NoError(t, err)
		want := w.Records[0]
		assert.InDelta(t, want.Policy, stats.PolicyLoss, 1e-4)
		assert.InDelta(t, want.Entropy, stats.Entropy, 1e-4)
		assert.InDelta(t, 0, stats.ApproxKL, 1e-6)
		assert.LessOrEqual(t, stats.MaxRatio, 2e-4)
		assert.Zero(t, stats.ClipFraction)
		assert.Equal(t, 22, stats.Tokens)
	})
}

// step is one minibatch of the whole update. The value loss is written here: this
// package has no critic. inputs: tokens, targets, mask, old, advantages, values,
// returns [B, S], two corrections, then base, parameters (adapter and head), m, v.
func (w *whole) step(e *engine.Engine, in []*Node) []*Node {
	mask, old, adv, oldValue, returns := in[2], in[3], in[4], in[5], in[6]
	g, base, n := mask.Graph(), w.base.Len(), w.adapter.Len()+2
	params := in[9+base : 9+base+n]
	net := decoder.Bind(e, w.model, &w.lora, in[9:9+base], params[:n-2])
	hidden := net.Hidden(in[0])
	logp, entropy := decoder.TokenLogProbs(net.Logits(hidden), in[1], nil)
	logp = Where(GreaterThan(mask, ZerosLike(mask)), logp, old)
	mean := func(x *Node) *Node { return Div(ReduceAllSum(Mul(x, mask)), ReduceAllSum(mask)) }
	surrogate, clipped, _ := ppo.PolicyLoss(logp, old, adv, Scalar(g, mask.DType(), w.Config.Clip))
	value := Add(ReduceSum(Mul(hidden, ExpandLeftToRank(params[n-2], 3)), -1), params[n-1])
	near := Add(oldValue, Max(Min(Sub(value, oldValue), Scalar(g, mask.DType(), w.Config.ClipValue)), Scalar(g, mask.DType(), -w.Config.ClipValue)))
	critic := MulScalar(mean(Max(Square(Sub(value, returns)), Square(Sub(near, returns)))), 0.5)
	loss := Add(mean(surrogate), Sub(MulScalar(critic, w.Config.ValueWeight), MulScalar(mean(entropy), w.Config.Entropy)))
	grads := Gradient(loss, params...)
	a := optim.AdamW{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: w.Config.WD, ClipNorm: w.Config.MaxNorm}
	p2, m2, v2, norm, _ := a.Apply(params, grads, in[9+base+n:9+base+2*n], in[9+base+2*n:], Scalar(g, mask.DType(), w.Config.LR), in[7], in[8])
	out := []*Node{loss, mean(surrogate), critic, mean(entropy), mean(clipped), mean(ppo.K3(old, logp)), norm}
	return slices.Concat(out, p2, m2, v2, grads)
}

func TestAWholeUpdateFollowsPyTorch(t *testing.T) {
	first, err := safetensors.Open(folder + "gradients_first_minibatch.safetensors")
	require.NoError(t, err)
	defer first.Close()
	after, err := safetensors.Open(folder + "weights_after.safetensors")
	require.NoError(t, err)
	defer after.Close()
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		w := loadWhole(t)
		f := e.NewFunc("step", func(in []*Node) []*Node { return w.step(e, in) })
		params := append(w.adapter.Clone().Tensors, w.head...)
		n := len(params)
		var m, v []*tensors.Tensor
		for _, p := range params {
			m, v = append(m, tensors.FromShape(p.Shape())), append(v, tensors.FromShape(p.Shape()))
		}
		for k, rows := range w.Config.Minibatches {
			c1, c2 := optim.AdamW{Beta1: 0.9, Beta2: 0.999}.Corrections(k + 1)
			var in, targets []int32
			mask := make([]float32, 15*len(rows))
			for i, r := range rows {
				ids := w.ids(t, r)
				in, targets = append(in, ids[:15]...), append(targets, ids[1:]...)
				for j := range w.Config.Responses[r] {
					mask[15*i+w.Config.Prompts[r]-1+j] = 1
				}
			}
			args := []*tensors.Tensor{tensors.FromFlatDataAndDimensions(in, len(rows), 15), tensors.FromFlatDataAndDimensions(targets, len(rows), 15), tensors.FromFlatDataAndDimensions(mask, len(rows), 15)}
			for _, name := range []string{"old_logprobs", "advantages", "old_values", "returns"} {
				args = append(args, w.rows(t, name, rows))
			}
			args = append(args, tensors.FromScalar(float32(c1)), tensors.FromScalar(float32(c2)))
			out, err := f.Call(slices.Concat(args, w.base.Tensors, params, m, v)...)
			require.NoError(t, err)
			number := func(i int) float64 { return float64(tensors.ToScalar[float32](out[i])) }
			r := w.Records[k]
			for i, want := range []float64{r.Loss, r.Policy, r.Value, r.Entropy, r.Clipped, r.ApproxKL} {
				assert.InDelta(t, want, number(i), 1e-4, "minibatch %d, number %d", k, i)
			}
			assert.InEpsilon(t, r.Norm, number(6), 2e-4)
			params, m, v = out[7:7+n], out[7+n:7+2*n], out[7+2*n:7+3*n]
			if k == 0 {
				for i := range w.adapter.Names {
					want := saved(t, first, w.adapter, i)
					largest := max(slices.Max(want), -slices.Min(want))
					assert.InDeltaSlice(t, want, tensors.MustCopyFlatData[float32](out[7+3*n+i]), 1e-3*float64(largest), w.adapter.Names[i])
				}
			}
		}
		for i := range w.adapter.Names {
			assert.InDeltaSlice(t, saved(t, after, w.adapter, i), tensors.MustCopyFlatData[float32](params[i]), 5e-5, w.adapter.Names[i])
		}
	})
}
