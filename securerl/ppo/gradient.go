package ppo

import (
	"math"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/policy"
)

// part is the share of an update's weights that moves: those from an index on.
type part struct {
	first int
	grads *engine.Func
	zeros *engine.Tree // where sums of gradients start
}

func (u *Updater) newPart(e *engine.Engine, name string, first int) *part {
	return &part{first: first, grads: e.NewFunc(name, func(in []*Node) []*Node { return u.build(e, in, first) }).Spread(u.rows()...)}
}

// rows are the inputs of a gradient that hold a row for each sample: devices share them.
func (u *Updater) rows() []int {
	list := []int{0, 1, 2, 3, 4, 5}
	if u.critic() {
		list = append(list, 11, 12)
	}
	if u.config.ImportanceCap > 0 {
		list = append(list, u.fixed()-1)
	}
	return list
}

// weights are all that a gradient is computed with.
type weights struct {
	part   *part
	frozen []*tensors.Tensor // the base, and in a warm-up the adapter
	moving *engine.Tree
}

// whole lets all weights of an update move.
func (u *Updater) whole(base, all *engine.Tree) weights { return weights{u.all, base.Tensors, all} }

// headOnly lets the critic of an update move.
func (u *Updater) headOnly(base, all *engine.Tree) weights {
	adapter, head := policy.Divide(all)
	return weights{u.head, slices.Concat(base.Tensors, adapter.Tensors), head}
}

// fixed counts the inputs before the trees: tokens, targets, mask, old, reference,
// advantages, then the scalars share, clip, KL weight, entropy weight, temperature. A
// critic adds values, returns, and the scalars value weight and clip; an importance cap
// adds the weights of the tokens.
func (u *Updater) fixed() int {
	n := 11
	if u.critic() {
		n += 4
	}
	if u.config.ImportanceCap > 0 {
		n++
	}
	return n
}

// build: fixed inputs, sums of gradients so far, base, adapter, head -> the sums of the
// metrics (each times share), the largest |ratio-1|, new sums of gradients of the
// weights from first on.
func (u *Updater) build(e *engine.Engine, in []*Node, first int) []*Node {
	tokens, targets, mask, old, reference, adv := in[0], in[1], in[2], in[3], in[4], in[5]
	share, clip, klWeight, entropyWeight, temperature := in[6], in[7], in[8], in[9], in[10]
	more, rest := in[11:u.fixed()], in[u.fixed():]
	base, adapter, head := len(decoder.BaseNames(u.model)), len(decoder.AdapterNames(u.model, u.lora)), 0
	if u.critic() {
		head = 2
	}
	moving := adapter + head - first
	sums, params := rest[:moving], rest[moving+base:]
	net := decoder.Bind(e, u.model, &u.lora, rest[moving:moving+base], params[:adapter])
	hidden := net.Hidden(tokens)
	logp, entropy := net.TokenLogProbs(hidden, targets, temperature)
	// Padding has no old log-probability: let its ratio be one.
	logp = Where(GreaterThan(mask, ZerosLike(mask)), logp, old)
	loss, clipped, ratio := PolicyLoss(logp, old, adv, clip)
	if u.config.ImportanceCap > 0 {
		loss = Mul(loss, more[len(more)-1])
	}
	mean := func(x *Node) *Node { return Mul(ReduceAllSum(Mul(x, mask)), share) }
	surrogate, kl, ent := mean(loss), mean(Mul(K3(logp, reference), mask)), mean(entropy)
	total := Sub(Add(surrogate, Mul(klWeight, kl)), Mul(entropyWeight, ent))
	out := []*Node{total, surrogate, kl, ent, mean(clipped), mean(K3(old, logp)), ReduceAllMax(Mul(Abs(AddScalar(ratio, -1)), mask))}
	if u.critic() {
		loss, clipped := ValueLoss(policy.Values(hidden, params[adapter:]), more[0], more[1], more[3])
		value := mean(loss)
		total = Add(total, Mul(more[2], value))
		out[outLoss] = total
		out = append(out, value, mean(clipped))
	}
	for i, g := range Gradient(total, params[first:]...) {
		out = append(out, Add(sums[i], g))
	}
	return out
}

