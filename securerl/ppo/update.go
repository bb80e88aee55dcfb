package ppo

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/policy"
	"securecoderl/securerl/rng"
)

// ErrDiverged reports a loss or gradient that is not a number or infinite. The
// weights of before the minibatch are kept.
var ErrDiverged = errors.New("ppo: loss is not finite")

// ErrSample reports a sample whose parts do not fit together.
var ErrSample = errors.New("ppo: sample")

// Sample is one completion with what is known of it. All numbers are [T], one per
// completion token.
type Sample struct {
	Prompt, Completion []int32
	Old                []float64 // log-probability under the policy that sampled
	Reference          []float64 // log-probability under the frozen reference
	Advantages         []float64

	Values, Returns []float64 // with a critic: the value of the state before each token, and what was earned from there on
	Sampler         []float64 // with an ImportanceCap: Old as the sampler computed it, where Old is the trainer's
}

// Stats describe an update. The losses, KL, entropy, fractions and GradNorm are means
// over the minibatches that were applied; each minibatch's number is a mean over its
// tokens, measured before its step.
type Stats struct {
	Loss              float64 // the whole loss
	PolicyLoss        float64 // clipped surrogate, to minimize
	KL                float64 // k3 estimate of KL(policy || reference), nats per token
	Entropy           float64 // of the policy's distribution, nats per token
	ClipFraction      float64 // share of tokens whose clipped term decided
	ValueLoss         float64 // half the squared error of the critic
	ValueClipFraction float64 // share of tokens whose clipped value decided
	MaxRatio          float64 // largest |ratio - 1| of a token in any minibatch
	ApproxKL          float64 // k3 estimate of the distance to the policy that sampled, nats per token; largest of a minibatch
	GradNorm          float64 // global norm before clipping
	Minibatches       int     // optimiser steps made
	Stopped           bool    // TargetKL ended the update early
	Tokens            int     // completion tokens of the rollout
	Importance        float64 // mean weight from sampler to trainer; 0 without an ImportanceCap
	ImportanceCapped  float64 // share of tokens whose weight was cut to the cap
}

// Updater runs updates, one at a time. Its graphs are compiled once per row length.
type Updater struct {
	config  Config
	model   decoder.Config
	lora    decoder.LoRA
	stepper *optim.Stepper
	all     *part // all weights of Update
	head    *part // the critic alone; nil where there is none
}

// New prepares an updater. It returns ErrConfig if a number is out of range.
func New(e *engine.Engine, c decoder.Config, lora decoder.LoRA, config Config) (*Updater, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	u := &Updater{config: config, model: c, lora: lora, stepper: optim.NewStepper(e, config.AdamW)}
	u.all = u.newPart(e, "ppo gradient", 0)
	if u.critic() {
		u.head = u.newPart(e, "ppo gradient of the critic", len(decoder.AdapterNames(c, lora)))
	}
	return u, nil
}

// critic tells whether there is one.
func (u *Updater) critic() bool { return u.config.ValueWeight > 0 }

// Update improves weights on a rollout: the adapter, and with a critic
// policy.Join(adapter, head). Minibatches are dealt by key; each has MinibatchSize
// samples but the last of an epoch, which may be short. The optimiser's state is
// updated in place; the weights that came in are not freed.
//
// Before each step the distance to the policy that sampled is measured on its
// minibatch. Above TargetKL that step and the whole rest of the update are dropped.
// Errors: ErrSample; ErrConfig, if the weights are not those of the config; ErrDiverged,
// with the last good weights and state.
func (u *Updater) Update(base, weights *engine.Tree, s *optim.State, rollout []Sample, key rng.Key) (*engine.Tree, Stats, error) {
	if err := u.checkWeights(weights); err != nil {
		return weights, Stats{}, err
	}
	return u.update(u.whole(base, weights), s, rollout, key)
}

// WarmUp is Update for the critic alone: the adapter of weights stays as it is, to the
// byte, and s is the state of the head. It needs a critic, else it returns ErrConfig.
func (u *Updater) WarmUp(base, weights *engine.Tree, s *optim.State, rollout []Sample, key rng.Key) (*engine.Tree, Stats, error) {
	err := u.checkWeights(weights)
	if !u.critic() {
		err = fmt.Errorf("%w: there is no critic to warm up: value_weight is 0", ErrConfig)
	}
	if err != nil {
		return weights, Stats{}, err
	}
	adapter, _ := policy.Divide(weights)
	head, stats, err := u.update(u.headOnly(base, weights), s, rollout, key)
	return policy.Join(adapter, head), stats, err
}

