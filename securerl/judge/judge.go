package judge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"securecoderl/securerl/completion"
	"securecoderl/securerl/problem"
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
	Limits           sandbox.Limits // per test
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

// schema changes when the meaning of a stored verdict does.
const schema = 1

// New makes a judge from a sandbox and a scanner.
func New(sb *sandbox.Sandbox, sc *scan.Scanner, o Options) *Judge {
	return newJudge(sb, sc, o, fmt.Sprintf("%d python %s bandit %s rules %s", schema, sb.Info().PythonVersion, sc.Info().Bandit, sc.Info().Rules))
}

func newJudge(run runner, sc scanner, o Options, versions string) *Judge {
	o.Workers = max(1, o.Workers)
	return &Judge{run: run, scan: sc, options: o, versions: versions, cache: newCache(o.CacheDir)}
}

// Judge gives a verdict for every submission, in order. The first fault of the
// machinery stops the batch: it returns ErrInfrastructure (or the context's error)
// and no verdict at all.
func (j *Judge) Judge(ctx context.Context, submissions []Submission) ([]Verdict, Cost, error) {
	start := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	verdicts, costs := make([]Verdict, len(submissions)), make([]Cost, len(submissions))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(j.options.Workers, len(submissions)) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range next {
				v, c, err := j.one(ctx, submissions[i])
				if err != nil {
					cancel(fmt.Errorf("submission %d of %d (problem %s): %w", i+1, len(submissions), submissions[i].Problem.ID, err))
					return
				}
				verdicts[i], costs[i] = v, c
			}
		}()
	}
feed:
	for i := range submissions {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	wg.Wait()
	if ctx.Err() != nil {
		return nil, Cost{}, context.Cause(ctx)
	}
	total := Cost{}
	for _, c := range costs {
		total = total.Add(c)
	}
	total.Wall = time.Since(start)
	return verdicts, total, nil
}

// one judges a submission, from the cache where it can.
func (j *Judge) one(ctx context.Context, s Submission) (Verdict, Cost, error) {
	key, err := j.key(s)
	if err != nil {
		return Verdict{}, Cost{}, err
	}
	v, hit, err := j.cache.get(key)
	if err != nil {
		return Verdict{}, Cost{}, err
	}
	var cost Cost
	if hit {
		cost.CacheHits = 1
	} else {
		if v, cost, err = j.fresh(ctx, s); err != nil {
			return Verdict{}, Cost{}, err
		}
		if err := j.cache.put(key, v); err != nil {
			return Verdict{}, Cost{}, err
		}
	}
	v.Truncated = s.Finish == completion.Length
	return v, cost, nil
}

// key names everything a verdict depends on.
func (j *Judge) key(s Submission) (string, error) {
	tests := [][]problem.Test{s.Problem.Public}
	if j.options.Hidden {
		tests = append(tests, s.Problem.Hidden)
	}
	b, err := json.Marshal(struct {
		Versions string
		Source   []byte
		Tests    [][]problem.Test
		Compare  problem.Comparator
		Epsilon  float64
		Limits   sandbox.Limits
		Skip     bool
	}{j.versions, []byte(s.Source), tests, s.Problem.Compare, s.Problem.Epsilon, j.options.Limits, j.options.SkipAfterTimeout})
	if err != nil {
		return "", fmt.Errorf("%w: key: %v", ErrInfrastructure, err)
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:]), nil
}

