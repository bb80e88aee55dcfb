package ppo_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
	"securecoderl/securerl/ppo"
)

// golden is the part of testdata/ppo/numbers.json that this package computes.
type golden struct {
	Mask     [][]float64
	LogProbs struct {
		Logits [][][]float64
		IDs    [][]int32
		Cases  []struct {
			Temperature       float64
			LogProbs, Entropy [][]float64
		}
	}
	KL struct {
		LogProbs, K1, K3 [][]float64
		Reference        [][]float64              `json:"ref_logprobs"`
		Mean             struct{ K1, K3 float64 } `json:"masked_mean"`
	}
	PolicyLoss struct {
		Old      [][]float64 `json:"old_logprobs"`
		New      [][]float64 `json:"new_logprobs"`
		Token    [][]float64 `json:"advantages_token"`
		Row      [][]float64 `json:"advantages_row"`
		Ratio    [][]float64
		ApproxKL struct{ K3 float64 } `json:"approx_kl"`
		Cases    []struct {
			Settings   map[string]any
			Advantages string
			Loss       float64
			Clipped    float64 `json:"clip_fraction"`
			Gradient   [][]float64
		}
	} `json:"policy_loss"`
	ValueLoss struct {
		Old     [][]float64 `json:"old_values"`
		New     [][]float64 `json:"new_values"`
		Returns [][]float64
		Cases   []struct {
			Clip    any // a number or "none"
			Loss    float64
			Clipped float64 `json:"clip_fraction"`
		}
	} `json:"value_loss"`
	WithKL struct {
		Beta      float64
		Reference [][]float64 `json:"ref_logprobs"`
		Cases     []struct {
			Normalisation string
			Loss          float64
			Gradient      [][]float64
		}
	} `json:"grpo_loss_with_kl"`
}

func load(t *testing.T) golden {
	t.Helper()
	b, err := os.ReadFile("../../testdata/ppo/numbers.json")
	require.NoError(t, err)
	var g golden
	require.NoError(t, json.Unmarshal(b, &g))
	return g
}

// same compares with the file's tolerance for float64, on tokens where mask is 1.
func same(t *testing.T, want [][]float64, mask [][]float64, got *tensors.Tensor, what string) {
	t.Helper()
	flat := tensors.MustCopyFlatData[float64](got)
	for i, row := range want {
		for k, x := range row {
			if mask[i][k] == 1 {
				assert.InDelta(t, x, flat[i*len(row)+k], 1e-9*math.Max(1, math.Abs(x)), "%s at %d,%d", what, i, k)
			}
		}
	}
}

func call(t *testing.T, e *engine.Engine, build func(in []*Node) []*Node, in ...any) []*tensors.Tensor {
	t.Helper()
	var args []*tensors.Tensor
	for _, x := range in {
		arg, err := tensors.FromAnyValue(x)
		require.NoError(t, err)
		args = append(args, arg)
	}
	out, err := e.NewFunc("test", build).Call(args...)
	require.NoError(t, err)
	return out
}

func scalar(x *tensors.Tensor) float64 { return tensors.ToScalar[float64](x) }

func TestLogProbabilitiesAndEntropyOfTheLaw(t *testing.T) {
	g := load(t)
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		for _, c := range g.LogProbs.Cases {
			out := call(t, e, func(in []*Node) []*Node {
				lp, entropy := decoder.TokenLogProbs(in[0], in[1], in[2])
				return []*Node{lp, entropy}
			}, g.LogProbs.Logits, g.LogProbs.IDs, c.Temperature)
			same(t, c.LogProbs, g.Mask, out[0], "log-probability")
			same(t, c.Entropy, g.Mask, out[1], "entropy")
		}
	})
}

