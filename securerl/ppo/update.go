package ppo

import (
	"errors"
	"fmt"
	"math"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/rng"
)

// ErrDiverged reports a loss or gradient that is not a number or infinite. The
// adapter of before the minibatch is kept.
var ErrDiverged = errors.New("ppo: loss is not finite")

// ErrSample reports a sample whose parts do not fit together.
var ErrSample = errors.New("ppo: sample")

// Sample is one completion with what is known of it. Old, Reference and Advantages
// are [T], one number per completion token.
type Sample struct {
	Prompt, Completion []int32
	Old                []float64 // log-probability under the policy that sampled
	Reference          []float64 // log-probability under the frozen reference
	Advantages         []float64
}

// Stats describe an update. The first four and GradNorm are means over the
// minibatches that were applied; each minibatch's number is a mean over its tokens,
// measured before its step.
type Stats struct {
	PolicyLoss   float64 // clipped surrogate, to minimize
	KL           float64 // k3 estimate of KL(policy || reference), nats per token
	Entropy      float64 // of the policy's distribution, nats per token
	ClipFraction float64 // share of tokens whose clipped term decided
	MaxRatio     float64 // largest |ratio - 1| of a token in any minibatch
	ApproxKL     float64 // k3 estimate of the distance to the policy that sampled, nats per token; largest of a minibatch
	GradNorm     float64 // global norm before clipping
	Minibatches  int     // optimiser steps made
	Stopped      bool    // TargetKL ended the update early
	Tokens       int     // completion tokens of the rollout
}

// Updater runs updates, one at a time. Its graphs are compiled once per row length.
type Updater struct {
	config  Config
	model   decoder.Config
	lora    decoder.LoRA
	grads   *engine.Func
	stepper *optim.Stepper
	zeros   *engine.Tree // where sums of gradients start
}

// New prepares an updater. It returns ErrConfig if a number is out of range.
func New(e *engine.Engine, c decoder.Config, lora decoder.LoRA, config Config) (*Updater, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	u := &Updater{config: config, model: c, lora: lora, stepper: optim.NewStepper(e, config.AdamW)}
	u.grads = e.NewFunc("ppo gradient", func(in []*Node) []*Node { return u.build(e, in) }).Spread(0, 1, 2, 3, 4, 5)
	return u, nil
}

// fixed counts the inputs before the trees: tokens, targets, mask, old, reference,
// advantages, then the scalars share, clip, KL weight, entropy weight, temperature.
const fixed = 11

// build: fixed inputs, sums of gradients so far, base, adapter -> the sums of the
// metrics (each times share), the largest |ratio-1|, new sums of gradients.
func (u *Updater) build(e *engine.Engine, in []*Node) []*Node {
	tokens, targets, mask, old, reference, adv := in[0], in[1], in[2], in[3], in[4], in[5]
	share, clip, klWeight, entropyWeight, temperature := in[6], in[7], in[8], in[9], in[10]
	base, n := len(decoder.BaseNames(u.model)), len(decoder.AdapterNames(u.model, u.lora))
	sums, params := in[fixed:fixed+n], in[fixed+n+base:]
	net := decoder.Bind(e, u.model, &u.lora, in[fixed+n:fixed+n+base], params)
	logp, entropy := net.TokenLogProbs(net.Hidden(tokens), targets, temperature)
	// Padding has no old log-probability: let its ratio be one.
	logp = Where(GreaterThan(mask, ZerosLike(mask)), logp, old)
	loss, clipped, ratio := PolicyLoss(logp, old, adv, clip)
	mean := func(x *Node) *Node { return Mul(ReduceAllSum(Mul(x, mask)), share) }
	policy, kl, ent := mean(loss), mean(Mul(K3(logp, reference), mask)), mean(entropy)
	total := Sub(Add(policy, Mul(klWeight, kl)), Mul(entropyWeight, ent))
	out := []*Node{total, policy, kl, ent, mean(clipped), mean(K3(old, logp)), ReduceAllMax(Mul(Abs(AddScalar(ratio, -1)), mask))}
	for i, g := range Gradient(total, params...) {
		out = append(out, Add(sums[i], g))
	}
	return out
}

// The outputs of build before the gradients. All but outRatio are sums over the
// tokens of a micro-batch, divided by the tokens of the minibatch.
const (
	outLoss     = iota // the whole loss
	outPolicy          // its clipped surrogate
	outKL              // k3 to the reference, before its weight
	outEntropy         // before its weight
	outClipped         // tokens whose clipped term decided
	outApproxKL        // k3 to the policy that sampled
	outRatio           // largest |ratio - 1|
	metrics
)

