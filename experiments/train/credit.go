package train

import (
	"maps"
	"math"
	"slices"

	"securecoderl/securerl/advantage"
	"securecoderl/securerl/completion"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/policy"
	"securecoderl/securerl/ppo"
	"securecoderl/securerl/prompt"
	"securecoderl/securerl/reward"
)

// baseline compares the samples of one problem.
type baseline struct {
	of     func(group []float64) []float64
	scaled bool // its result is divided by the spread of the batch; GRPO has its own, Dr. GRPO wants none
}

// advantages are the baselines a variant may name.
var advantages = map[string]baseline{
	"leave-one-out": {advantage.LeaveOneOut, true},
	"grpo":          {advantage.GRPO, false},
	"dr-grpo":       {advantage.DrGRPO, false},
}

// gae is the advantage of a critic: generalized advantage estimates, token by token.
const gae = "gae"

func advantageNames() []string { return append(slices.Sorted(maps.Keys(advantages)), gae) }

// critic tells whether these settings train one.
func (p PPO) critic() bool { return p.Advantage == gae }

// credit is what every sample of a rollout earned and how it is told to the loss.
type credit struct {
	scores     []reward.Score
	rewards    [][]float64 // [samples][T], per token
	advantages [][]float64 // [samples][T]
	returns    [][]float64 // [samples][T], what a critic should have expected; nil without one
}

// credit prices the verdicts and turns prices into advantages.
func (o *optimization) credit(ts []policy.Trajectory, verdicts []judge.Verdict, scheme reward.Scheme, told scored) (credit, error) {
	n := len(ts)
	c := credit{scores: make([]reward.Score, n), rewards: make([][]float64, n), advantages: make([][]float64, n)}
	extras := make([][]float64, n)
	for i, t := range ts {
		c.scores[i] = scheme.Price(verdicts[i])
		program := prompt.Extract(t.Completion)
		sequence := reward.TokenOptions{}
		if o.settings.KLMode == ppo.KLReward {
			sequence.KLWeight, sequence.KLs = o.settings.KLWeight, difference(told.current[i], told.reference[i])
		}
		c.rewards[i] = reward.PerToken(c.scores[i], spans(t), sequence)
		if o.settings.TokenSecurity > 0 {
			extras[i] = reward.TokenSecurity(verdicts[i], program.Source, spans(t), program.Start, o.settings.TokenSecurity)
		}
	}
	if o.settings.critic() {
		for i := range c.rewards {
			add(c.rewards[i], extras[i])
		}
		return c, o.settings.expect(&c, ts, told.values)
	}
	o.settings.compare(&c, extras)
	return c, nil
}

// compare is the advantage without a critic: the sequence part of a reward (terminal
// score and, in mode k1-reward, the KL penalty) is compared within the group of one
// problem; the token-level security reward is added where it stands. Both are divided
// by max(std of the batch, StdFloor), so that the size of a reward difference reaches
// the gradient.
func (p PPO) compare(c *credit, extras [][]float64) {
	method := advantages[p.Advantage]
	totals := make([]float64, len(c.rewards))
	for i, r := range c.rewards {
		totals[i] = sum(r)
	}
	for g := 0; g < len(totals); g += p.Samples {
		for k, a := range method.of(totals[g : g+p.Samples]) {
			c.advantages[g+k] = slices.Repeat([]float64{a}, len(c.rewards[g+k]))
		}
	}
	scale := 1.0
	if method.scaled {
		scale = 1 / math.Max(deviation(totals), p.StdFloor)
	}
	for i := range c.advantages {
		add(c.rewards[i], extras[i])
		add(c.advantages[i], extras[i])
		for k := range c.advantages[i] {
			c.advantages[i][k] *= scale
		}
	}
}

// expect is the advantage with a critic: every token against the values of the states
// before and after it. An end is worth nothing more; a completion that the slots cut off
// (Finish = Length) could have gone on, so what the critic expects there is added. With
// Whiten the advantages of the batch get mean 0 and variance 1; returns never do.
func (p PPO) expect(c *credit, ts []policy.Trajectory, values [][]float64) (err error) {
	c.returns = make([][]float64, len(ts))
	for i, t := range ts {
		v := slices.Clone(values[i])
		if t.Finish != completion.Length {
			v[len(v)-1] = 0
		}
		if c.advantages[i], err = advantage.GAE(c.rewards[i], v, p.Gamma, p.Lambda); err != nil {
			return err
		}
		if c.returns[i], err = advantage.Returns(c.advantages[i], v); err != nil {
			return err
		}
	}
	if !p.Whiten {
		return nil
	}
	white, err := advantage.Whiten(slices.Concat(c.advantages...), nil, false)
	if err != nil {
		return err
	}
	for i := range c.advantages {
		n := len(c.advantages[i])
		c.advantages[i], white = white[:n:n], white[n:]
	}
	return nil
}

// add adds b, which may be nil, to a.
func add(a, b []float64) {
	for k, x := range b {
		a[k] += x
	}
}

// spans are the byte ranges of a trajectory's tokens.
func spans(t policy.Trajectory) []reward.Span {
	list := make([]reward.Span, len(t.Spans))
	for i, s := range t.Spans {
		list[i] = reward.Span(s)
	}
	return list
}

// samples joins what the update needs. Old is the sampler's own number, unless the
// trainer computes in bfloat16 or the gap between both is weighed: then it is the
// trainer's, so that the ratio starts at one.
func (o *optimization) samples(ts []policy.Trajectory, told scored, c credit) []ppo.Sample {
	list := make([]ppo.Sample, len(ts))
	for i, t := range ts {
		sampler := widen(t.LogProbs)
		x := ppo.Sample{Prompt: t.Prompt.IDs, Completion: t.IDs, Old: sampler, Sampler: sampler, Reference: told.reference[i], Advantages: c.advantages[i]}
		if o.policy.Config.Compute.BF16 || o.settings.ImportanceCap > 0 {
			x.Old = told.current[i]
		}
		if c.returns != nil {
			x.Values, x.Returns = told.values[i][:len(t.IDs)], c.returns[i]
		}
		list[i] = x
	}
	return list
}

func difference(a, b []float64) []float64 {
	d := make([]float64, len(a))
	for i := range a {
		d[i] = a[i] - b[i]
	}
	return d
}

func sum(xs []float64) (s float64) {
	for _, x := range xs {
		s += x
	}
	return s
}

// deviation is the population standard deviation.
func deviation(xs []float64) float64 {
	mean, v := sum(xs)/float64(len(xs)), 0.0
	for _, x := range xs {
		v += (x - mean) * (x - mean)
	}
	return math.Sqrt(v / float64(len(xs)))
}