func TestKLEstimators(t *testing.T) {
	g := load(t)
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		out := call(t, e, func(in []*Node) []*Node {
			k1, k3 := ppo.K1(in[0], in[1]), ppo.K3(in[0], in[1])
			mean := func(x *Node) *Node { return Div(ReduceAllSum(Mul(x, in[2])), ReduceAllSum(in[2])) }
			return []*Node{k1, k3, mean(k1), mean(k3)}
		}, g.KL.LogProbs, g.KL.Reference, g.Mask)
		same(t, g.KL.K1, g.Mask, out[0], "k1")
		same(t, g.KL.K3, g.Mask, out[1], "k3")
		assert.InDelta(t, g.KL.Mean.K1, scalar(out[2]), 1e-9)
		assert.InDelta(t, g.KL.Mean.K3, scalar(out[3]), 1e-9)
	})
}

// token is the loss as Update builds it: a mean over the tokens of the minibatch.
func token(in []*Node, clip float64, beta float64) []*Node {
	logp, old, adv, ref, mask := in[0], in[1], in[2], in[3], in[4]
	g := logp.Graph()
	mean := func(x *Node) *Node { return Div(ReduceAllSum(Mul(x, mask)), ReduceAllSum(mask)) }
	loss, clipped, ratio := ppo.PolicyLoss(logp, old, adv, Scalar(g, logp.DType(), clip))
	total := Add(mean(loss), MulScalar(mean(ppo.K3(logp, ref)), beta))
	return []*Node{total, mean(clipped), ratio, Gradient(total, logp)[0], mean(ppo.K3(old, logp))}
}

func TestPolicyLossAndItsGradient(t *testing.T) {
	g := load(t)
	p := g.PolicyLoss
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		tested := 0
		for _, c := range p.Cases {
			if len(c.Settings) != 2 || c.Settings["hi"] != c.Settings["lo"] { // other papers' variants
				continue
			}
			adv := p.Token
			if c.Advantages == "row" {
				adv = p.Row
			}
			out := call(t, e, func(in []*Node) []*Node { return token(in, c.Settings["lo"].(float64), 0) }, p.New, p.Old, adv, p.Old, g.Mask)
			assert.InDelta(t, c.Loss, scalar(out[0]), 1e-9)
			assert.InDelta(t, c.Clipped, scalar(out[1]), 1e-9)
			same(t, p.Ratio, g.Mask, out[2], "ratio")
			same(t, c.Gradient, g.Mask, out[3], "gradient")
			assert.InDelta(t, p.ApproxKL.K3, scalar(out[4]), 1e-9)
			tested++
		}
		assert.Equal(t, 2, tested)
	})
}

func TestValueLoss(t *testing.T) {
	g := load(t)
	v := g.ValueLoss
	require.NotEmpty(t, v.Cases)
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		for _, c := range v.Cases {
			clip, ok := c.Clip.(float64)
			if !ok {
				clip = math.Inf(1)
			}
			out := call(t, e, func(in []*Node) []*Node {
				mean := func(x *Node) *Node { return Div(ReduceAllSum(Mul(x, in[4])), ReduceAllSum(in[4])) }
				loss, clipped := ppo.ValueLoss(in[0], in[1], in[2], in[3])
				return []*Node{mean(loss), mean(clipped)}
			}, v.New, v.Old, v.Returns, clip, g.Mask)
			assert.InDelta(t, c.Loss, scalar(out[0]), 1e-9, "clip %v", c.Clip)
			assert.InDelta(t, c.Clipped, scalar(out[1]), 1e-9, "clip %v", c.Clip)
		}
	})
}

