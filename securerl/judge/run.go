package judge

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"

	"securecoderl/securerl/call"
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
			put(t.Stdin, t.Want, t.Assert)
		}
	}
	if s.Problem.CallStyle() {
		put(call.Version(), s.Problem.Setup)
		put(s.Problem.Entry...)
	}
	tests(s.Problem.Public)
	if j.options.Hidden {
		tests(s.Problem.Hidden)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// largest is the longest source that is run, though the scanner did not read it.
const largest = 1 << 20

// patience is the part of the real time that a program gets in the first pass.
const patience = 4

// errSlow says that a program needs more than its part of the time: it is judged
// again in the second pass. It is no verdict and leaves this package never.
var errSlow = errors.New("judge: needs more time")

// fresh scans the source, then runs its tests. A program that does not compile, or
// does nothing, is never run. In the first pass the first time-out is errSlow; what
// it did cost is returned with it.
func (j *Judge) fresh(ctx context.Context, s Submission, hurry bool) (Verdict, Cost, error) {
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
	r := &run{judge: j, submission: s, limits: j.options.Limits, hurry: hurry, cost: &cost}
	if hurry {
		r.limits.Wall /= patience
	}
	if v.Public, err = r.tests(ctx, s.Problem.Public); err != nil {
		return Verdict{}, cost, err
	}
	if j.options.Hidden {
		if v.Hidden, err = r.tests(ctx, s.Problem.Hidden); err != nil {
			return Verdict{}, cost, err
		}
	}
	return v, cost, nil
}

// run is the state of one program on its tests.
type run struct {
	judge      *Judge
	submission Submission
	limits     sandbox.Limits
	hurry      bool // a time-out ends the run
	late       bool // a test has timed out
	cost       *Cost
}

// tests runs tests in order.
func (r *run) tests(ctx context.Context, list []problem.Test) ([]TestResult, error) {
	var results []TestResult
	for i, test := range list {
		if r.late && r.judge.options.SkipAfterTimeout {
			results = append(results, TestResult{Outcome: Skipped, StdinBytes: int64(len(test.Stdin))})
			continue
		}
		t, err := r.test(ctx, test)
		if err != nil {
			return nil, fmt.Errorf("test %d of %d: %w", i+1, len(list), err)
		}
		if t.Outcome == TimedOut && r.hurry {
			return nil, errSlow
		}
		r.late = r.late || t.Outcome == TimedOut
		results = append(results, t)
	}
	return results, nil
}

// test runs one test, of either form.
func (r *run) test(ctx context.Context, test problem.Test) (TestResult, error) {
	if r.submission.Problem.CallStyle() {
		return r.calls(ctx, test)
	}
	seen, err := r.once(ctx, []byte(r.submission.Source), []byte(test.Stdin), r.limits)
	if err != nil {
		return TestResult{}, err
	}
	return describe(seen, test, r.submission.Problem), nil
}

// workers is how many workers one run may lose. A lost one says nothing about the
// program, which is run again on another; losing them all is the machinery's fault.
const workers = 3

// once runs a program on one input.
func (r *run) once(ctx context.Context, program, stdin []byte, l sandbox.Limits) (seen sandbox.Result, err error) {
	for range workers {
		seen, err = r.judge.run.Run(ctx, program, stdin, l)
		r.cost.Forks++
		r.cost.RunCPU += seen.Usage.CPU
		if err == nil || ctx.Err() != nil || !errors.Is(err, sandbox.ErrWorker) {
			break
		}
	}
	if err != nil {
		return sandbox.Result{}, fmt.Errorf("%w: %w", ErrInfrastructure, err)
	}
	return seen, nil
}

// address is how Python prints where an object lies, as in <map object at 0x7f...>.
// It is no fact about the program, so the digest leaves it out.
var address = regexp.MustCompile(`\bat 0x[0-9a-f]+`)

// describe turns what the sandbox saw into facts about the test.
func describe(r sandbox.Result, test problem.Test, p *problem.Problem) TestResult {
	t := TestResult{Status: r.Status, Signal: r.Signal, StdinBytes: int64(len(test.Stdin)), StdinRead: r.StdinRead,
		StdoutBytes: len(r.Stdout), Exception: r.Exception, Line: r.Line, Printed: !blank(r.Stdout)}
	sum := sha256.Sum256(address.ReplaceAll(r.Stdout, []byte("at 0x")))
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
