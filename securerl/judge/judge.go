package judge

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"securecoderl/securerl/call"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

// ErrInfrastructure reports that a program could not be judged for a reason of the
// machinery. No verdict and no reward follows from it.
var ErrInfrastructure = errors.New("judge: machinery failed")

// ErrOptions reports options that make no sense, such as a negative limit.
var ErrOptions = errors.New("judge: options")

// ErrNoEvaluator reports a problem of call style given to a judge without Options.Calls.
var ErrNoEvaluator = errors.New("judge: tests call functions: set Options.Calls (call.New)")

// runner, scanner and evaluator are what a Judge needs of the packages below; tests
// put broken ones in their place.
type (
	runner interface {
		Run(ctx context.Context, p sandbox.Program, stdin []byte, l sandbox.Limits) (sandbox.Result, error)
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
	CacheBytes       int64          // the folder is pruned to about this size; 0 = 1 GiB
	Limits           sandbox.Limits // per test; what is zero or wider is the sandbox's own
	Hidden           bool           // run the hidden tests too
	SkipAfterTimeout bool           // after a time-out the other tests of the program are skipped; not for evaluation
	ASTParse         bool           // "parses" means that ast.parse accepts it (the first paper's rule), not that Python compiles it
	Workers          int            // submissions judged at a time; 0 = as many as the sandbox has workers
	Queue            int            // submissions of a batch that may wait for a worker; 0 = 256
	Second           *scan.Scanner  // gives the second opinion of every verdict; nil = none

	Calls *call.Evaluator // for problems of call style; without it they are refused with ErrNoEvaluator
}

// validate lists every fault at once.
func (o Options) validate() error {
	var errs []error
	for _, x := range []struct {
		name  string
		value int64
	}{{"Limits.CPU", int64(o.Limits.CPU)}, {"Limits.Wall", int64(o.Limits.Wall)}, {"Limits.Memory", o.Limits.Memory}, {"Limits.Output", o.Limits.Output},
		{"Limits.Files", int64(o.Limits.Files)}, {"Limits.Threads", int64(o.Limits.Threads)}, {"Workers", int64(o.Workers)}, {"Queue", int64(o.Queue)}, {"CacheBytes", o.CacheBytes}} {
		if x.value < 0 {
			errs = append(errs, fmt.Errorf("%w: %s must not be negative, is %d", ErrOptions, x.name, x.value))
		}
	}
	return errors.Join(errs...)
}

// Judge turns submissions into verdicts. It is safe for concurrent use.
type Judge struct {
	run      runner
	scan     scanner
	second   scanner   // nil = none
	evaluate evaluator // nil: no problems of call style
	options  Options
	invalid  error  // what is wrong with the options
	versions string // of everything a verdict depends on, part of the cache key
	cache    *cache
	company  sync.RWMutex        // held for writing while programs run that must be alone
	alone    int                 // how many of these at a time
	observe  func(time.Duration) // told how long each first judgement took; for measurements
}

// schema changes when the meaning of a stored verdict does: its fields, the
// comparators, or what the sandbox's tiers allow.
const schema = 4

// New makes a judge from a sandbox and a scanner. Options that make no sense are
// reported by every batch.
func New(sb *sandbox.Sandbox, sc *scan.Scanner, o Options) *Judge {
	invalid := o.validate()
	o.Limits = sb.Limits().Narrow(o.Limits)
	if o.Workers <= 0 {
		o.Workers = sb.Workers()
	}
	about, rules := sb.Info(), sc.Info()
	versions := fmt.Sprintf("schema %d, python %s on %s, tier %s, bandit %s in python %s, rules %s",
		schema, about.PythonVersion, runtime.GOARCH, about.Tier, rules.Bandit, rules.Python, rules.Rules)
	if o.Second != nil {
		versions += fmt.Sprintf(", second %+v", o.Second.Info())
	}
	j := newJudge(sb, sc, o, versions)
	if o.Second != nil {
		j.second = o.Second
	}
	if o.Calls != nil { // a nil pointer would make an interface that is not nil
		j.evaluate = o.Calls
	}
	j.invalid = invalid
	return j
}

func newJudge(run runner, sc scanner, o Options, versions string) *Judge {
	o.Workers = max(1, o.Workers)
	if o.Queue <= 0 {
		o.Queue = 256
	}
	return &Judge{run: run, scan: sc, options: o, versions: versions, alone: max(1, min(o.Workers, runtime.NumCPU()/2)), cache: newCache(o.CacheDir, o.CacheBytes)}
}

// Judge gives a verdict for every submission, in order: a Batch of all of them.
func (j *Judge) Judge(ctx context.Context, submissions []Submission) ([]Verdict, Cost, error) {
	b := j.Batch(ctx)
	for _, s := range submissions {
		if err := b.Add(s); err != nil {
			b.Stop()
			return nil, Cost{}, err
		}
	}
	return b.Wait()
}
