package ppo

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// PolicyLoss returns, per token, the clipped surrogate to minimize and whether the
// clip decided it (1 or 0). Shapes: logp, old, advantages [B, S]; clip is a scalar
// node. Where the clipped term wins there is no gradient. Source: Schulman et al.
// 2017, eq. 7. Panics while building if shapes differ.
func PolicyLoss(logp, old, advantages, clip *Node) (loss, clipped, ratio *Node) {
	b, s := logp.Shape().Dim(0), logp.Shape().Dim(1)
	old.AssertDims(b, s)
	advantages.AssertDims(b, s)
	ratio = Exp(Sub(logp, old))
	free := Mul(ratio, advantages)
	bounded := Mul(Min(Max(ratio, OneMinus(clip)), AddScalar(clip, 1)), advantages)
	return Neg(Min(free, bounded)), ConvertDType(LessThan(bounded, free), logp.DType()), ratio
}

// K1 is the plain estimator of KL(policy || reference) at a sampled token, log p -
// log ref: unbiased, of either sign. In a loss its expected gradient is zero, so it
// belongs into rewards.
func K1(logp, reference *Node) *Node { return Sub(logp, reference) }

// K3 is the estimator exp(ref - logp) - 1 - (ref - logp): never negative, zero with
// zero gradient where both agree. Source: Schulman 2020.
func K3(logp, reference *Node) *Node {
	d := Sub(reference, logp)
	return Sub(Sub(Exp(d), OnesLike(d)), d)
}
