package train

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"

	"securecoderl/experiments/train/corpus"
	"securecoderl/securerl/advantage"
	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/policy"
	"securecoderl/securerl/ppo"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/prompt"
	"securecoderl/securerl/reward"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/runlog"
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

func advantageNames() []string { return slices.Sorted(maps.Keys(advantages)) }

// Config is the part of the settings that package ppo owns.
func (p PPO) Config() ppo.Config {
	c := ppo.Default()
	c.LearningRate, c.Beta2, c.WeightDecay, c.ClipNorm = p.LearningRate, p.Beta2, p.WeightDecay, p.ClipNorm
	c.Clip, c.KLWeight, c.KLMode, c.EntropyWeight, c.TargetKL = p.Clip, p.KLWeight, p.KLMode, p.EntropyWeight, p.TargetKL
	c.Epochs, c.MinibatchSize, c.MicrobatchSize, c.Temperature = p.Epochs, p.MinibatchSize, p.MicrobatchSize, p.Temperature
	return c
}

// optimization is one variant of one seed while it trains.
type optimization struct {
	*Lab
	variant   Variant
	seed      uint64
	settings  PPO
	policy    *policy.Policy
	reference *engine.Tree // the frozen SFT adapter
	digest    string       // of the reference
	best      *engine.Tree // by validation
	moments   *optim.State
	updater   *ppo.Updater
	problems  corpus.Picker // draws the prompts
}

// Optimize trains one variant by PPO: sample, judge, price, credit, update. It
// leaves checkpoints/VARIANT-SEED-best and -last, PEFT folders.
func (l *Lab) Optimize(ctx context.Context, v Variant, seed uint64) error {
	o, err := l.startOptimization(v, seed)
	if err != nil {
		return err
	}
	bar := l.Console.Bar(variantStage(v.Name, seed), o.settings.Iterations, l.state.Step)
	note := ""
	for step := l.state.Step; step < o.settings.Iterations; step++ {
		last := step+1 == o.settings.Iterations
		point, err := o.iterate(ctx, step, last)
		if err != nil {
			return fmt.Errorf("iteration %d: %w", step, err)
		}
		if err := l.metric(point); err != nil {
			return err
		}
		note = fmt.Sprintf("reward %.3f, passed %.1f %%, flagged %.0f %%", point.Values["reward"], 100*point.Values["passed"], 100*point.Values["flagged_parsed"])
		bar.Step(note)
		if err := l.checkpoint(ctx, step+1, 1, last, o.trees()); err != nil {
			return err
		}
	}
	bar.Done(fmt.Sprintf("%s; best on validation after iteration %d", note, l.state.BestStep))
	name := policyName{Variant: v.Name, Checkpoint: "last", Seed: seed}
	if err := l.saveAdapter(name, o.policy.Adapter); err != nil {
		return err
	}
	name.Checkpoint = "best"
	return l.saveAdapter(name, o.best)
}

// startOptimization loads what the variant starts from, or where it was stopped.
func (l *Lab) startOptimization(v Variant, seed uint64) (*optimization, error) {
	if err := l.loadBase(); err != nil {
		return nil, err
	}
	o := &optimization{Lab: l, variant: v, seed: seed, settings: l.Settings.PPO.Of(v), problems: l.picker()}
	var err error
	if o.reference, err = l.loadAdapter(policyName{Variant: "sft", Seed: seed}); err != nil {
		return nil, err
	}
	o.digest = o.reference.Digest()
	start := policyName{Variant: "sft", Seed: seed}
	if v.Start != "" {
		start = policyName{Variant: v.Start, Checkpoint: "best", Seed: seed}
	}
	adapter, err := l.loadAdapter(start)
	if err != nil {
		return nil, err
	}
	o.policy = l.policy(adapter)
	o.moments = optim.NewState(adapter)
	if err := l.restore(o.trees()); err != nil {
		return nil, err
	}
	o.moments.Step = l.state.Updates
	o.updater, err = l.updater(o.settings.Config())
	return o, err
}

// updating is an updater with its compiled graphs.
type updating struct {
	config ppo.Config
	*ppo.Updater
}

