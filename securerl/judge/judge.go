package judge

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"securecoderl/securerl/completion"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

// ErrInfrastructure reports that a program could not be judged for a reason of the
// machinery. No verdict and no reward follows from it.
var ErrInfrastructure = errors.New("judge: machinery failed")

// runner and scanner are what a Judge needs of the sandbox and the scanner; tests
// put broken ones in their place.
type (
	runner interface {
		Run(ctx context.Context, source, stdin []byte, l sandbox.Limits) (sandbox.Result, error)
	}
	scanner interface {
		Scan(ctx context.Context, source []byte) (scan.Report, error)
	}
)

// Options say how much of a program is judged.
type Options struct {
	CacheDir         string         // folder of the verdict cache; empty = memory only
	Limits           sandbox.Limits // per test; what is zero or wider is the sandbox's own
	Hidden           bool           // run the hidden tests too
	SkipAfterTimeout bool           // after a time-out the other tests of the program are skipped
	Workers          int            // submissions judged at a time; 0 = one
}

// Judge turns submissions into verdicts. It is safe for concurrent use.
type Judge struct {
	run      runner
	scan     scanner
	options  Options
	versions string // of everything a verdict depends on, part of the cache key
	cache    *cache
	alone    sync.RWMutex // held for writing while a time-out is confirmed
}

// schema changes when the meaning of a stored verdict does: its fields, the
// comparators, or what the sandbox's tiers allow.
const schema = 2

// New makes a judge from a sandbox and a scanner.
func New(sb *sandbox.Sandbox, sc *scan.Scanner, o Options) *Judge {
	o.Limits = effective(sb.Limits(), o.Limits)
	about, rules := sb.Info(), sc.Info()
	return newJudge(sb, sc, o, fmt.Sprintf("schema %d, python %s on %s, tier %s, bandit %s in python %s, rules %s",
		schema, about.PythonVersion, runtime.GOARCH, about.Tier, rules.Bandit, rules.Python, rules.Rules))
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
// once. The first fault of the machinery stops the batch: it returns ErrInfrastructure
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
		keys[i] = j.key(s)
		if _, seen := first[keys[i]]; !seen {
			first[keys[i]] = i
			distinct = append(distinct, i)
		}
	}
	verdicts, total, err := j.all(ctx, submissions, keys, distinct)
	if err != nil {
		return nil, Cost{}, err
	}
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

// all judges the chosen submissions, several at a time.
func (j *Judge) all(parent context.Context, submissions []Submission, keys []string, chosen []int) ([]Verdict, Cost, error) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	verdicts, costs := make([]Verdict, len(submissions)), make([]Cost, len(submissions))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(j.options.Workers, len(chosen)) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range next {
				v, c, err := j.one(ctx, submissions[i], keys[i])
				if err != nil {
					cancel(fmt.Errorf("submission %d of %d (problem %s): %w", i+1, len(submissions), submissions[i].Problem.ID, err))
					return
				}
				verdicts[i], costs[i] = v, c
			}
		}()
	}
feed:
	for _, i := range chosen {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	wg.Wait()
	if parent.Err() != nil {
		return nil, Cost{}, context.Cause(parent)
	}
	if ctx.Err() != nil {
		return nil, Cost{}, context.Cause(ctx)
	}
	var total Cost
	for _, c := range costs {
		total = total.Add(c)
	}
	return verdicts, total, nil
}

// one judges a submission, from the cache where it can.
func (j *Judge) one(ctx context.Context, s Submission, key string) (Verdict, Cost, error) {
	v, hit, err := j.cache.get(key)
	if err != nil {
		return Verdict{}, Cost{}, err
	}
	if hit {
		return v, Cost{CacheHits: 1}, nil
	}
	v, cost, err := j.fresh(ctx, s)
	if err != nil {
		return Verdict{}, Cost{}, err
	}
	return v, cost, j.cache.put(key, v)
}
