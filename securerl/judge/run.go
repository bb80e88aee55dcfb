package judge

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"securecoderl/securerl/problem"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

// key names everything a verdict depends on. Every part has its length before it, so
// that no two submissions share a key by the place of a border.
func (j *Judge) key(s Submission) string {
	h := sha256.New()
	put := func(parts ...string) {
		for _, p := range parts {
			_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(p)))) // a hash takes everything
			_, _ = io.WriteString(h, p)
		}
	}
	put(j.versions, s.Source, string(s.Problem.Compare), fmt.Sprintf("%g %+v hidden %t skip %t", s.Problem.Epsilon, j.options.Limits, j.options.Hidden, j.options.SkipAfterTimeout))
	tests := func(list []problem.Test) {
		put(fmt.Sprint(len(list)))
		for _, t := range list {
			put(t.Stdin, t.Want)
		}
	}
	tests(s.Problem.Public)
	if j.options.Hidden {
		tests(s.Problem.Hidden)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// largest is the longest source that is run, though the scanner did not read it.
const largest = 1 << 20

// fresh scans the source, then runs its tests. A program that does not compile, or
// does nothing, is never run.
func (j *Judge) fresh(ctx context.Context, s Submission) (Verdict, Cost, error) {
	report, err := j.scan.Scan(ctx, []byte(s.Source))
	if err != nil {
		return Verdict{}, Cost{}, fmt.Errorf("%w: %w", ErrInfrastructure, err)
	}
	cost := Cost{Scans: 1, ScanCPU: report.CPU}
	v := Verdict{Status: report.Status, Parsed: report.CompileOK, SyntaxError: report.SyntaxError, SyntaxLine: report.SyntaxLine,
		Statements: report.Statements, Findings: report.Findings, Total: len(s.Problem.Public), Nondeterministic: report.Nondeterministic}
	switch report.Status {
	case scan.Timeout, scan.Crash, scan.TooLarge:
		// Nothing is known of its syntax: its tests say how far it gets.
		if v.Parsed = len(s.Source) <= largest; v.Parsed {
			v.Statements = 1
		}
	}
	if !v.Parsed || v.Empty() {
		return v, cost, nil
	}
	late := false
	if v.Public, err = j.tests(ctx, s, s.Problem.Public, &late, &cost); err != nil {
		return Verdict{}, Cost{}, err
	}
	if j.options.Hidden {
		if v.Hidden, err = j.tests(ctx, s, s.Problem.Hidden, &late, &cost); err != nil {
			return Verdict{}, Cost{}, err
		}
	}
	return v, cost, nil
}

// tests runs tests in order. late says whether one has timed out.
func (j *Judge) tests(ctx context.Context, s Submission, list []problem.Test, late *bool, cost *Cost) ([]TestResult, error) {
	var results []TestResult
	for i, test := range list {
		if *late && j.options.SkipAfterTimeout {
			results = append(results, TestResult{Outcome: Skipped, StdinBytes: int64(len(test.Stdin))})
			continue
		}
		r, err := j.believe(ctx, s.Source, test.Stdin, cost)
		if err != nil {
			return nil, fmt.Errorf("test %d of %d: %w", i+1, len(list), err)
		}
		t := describe(r, test, s.Problem)
		*late = *late || t.Outcome == TimedOut
		results = append(results, t)
	}
	return results, nil
}

// patience is the part of the real time that a program gets beside others.
const patience = 4

// believe runs a program on one input. Beside others it gets a part of the real time
// only: enough for nearly every program, and an endless one holds nobody up. A
// program that needs more runs again, alone on the workers and with all its time, and
// only what happens then counts: no time-out comes from the company it was in.
func (j *Judge) believe(ctx context.Context, source, stdin string, cost *Cost) (sandbox.Result, error) {
	short := j.options.Limits
	short.Wall /= patience
	j.alone.RLock()
	r, err := j.once(ctx, source, stdin, short, cost)
	j.alone.RUnlock()
	if err == nil && (r.Outcome == sandbox.CPUTimeout || r.Outcome == sandbox.WallTimeout) {
		j.alone.Lock()
		r, err = j.once(ctx, source, stdin, j.options.Limits, cost)
		j.alone.Unlock()
	}
	return r, err
}

// workers is how many workers one run may lose. A lost one says nothing about the
// program, which is run again on another; losing them all is the machinery's fault.
const workers = 3

func (j *Judge) once(ctx context.Context, source, stdin string, l sandbox.Limits, cost *Cost) (r sandbox.Result, err error) {
	for range workers {
		r, err = j.run.Run(ctx, []byte(source), []byte(stdin), l)
		cost.Forks++
		cost.RunCPU += r.Usage.CPU
		if err == nil || ctx.Err() != nil || !errors.Is(err, sandbox.ErrWorker) {
			break
		}
	}
	if err != nil {
		return sandbox.Result{}, fmt.Errorf("%w: %w", ErrInfrastructure, err)
	}
	return r, nil
}

// describe turns what the sandbox saw into facts about the test.
func describe(r sandbox.Result, test problem.Test, p *problem.Problem) TestResult {
	t := TestResult{Status: r.Status, Signal: r.Signal, StdinBytes: int64(len(test.Stdin)), StdinRead: r.StdinRead,
		StdoutBytes: len(r.Stdout), Exception: r.Exception, Line: r.Line, Printed: !blank(r.Stdout)}
	sum := sha256.Sum256(r.Stdout)
	t.StdoutDigest = hex.EncodeToString(sum[:8])
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