// The outputs of build before the gradients. All but outRatio are sums over the
// tokens of a micro-batch, divided by the tokens of the minibatch.
const (
	outLoss         = iota // the whole loss
	outPolicy              // its clipped surrogate
	outKL                  // k3 to the reference, before its weight
	outEntropy             // before its weight
	outClipped             // tokens whose clipped term decided
	outApproxKL            // k3 to the policy that sampled
	outRatio               // largest |ratio - 1|
	outValue               // the critic's loss, before its weight; with a critic only
	outValueClipped        // tokens whose clipped value decided; with a critic only
	metrics
)

// measured counts the outputs before the gradients.
func (u *Updater) measured() int {
	if u.critic() {
		return metrics
	}
	return outValue
}

// gradient sums the metrics and gradients of a minibatch over its micro-batches. bad
// lists the samples of micro-batches whose loss is not finite.
func (u *Updater) gradient(w weights, rollout []Sample, rows []int) (m [metrics]float64, sums *engine.Tree, bad []int, err error) {
	if w.part.zeros == nil {
		w.part.zeros = w.moving.ZerosLike()
	}
	lengths, tokens := make([]int, len(rows)), 0
	for i, r := range rows {
		lengths[i] = len(rollout[r].Prompt) + len(rollout[r].Completion)
		tokens += len(rollout[r].Completion)
	}
	sums = w.part.zeros
	for _, chunk := range decoder.Chunks(lengths, w.part.grads.Rows(u.config.MicrobatchSize)) {
		own := u.inputs(chunk, func(i int) Sample { return rollout[rows[i]] }, tokens)
		out, err := w.part.grads.Call(slices.Concat(own, sums.Tensors, w.frozen, w.moving.Tensors)...)
		if err != nil {
			return m, nil, nil, err
		}
		for k := range u.measured() {
			x := float64(tensors.ToScalar[float32](out[k]))
			if k == outRatio {
				m[k] = math.Max(m[k], x)
			} else {
				m[k] += x
			}
			if k == outLoss && (math.IsNaN(x) || math.IsInf(x, 0)) {
				for _, i := range chunk.Rows {
					bad = append(bad, rows[i])
				}
			}
		}
		if sums != w.part.zeros {
			own = append(own, sums.Tensors...)
		}
		for _, x := range append(own, out[:u.measured()]...) {
			x.MustFinalizeAll()
		}
		sums = sums.With(out[u.measured():])
	}
	slices.Sort(bad)
	return m, sums, bad, nil
}

// inputs are the fixed inputs of the graph for one micro-batch of a minibatch of so
// many tokens.
func (u *Updater) inputs(chunk decoder.Chunk, sample func(i int) Sample, tokens int) []*tensors.Tensor {
	scalar := func(x float64) *tensors.Tensor { return tensors.FromScalar(float32(x)) }
	per := func(value func(Sample) []float64) *tensors.Tensor {
		return chunk.Values(func(i int) int { return len(sample(i).Prompt) }, func(i int) []float32 { return narrow(value(sample(i))) })
	}
	klWeight := u.config.KLWeight
	if u.config.KLMode == KLReward {
		klWeight = 0
	}
	in, targets := chunk.Tokens(func(i int) []int32 { return slices.Concat(sample(i).Prompt, sample(i).Completion) })
	list := []*tensors.Tensor{in, targets,
		per(func(s Sample) []float64 { return slices.Repeat([]float64{1}, len(s.Completion)) }),
		per(func(s Sample) []float64 { return s.Old }),
		per(func(s Sample) []float64 { return s.Reference }),
		per(func(s Sample) []float64 { return s.Advantages }),
		scalar(1 / float64(tokens)), scalar(u.config.Clip), scalar(klWeight), scalar(u.config.EntropyWeight), scalar(u.config.Temperature)}
	if u.critic() {
		clip := u.config.ValueClip
		if clip == 0 {
			clip = math.Inf(1)
		}
		list = append(list, per(func(s Sample) []float64 { return s.Values }), per(func(s Sample) []float64 { return s.Returns }), scalar(u.config.ValueWeight), scalar(clip))
	}
	if limit := u.config.ImportanceCap; limit > 0 {
		list = append(list, per(func(s Sample) []float64 { return Importance(s.Old, s.Sampler, limit) }))
	}
	return list
}

func narrow(xs []float64) []float32 {
	ys := make([]float32, len(xs))
	for i, x := range xs {
		ys[i] = float32(x)
	}
	return ys
}
