package optim_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
	"securecoderl/securerl/optim"
)

// golden is testdata/optim/optim.json, made with PyTorch and Transformers.
type golden struct {
	AdamW struct {
		Start     []float64
		Gradients [][]float64
		Cases     []struct {
			Settings struct {
				LR, WD, B1, B2, Eps, Clip float64
			}
			Rates   []float64   `json:"lr_per_step"`
			Norms   []float64   `json:"grad_norm_before_clip"`
			Weights [][]float64 `json:"weights_per_step"`
		}
	}
	Schedules []struct {
		Kind          string
		LR            float64
		Warmup, Total int
		Options       struct {
			Floor float64 `json:"min_lr_rate"`
		}
		Rates []float64 `json:"lr_per_step"`
	}
	Warmups []struct {
		Total, Steps int
		Ratio        float64
	} `json:"warmup_ratio_to_steps"`
	Clipping []struct {
		MaxNorm   float64 `json:"max_norm"`
		Gradients [][]float64
		Norm      float64
		Clipped   [][]float64
	}
}

func load(t *testing.T) golden {
	t.Helper()
	b, err := os.ReadFile("../../testdata/optim/optim.json")
	require.NoError(t, err)
	var g golden
	require.NoError(t, json.Unmarshal(b, &g))
	return g
}

func flat(x *tensors.Tensor) []float64 { return tensors.MustCopyFlatData[float64](x) }

func close9(t *testing.T, want, got []float64, what string) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		assert.InDelta(t, want[i], got[i], 1e-9*math.Max(1, math.Abs(want[i])), "%s, entry %d", what, i)
	}
}

func TestAdamWFollowsPyTorch(t *testing.T) {
	g := load(t)
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		for i, c := range g.AdamW.Cases {
			s := c.Settings
			a := optim.AdamW{Beta1: s.B1, Beta2: s.B2, Epsilon: s.Eps, WeightDecay: s.WD, ClipNorm: s.Clip}
			step := e.NewFunc("adamw", func(in []*Node) []*Node {
				p, m, v, norm, finite := a.Apply(in[3:4], in[4:5], in[5:6], in[6:7], in[0], in[1], in[2])
				return []*Node{p[0], m[0], v[0], norm, finite}
			})
			n := len(g.AdamW.Start)
			w, m, v := tensors.FromValue(g.AdamW.Start), tensors.FromValue(make([]float64, n)), tensors.FromValue(make([]float64, n))
			for k, grad := range g.AdamW.Gradients {
				c1, c2 := a.Corrections(k + 1)
				out, err := step.Call(tensors.FromScalar(c.Rates[k]), tensors.FromScalar(c1), tensors.FromScalar(c2), w, tensors.FromValue(grad), m, v)
				require.NoError(t, err)
				w, m, v = out[0], out[1], out[2]
				close9(t, c.Weights[k], flat(w), "weights")
				close9(t, c.Norms[k:k+1], flat(out[3]), "norm")
				require.Equal(t, 1.0, tensors.ToScalar[float64](out[4]), "case %d step %d", i, k)
			}
		}
	})
}

func TestClippingFollowsPyTorch(t *testing.T) {
	g := load(t)
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		for _, c := range g.Clipping {
			f := e.NewFunc("clip", func(in []*Node) []*Node {
				clipped, norm := optim.ClipGlobal(in, c.MaxNorm)
				return append([]*Node{norm}, clipped...)
			})
			var in []*tensors.Tensor
			for _, x := range c.Gradients {
				in = append(in, tensors.FromValue(x))
			}
			out, err := f.Call(in...)
			require.NoError(t, err)
			close9(t, []float64{c.Norm}, flat(out[0]), "norm")
			for i := range c.Clipped {
				close9(t, c.Clipped[i], flat(out[1+i]), "clipped")
			}
		}
	})
}

