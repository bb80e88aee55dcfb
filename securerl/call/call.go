package call

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"securecoderl/securerl/problem"
	"securecoderl/securerl/sandbox"
)

//go:embed literal.py
var literalSource string

//go:embed evaluator.py
var evaluatorSource string

//go:embed driver.py
var driverSource string

var (
	// ErrTest reports a test that cannot be run, whatever the program: it does not
	// compile, uses an unknown name, hands over a function, calls nothing.
	ErrTest = errors.New("call: test cannot be run")
	// ErrEvaluator reports that the evaluator does not work. Nothing follows from it
	// about a program.
	ErrEvaluator = errors.New("call: evaluator failed")
)

const (
	mostCalls  = 400      // of one test
	mostBytes  = 16 << 20 // of all answers in one test
	free       = 20       // a call that takes less than this part of the test's time takes none of it
	canaryTest = "assert f([3]) == 9"
)

// server is what an Evaluator needs of sandbox.Server; tests put broken ones there.
type server interface {
	Call(ctx context.Context, request []byte) ([]byte, error)
	Fresh() error
	Close() error
}

// Evaluator runs the statements of tests. It never meets a program: what programs
// returned comes to it as plain values. It is safe for concurrent use.
type Evaluator struct {
	server server
	driver []byte // program that calls a function

	mu sync.Mutex // one repair at a time
}

// New starts an evaluator in the sandbox. It must be closed before the sandbox.
func New(ctx context.Context, sb *sandbox.Sandbox) (*Evaluator, error) {
	s, err := sb.Serve(ctx, sandbox.ServeOptions{Name: "evaluator", Source: literalSource + evaluatorSource})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEvaluator, err)
	}
	e := &Evaluator{server: s}
	if err := e.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return e, nil
}

// prepare has the driver compiled by the interpreter that will run it: compiling its
// text anew would cost more than most calls.
func (e *Evaluator) prepare(ctx context.Context) error {
	b, err := e.server.Call(ctx, frame([]byte("driver"), []byte(literalSource+driverSource)))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEvaluator, err)
	}
	parts, ok := unframe(b)
	if !ok || len(parts) != 1 || len(parts[0]) == 0 {
		return fmt.Errorf("%w: no driver in its answer", ErrEvaluator)
	}
	e.driver = fmt.Appendf(nil, "import marshal\nexec(marshal.loads(bytes.fromhex('%x')), {'__name__': 'driver'})\n", parts[0])
	return e.prove(ctx)
}

// Close ends the evaluator.
func (e *Evaluator) Close() error { return e.server.Close() }

// Version names what the evaluation of a test depends on beside the interpreter.
func Version() string {
	sum := sha256.Sum256([]byte(literalSource + evaluatorSource + driverSource))
	return "calls " + hex.EncodeToString(sum[:8])
}

// Runner runs one program on one input within a time, and says how it ended. An
// error is the machinery's.
type Runner func(ctx context.Context, program, stdin []byte, wall time.Duration) (sandbox.Result, error)

// Kind says how a test ended.
type Kind string

// The kinds of endings.
const (
	Passed  Kind = "passed"
	Failed  Kind = "failed"  // an assert is false, or cannot be told of what was returned (then with Exception)
	Raised  Kind = "raised"  // the program raised an exception that the test does not expect
	Silent  Kind = "silent"  // the process ended with status 0 and no answer
	Stopped Kind = "stopped" // the process ended in another way: see Run
	Stalled Kind = "stalled" // what was returned keeps the test busy beyond its time
)

// Ending is what one test of one program came to.
type Ending struct {
	Kind      Kind
	Exception string         // class
	Line      int            // of the program, where it was raised; 0 = elsewhere
	Returned  bool           // some call returned something other than None
	Values    []byte         // what the calls returned or raised, as text
	Calls     int            // programs started
	Run       sandbox.Result // of the last of them
}

