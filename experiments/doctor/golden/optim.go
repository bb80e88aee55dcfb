package golden

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/optim"
)

// optimFile is optim/optim.json.
type optimFile struct {
	AdamW struct {
		Start     []float64
		Gradients table
		Cases     []struct {
			Settings struct{ LR, WD, B1, B2, Eps, Clip float64 }
			Rates    []float64 `json:"lr_per_step"`
			Norms    []float64 `json:"grad_norm_before_clip"`
			Weights  table     `json:"weights_per_step"`
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
		Gradients table
		Norm      float64
		Clipped   table
	}
}

// optimiser compares AdamW, schedules and clipping in float64.
func (p *part) optimiser() {
	path := p.path()
	var g optimFile
	p.json(path, &g)
	p.others(path, "note", "adamw", "schedules", "warmup_ratio_to_steps", "clipping")
	p.adamw(g)
	need(len(g.Schedules) > 0 && len(g.Clipping) > 0, path, "schedules", "or clipping is missing")
	for i, c := range g.Schedules {
		var s optim.Schedule
		switch c.Kind {
		case "linear":
			s = optim.Linear{Warmup: c.Warmup, Total: c.Total, FromZero: true}
		case "constant":
			s = optim.Constant{Warmup: c.Warmup, FromZero: true}
		case "cosine", "cosine_min":
			s = optim.Cosine{Warmup: c.Warmup, Total: c.Total, FromZero: true, Floor: c.Options.Floor}
		default:
			p.uncomputed("schedule " + c.Kind)
			continue
		}
		need(len(c.Rates) > c.Total, path, fmt.Sprintf("schedules[%d].lr_per_step", i), "holds %d rates for %d steps", len(c.Rates), c.Total)
		for step, want := range c.Rates[:c.Total+1] { // past the end a cosine would rise again; ours stays
			p.relative("rates of schedules", exactTolerance, c.LR, want, c.LR*s.Rate(step), "%s, step %d", c.Kind, step)
		}
	}
	for _, c := range g.Warmups {
		p.equal("warm-up steps of a ratio", c.Steps == optim.WarmupSteps(c.Total, c.Ratio), "%d x %g", c.Total, c.Ratio)
	}
	for i, c := range g.Clipping {
		need(len(c.Clipped) == len(c.Gradients) && len(c.Gradients) > 0, path, fmt.Sprintf("clipping[%d].clipped", i), "has %d tensors, not %d", len(c.Clipped), len(c.Gradients))
		var in []any
		for _, x := range c.Gradients {
			in = append(in, x)
		}
		out := p.calls("clip", func(in []*Node) []*Node {
			clipped, norm := optim.ClipGlobal(in, c.MaxNorm)
			return append([]*Node{norm}, clipped...)
		}, in...)
		p.scalar("norms before clipping", c.Norm, out[0])
		for k, want := range c.Clipped {
			p.exact("clipped gradients", want, out[1+k], "case %d, tensor %d", i, k)
		}
	}
}

// exact compares numbers of a float64 tensor.
func (p *part) exact(quantity string, want []float64, got *tensors.Tensor, where string, a ...any) {
	flat := tensors.MustCopyFlatData[float64](got)
	need(len(flat) == len(want), p.path(), quantity, "are %d numbers, not %d", len(want), len(flat))
	for i, x := range want {
		p.relative(quantity, exactTolerance, 1, x, flat[i], where+", entry %d", append(a[:len(a):len(a)], i)...)
	}
}

func (p *part) adamw(g optimFile) {
	path, n := p.path(), len(g.AdamW.Start)
	need(n > 0 && len(g.AdamW.Cases) > 0, path, "adamw", "lacks start or cases")
	for i, grad := range g.AdamW.Gradients {
		need(len(grad) == n, path, fmt.Sprintf("adamw.gradients[%d]", i), "holds %d numbers, not %d", len(grad), n)
	}
	for i, c := range g.AdamW.Cases {
		steps := len(g.AdamW.Gradients)
		need(len(c.Rates) == steps && len(c.Norms) == steps && len(c.Weights) == steps, path, fmt.Sprintf("adamw.cases[%d]", i), "lists %d rates, %d norms, %d weights for %d steps", len(c.Rates), len(c.Norms), len(c.Weights), steps)
		s := c.Settings
		a := optim.AdamW{Beta1: s.B1, Beta2: s.B2, Epsilon: s.Eps, WeightDecay: s.WD, ClipNorm: s.Clip}
		step := p.e.NewFunc("adamw", func(in []*Node) []*Node {
			w, m, v, norm, _ := a.Apply(in[3:4], in[4:5], in[5:6], in[6:7], in[0], in[1], in[2])
			return []*Node{w[0], m[0], v[0], norm}
		})
		w, m, v := tensors.FromValue(g.AdamW.Start), tensors.FromValue(make([]float64, n)), tensors.FromValue(make([]float64, n))
		for k, grad := range g.AdamW.Gradients {
			c1, c2 := a.Corrections(k + 1)
			out := p.call(step, tensors.FromScalar(c.Rates[k]), tensors.FromScalar(c1), tensors.FromScalar(c2), w, tensors.FromValue(grad), m, v)
			w, m, v = out[0], out[1], out[2]
			p.exact("weights under AdamW", c.Weights[k], w, "case %d, step %d", i, k)
			p.scalar("norms before clipping", c.Norms[k], out[3])
		}
	}
}
