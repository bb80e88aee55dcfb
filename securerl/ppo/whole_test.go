package ppo_test

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/advantage"
	"securecoderl/securerl/completion"
	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/policy"
	"securecoderl/securerl/ppo"
	"securecoderl/securerl/prompt"
	"securecoderl/securerl/reward"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/safetensors"
	"securecoderl/securerl/tokenizer"
)

// whole is testdata/ppo/update: one actor-critic update of PyTorch, with everything
// that went in and came out. Tolerances are those that its README states.
type whole struct {
	Config struct {
		Prompts     []int `json:"prompt_lens"`
		Responses   []int `json:"response_lens"`
		Truncated   []int
		Scores      []float64
		Temperature float64
		KL          float64 `json:"kl_coef"`
		Gamma, Lam  float64
		Clip        float64
		ClipValue   float64 `json:"clip_value"`
		ValueWeight float64 `json:"vf_coef"`
		Entropy     float64 `json:"ent_coef"`
		LR, WD      float64
		MaxNorm     float64 `json:"max_norm"`
		Minibatches [][]int
	}
	Records []struct {
		Loss         float64
		Policy       float64 `json:"policy_loss"`
		Value        float64 `json:"value_loss"`
		Entropy      float64
		RatioMax     float64 `json:"ratio_max"`
		Clipped      float64 `json:"clip_fraction"`
		ValueClipped float64 `json:"value_clip_fraction"`
		ApproxKL     float64 `json:"approx_kl_k3"`
		Norm         float64 `json:"grad_norm_before_clip"`
	} `json:"minibatch_records"`

	policy *policy.Policy
	head   *engine.Tree
	file   *safetensors.File
}

const folder = "../../testdata/ppo/update/"

func loadWhole(t *testing.T, e *engine.Engine) *whole {
	t.Helper()
	// No text is read or written here: any tokenizer and slots will do.
	w := &whole{policy: &policy.Policy{Engine: e, Tokenizer: &tokenizer.Tokenizer{}, PromptSlots: 16, MaxNew: 16}}
	b, err := os.ReadFile(folder + "expected.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, w))
	w.policy.Config, w.policy.Base, err = checkpoint.Load("../../testdata/models/llama_deepseek")
	require.NoError(t, err)
	w.policy.LoRA, w.policy.Adapter, err = checkpoint.LoadAdapter(folder+"adapter", w.policy.Config)
	require.NoError(t, err)
	w.file, err = safetensors.Open(folder + "expected.safetensors")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, w.file.Close()) })
	w.head = policy.NewHead(w.policy.Config)
	for i, name := range w.head.Names {
		w.head.Tensors[i] = tensors.FromFlatDataAndDimensions(w.floats(t, name), w.head.Tensors[i].Shape().Dimensions...)
	}
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

