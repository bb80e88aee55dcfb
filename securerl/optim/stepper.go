package optim

import (
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/engine"
)

// Stepper applies AdamW to trees: the compiled form of AdamW.Apply.
type Stepper struct {
	adamw AdamW
	apply *engine.Func
}

// NewStepper prepares the step; it is compiled at its first use.
func NewStepper(e *engine.Engine, a AdamW) *Stepper {
	return &Stepper{adamw: a, apply: e.NewFunc("adamw", func(in []*Node) []*Node {
		n := (len(in) - 3) / 4
		part := func(i int) []*Node { return in[3+i*n : 3+(i+1)*n] }
		p, m, v, norm, finite := a.Apply(part(0), part(1), part(2), part(3), in[0], in[1], in[2])
		return append(append(append([]*Node{norm, finite}, p...), m...), v...)
	}).Spread()} // every device moves its own copy
}

// Step moves the parameters along summed gradients at the given rate. The state
// belongs to the stepper: it is updated in place and the moments it held are freed.
// It returns the new parameters and the norm before clipping. If the norm is not
// finite, or the call fails, ok is false and nothing changes.
func (s *Stepper) Step(params, grads *engine.Tree, state *State, rate float64) (next *engine.Tree, norm float64, ok bool, err error) {
	c1, c2 := s.adamw.Corrections(state.Step + 1)
	in := []*tensors.Tensor{tensors.FromScalar(float32(rate)), tensors.FromScalar(float32(c1)), tensors.FromScalar(float32(c2))}
	for _, t := range []*engine.Tree{params, grads, state.M, state.V} {
		in = append(in, t.Tensors...)
	}
	out, err := s.apply.Call(in...)
	if err != nil {
		return params, 0, false, err
	}
	defer free(append(in[:3:3], out[:2]...))
	norm, ok = float64(tensors.ToScalar[float32](out[0])), tensors.ToScalar[float32](out[1]) == 1
	n := params.Len()
	if !ok {
		free(out[2:])
		return params, norm, false, nil
	}
	free(append(slices.Clone(state.M.Tensors), state.V.Tensors...))
	state.M, state.V = state.M.With(out[2+n:2+2*n]), state.V.With(out[2+2*n:])
	state.Step++
	return params.With(out[2 : 2+n]), norm, true, nil
}

// free gives memory back without waiting for the collector, which does not see a
// device's. A tensor that is already free is not an error.
func free(xs []*tensors.Tensor) {
	for _, x := range xs {
		x.MustFinalizeAll()
	}
}