// fresh scans the source, then runs its tests. A program that does not compile, or
// does nothing, is never run.
func (j *Judge) fresh(ctx context.Context, s Submission) (Verdict, Cost, error) {
	report, err := j.scan.Scan(ctx, []byte(s.Source))
	if err != nil {
		return Verdict{}, Cost{}, fmt.Errorf("%w: %w", ErrInfrastructure, err)
	}
	v := Verdict{Status: report.Status, Parsed: report.CompileOK, SyntaxError: report.SyntaxError, SyntaxLine: report.SyntaxLine,
		Statements: report.Statements, Findings: report.Findings, Total: len(s.Problem.Public), Nondeterministic: report.Nondeterministic}
	if report.Status == scan.Timeout || report.Status == scan.Crash {
		v.Parsed = true // nothing is known of its syntax: its tests say whether it compiles
		v.Statements = 1
	}
	cost := Cost{Scans: 1}
	if !v.Parsed || v.Empty() {
		return v, cost, nil
	}
	late := false
	for _, group := range []struct {
		tests  []problem.Test
		into   *[]TestResult
		wanted bool
	}{{s.Problem.Public, &v.Public, true}, {s.Problem.Hidden, &v.Hidden, j.options.Hidden}} {
		if !group.wanted {
			continue
		}
		for _, test := range group.tests {
			if late && j.options.SkipAfterTimeout {
				*group.into = append(*group.into, TestResult{Outcome: Skipped, StdinBytes: int64(len(test.Stdin))})
				continue
			}
			r, err := j.test(ctx, s, test, &cost)
			if err != nil {
				return Verdict{}, Cost{}, err
			}
			late = late || r.Outcome == TimedOut
			*group.into = append(*group.into, r)
		}
	}
	return v, cost, nil
}

// test runs one test. A time-out is believed only if the program, alone on the
// machine's workers, runs out of time again.
func (j *Judge) test(ctx context.Context, s Submission, test problem.Test, cost *Cost) (TestResult, error) {
	j.alone.RLock()
	r, err := j.run.Run(ctx, []byte(s.Source), []byte(test.Stdin), j.options.Limits)
	j.alone.RUnlock()
	cost.Forks++
	cost.RunCPU += r.Usage.CPU
	if err == nil && timed(r) {
		j.alone.Lock()
		r, err = j.run.Run(ctx, []byte(s.Source), []byte(test.Stdin), j.options.Limits)
		j.alone.Unlock()
		cost.Forks++
		cost.RunCPU += r.Usage.CPU
	}
	if err != nil {
		return TestResult{}, fmt.Errorf("%w: %w", ErrInfrastructure, err)
	}
	return describe(r, test, s.Problem), nil
}

func timed(r sandbox.Result) bool {
	return r.Outcome == sandbox.CPUTimeout || r.Outcome == sandbox.WallTimeout
}

// describe turns what the sandbox saw into facts about the test.
func describe(r sandbox.Result, test problem.Test, p *problem.Problem) TestResult {
	t := TestResult{Status: r.Status, Signal: r.Signal, StdinBytes: int64(len(test.Stdin)), StdinRead: r.StdinRead,
		StdoutBytes: len(r.Stdout), Exception: r.Exception, Line: r.Line}
	sum := sha256.Sum256(r.Stdout)
	t.StdoutDigest = hex.EncodeToString(sum[:8])
	t.Printed = len(lines(r.Stdout)) > 0 && !blank(r.Stdout)
	t.Equal, t.FirstDiff = Compare(p.Compare, p.Epsilon, r.Stdout, []byte(test.Want))
	switch r.Outcome {
	case sandbox.OK:
		switch {
		case t.Equal:
			t.Outcome = Passed
		case !t.Printed:
			t.Outcome = NoOutput
		default:
			t.Outcome = WrongOutput
		}
	case sandbox.CPUTimeout, sandbox.WallTimeout:
		// What was printed until the limit depends on the machine: it is no fact.
		return TestResult{Outcome: TimedOut, Status: -1, StdinBytes: t.StdinBytes}
	case sandbox.OutOfMemory:
		t.Outcome = OutOfMemory
	case sandbox.OutputLimit:
		t.Outcome, t.Equal, t.FirstDiff = OutputLimit, false, 0
	case sandbox.Forbidden:
		t.Outcome = ForbiddenCall
	default:
		t.Outcome = Crashed
	}
	return t
}

func blank(b []byte) bool {
	for _, c := range b {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' && c != '\v' && c != '\f' {
			return false
		}
	}
	return true
}