// updater is the one before where its settings are these: most variants differ by what
// they are paid for alone, and compiling takes longer than several iterations.
func (l *Lab) updater(c ppo.Config) (*ppo.Updater, error) {
	if l.updates.Updater == nil || l.updates.config != c {
		u, err := ppo.New(l.Engine, l.config, l.Settings.Adapter(), c)
		if err != nil {
			return nil, err
		}
		*l.updates = updating{c, u}
	}
	return l.updates.Updater, nil
}

// trees are what a checkpoint of a variant holds.
func (o *optimization) trees() map[string]**engine.Tree {
	return map[string]**engine.Tree{"adapter": &o.policy.Adapter, "best": &o.best, "m": &o.moments.M, "v": &o.moments.V}
}

// iterate is one iteration of PPO, from prompts to updated weights.
func (o *optimization) iterate(ctx context.Context, step int, last bool) (runlog.Point, error) {
	clock := newStopwatch()

	prompts, problems, err := o.draw(step)
	if err != nil {
		return runlog.Point{}, err
	}
	law := decoder.Law{Temperature: o.settings.Temperature}
	if err := policy.CheckTraining(law); err != nil {
		return runlog.Point{}, err
	}
	// Programs are judged while the next are written and their tokens are scored.
	rollout := o.policy.Rollout(ctx, prompts, o.settings.Samples, law, o.keys(step, prompts))
	trajectories, judging, err := judged(ctx, o.Training, rollout, problems, o.settings.Samples)
	if err != nil {
		return runlog.Point{}, err
	}
	clock.lap("sample")

	current, reference, err := o.score(ctx, trajectories)
	if err != nil {
		judging.Stop()
		return runlog.Point{}, err
	}
	clock.lap("score")

	verdicts, cost, err := judging.Wait()
	if err != nil {
		return runlog.Point{}, err
	}
	clock.lap("judge")

	scheme, err := reward.Named(o.variant.Schedule.At(step))
	if err != nil {
		return runlog.Point{}, err
	}
	credit := o.credit(trajectories, verdicts, scheme, current, reference)
	adapter, stats, err := o.updater.Update(o.base, o.policy.Adapter, o.moments, samples(trajectories, reference, credit), key(o.seed, "update", step))
	if err != nil {
		return runlog.Point{}, err
	}
	o.policy = o.policy.With(adapter)
	o.state.Updates = o.moments.Step
	clock.lap("update")

	point := o.point(step, trajectories, verdicts, credit, stats)
	if (step+1)%o.settings.ValidateEvery == 0 || last {
		if err := o.validate(ctx, step, point); err != nil {
			return runlog.Point{}, err
		}
		clock.lap("validate")
	}
	if err := o.record(step, trajectories, problems, verdicts, credit, reference); err != nil {
		return runlog.Point{}, err
	}
	return point, o.time(step, clock, cost)
}

// draw picks the problems of an iteration from the training split, weighted as in
// the corpus. All variants of a seed see the same problems.
func (o *optimization) draw(step int) ([]prompt.Prompt, []*problem.Problem, error) {
	stream := key(o.seed, "prompts", step).Stream()
	prompts := make([]prompt.Prompt, o.settings.Prompts)
	problems := make([]*problem.Problem, o.settings.Prompts)
	for i := range prompts {
		problems[i] = o.problems.Pick(stream)
		p, err := o.policy.Template.Render(o.policy.Tokenizer, *problems[i])
		if err != nil {
			return nil, nil, err
		}
		prompts[i] = p
	}
	return prompts, problems, nil
}

// keys gives every sample of an iteration its own randomness. A problem drawn
// twice in one iteration goes on counting its samples.
func (o *optimization) keys(step int, prompts []prompt.Prompt) func(i, sample int) rng.Key {
	seen := map[string]int{}
	offset := make([]int, len(prompts))
	for i, p := range prompts {
		offset[i] = seen[p.ProblemID] * o.settings.Samples
		seen[p.ProblemID]++
	}
	root := key(o.seed, "rollout", step)
	return func(i, sample int) rng.Key {
		return root.Name(prompts[i].ProblemID).Fold(uint32(offset[i] + sample))
	}
}

