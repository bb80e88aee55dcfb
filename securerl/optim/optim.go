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

// ClipGlobal scales gradients so that their global norm is at most limit; a limit of zero
// leaves them alone. It returns the norm before clipping, a scalar.
//
// Source: PyTorch's clip_grad_norm_, which adds 1e-6 to the norm.
func ClipGlobal(grads []*Node, limit float64) (clipped []*Node, norm *Node) {
	norm = GlobalNorm(grads)
	if limit <= 0 {
		return grads, norm
	}
	scale := MinScalar(Div(Scalar(norm.Graph(), norm.DType(), limit), AddScalar(norm, 1e-6)), 1)
	clipped = make([]*Node, len(grads))
	for i, g := range grads {
		clipped[i] = Mul(g, scale)
	}
	return clipped, norm
}

// Apply builds one step: the gradient is clipped by its global norm, the moments
// follow it, the parameters move and decay. rate and the two corrections are
// scalar inputs (see Corrections), so that no schedule recompiles the graph.
//
// It returns the new parameters and moments, the norm before clipping, and finite:
// 1, or 0 if the norm is NaN or infinite, in which case all values are kept.
//
// Shapes and dtypes: params, grads, m and v agree tensor by tensor.
//
// Source: Loshchilov and Hutter 2019, algorithm 2.
func (a AdamW) Apply(params, grads, m, v []*Node, rate, correction1, correction2 *Node) (p2, m2, v2 []*Node, norm, finite *Node) {
	g := rate.Graph()
	grads, norm = ClipGlobal(grads, a.ClipNorm)
	ok := LessThan(norm, Scalar(g, norm.DType(), math.MaxFloat32)) // false for NaN and infinity
	for i, w := range params {
		grad := grads[i]
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
func (a AdamW) Corrections(t int) (c1, c2 float64) {
	return 1 / (1 - math.Pow(a.Beta1, float64(t))), 1 / (1 - math.Pow(a.Beta2, float64(t)))
}