// Evaluate runs a test of a problem on a program, with a process for every call.
// Together the calls have wall of real time; a twentieth of it is free for each, so
// that a test of many calls does not suffer from a busy machine. A program's fault is an Ending; an
// error is ErrTest, ErrEvaluator, or what run returned.
func (e *Evaluator) Evaluate(ctx context.Context, p *problem.Problem, test problem.Test, source string, wall time.Duration, run Runner) (Ending, error) {
	var end Ending
	var records [][]byte
	var answers []answer
	size, left := 0, wall
	for {
		r, err := e.ask(ctx, p, test, records)
		if errors.Is(err, errStalled) {
			end.Kind = Stalled
			return end, nil
		}
		if err != nil {
			return Ending{}, fmt.Errorf("problem %s: %w", p.ID, err)
		}
		if r.what != "need" {
			end.conclude(r, answers)
			return end, nil
		}
		if len(answers) == mostCalls || left <= 0 {
			end.Kind = Stalled
			return end, nil
		}
		if end.Run, err = run(ctx, e.driver, frame([]byte(source), r.name, r.arguments), left); err != nil {
			return Ending{}, err
		}
		end.Calls++
		left -= max(0, end.Run.Usage.Wall-wall/free)
		a, ok := parse(end.Run.Stdout)
		if end.Run.Outcome != sandbox.OK {
			end.Kind, end.Exception, end.Line = Stopped, end.Run.Exception, end.Run.Line
			return end, nil
		}
		if !ok {
			end.Kind = Silent
			return end, nil
		}
		end.add(a)
		if !a.called {
			end.Kind, end.Exception, end.Line = Raised, a.exception, a.line
			return end, nil
		}
		if size += len(a.text); size > mostBytes {
			end.Kind, end.Run.Outcome = Stopped, sandbox.OutputLimit
			return end, nil
		}
		answers = append(answers, a)
		records = append(records, r.call, a.text)
	}
}

func (e *Ending) add(a answer) {
	e.Values = append(append(e.Values, a.exception...), a.returned...)
	e.Returned = e.Returned || a.returned != nil && string(a.returned) != "N"
}

// conclude fills in how a test ended that needs no more calls.
func (e *Ending) conclude(r reply, answers []answer) {
	switch r.what {
	case "passed":
		e.Kind = Passed
	case "raised":
		e.Kind, e.Exception, e.Line = Raised, answers[r.raised].exception, answers[r.raised].line
	default:
		e.Kind, e.Exception = Failed, r.detail
	}
}

// Check runs the tests of a problem up to their first calls, without any program.
// It returns every fault at once; each wraps ErrTest. Other errors are the machinery's.
func (e *Evaluator) Check(ctx context.Context, p *problem.Problem) error {
	var faults []error
	for _, side := range []struct {
		name  string
		tests []problem.Test
	}{{"public", p.Public}, {"hidden", p.Hidden}} {
		for i, t := range side.tests {
			_, err := e.ask(ctx, p, t, nil)
			if err != nil && !errors.Is(err, ErrTest) {
				return err
			}
			if err != nil {
				faults = append(faults, fmt.Errorf("problem %s: %s test %d: %w", p.ID, side.name, i+1, err))
			}
		}
	}
	return errors.Join(faults...)
}

// reply is what the evaluator says of a test.
type reply struct {
	what            string // passed, failed, raised, stuck, need or broken
	detail          string
	raised          int // which call raised the exception that ended the test
	call            []byte
	name, arguments []byte // parts of call
}

// errStalled says that a test was still busy, or killed the evaluator, when it had
// what the program returned, twice, and that the evaluator is well without it.
var errStalled = errors.New("call: test does not end")

// attempts bound the workers that one question may cost.
const attempts = 4