// score computes the log-probabilities of the rollout under the trainer's graph
// and under the frozen reference, and checks what must hold before an update.
func (o *optimization) score(ctx context.Context, ts []policy.Trajectory) (current, reference [][]float64, err error) {
	if current, err = o.policy.LogProbs(ctx, o.policy.Adapter, ts, o.settings.Temperature); err != nil {
		return nil, nil, err
	}
	// The ratio of PPO starts at one only if sampler and trainer agree.
	if _, err := policy.Compare(ts, current); err != nil {
		return nil, nil, err
	}
	if o.policy.Adapter.Digest() == o.digest {
		return current, current, nil // equal adapters, equal numbers: the KL is exactly zero
	}
	reference, err = o.policy.LogProbs(ctx, o.reference, ts, o.settings.Temperature)
	return current, reference, err
}

// credit is what every sample of a rollout earned and how it is told to the loss.
type credit struct {
	scores     []reward.Score
	rewards    [][]float64 // [samples][T], per token
	advantages [][]float64 // [samples][T]
}

// credit prices the verdicts and turns prices into advantages. The sequence part
// (terminal score and, in mode k1-reward, the KL penalty) is compared within the
// group of one problem; the token-level security reward is added where it stands.
// Both are divided by max(std of the batch, StdFloor), so that the size of a
// reward difference reaches the gradient.
func (o *optimization) credit(ts []policy.Trajectory, verdicts []judge.Verdict, scheme reward.Scheme, current, reference [][]float64) credit {
	n := len(ts)
	c := credit{scores: make([]reward.Score, n), rewards: make([][]float64, n), advantages: make([][]float64, n)}
	totals, extras := make([]float64, n), make([][]float64, n)
	for i, t := range ts {
		c.scores[i] = scheme.Price(verdicts[i])
		program := prompt.Extract(t.Completion)
		sequence := reward.TokenOptions{}
		if o.settings.KLMode == ppo.KLReward {
			sequence.KLWeight, sequence.KLs = o.settings.KLWeight, difference(current[i], reference[i])
		}
		c.rewards[i] = reward.PerToken(c.scores[i], spans(t), sequence)
		totals[i] = sum(c.rewards[i])
		if o.settings.TokenSecurity > 0 {
			extras[i] = reward.TokenSecurity(verdicts[i], program.Source, spans(t), program.Start, o.settings.TokenSecurity)
		}
	}
	method := advantages[o.settings.Advantage]
	for g := 0; g < n; g += o.settings.Samples {
		for k, a := range method.of(totals[g : g+o.settings.Samples]) {
			c.advantages[g+k] = slices.Repeat([]float64{a}, len(ts[g+k].IDs))
		}
	}
	scale := 1.0
	if method.scaled {
		scale = 1 / math.Max(deviation(totals), o.settings.StdFloor)
	}
	for i := range c.advantages {
		for k := range c.advantages[i] {
			if extras[i] != nil {
				c.rewards[i][k] += extras[i][k]
				c.advantages[i][k] += extras[i][k]
			}
			c.advantages[i][k] *= scale
		}
	}
	return c
}

// spans are the byte ranges of a trajectory's tokens.
func spans(t policy.Trajectory) []reward.Span {
	list := make([]reward.Span, len(t.Spans))
	for i, s := range t.Spans {
		list[i] = reward.Span(s)
	}
	return list
}

// samples joins what the update needs. Old is the sampler's own number.
func samples(ts []policy.Trajectory, reference [][]float64, c credit) []ppo.Sample {
	list := make([]ppo.Sample, len(ts))
	for i, t := range ts {
		old := make([]float64, len(t.LogProbs))
		for k, lp := range t.LogProbs {
			old[k] = float64(lp)
		}
		list[i] = ppo.Sample{Prompt: t.Prompt.IDs, Completion: t.IDs, Old: old, Reference: reference[i], Advantages: c.advantages[i]}
	}
	return list
}

// judged reads a rollout to its end and hands every program to the judge as soon as it
// is written: the extracted source, never the raw text. Judging goes on until Wait.
func judged(ctx context.Context, j *judge.Judge, rollout iter.Seq2[policy.Trajectory, error], problems []*problem.Problem, perProblem int) ([]policy.Trajectory, *judge.Batch, error) {
	batch := j.Batch(ctx)
	var ts []policy.Trajectory
	for t, err := range rollout {
		if err == nil {
			p := prompt.Extract(t.Completion)
			err = batch.Add(judge.Submission{Problem: problems[len(ts)/perProblem], Source: p.Source, Offset: p.Start, Finish: t.Finish})
		}
		if err != nil {
			batch.Stop()
			return nil, nil, err
		}
		ts = append(ts, t)
	}
	return ts, batch, nil
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
