package train

import (
	"context"
	"fmt"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/policy"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/prompt"
	"securecoderl/securerl/record"
	"securecoderl/securerl/reward"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/runlog"
)

// Evaluate measures one policy on the held-out test problems: Samples programs
// each at temperature 1 and one greedy program, public and hidden tests. All
// policies see the same problems with the same keys.
func (l *Lab) Evaluate(ctx context.Context, name policyName) error {
	p, err := l.named(name)
	if err != nil {
		return err
	}
	problems := l.heldOut(problem.HeldOut, l.Settings.Evaluation.Problems)
	for _, greedy := range []bool{false, true} {
		samples, law := l.Settings.Evaluation.Samples, decoder.Law{Temperature: 1}
		if greedy {
			samples, law = 1, decoder.Law{Greedy: true}
		}
		ts, verdicts, err := l.measure(ctx, p, problems, samples, law, key(l.Settings.Seeds[0], "evaluation", 0))
		if err != nil {
			return err
		}
		if err := l.recordEvaluation(name, problems, samples, greedy, ts, verdicts); err != nil {
			return err
		}
		if !greedy {
			var t tally
			for _, v := range verdicts {
				t.add(v)
			}
			l.Console.Say("%-14s %s", name, t)
		}
	}
	return nil
}

// heldOut picks n problems of a split by key, in an order that all runs share.
func (l *Lab) heldOut(split problem.Split, n int) []*problem.Problem {
	all := l.Problems.Split(split)
	rng.New(0).Name("held out "+string(split)).Stream().Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	picked := make([]*problem.Problem, min(n, len(all)))
	for i := range picked {
		picked[i] = &all[i]
	}
	return picked
}

// measure samples programs and judges them with hidden tests.
func (l *Lab) measure(ctx context.Context, p *policy.Policy, problems []*problem.Problem, samples int, law decoder.Law, draw rng.Key) ([]policy.Trajectory, []judge.Verdict, error) {
	prompts := make([]prompt.Prompt, len(problems))
	for i, q := range problems {
		var err error
		if prompts[i], err = p.Template.Render(p.Tokenizer, *q); err != nil {
			return nil, nil, err
		}
	}
	rollout := p.Rollout(ctx, prompts, samples, law, func(i, k int) rng.Key { return draw.Name(problems[i].ID).Fold(uint32(k)) })
	ts, judging, err := judged(ctx, l.Evaluation, rollout, problems, samples)
	if err != nil {
		return nil, nil, err
	}
	verdicts, cost, err := judging.Wait()
	if err != nil {
		return nil, nil, err
	}
	return ts, verdicts, l.spent("evaluation", cost)
}

func (l *Lab) recordEvaluation(name policyName, problems []*problem.Problem, samples int, greedy bool, ts []policy.Trajectory, verdicts []judge.Verdict) error {
	for i, t := range ts {
		row, err := l.Priced(problems[i/samples], t, verdicts[i])
		if err != nil {
			return err
		}
		row.Phase, row.Variant, row.Checkpoint, row.Seed, row.Greedy = "evaluation", name.Variant, name.Checkpoint, name.Seed, greedy
		line, err := row.Encode()
		if err != nil {
			return err
		}
		if err := l.Run.Append("evaluation", line); err != nil {
			return err
		}
	}
	return nil
}

// Priced is the record of a judged program with the price of every scheme. Whose it is
// must be added.
func (l *Lab) Priced(q *problem.Problem, t policy.Trajectory, v judge.Verdict) (record.Row, error) {
	row := l.row(q, t, v)
	for _, scheme := range reward.Names() {
		s, err := reward.Named(scheme)
		if err != nil {
			return row, err
		}
		row.Scores = append(row.Scores, s.Price(v))
	}
	return row, nil
}

// row is the part of a record that training and evaluation share.
func (l *Lab) row(q *problem.Problem, t policy.Trajectory, v judge.Verdict) record.Row {
	program := prompt.Extract(t.Completion)
	r := record.Row{Problem: q.ID, Family: q.Family, Split: string(q.Split), Sample: t.Sample, Key: t.Key, Prompt: t.Prompt.Text,
		Completion: t.Completion, IDs: t.IDs, Finish: t.Finish, Verdict: v}
	r.Program.Start, r.Program.End = program.Start, program.Start+len(program.Source)
	r.LogProbs, r.PlainLogProbs = widen(t.LogProbs), widen(t.Plain)
	return r
}

func widen(xs []float32) []float64 {
	ys := make([]float64, len(xs))
	for i, x := range xs {
		ys[i] = float64(x)
	}
	return ys
}

// validate measures the policy on the validation problems and keeps it when it is
// the best so far: by correct-and-secure programs, never by reward, since at the
// plateau of a hacked reward nothing passes.
func (o *optimization) validate(ctx context.Context, step int, point runlog.Point) error {
	e := o.Settings.Evaluation
	_, verdicts, err := o.measure(ctx, o.policy, o.heldOut(problem.Validation, e.ValidationProblems), e.ValidationSamples, decoder.Law{Temperature: 1}, key(o.seed, "validation", 0))
	if err != nil {
		return fmt.Errorf("validation: %w", err)
	}
	var t tally
	for _, v := range verdicts {
		t.add(v)
	}
	secure := float64(t.correct-t.flaggedCorrect) / float64(t.programs)
	if o.state.BestStep == 0 || secure > o.state.Best {
		o.state.Best, o.state.BestStep, o.best = secure, step+1, o.policy.Adapter.Clone()
		if o.head != nil {
			o.bestHead = o.head.Clone()
		}
	}
	point.Values["validation_parsed"] = float64(t.parsed) / float64(t.programs)
	point.Values["validation_passed"] = float64(t.correct) / float64(t.programs)
	point.Values["validation_correct_secure"] = secure
	return nil
}