// ask puts a test with what is known to the evaluator. A worker that is lost, or one
// that ends on the question, is replaced, and has to prove itself; only what happens
// again on a fresh one is the question's doing.
func (e *Evaluator) ask(ctx context.Context, p *problem.Problem, test problem.Test, records [][]byte) (reply, error) {
	parts := append([][]byte{[]byte("test"), []byte(p.Setup), []byte(strings.Join(p.Entry, " ")), []byte(test.Assert)}, records...)
	request := frame(parts...)
	var last error
	for try := range attempts {
		if try > 0 {
			if err := e.renew(ctx); err != nil {
				return reply{}, err
			}
		}
		b, err := e.server.Call(ctx, request)
		var kind error
		switch {
		case ctx.Err() != nil:
			return reply{}, ctx.Err()
		case errors.Is(err, sandbox.ErrServerTimeout):
			kind = sandbox.ErrServerTimeout
		case errors.Is(err, sandbox.ErrServerCrash):
			kind = sandbox.ErrServerCrash
		case errors.Is(err, sandbox.ErrWorker):
			continue
		case err != nil:
			return reply{}, fmt.Errorf("%w: %w", ErrEvaluator, err)
		default:
			return understand(b, len(records)/2)
		}
		if kind == last && len(records) > 0 {
			return reply{}, errStalled
		}
		if kind == last {
			return reply{}, fmt.Errorf("%w: before it calls anything: %w", ErrTest, err)
		}
		last = kind
	}
	return reply{}, fmt.Errorf("%w: one question ended in different ways on %d workers", ErrEvaluator, attempts)
}

// understand takes an answer of the evaluator apart, and refuses what no healthy one says.
func understand(b []byte, known int) (reply, error) {
	parts, ok := unframe(b)
	if !ok || len(parts) != 4 {
		return reply{}, fmt.Errorf("%w: answer of %d bytes in %d parts", ErrEvaluator, len(b), len(parts))
	}
	r := reply{what: string(parts[0]), detail: string(parts[1])}
	used, err := strconv.Atoi(string(parts[2]))
	if err == nil {
		r.raised, err = strconv.Atoi(string(parts[3]))
	}
	all := err == nil && used == known // every result was asked for, so every one is needed
	switch {
	case r.what == "broken" && known == 0, r.what == "stuck" && known == 0:
		return reply{}, fmt.Errorf("%w: %s", ErrTest, r.detail)
	case (r.what == "passed" || r.what == "failed") && known == 0 && all:
		return reply{}, fmt.Errorf("%w: it calls no function of the program", ErrTest)
	case r.what == "passed" && all && r.detail == "", r.what == "failed" && all && r.detail == "":
		return r, nil
	case r.what == "stuck" && all, r.what == "broken" && err == nil:
		r.detail = className([]byte(r.detail))
		return r, nil
	case r.what == "raised" && all && r.raised >= 0 && r.raised < known:
		return r, nil
	case r.what == "need" && all:
		name, rest, err := scan(parts[1], 0, 0)
		if err == nil && name.letter == 's' {
			arguments, rest, err := scan(rest, 0, 1)
			if err == nil && len(rest) == 0 && arguments.letter == 't' && len(arguments.items) == 2 {
				r.call, r.name, r.arguments = parts[1], name.body, arguments.text
				return r, nil
			}
		}
	}
	return reply{}, fmt.Errorf("%w: answer %q with %q results of %d", ErrEvaluator, r.what, parts[2], known)
}

// renew puts a fresh worker in place and has it prove itself.
func (e *Evaluator) renew(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.server.Fresh(); err != nil && !errors.Is(err, sandbox.ErrWorker) {
		return fmt.Errorf("%w: %w", ErrEvaluator, err)
	}
	return e.prove(ctx)
}

// prove asks what every healthy evaluator knows: a test that passes with one result
// and fails with another.
func (e *Evaluator) prove(ctx context.Context) error {
	call := []byte("s1:ft2:t1:l1:i3;d0:")
	for result, want := range map[string]string{"i9;": "passed", "i8;": "failed"} {
		b, err := e.server.Call(ctx, frame([]byte("test"), nil, []byte("f"), []byte(canaryTest), call, []byte("t3:s8:returned"+result+"d0:")))
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("%w: canary: %w", ErrEvaluator, err)
		}
		r, err := understand(b, 1)
		if err != nil || r.what != want {
			return fmt.Errorf("%w: the canary with %s %s, not %s: %v", ErrEvaluator, result, r.what, want, err)
		}
	}
	return nil
}
