package judge

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"securecoderl/securerl/call"
	"securecoderl/securerl/completion"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

// ErrInfrastructure reports that a program could not be judged for a reason of the
// machinery. No verdict and no reward follows from it.
var ErrInfrastructure = errors.New("judge: machinery failed")

// ErrNoEvaluator reports a problem of call style given to a judge without Options.Calls.
var ErrNoEvaluator = errors.New("judge: tests call functions: set Options.Calls (call.New)")

// runner, scanner and evaluator are what a Judge needs of the packages below; tests
// put broken ones in their place.
type (
	runner interface {
		Run(ctx context.Context, source, stdin []byte, l sandbox.Limits) (sandbox.Result, error)
	}
	scanner interface {
		Scan(ctx context.Context, source []byte) (scan.Report, error)
	}
	evaluator interface {
		Evaluate(ctx context.Context, p *problem.Problem, test problem.Test, source string, wall time.Duration, run call.Runner) (call.Ending, error)
	}
)

// Options say how much of a program is judged.
type Options struct {
	CacheDir         string         // folder of the verdict cache; empty = memory only
	Limits           sandbox.Limits // per test; what is zero or wider is the sandbox's own
	Hidden           bool           // run the hidden tests too
	SkipAfterTimeout bool           // after a time-out the other tests of the program are skipped
	Workers          int            // submissions judged at a time; 0 = one

	Calls *call.Evaluator // for problems of call style; without it they are refused with ErrNoEvaluator
}

// Judge turns submissions into verdicts. It is safe for concurrent use.
type Judge struct {
	run      runner
	scan     scanner
	evaluate evaluator // nil: no problems of call style
	options  Options
	versions string // of everything a verdict depends on, part of the cache key
	cache    *cache
	passes   sync.RWMutex // held for reading in a first pass, for writing in a second
}

// schema changes when the meaning of a stored verdict does: its fields, the
// comparators, or what the sandbox's tiers allow.
const schema = 4

// New makes a judge from a sandbox and a scanner.
func New(sb *sandbox.Sandbox, sc *scan.Scanner, o Options) *Judge {
	o.Limits = effective(sb.Limits(), o.Limits)
	about, rules := sb.Info(), sc.Info()
	j := newJudge(sb, sc, o, fmt.Sprintf("schema %d, python %s on %s, tier %s, bandit %s in python %s, rules %s",
		schema, about.PythonVersion, runtime.GOARCH, about.Tier, rules.Bandit, rules.Python, rules.Rules))
	if o.Calls != nil { // a nil pointer would make an interface that is not nil
		j.evaluate = o.Calls
	}
	return j
}

// effective are the limits that programs really run under: sandbox.Run takes real
// time and output from its caller, where they are narrower, and nothing else.
func effective(own, wanted sandbox.Limits) sandbox.Limits {
	if wanted.Wall > 0 {
		own.Wall = min(own.Wall, wanted.Wall)
	}
	if wanted.Output > 0 {
		own.Output = min(own.Output, wanted.Output)
	}
	return own
}

func newJudge(run runner, sc scanner, o Options, versions string) *Judge {
	o.Workers = max(1, o.Workers)
	return &Judge{run: run, scan: sc, options: o, versions: versions, cache: newCache(o.CacheDir)}
}

// Judge gives a verdict for every submission, in order; equal programs are judged
// once. A program that needs more than a quarter of the real time runs again when all
// others are done, so that no time-out comes from the company it was in. The first fault of the machinery stops the batch: it returns ErrInfrastructure
// (or the context's error) and no verdict at all.
func (j *Judge) Judge(ctx context.Context, submissions []Submission) ([]Verdict, Cost, error) {
	start := time.Now()
	keys := make([]string, len(submissions))
	first := map[string]int{} // by key: the submission that is judged for all of its kind
	var distinct []int
	for i, s := range submissions {
		if s.Problem == nil {
			return nil, Cost{}, fmt.Errorf("judge: submission %d of %d has no problem", i+1, len(submissions))
		}
		if s.Problem.CallStyle() && j.evaluate == nil {
			return nil, Cost{}, fmt.Errorf("%w: submission %d of %d (problem %s)", ErrNoEvaluator, i+1, len(submissions), s.Problem.ID)
		}
		keys[i] = j.key(s)
		if _, seen := first[keys[i]]; !seen {
			first[keys[i]] = i
			distinct = append(distinct, i)
		}
	}
	b := &batch{judge: j, submissions: submissions, keys: keys, verdicts: make([]Verdict, len(submissions))}
	if err := b.passes(ctx, distinct); err != nil {
		return nil, Cost{}, err
	}
	verdicts, total := b.verdicts, b.cost
	for i, s := range submissions {
		if k := first[keys[i]]; k != i {
			verdicts[i] = verdicts[k].clone()
			total.CacheHits++
		}
		verdicts[i].Truncated = s.Finish == completion.Length
	}
	total.Wall = time.Since(start)
	return verdicts, total, nil
}