// Update improves the adapter on a rollout. Minibatches are dealt by key; each has
// MinibatchSize samples but the last of an epoch, which may be short. The optimiser's
// state is updated in place; the adapter that came in is not freed.
//
// Before each step the distance to the policy that sampled is measured on its
// minibatch. Above TargetKL that step and the whole rest of the update are dropped.
// Errors: ErrSample; ErrDiverged, with the last good adapter and state.
func (u *Updater) Update(base, adapter *engine.Tree, s *optim.State, rollout []Sample, key rng.Key) (*engine.Tree, Stats, error) {
	var stats Stats
	for i, x := range rollout {
		if err := x.check(); err != nil {
			return adapter, stats, fmt.Errorf("%w %d of %d: %w", ErrSample, i, len(rollout), err)
		}
		stats.Tokens += len(x.Completion)
	}
	first := adapter
	for epoch := range u.config.Epochs {
		order := deal(len(rollout), key.Fold(uint32(epoch)))
		for rows := range slices.Chunk(order, u.config.MinibatchSize) {
			next, err := u.minibatch(base, adapter, s, rollout, rows, &stats)
			if err != nil {
				return adapter, stats.averaged(), fmt.Errorf("epoch %d, minibatch %d: %w", epoch, stats.Minibatches, err)
			}
			if stats.Stopped {
				return adapter, stats.averaged(), nil
			}
			if adapter != first {
				if err := adapter.Finalize(); err != nil {
					return next, stats.averaged(), err
				}
			}
			adapter = next
		}
	}
	return adapter, stats.averaged(), nil
}

// deal returns the indices below n in the random order of a key.
func deal(n int, key rng.Key) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	key.Stream().Shuffle(n, func(i, j int) { order[i], order[j] = order[j], order[i] })
	return order
}

// minibatch makes one step and adds to the stats, or sets Stopped.
func (u *Updater) minibatch(base, adapter *engine.Tree, s *optim.State, rollout []Sample, rows []int, stats *Stats) (next *engine.Tree, err error) {
	m, sums, bad, err := u.gradient(base, adapter, rollout, rows)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, sums.Finalize()) }()
	if len(bad) > 0 {
		return nil, fmt.Errorf("%w: loss %g in samples %v", ErrDiverged, m[outLoss], bad)
	}
	stats.ApproxKL = math.Max(stats.ApproxKL, m[outApproxKL])
	if u.config.TargetKL > 0 && m[outApproxKL] > u.config.TargetKL {
		stats.Stopped = true
		return adapter, nil
	}
	next, norm, ok, err := u.stepper.Step(adapter, sums, s, u.config.LearningRate)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%w: gradient norm %g over samples %v, loss %g", ErrDiverged, norm, rows, m[outLoss])
	}
	stats.add(m, norm)
	return next, nil
}

// gradient sums the metrics and gradients of a minibatch over its micro-batches. bad
// lists the samples of micro-batches whose loss is not finite.
func (u *Updater) gradient(base, adapter *engine.Tree, rollout []Sample, rows []int) (m [metrics]float64, sums *engine.Tree, bad []int, err error) {
	if u.zeros == nil {
		u.zeros = adapter.ZerosLike()
	}
	lengths, tokens := make([]int, len(rows)), 0
	for i, r := range rows {
		lengths[i] = len(rollout[r].Prompt) + len(rollout[r].Completion)
		tokens += len(rollout[r].Completion)
	}
	sums = u.zeros
	for _, chunk := range decoder.Chunks(lengths, u.grads.Rows(u.config.MicrobatchSize)) {
		own := u.inputs(chunk, func(i int) Sample { return rollout[rows[i]] }, tokens)
		out, err := u.grads.Call(slices.Concat(own, sums.Tensors, base.Tensors, adapter.Tensors)...)
		if err != nil {
			return m, nil, nil, err
		}
		for k := range metrics {
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
		if sums != u.zeros {
			own = append(own, sums.Tensors...)
		}
		for _, x := range append(own, out[:metrics]...) {
			x.MustFinalizeAll()
		}
		sums = sums.With(out[metrics:])
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
	return []*tensors.Tensor{in, targets,
		per(func(s Sample) []float64 { return slices.Repeat([]float64{1}, len(s.Completion)) }),
		per(func(s Sample) []float64 { return s.Old }),
		per(func(s Sample) []float64 { return s.Reference }),
		per(func(s Sample) []float64 { return s.Advantages }),
		scalar(1 / float64(tokens)), scalar(u.config.Clip), scalar(klWeight), scalar(u.config.EntropyWeight), scalar(u.config.Temperature)}
}

func (s *Stats) add(m [metrics]float64, norm float64) {
	s.PolicyLoss += m[outPolicy]
	s.KL += m[outKL]
	s.Entropy += m[outEntropy]
	s.ClipFraction += m[outClipped]
	s.MaxRatio = math.Max(s.MaxRatio, m[outRatio])
	s.GradNorm += norm
	s.Minibatches++
}

// averaged turns the sums over minibatches into means.
func (s Stats) averaged() Stats {
	n := float64(max(1, s.Minibatches))
	s.PolicyLoss /= n
	s.KL /= n
	s.Entropy /= n
	s.ClipFraction /= n
	s.GradNorm /= n
	return s
}

func (s Sample) check() error {
	t := len(s.Completion)
	if len(s.Prompt) == 0 || t == 0 {
		return fmt.Errorf("prompt and completion must not be empty (%d and %d tokens)", len(s.Prompt), t)
	}
	if len(s.Old) != t || len(s.Reference) != t || len(s.Advantages) != t {
		return fmt.Errorf("%d tokens, but old %d, reference %d, advantages %d", t, len(s.Old), len(s.Reference), len(s.Advantages))
	}
	for k := range t {
		if x := s.Old[k] + s.Reference[k] + s.Advantages[k]; math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("token %d: old %g, reference %g, advantage %g", k, s.Old[k], s.Reference[k], s.Advantages[k])
		}
	}
	return nil
}

func narrow(xs []float64) []float32 {
	ys := make([]float32, len(xs))
	for i, x := range xs {
		ys[i] = float32(x)
	}
	return ys
}
