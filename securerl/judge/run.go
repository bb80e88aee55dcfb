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
	put(j.versions, s.Source, string(s.Problem.Compare), fmt.Sprintf("%g %+v hidden %t skip %t ast %t", s.Problem.Epsilon, j.options.Limits, j.options.Hidden, j.options.SkipAfterTimeout, j.options.ASTParse))
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

// In the first pass a program gets a part of the processor's time, and of the real
// time, which passes while others run too.
const (
	patienceCPU  = 4
	patienceWall = 2
)

// errSlow says that a program needs more than its part of the time: it goes on alone,
// later. It is no verdict and leaves this package never.
var errSlow = errors.New("judge: needs more time")

// run is the judging of one program. It may be interrupted by errSlow and gone on
// with: what is known by then stays.
type run struct {
	judge      *Judge
	submission Submission
	hurry      bool // a time-out interrupts it
	scanned    bool
	late       bool // a test has timed out
	verdict    Verdict
	cost       Cost
}

// proceed scans the source, then runs its tests. A program that does not compile, or
// does nothing, is never run.
func (r *run) proceed(ctx context.Context) error {
	if !r.scanned {
		if err := r.look(ctx); err != nil {
			return err
		}
	}
	v, p := &r.verdict, r.submission.Problem
	if !v.Parsed || v.Empty() {
		return nil
	}
	if err := r.opinion(ctx); err != nil {
		return err
	}
	if err := r.tests(ctx, p.Public, &v.Public); err != nil || !r.judge.options.Hidden {
		return err
	}
	return r.tests(ctx, p.Hidden, &v.Hidden)
}

// look scans the source.
func (r *run) look(ctx context.Context) error {
	s := r.submission
	report, err := r.judge.scan.Scan(ctx, []byte(s.Source))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInfrastructure, err)
	}
	r.scanned, r.cost.Scans, r.cost.ScanCPU = true, 1, report.CPU
	r.verdict = r.judge.read(report, len(s.Source))
	r.verdict.Total = len(s.Problem.Public)
	return nil
}

// opinion asks the second scanner, if there is one and it was not asked before.
func (r *run) opinion(ctx context.Context) error {
	if r.judge.second == nil || r.verdict.Opinion != nil {
		return nil
	}
	report, err := r.judge.second.Scan(ctx, []byte(r.submission.Source))
	if err != nil {
		return fmt.Errorf("%w: second opinion: %w", ErrInfrastructure, err)
	}
	r.cost.Scans++
	r.cost.ScanCPU += report.CPU
	if report.ParseOK && report.Status == scan.Syntax && r.judge.options.ASTParse {
		report.Status = scan.OK
	}
	r.verdict.Opinion = &Opinion{Status: report.Status, Scanner: report.Scanner, Findings: report.Findings}
	return nil
}

// read is what a scan says about a source of this many bytes.
func (j *Judge) read(r scan.Report, size int) Verdict {
	v := Verdict{Status: r.Status, Scanner: r.Scanner, Extra: r.Extra, Parsed: r.CompileOK, ASTOnly: r.ParseOK && !r.CompileOK, SyntaxError: r.SyntaxError, SyntaxLine: r.SyntaxLine,
		Statements: r.Statements, Findings: r.Findings, Nondeterministic: r.Nondeterministic}
	switch {
	case r.Status == scan.Timeout || r.Status == scan.Crash || r.Status == scan.TooLarge:
		// Nothing is known of its syntax: its tests say how far it gets.
		if v.Parsed = size <= largest; v.Parsed {
			v.Statements = 1
		}
	case v.ASTOnly && j.options.ASTParse:
		v.Parsed = true
		if v.Status == scan.Syntax {
			v.Status = scan.OK // the scan itself ended well
		}
	case !v.Parsed:
		v.Statements, v.Findings, v.Extra, v.Nondeterministic = 0, nil, nil, false // it is no program
	}
	return v
}

// tests runs the tests that have no result yet, in order.
func (r *run) tests(ctx context.Context, list []problem.Test, results *[]TestResult) error {
	limits := r.judge.options.Limits
	if r.hurry {
		limits.CPU /= patienceCPU
		limits.Wall /= patienceWall
	}
	for i := len(*results); i < len(list); i++ {
		test := list[i]
		if r.late && r.judge.options.SkipAfterTimeout {
			*results = append(*results, TestResult{Outcome: Skipped, StdinBytes: int64(len(test.Stdin))})
			continue
		}
		t, err := r.test(ctx, test, limits)
		if err != nil {
			return fmt.Errorf("test %d of %d: %w", i+1, len(list), err)
		}
		if t.Outcome == TimedOut && r.hurry {
			return errSlow
		}
		r.late = r.late || t.Outcome == TimedOut
		*results = append(*results, t)
	}
	return nil
}

// test runs one test, of either form.
func (r *run) test(ctx context.Context, test problem.Test, limits sandbox.Limits) (TestResult, error) {
	if r.submission.Problem.CallStyle() {
		return r.calls(ctx, test, limits)
	}
	seen, err := r.once(ctx, r.submission.Source, []byte(test.Stdin), limits)
	if err != nil {
		return TestResult{}, err
	}
	return describe(seen, test, r.submission.Problem), nil
}

// workers is how many workers one run may lose. A lost one says nothing about the
// program, which is run again on another; losing them all is the machinery's fault.
const workers = 3

// once runs a program on one input.
func (r *run) once(ctx context.Context, program string, stdin []byte, l sandbox.Limits) (seen sandbox.Result, err error) {
	for range workers {
		seen, err = r.judge.run.Run(ctx, sandbox.Python(program), stdin, l)
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
