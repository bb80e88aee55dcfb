package main

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"securecoderl/experiments/train"
	"securecoderl/securerl/decoder"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/notebook"
	"securecoderl/securerl/policy"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/prompt"
	"securecoderl/securerl/rng"
)

// name is the name of a stored policy in its parts.
type name struct {
	variant, checkpoint string
	seed                uint64
}

var stored = regexp.MustCompile(`^(.+?)-([0-9]+)(?:-(best|last))?$`)

func parse(s string) (n name) {
	m := stored.FindStringSubmatch(s)
	if m == nil {
		return name{variant: s}
	}
	seed, err := strconv.ParseUint(m[2], 10, 64)
	if err != nil {
		return name{variant: s}
	}
	return name{variant: m[1], checkpoint: m[3], seed: seed}
}

// policy returns a stored policy of the run, which stays loaded. Of the others only keep
// stays: weights of a large model are not gathered.
func (o *loaded) policy(want, keep string) (*policy.Policy, error) {
	if !slices.Contains(policies(o.dir), want) {
		return nil, fmt.Errorf("%w: the run in %s has no policy %q; there are: %s", errAsk, o.dir, want, strings.Join(policies(o.dir), ", "))
	}
	for s, p := range o.policies {
		if s == want || s == keep {
			continue
		}
		delete(o.policies, s)
		if err := finalize(p.Adapter); err != nil {
			return nil, err
		}
	}
	if p, ok := o.policies[want]; ok {
		return p, nil
	}
	n := parse(want)
	p, err := o.Stored(n.variant, n.checkpoint, n.seed)
	if err != nil {
		return nil, err
	}
	o.policies[want] = p
	return p, nil
}

// sample lets a policy write programs.
func (l *lab) sample(ctx context.Context, q notebook.Sampling, _ func(any) error) (any, error) {
	o, err := l.open(ctx, q.Run)
	if err != nil {
		return nil, err
	}
	problem, err := find(o.Problems, q.Ask.Problem)
	if err != nil {
		return nil, err
	}
	reference := fmt.Sprintf("sft-%d", parse(q.Ask.Policy).seed)
	if q.Ask.Policy == "base" || !slices.Contains(policies(o.dir), reference) {
		reference = ""
	}
	p, err := o.policy(q.Ask.Policy, reference)
	if err != nil {
		return nil, err
	}
	law := decoder.Law{Temperature: q.Ask.Temperature, Greedy: q.Ask.Greedy}
	if law.Temperature == 0 || law.Greedy {
		law.Temperature = 1
	}
	ts, verdicts, err := o.write(ctx, p, problem, max(1, q.Ask.Samples), law, rng.New(q.Ask.Seed).Name("notebook").Name(problem.ID))
	if err != nil {
		return nil, err
	}
	var logp [][]float64
	if reference != "" {
		r, err := o.policy(reference, q.Ask.Policy)
		if err != nil {
			return nil, err
		}
		if logp, err = r.LogProbs(ctx, r.Adapter, ts, law.Temperature); err != nil {
			return nil, err
		}
	}
	return o.rows(q.Ask, problem, ts, verdicts, logp)
}

// write samples programs and judges them, hidden tests included.
func (o *loaded) write(ctx context.Context, p *policy.Policy, q *problem.Problem, samples int, law decoder.Law, draw rng.Key) ([]policy.Trajectory, []judge.Verdict, error) {
	request, err := p.Template.Render(p.Tokenizer, *q)
	if err != nil {
		return nil, nil, err
	}
	ts, err := policy.Collect(p.Rollout(ctx, []prompt.Prompt{request}, samples, law, func(_, k int) rng.Key { return draw.Fold(uint32(k)) }))
	if err != nil {
		return nil, nil, err
	}
	submissions := make([]judge.Submission, len(ts))
	for i, t := range ts {
		program := prompt.Extract(t.Completion)
		submissions[i] = judge.Submission{Problem: q, Source: program.Source, Offset: program.Start, Finish: t.Finish}
	}
	verdicts, _, err := o.Evaluation.Judge(ctx, submissions)
	return ts, verdicts, err
}

// rows are the records of what was written, as a run stores them.
func (o *loaded) rows(a notebook.Ask, q *problem.Problem, ts []policy.Trajectory, verdicts []judge.Verdict, reference [][]float64) ([]json.RawMessage, error) {
	n := parse(a.Policy)
	rows := make([]json.RawMessage, len(ts))
	for i, t := range ts {
		row, err := o.Priced(q, t, verdicts[i])
		if err != nil {
			return nil, err
		}
		row.Phase, row.Variant, row.Checkpoint, row.Seed, row.Greedy = "notebook", n.variant, n.checkpoint, n.seed, a.Greedy
		if reference != nil {
			row.RefLogProbs = reference[i]
		}
		if rows[i], err = row.Encode(); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// judge gives the verdict on one program, under the limits of the run that is loaded, or
// under the default ones.
func (l *lab) judge(ctx context.Context, q notebook.Judging, _ func(any) error) (any, error) {
	if l.loaded == nil {
		t, err := train.Open(ctx, train.Default(), "go", nil, train.Quiet()) // nothing is computed: the backend that opens at once
		if err != nil {
			return nil, err
		}
		l.loaded = &loaded{Lab: t, policies: map[string]*policy.Policy{}}
	}
	p, err := find(l.loaded.Problems, q.Problem)
	if err != nil {
		return nil, err
	}
	verdicts, _, err := l.loaded.Evaluation.Judge(ctx, []judge.Submission{{Problem: p, Source: string(q.Source)}})
	if err != nil {
		return nil, err
	}
	return verdicts[0], nil
}
