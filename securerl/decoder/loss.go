package decoder

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

// TokenLogProbs returns, for logits [B, S, V] and targets int32 [B, S], the
// log-probability of each target and the entropy of each distribution, both
// [B, S], under softmax(logits / temperature). temperature is a positive scalar
// node; nil means 1. Stable for any logits: the largest is subtracted first.
func TokenLogProbs(logits, targets, temperature *Node) (logp, entropy *Node) {
	if temperature != nil {
		logits = Div(logits, temperature)
	}
	shifted := Sub(logits, StopGradient(ReduceAndKeep(logits, ReduceMax, -1)))
	e := Exp(shifted)
	total := ReduceSum(e, -1)
	lse := Log(total)
	picked := ReduceSum(Mul(shifted, OneHot(targets, logits.Shape().Dim(-1), logits.DType())), -1)
	entropy = Sub(lse, Div(ReduceSum(Mul(e, shifted), -1), total))
	return Sub(picked, lse), entropy
}

// Scoring returns a Net whose TokenLogProbs nobody will differentiate.
func (n *Net) Scoring() *Net {
	m := *n
	m.scoring = true
	return &m
}

// TokenLogProbs returns, for hidden states [B, S, E] and targets int32 [B, S], what the
// function of that name returns for their logits. With Compute.LossTokens the logits of
// so many tokens are there at a time, one part of the rows after the other, and [B, S, V]
// never is.
//
// Under an adapter, where the head is frozen, the parts carry the gradient with respect
// to their states along, [B, S, E] for each of the two results, so that the backward pass
// needs no logits. Without one the head may be trained too, and its gradient is left to
// the graph.
func (n *Net) TokenLogProbs(hidden, targets, temperature *Node) (logp, entropy *Node) {
	n = n.sparing()
	b, s := hidden.Shape().Dim(0), hidden.Shape().Dim(1)
	width := max(1, n.Compute.LossTokens/b)
	if n.Compute.LossTokens == 0 || width >= s {
		return TokenLogProbs(n.Logits(hidden), targets, temperature)
	}
	carried := n.lora != nil && !n.scoring
	head := n.head(ConvertDType(hidden, n.dtype()))
	var logps, entropies []*Node
	for at := 0; at < s; at += width {
		part := AxisRange(at, min(at+width, s))
		h := Slice(hidden, AxisRange(), part, AxisRange())
		to := Slice(targets, AxisRange(), part)
		if !n.nn { // parts run one after the other
			if at > 0 {
				before := Add(ReduceAllSum(logps[len(logps)-1]), ReduceAllSum(entropies[len(entropies)-1]))
				h = SchedulingBarrier(h, StopGradient(before))
			}
			// Of targets alone XLA would make all one-hot rows at the start. A float carries the
			// order, an integer does not: zero times an integer is simplified away.
			to = ConvertDType(SchedulingBarrier(ConvertDType(to, dtypes.F32), StopGradient(h)), targets.DType())
		}
		var lp, e *Node
		if carried {
			lp, e = n.carry(h, head, to, temperature)
		} else {
			lp, e = TokenLogProbs(n.logits(ConvertDType(h, n.dtype()), head), to, temperature)
		}
		logps, entropies = append(logps, lp), append(entropies, e)
	}
	return Concatenate(logps, 1), Concatenate(entropies, 1)
}

// carry is TokenLogProbs of one part, with its gradient: of a token with probabilities p
// and entropy H under logits z = W h / T,
//
//	d logp / d h = (W[target] - sum_v p_v W_v) / T
//	d H    / d h = -(sum_v p_v (log p_v + H) W_v) / T
func (n *Net) carry(h, head, targets, temperature *Node) (logp, entropy *Node) {
	frozen := StopGradient(h)
	x := ConvertDType(frozen, n.dtype())
	z := n.logits(x, head)
	if temperature != nil {
		z = Div(z, temperature)
	}
	logp, entropy = TokenLogProbs(z, targets, nil)
	shifted := Sub(z, ReduceAndKeep(z, ReduceMax, -1))
	e := Exp(shifted)
	total := ReduceAndKeep(e, ReduceSum, -1)
	p, logs := Div(e, total), Sub(shifted, Log(total))
	back := func(weights *Node) *Node { // sum_v weights_v W_v
		g := n.wide(matmul(ConvertDType(weights, n.dtype()), head, !n.AsStored && !n.TieWordEmbeddings))
		if temperature != nil {
			g = Div(g, temperature)
		}
		return g
	}
	chosen := OneHot(targets, z.Shape().Dim(-1), z.DType())
	return withGradient(logp, h, back(Sub(chosen, p))), withGradient(entropy, h, Neg(back(Mul(p, Add(logs, ExpandAxes(entropy, -1))))))
}

// withGradient is y [B, S], whose gradient with respect to x [B, S, E] is g [B, S, E].
func withGradient(y, x, g *Node) *Node {
	linear := ReduceSum(Mul(x, StopGradient(g)), -1)
	return Add(StopGradient(y), Sub(linear, StopGradient(linear)))
}
