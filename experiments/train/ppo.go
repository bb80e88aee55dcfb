package train

import (
	"context"
	"fmt"
	"iter"

	"securecoderl/experiments/train/corpus"
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

// Config is the part of the settings that package ppo owns.
func (p PPO) Config() ppo.Config {
	c := ppo.Default()
	c.LearningRate, c.Beta2, c.WeightDecay, c.ClipNorm = p.LearningRate, p.Beta2, p.WeightDecay, p.ClipNorm
	c.Clip, c.KLWeight, c.KLMode, c.EntropyWeight, c.TargetKL = p.Clip, p.KLWeight, p.KLMode, p.EntropyWeight, p.TargetKL
	c.Epochs, c.MinibatchSize, c.MicrobatchSize, c.Temperature = p.Epochs, p.MinibatchSize, p.MicrobatchSize, p.Temperature
	c.ImportanceCap = p.ImportanceCap
	if p.critic() {
		c.ValueWeight, c.ValueClip = p.ValueWeight, p.ValueClip
	}
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
	head      *engine.Tree // the critic; nil without one
	bestHead  *engine.Tree // the critic of best
	moments   *optim.State // of what is trained: the adapter, with a critic its head too, in a warm-up the head alone
	updater   *ppo.Updater
	problems  corpus.Picker // draws the prompts
}

// Optimize trains one variant by PPO: sample, judge, price, credit, update. It
// leaves checkpoints/VARIANT-SEED-best and -last, PEFT folders; with a critic
// value_head.safetensors lies in them, which PEFT does not read.
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
	if err := o.store(name, o.policy.Adapter, o.head); err != nil {
		return err
	}
	name.Checkpoint = "best"
	return o.store(name, o.best, o.bestHead)
}

// store saves a policy, and its critic beside it.
func (o *optimization) store(name policyName, adapter, head *engine.Tree) error {
	if err := o.saveAdapter(name, adapter); err != nil || head == nil {
		return err
	}
	return policy.SaveHead(o.folder(name), head)
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
	if o.settings.critic() {
		o.head = policy.NewHead(o.policy.Config)
	}
	o.moments = optim.NewState(o.trained(0))
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
	return map[string]**engine.Tree{"adapter": &o.policy.Adapter, "best": &o.best, "head": &o.head, "best_head": &o.bestHead, "m": &o.moments.M, "v": &o.moments.V}
}

// trained are the weights that an iteration moves.
func (o *optimization) trained(step int) *engine.Tree {
	switch {
	case o.head == nil:
		return o.policy.Adapter
	case step < o.settings.ValueWarmup:
		return o.head
	}
	return policy.Join(o.policy.Adapter, o.head)
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

	told, err := o.score(ctx, trajectories)
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

	credit, stats, err := o.learn(step, trajectories, verdicts, told)
	if err != nil {
		return runlog.Point{}, err
	}
	clock.lap("update")

	point, err := o.point(step, trajectories, verdicts, told, credit, stats)
	if err != nil {
		return runlog.Point{}, err
	}
	if (step+1)%o.settings.ValidateEvery == 0 || last {
		if err := o.validate(ctx, step, point); err != nil {
			return runlog.Point{}, err
		}
		clock.lap("validate")
	}
	if err := o.record(step, trajectories, problems, verdicts, credit, told.reference); err != nil {
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

// scored is what the trainer's graph says of a rollout, [samples][T].
type scored struct {
	current, reference [][]float64 // log-probabilities under the policy and under the frozen SFT adapter
	values             [][]float64 // [samples][T+1], of the critic; nil without one
	gap                policy.Gap  // from the sampler's log-probabilities to current
}

// score computes the log-probabilities of the rollout under the trainer's graph
// and under the frozen reference, and checks what must hold before an update.
func (o *optimization) score(ctx context.Context, ts []policy.Trajectory) (s scored, err error) {
	if s.current, s.values, err = o.policy.Score(ctx, o.policy.Adapter, o.head, ts, o.settings.Temperature); err != nil {
		return s, err
	}
	// The ratio of PPO starts at one only if sampler and trainer agree.
	if s.gap, err = policy.Compare(ts, s.current, o.policy.AllowedGap()); err != nil {
		return s, err
	}
	if o.policy.Adapter.Digest() == o.digest {
		s.reference = s.current // equal adapters, equal numbers: the KL is exactly zero
		return s, nil
	}
	s.reference, err = o.policy.LogProbs(ctx, o.reference, ts, o.settings.Temperature)
	return s, err
}

// learn prices a rollout by the scheme in force and updates the weights.
func (o *optimization) learn(step int, ts []policy.Trajectory, verdicts []judge.Verdict, told scored) (c credit, stats ppo.Stats, err error) {
	scheme, err := reward.Named(o.variant.Schedule.At(step))
	if err != nil {
		return c, stats, err
	}
	if c, err = o.credit(ts, verdicts, scheme, told); err != nil {
		return c, stats, err
	}
	stats, err = o.update(step, o.samples(ts, told, c))
	return c, stats, err
}

// update makes one update. In the first value_warmup iterations of a critic the head
// alone learns. The optimiser begins anew when the adapter joins, since its bias
// corrections count the steps of all that it moves.
func (o *optimization) update(step int, rollout []ppo.Sample) (ppo.Stats, error) {
	draw := key(o.seed, "update", step)
	weights, move := o.policy.Adapter, o.updater.Update
	if o.head != nil {
		weights = policy.Join(o.policy.Adapter, o.head)
		switch {
		case step < o.settings.ValueWarmup:
			move = o.updater.WarmUp
		case step == o.settings.ValueWarmup:
			o.moments = optim.NewState(weights)
		}
	}
	next, stats, err := move(o.base, weights, o.moments, rollout, draw)
	if err != nil {
		return stats, err
	}
	adapter, head := policy.Divide(next)
	o.policy, o.head = o.policy.With(adapter), head
	o.state.Updates = o.moments.Step
	return stats, nil
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