// part is row r of a tensor [4, width], from the entry that speaks of the first token of
// the response on.
func (w *whole) part(t *testing.T, name string, r, n int) (x []float64) {
	t.Helper()
	all := w.floats(t, name)
	width := len(all) / len(w.Config.Prompts)
	start := width*r + w.Config.Prompts[r] - 1
	for _, v := range all[start : start+n] {
		x = append(x, float64(v))
	}
	return x
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

// trajectories are the rollout that PyTorch started from.
func (w *whole) trajectories(t *testing.T) (ts []policy.Trajectory) {
	t.Helper()
	for r, p := range w.Config.Prompts {
		ids, finish := w.ids(t, r), completion.End
		if w.Config.Truncated[r] == 1 {
			finish = completion.Length
		}
		ts = append(ts, policy.Trajectory{Prompt: prompt.Prompt{IDs: ids[:p]}, IDs: ids[p : p+w.Config.Responses[r]], Finish: finish})
	}
	return ts
}

// samples goes from trajectories to what an update takes, and compares every step on
// the way: log-probabilities, values, rewards, advantages, returns.
func (w *whole) samples(t *testing.T) (list []ppo.Sample) {
	t.Helper()
	c, ts := w.Config, w.trajectories(t)
	logp, values, err := w.policy.Score(t.Context(), w.policy.Adapter, w.head, ts, c.Temperature)
	require.NoError(t, err)
	reference, err := w.policy.LogProbs(t.Context(), nil, ts, c.Temperature)
	require.NoError(t, err)
	var flat []float64
	for r, x := range ts {
		n := len(x.IDs)
		assert.InDeltaSlice(t, w.part(t, "old_logprobs", r, n), logp[r], 2e-4)
		assert.InDeltaSlice(t, w.part(t, "ref_logprobs", r, n), reference[r], 2e-4)
		assert.InDeltaSlice(t, w.part(t, "values_all", r, n+1), values[r], 2e-4)
		options := reward.TokenOptions{KLWeight: c.KL, KLs: make([]float64, n)}
		for k := range options.KLs {
			options.KLs[k] = logp[r][k] - reference[r][k]
		}
		rewards := reward.PerToken(reward.Score{Total: c.Scores[r]}, make([]reward.Span, n), options)
		for k, extra := range w.part(t, "token_rewards", r, n) {
			rewards[k] += extra
		}
		assert.InDeltaSlice(t, w.part(t, "rewards", r, n), rewards, 2e-4)
		if x.Finish == completion.End {
			values[r][n] = 0
		}
		adv, err := advantage.GAE(rewards, values[r], c.Gamma, c.Lam)
		require.NoError(t, err)
		assert.InDeltaSlice(t, w.part(t, "advantages_raw", r, n), adv, 2e-4)
		returns, err := advantage.Returns(adv, values[r])
		require.NoError(t, err)
		assert.InDeltaSlice(t, w.part(t, "returns", r, n), returns, 2e-4)
		flat = append(flat, adv...)
		list = append(list, ppo.Sample{Prompt: x.Prompt.IDs, Completion: x.IDs, Old: logp[r], Reference: reference[r], Values: values[r][:n], Returns: returns})
	}
	white, err := advantage.Whiten(flat, nil, false)
	require.NoError(t, err)
	for r := range list {
		n := len(list[r].Completion)
		list[r].Advantages, white = white[:n], white[n:]
		assert.InDeltaSlice(t, w.part(t, "advantages", r, n), list[r].Advantages, 2e-4)
	}
	return list
}

// saved is a tensor of a PyTorch file in this repository's orientation.
func saved(t *testing.T, f *safetensors.File, name string) []float32 {
	t.Helper()
	file := map[string]string{"value_head.weight": "v_weight", "value_head.bias": "v_bias"}[name]
	if file == "" {
		file = "base_model.model." + name + ".weight"
	}
	x, err := f.Tensor(file)
	require.NoError(t, err)
	v, err := x.Float32()
	require.NoError(t, err)
	if len(x.Shape) < 2 {
		return v
	}
	rows, cols := x.Shape[0], x.Shape[1]
	y := make([]float32, len(v))
	for r := range rows {
		for c := range cols {
			y[c*rows+r] = v[r*cols+c]
		}
	}
	return y
}

// The library goes from a rollout to updated weights, adapter and head, as PyTorch did.
// PyTorch dealt the minibatches, so each is an update of its own here, of one epoch and
// with the optimiser's state of the one before.
func TestAWholeUpdateFollowsPyTorch(t *testing.T) {
	first, err := safetensors.Open(folder + "gradients_first_minibatch.safetensors")
	require.NoError(t, err)
	defer first.Close()
	after, err := safetensors.Open(folder + "weights_after.safetensors")
	require.NoError(t, err)
	defer after.Close()
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		w := loadWhole(t, e)
		list := w.samples(t)
		c := ppo.Default()
		c.AdamW = optim.AdamW{LearningRate: w.Config.LR, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: w.Config.WD, ClipNorm: w.Config.MaxNorm}
		c.Clip, c.KLWeight, c.EntropyWeight, c.TargetKL, c.Temperature = w.Config.Clip, 0, w.Config.Entropy, 0, w.Config.Temperature
		c.ValueWeight, c.ValueClip = w.Config.ValueWeight, w.Config.ClipValue
		for _, size := range []int{2, 1} { // and in micro-batches of one
			c.MinibatchSize, c.MicrobatchSize = 2, size
			u, err := ppo.New(e, w.policy.Config, w.policy.LoRA, c)
			require.NoError(t, err)
			weights := policy.Join(w.policy.Adapter, w.head)
			state := optim.NewState(weights)
			for k, rows := range w.Config.Minibatches {
				var stats ppo.Stats
				weights, stats, err = u.Update(w.policy.Base, weights, state, []ppo.Sample{list[rows[0]], list[rows[1]]}, rng.New(1))
				require.NoError(t, err)
				want := w.Records[k]
				for what, x := range map[string][2]float64{"loss": {want.Loss, stats.Loss}, "policy": {want.Policy, stats.PolicyLoss}, "value": {want.Value, stats.ValueLoss}, "entropy": {want.Entropy, stats.Entropy},
					"clipped": {want.Clipped, stats.ClipFraction}, "values clipped": {want.ValueClipped, stats.ValueClipFraction}, "distance": {want.ApproxKL, stats.ApproxKL}} {
					assert.InDelta(t, x[0], x[1], 1e-4, "minibatch %d, %s", k, what)
				}
				assert.GreaterOrEqual(t, stats.MaxRatio, want.RatioMax-1-1e-3)
				assert.InEpsilon(t, want.Norm, stats.GradNorm, 2e-4)
				assert.Equal(t, k+1, state.Step)
				if k > 0 {
					continue
				}
				// The first moments after one step are the gradient, clipped, times 1 - beta1.
				scale := float32((1 - c.Beta1) * min(1, c.ClipNorm/(stats.GradNorm+1e-6)))
				for i, name := range weights.Names {
					want := saved(t, first, name)
					got := tensors.MustCopyFlatData[float32](state.M.Tensors[i])
					for j := range got {
						got[j] /= scale
					}
					assert.InDeltaSlice(t, want, got, 1e-3*float64(max(slices.Max(want), -slices.Min(want))), name)
				}
			}
			for i, name := range weights.Names {
				assert.InDeltaSlice(t, saved(t, after, name), tensors.MustCopyFlatData[float32](weights.Tensors[i]), 5e-5, name)
			}
		}
	})
}
