package optim

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"securecoderl/securerl/engine"
)

// AdamW holds the numbers of the optimiser. A zero ClipNorm means no clipping.
type AdamW struct {
	LearningRate float64 // peak rate; the schedule scales it
	Beta1, Beta2 float64 // decay of the moments, in [0, 1)
	Epsilon      float64
	WeightDecay  float64 // decoupled, times the rate
	ClipNorm     float64 // largest global norm of the gradient
}

// State is what the optimiser remembers: first and second moments, named and shaped
// as the parameters, and the number of steps taken.
type State struct {
	M, V *engine.Tree
	Step int
}

// NewState returns the state before the first step.
func NewState(params *engine.Tree) *State {
	return &State{M: params.ZerosLike(), V: params.ZerosLike()}
}

// GlobalNorm is the Euclidean norm over all gradients together, a scalar.
func GlobalNorm(grads []*Node) *Node {
	var sum *Node
	for _, g := range grads {
		s := ReduceAllSum(Square(g))
		if sum == nil {
			sum = s
		} else {
			sum = Add(sum, s)
		}
	}
	return Sqrt(sum)
}

// Apply builds one step: the gradient is clipped by its global norm, the moments
// follow it, the parameters move and decay. rate and the two corrections are
// scalar inputs (see Corrections), so that no schedule recompiles the graph.
//
// It returns the new parameters and moments, the norm before clipping, and finite:
// 1, or 0 if the norm is NaN or infinite, in which case all values are kept.
//
// Source: Loshchilov and Hutter 2019, algorithm 2; clipping as in PyTorch's
// clip_grad_norm_, which adds 1e-6 to the norm.
func (a AdamW) Apply(params, grads, m, v []*Node, rate, correction1, correction2 *Node) (p2, m2, v2 []*Node, norm, finite *Node) {
	g := rate.Graph()
	norm = GlobalNorm(grads)
	ok := LessThan(norm, Const(g, float32(math.MaxFloat32))) // false for NaN and infinity
	scale := OnesLike(norm)
	if a.ClipNorm > 0 {
		scale = MinScalar(Div(Const(g, float32(a.ClipNorm)), AddScalar(norm, 1e-6)), 1)
	}
	for i, w := range params {
		grad := Mul(grads[i], scale)
		mi := Add(MulScalar(m[i], a.Beta1), MulScalar(grad, 1-a.Beta1))
		vi := Add(MulScalar(v[i], a.Beta2), MulScalar(Square(grad), 1-a.Beta2))
		step := Div(Mul(mi, correction1), AddScalar(Sqrt(Mul(vi, correction2)), a.Epsilon))
		decayed := Mul(w, OneMinus(MulScalar(rate, a.WeightDecay)))
		wi := Sub(decayed, Mul(rate, step))
		p2 = append(p2, Where(ok, wi, w))
		m2 = append(m2, Where(ok, mi, m[i]))
		v2 = append(v2, Where(ok, vi, v[i]))
	}
	return p2, m2, v2, norm, ConvertDType(ok, norm.DType())
}

// Corrections are the factors that undo the bias of the moments at step t, counted
// from 1: 1/(1-beta1^t) and 1/(1-beta2^t). They are computed on the host in float64.
func (a AdamW) Corrections(t int) (c1, c2 float32) {
	return float32(1 / (1 - math.Pow(a.Beta1, float64(t)))), float32(1 / (1 - math.Pow(a.Beta2, float64(t))))
}

// Linear is a rate that rises over Warmup steps and falls to zero at Total. With
// FromZero step 0 of the warm-up has rate 0, as Transformers does it; without, it
// has 1/Warmup.
type Linear struct {
	Warmup, Total int
	FromZero      bool
}

// Rate is the factor of the peak rate at a step, counted from 0; in [0, 1].
func (l Linear) Rate(step int) float64 {
	s := float64(step)
	if step < l.Warmup {
		if !l.FromZero {
			s++
		}
		return s / float64(l.Warmup)
	}
	if l.Total <= l.Warmup {
		return 1
	}
	return math.Max(0, (float64(l.Total)-s)/float64(l.Total-l.Warmup))
}

// Constant keeps the peak rate after a linear warm-up.
type Constant struct{ Warmup int }

// Rate is the factor of the peak rate at a step, counted from 0; in (0, 1].
func (c Constant) Rate(step int) float64 {
	return math.Min(1, float64(step+1)/float64(max(1, c.Warmup)))
}

// Schedule scales the peak rate by the step.
type Schedule interface{ Rate(step int) float64 }