func TestSchedulesFollowTransformers(t *testing.T) {
	g := load(t)
	for _, c := range g.Schedules {
		var s optim.Schedule
		switch c.Kind {
		case "linear":
			s = optim.Linear{Warmup: c.Warmup, Total: c.Total, FromZero: true}
		case "constant":
			s = optim.Constant{Warmup: c.Warmup, FromZero: true}
		case "cosine", "cosine_min":
			s = optim.Cosine{Warmup: c.Warmup, Total: c.Total, FromZero: true, Floor: c.Options.Floor}
		default:
			require.Fail(t, c.Kind)
		}
		for step, want := range c.Rates[:c.Total+1] { // past the end a cosine would rise again; ours stays
			assert.InDelta(t, want, c.LR*s.Rate(step), 1e-15, "%s step %d", c.Kind, step)
		}
	}
	for _, c := range g.Warmups {
		assert.Equal(t, c.Steps, optim.WarmupSteps(c.Total, c.Ratio))
	}
}

func TestNoScheduleLosesItsFirstStepOrLeavesItsRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		warm, total := rapid.IntRange(0, 20).Draw(t, "warmup"), rapid.IntRange(1, 60).Draw(t, "total")
		floor := rapid.Float64Range(0, 1).Draw(t, "floor")
		for _, s := range []optim.Schedule{optim.Linear{Warmup: warm, Total: total}, optim.Constant{Warmup: warm}, optim.Cosine{Warmup: warm, Total: total, Floor: floor}} {
			assert.Positive(t, s.Rate(0), "%#v", s)
			for step := range total + 5 {
				r := s.Rate(step)
				assert.True(t, r >= 0 && r <= 1, "%#v at %d: %g", s, step, r)
				if step > 0 && step < warm {
					assert.Greater(t, r, s.Rate(step-1))
				}
			}
		}
	})
}

func tree(xs ...[]float32) *engine.Tree {
	t := &engine.Tree{}
	for i, x := range xs {
		t.Add(string(rune('a'+i)), tensors.FromValue(x))
	}
	return t
}

func TestAGradientThatIsNotFiniteChangesNothing(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		params := tree([]float32{1, 2}, []float32{3})
		state := optim.NewState(params)
		s := optim.NewStepper(e, optim.AdamW{Beta1: 0.9, Beta2: 0.99, Epsilon: 1e-8, WeightDecay: 0.1, ClipNorm: 1})
		params, norm, ok, err := s.Step(params, tree([]float32{3, 0}, []float32{4}), state, 0.1)
		require.NoError(t, err)
		require.True(t, ok)
		assert.InDelta(t, 5, norm, 1e-6)
		p, m, v := params.Digest(), state.M.Digest(), state.V.Digest()
		huge := float32(1e30) // its square is infinite in float32
		for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), huge} {
			next, norm, ok, err := s.Step(params, tree([]float32{0, bad}, []float32{1}), state, 0.1)
			require.NoError(t, err)
			assert.False(t, ok)
			assert.True(t, math.IsNaN(norm) || math.IsInf(norm, 0))
			assert.Equal(t, p, next.Digest())
			assert.Equal(t, []string{m, v}, []string{state.M.Digest(), state.V.Digest()})
			assert.Equal(t, 1, state.Step)
		}
		_, _, ok, err = s.Step(params, tree([]float32{1, 1}, []float32{1}), state, 0.1)
		require.NoError(t, err)
		assert.True(t, ok, "the optimiser goes on")
	})
}

func TestDecayIsDecoupledFromTheGradient(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		params := tree([]float32{2})
		s := optim.NewStepper(e, optim.AdamW{Beta1: 0.9, Beta2: 0.99, Epsilon: 1e-8, WeightDecay: 0.5})
		next, _, ok, err := s.Step(params, tree([]float32{0}), optim.NewState(params), 0.1)
		require.NoError(t, err)
		require.True(t, ok)
		assert.InDelta(t, 2*(1-0.1*0.5), next.Get("a").Value().([]float32)[0], 1e-6) // by hand: no gradient, decay alone
	})
}
