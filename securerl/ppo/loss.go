package ppo

import (
	"math"

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

// ValueLoss returns, per token, half the squared error of a critic to minimize and
// whether the clip decided it (1 or 0): the larger of the errors of the value and of the
// value held within clip of the old one, so that a critic gains nothing by moving
// farther in one update. Shapes: value, old, returns [B, S]; clip is a scalar node,
// infinity for none. Panics while building if shapes differ.
//
// Source: Baselines' PPO2 (github.com/openai/baselines), described in Huang et al. 2022,
// "The 37 implementation details of PPO", detail 9.
func ValueLoss(value, old, returns, clip *Node) (loss, clipped *Node) {
	b, s := value.Shape().Dim(0), value.Shape().Dim(1)
	old.AssertDims(b, s)
	returns.AssertDims(b, s)
	near := Min(Max(value, Sub(old, clip)), Add(old, clip))
	free, bounded := Square(Sub(value, returns)), Square(Sub(near, returns))
	return MulScalar(Max(free, bounded), 0.5), ConvertDType(GreaterThan(bounded, free), value.DType())
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

// Importance returns the truncated importance weight min(exp(trainer - sampler), limit)
// of every token: by how much more often the policy that is trained writes it than the
// one that sampled did, where the two compute one policy with other roundings. trainer
// and sampler are log-probabilities, [T]. A weight is a number, with no gradient.
//
// Sources: Yao et al. 2025, "Your efficient RL framework secretly brings you off-policy
// RL training", truncated importance sampling; Espeholt et al. 2018 (arXiv:1802.01561),
// eq. 1, whose rho-bar is the limit.
func Importance(trainer, sampler []float64, limit float64) []float64 {
	w := make([]float64, len(trainer))
	for k := range w {
		w[k] = math.Min(math.Exp(trainer[k]-sampler[k]), limit)
	}
	return w
}