// By hand: a value has a gradient, its distance to the return, unless it has moved
// toward the return by more than the clip.
func TestWhatTheClipDoesToAValue(t *testing.T) {
	cases := []struct {
		name                string
		old, value, returns float64
		loss, clipped, grad float64
	}{
		{"inside", 0, 0.1, 1, 0.405, 0, -0.9},
		{"far enough already: the old error counts, no gradient", 0, 0.5, 1, 0.32, 1, 0},
		{"moved away: pulled back at full strength", 0, -0.5, 1, 1.125, 0, -1.5},
		{"right by luck, but too far from the old one", 0, 1, 1, 0.32, 1, 0},
	}
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		var old, value, returns []float64
		for _, tt := range cases {
			old, value, returns = append(old, tt.old), append(value, tt.value), append(returns, tt.returns)
		}
		out := call(t, e, func(in []*Node) []*Node {
			loss, clipped := ppo.ValueLoss(in[0], in[1], in[2], in[3])
			return []*Node{loss, clipped, Gradient(ReduceAllSum(loss), in[0])[0]}
		}, [][]float64{value}, [][]float64{old}, [][]float64{returns}, 0.2)
		for k, tt := range cases {
			for i, want := range []float64{tt.loss, tt.clipped, tt.grad} {
				assert.InDelta(t, want, tensors.MustCopyFlatData[float64](out[i])[k], 1e-12, "%s, output %d", tt.name, i)
			}
		}
	})
}

func TestLossWithKLAndItsGradient(t *testing.T) {
	g := load(t)
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		for _, c := range g.WithKL.Cases {
			if c.Normalisation != "token" {
				continue
			}
			out := call(t, e, func(in []*Node) []*Node { return token(in, 0.2, g.WithKL.Beta) }, g.PolicyLoss.New, g.PolicyLoss.Old, g.PolicyLoss.Row, g.WithKL.Reference, g.Mask)
			assert.InDelta(t, c.Loss, scalar(out[0]), 1e-9)
			same(t, c.Gradient, g.Mask, out[3], "gradient")
		}
	})
}

// By hand from equation 7: where the clipped term wins there is no gradient, and
// the pessimistic side is never clipped.
func TestWhatTheClipDoesToARatio(t *testing.T) {
	cases := []struct {
		name                  string
		ratio, advantage      float64
		loss, clipped, dratio float64 // dratio is d loss / d ratio
	}{
		{"inside, good", 1.1, 2, -2.2, 0, -2},
		{"inside, bad", 0.9, -2, 1.8, 0, 2},
		{"good enough already: no further gain", 1.5, 2, -2.4, 1, 0},
		{"bad made rare already: no further gain", 0.5, -2, 1.6, 1, 0},
		{"good made rare: pulled back at full strength", 0.5, 2, -1, 0, -2},
		{"bad made frequent: pushed back at full strength", 1.5, -2, 3, 0, 2},
		{"no advantage, no loss", 3, 0, 0, 0, 0},
	}
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		var logp, old, advantages []float64
		for _, tt := range cases {
			logp, old, advantages = append(logp, math.Log(tt.ratio)), append(old, 0), append(advantages, tt.advantage)
		}
		out := call(t, e, func(in []*Node) []*Node {
			loss, clipped, _ := ppo.PolicyLoss(in[0], in[1], in[2], in[3])
			return []*Node{loss, clipped, Gradient(ReduceAllSum(loss), in[0])[0]}
		}, [][]float64{logp}, [][]float64{old}, [][]float64{advantages}, 0.2)
		for k, tt := range cases {
			flat := func(i int) float64 { return tensors.MustCopyFlatData[float64](out[i])[k] }
			assert.InDelta(t, tt.loss, flat(0), 1e-12, tt.name)
			assert.InDelta(t, tt.clipped, flat(1), 0, tt.name)
			assert.InDelta(t, tt.dratio*tt.ratio, flat(2), 1e-12, tt.name) // d ratio / d logp = ratio
		}
	})
}

func TestShapesThatDoNotFitAreRefused(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		f := e.NewFunc("loss", func(in []*Node) []*Node {
			loss, _, _ := ppo.PolicyLoss(in[0], in[1], in[2], in[3])
			return []*Node{loss}
		})
		row := tensors.FromValue([][]float64{{0, 0}})
		_, err := f.Call(row, row, tensors.FromValue([][]float64{{0}, {0}}), tensors.FromScalar(0.2))
		assert.Error(t, err)
	})
}
