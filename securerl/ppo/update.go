package ppo

import (
	"errors"
	"fmt"
	"math"

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

// Stats describe an update. Losses and rates are means over the tokens of all
// minibatches that were applied.
type Stats struct {
	PolicyLoss   float64 // clipped surrogate, to minimize
	KL           float64 // k3 estimate of KL(policy || reference)
	Entropy      float64 // of the policy's distribution, nats per token
	ClipFraction float64 // share of tokens whose clipped term decided
	MaxRatio     float64 // largest |ratio - 1| of any token
	ApproxKL     float64 // k3 estimate of the distance to the policy that sampled; largest of a minibatch
	GradNorm     float64 // mean norm before clipping
	Minibatches  int     // optimiser steps made
	Stopped      bool    // TargetKL ended the update early
	Tokens       int     // completion tokens of the rollout
}

// Updater runs updates. Its graphs are compiled once per row length.
type Updater struct {
	config  Config
	model   decoder.Config
	lora    decoder.LoRA
	grads   *engine.Func
	stepper *optim.Stepper
}

// New prepares an updater. It returns ErrConfig if a number is out of range.
func New(e *engine.Engine, c decoder.Config, lora decoder.LoRA, config Config) (*Updater, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	u := &Updater{config: config, model: c, lora: lora, stepper: optim.NewStepper(e, config.AdamW)}
	u.grads = e.NewFunc("ppo gradient", func(in []*Node) []*Node { return u.build(e, in) })
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
	logp, entropy := decoder.TokenLogProbs(net.Logits(net.Hidden(tokens)), targets, temperature)
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

// metrics counts the outputs of build before the gradients.
const metrics = 7

// Update improves the adapter on a rollout. Minibatches are dealt by key; the
// optimiser's state is updated in place. If the distance to the sampling policy
// exceeds TargetKL after a minibatch, the rest of the update is dropped. On
// ErrDiverged the last good adapter is returned with the error.
func (u *Updater) Update(base, adapter *engine.Tree, s *optim.State, rollout []Sample, key rng.Key) (*engine.Tree, Stats, error) {
	var stats Stats
	for i, x := range rollout {
		if err := x.check(); err != nil {
			return adapter, stats, fmt.Errorf("%w %d of %d: %w", ErrSample, i, len(rollout), err)
		}
		stats.Tokens += len(x.Completion)
	}
	for epoch := range u.config.Epochs {
		order := make([]int, len(rollout))
		for i := range order {
			order[i] = i
		}
		key.Fold(uint32(epoch)).Stream().Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for at := 0; at < len(order); at += u.config.MinibatchSize {
			rows := order[at:min(at+u.config.MinibatchSize, len(order))]
			m, sums, err := u.gradient(base, adapter, rollout, rows)
			if err != nil {
				return adapter, stats, err
			}
			if stats.ApproxKL = math.Max(stats.ApproxKL, m[5]); u.config.TargetKL > 0 && m[5] > u.config.TargetKL {
				stats.Stopped = true
				return adapter, stats.averaged(), sums.Finalize()
			}
			next, norm, ok, err := u.stepper.Step(adapter, sums, s, u.config.LearningRate)
			if err != nil {
				return adapter, stats, err
			}
			if !ok || math.IsNaN(m[0]) || math.IsInf(m[0], 0) {
				return adapter, stats, fmt.Errorf("%w in epoch %d, samples %v: loss %g, gradient norm %g", ErrDiverged, epoch, rows, m[0], norm)
			}
			adapter = next
			stats.add(m, norm)
			if err := sums.Finalize(); err != nil {
				return adapter, stats, err
			}
		}
	}
	return adapter, stats.averaged(), nil
}

// gradient sums the metrics and gradients of a minibatch over its micro-batches.
func (u *Updater) gradient(base, adapter *engine.Tree, rollout []Sample, rows []int) ([metrics]float64, *engine.Tree, error) {
	var m [metrics]float64
	lengths, tokens := make([]int, len(rows)), 0
	for i, r := range rows {
		lengths[i] = len(rollout[r].Prompt) + len(rollout[r].Completion)
		tokens += len(rollout[r].Completion)
	}
	scalar := func(x float64) *tensors.Tensor { return tensors.FromScalar(float32(x)) }
	klWeight := u.config.KLWeight
	if u.config.KLMode == KLReward {
		klWeight = 0
	}
	sums := adapter.ZerosLike()
	for _, chunk := range decoder.Chunks(lengths, u.config.MicrobatchSize) {
		sample := func(i int) Sample { return rollout[rows[i]] }
		in, targets := chunk.Tokens(func(i int) []int32 {
			return append(append([]int32(nil), sample(i).Prompt...), sample(i).Completion...)
		})
		per := func(value func(Sample) []float64) *tensors.Tensor {
			return chunk.Values(func(i int) int { return len(sample(i).Prompt) }, func(i int) []float32 { return narrow(value(sample(i))) })
		}
		args := []*tensors.Tensor{in, targets, per(func(s Sample) []float64 { return ones(len(s.Completion)) }),
			per(func(s Sample) []float64 { return s.Old }), per(func(s Sample) []float64 { return s.Reference }), per(func(s Sample) []float64 { return s.Advantages }),
			scalar(1 / float64(tokens)), scalar(u.config.Clip), scalar(klWeight), scalar(u.config.EntropyWeight), scalar(u.config.Temperature)}
		args = append(append(append(args, sums.Tensors...), base.Tensors...), adapter.Tensors...)
		out, err := u.grads.Call(args...)
		if err != nil {
			return m, nil, err
		}
		for k := range metrics - 1 {
			m[k] += float64(tensors.ToScalar[float32](out[k]))
		}
		m[6] = math.Max(m[6], float64(tensors.ToScalar[float32](out[6])))
		if err := sums.Finalize(); err != nil {
			return m, nil, err
		}
		sums = sums.With(out[metrics:])
	}
	return m, sums, nil
}

func (s *Stats) add(m [metrics]float64, norm float64) {
	s.PolicyLoss += m[1]
	s.KL += m[2]
	s.Entropy += m[3]
	s.ClipFraction += m[4]
	s.MaxRatio = math.Max(s.MaxRatio, m[6])
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

func ones(n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = 1
	}
	return x
}
