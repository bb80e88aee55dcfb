package judge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"securecoderl/securerl/call"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/sandbox"
)

// calls runs one test of call style: statements outside the sandbox of the program,
// and a process of it for every call they make.
func (r *run) calls(ctx context.Context, test problem.Test, limits sandbox.Limits) (TestResult, error) {
	p := r.submission.Problem
	end, err := r.judge.evaluate.Evaluate(ctx, p, test, r.submission.Source, limits.Wall,
		func(ctx context.Context, program, stdin []byte, wall time.Duration) (sandbox.Result, error) {
			l := limits
			l.Wall = min(l.Wall, wall)
			return r.once(ctx, string(program), stdin, l)
		})
	if err != nil && !errors.Is(err, ErrInfrastructure) {
		err = fmt.Errorf("%w: %w", ErrInfrastructure, err)
	}
	if err != nil {
		return TestResult{}, err
	}
	return conclude(end), nil
}

// conclude turns the ending of a test into the same facts that a test of standard
// input has. What is printed there is what is returned here.
func conclude(end call.Ending) TestResult {
	t := TestResult{Status: end.Run.Status, Signal: end.Run.Signal, Printed: end.Returned, Exception: end.Exception, Line: end.Line}
	switch end.Kind {
	case call.Stalled:
		return TestResult{Outcome: TimedOut, Status: -1}
	case call.Stopped:
		// Its printed output is none of the test's affair; only how it ended counts.
		switch t.Outcome = describe(end.Run, problem.Test{}, &problem.Problem{}).Outcome; t.Outcome {
		case TimedOut:
			return TestResult{Outcome: TimedOut, Status: -1}
		case Passed, WrongOutput, NoOutput:
			t.Outcome = Crashed // cannot be: a process that ended well was not stopped
		}
	case call.Raised:
		t.Status = 1 // as that of a program that ends with this exception
		if t.Outcome = Crashed; end.Exception == "MemoryError" {
			t.Outcome = OutOfMemory
		}
	case call.Silent:
		t.Outcome = NoOutput
	case call.Failed:
		if t.Outcome = WrongOutput; !end.Returned {
			t.Outcome = NoOutput
		}
	case call.Passed:
		t.Outcome, t.Equal = Passed, true
	}
	sum := sha256.Sum256(address.ReplaceAll(end.Values, []byte("at 0x")))
	t.StdoutBytes, t.StdoutDigest = len(end.Values), hex.EncodeToString(sum[:8])
	return t
}