// checkWeights says what is missing or too much.
func (u *Updater) checkWeights(weights *engine.Tree) error {
	adapter, head := policy.Divide(weights)
	if want := len(decoder.AdapterNames(u.model, u.lora)); adapter.Len() != want {
		return fmt.Errorf("%w: %d tensors of an adapter, this one has %d", ErrConfig, adapter.Len(), want)
	}
	switch {
	case u.critic() && (head == nil || head.Len() != 2):
		return fmt.Errorf("%w: value_weight %g asks for a critic, and the weights hold no value head: join one to the adapter", ErrConfig, u.config.ValueWeight)
	case !u.critic() && head != nil:
		return fmt.Errorf("%w: the weights hold a value head, and value_weight is 0", ErrConfig)
	}
	return nil
}

// update moves what w lets move.
func (u *Updater) update(w weights, s *optim.State, rollout []Sample, key rng.Key) (*engine.Tree, Stats, error) {
	stats, err := u.begin(rollout)
	if err != nil {
		return w.moving, stats, err
	}
	first := w.moving
	for epoch := range u.config.Epochs {
		order := deal(len(rollout), key.Fold(uint32(epoch)))
		for rows := range slices.Chunk(order, u.config.MinibatchSize) {
			next, err := u.minibatch(w, s, rollout, rows, &stats)
			if err != nil {
				return w.moving, stats.averaged(), fmt.Errorf("epoch %d, minibatch %d: %w", epoch, stats.Minibatches, err)
			}
			if stats.Stopped {
				return w.moving, stats.averaged(), nil
			}
			if w.moving != first {
				if err := w.moving.Finalize(); err != nil {
					return next, stats.averaged(), err
				}
			}
			w.moving = next
		}
	}
	return w.moving, stats.averaged(), nil
}

// begin checks a rollout and measures what no step changes.
func (u *Updater) begin(rollout []Sample) (stats Stats, err error) {
	for i, x := range rollout {
		if err := u.check(x); err != nil {
			return stats, fmt.Errorf("%w %d of %d: %w", ErrSample, i, len(rollout), err)
		}
		stats.Tokens += len(x.Completion)
	}
	if limit := u.config.ImportanceCap; limit > 0 {
		n := float64(max(1, stats.Tokens))
		for _, x := range rollout {
			for _, w := range Importance(x.Old, x.Sampler, limit) {
				stats.Importance += w / n
				if w == limit {
					stats.ImportanceCapped += 1 / n
				}
			}
		}
	}
	return stats, nil
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
func (u *Updater) minibatch(w weights, s *optim.State, rollout []Sample, rows []int, stats *Stats) (next *engine.Tree, err error) {
	m, sums, bad, err := u.gradient(w, rollout, rows)
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
		return w.moving, nil
	}
	next, norm, ok, err := u.stepper.Step(w.moving, sums, s, u.config.LearningRate)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%w: gradient norm %g over samples %v, loss %g", ErrDiverged, norm, rows, m[outLoss])
	}
	stats.add(m, norm)
	return next, nil
}

func (s *Stats) add(m [metrics]float64, norm float64) {
	s.Loss += m[outLoss]
	s.PolicyLoss += m[outPolicy]
	s.KL += m[outKL]
	s.Entropy += m[outEntropy]
	s.ClipFraction += m[outClipped]
	s.ValueLoss += m[outValue]
	s.ValueClipFraction += m[outValueClipped]
	s.MaxRatio = math.Max(s.MaxRatio, m[outRatio])
	s.GradNorm += norm
	s.Minibatches++
}

// averaged turns the sums over minibatches into means.
func (s Stats) averaged() Stats {
	n := float64(max(1, s.Minibatches))
	for _, x := range []*float64{&s.Loss, &s.PolicyLoss, &s.KL, &s.Entropy, &s.ClipFraction, &s.ValueLoss, &s.ValueClipFraction, &s.GradNorm} {
		*x /= n
	}
	return s
}

// check tells whether all that the config asks for is there, and finite.
func (u *Updater) check(s Sample) error {
	t := len(s.Completion)
	if len(s.Prompt) == 0 || t == 0 {
		return fmt.Errorf("prompt and completion must not be empty (%d and %d tokens)", len(s.Prompt), t)
	}
	type numbers struct {
		name string
		x    []float64
	}
	wanted := []numbers{{"old", s.Old}, {"reference", s.Reference}, {"advantages", s.Advantages}}
	if u.critic() {
		wanted = append(wanted, numbers{"values", s.Values}, numbers{"returns", s.Returns})
	}
	if u.config.ImportanceCap > 0 {
		wanted = append(wanted, numbers{"sampler", s.Sampler})
	}
	for _, w := range wanted {
		if len(w.x) != t {
			return fmt.Errorf("%d tokens, but %d numbers in %s", t, len(w.x), w.name)
		}
		for k, x := range w.x {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return fmt.Errorf("token %d: %g in %s", k, x, w.name)
			}
		}
	}
	return nil
}
