package call

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/problem"
	"securecoderl/securerl/sandbox"
)

// fakeServer answers by a script: questions about the canary well, all others by f,
// which gets the number of the question from 1.
type fakeServer struct {
	f      func(n int, records int) ([]byte, error)
	canary func() ([]byte, error)
	n      int
	fresh  error
}

func (s *fakeServer) Fresh() error { return s.fresh }
func (s *fakeServer) Close() error { return nil }
func (s *fakeServer) Call(_ context.Context, request []byte) ([]byte, error) {
	parts, _ := unframe(request)
	if string(parts[0]) == "driver" {
		return frame([]byte("code")), nil
	}
	if string(parts[3]) == canaryTest {
		if s.canary != nil {
			return s.canary()
		}
		what := map[bool]string{true: "passed", false: "failed"}[strings.Contains(string(parts[5]), "i9;")]
		return says(what, "", 1, -1)
	}
	s.n++
	return s.f(s.n, (len(parts)-4)/2)
}

func says(what, detail string, used, raised int) ([]byte, error) {
	return frame([]byte(what), []byte(detail), fmt.Append(nil, used), fmt.Append(nil, raised)), nil
}

// asks is a healthy evaluator that wants one call.
func asks(_, records int) ([]byte, error) {
	if records == 0 {
		return says("need", "s1:ft2:t0:d0:", 0, -1)
	}
	return says("passed", "", records, -1)
}

func (s *fakeServer) evaluate(t *testing.T) (Ending, error) {
	t.Helper()
	e := &Evaluator{server: s}
	require.NoError(t, e.prepare(context.Background()))
	p := problem.Problem{ID: "p", Entry: []string{"f"}}
	return e.Evaluate(context.Background(), &p, problem.Test{Assert: "assert f()"}, "", time.Second, func(context.Context, []byte, []byte, time.Duration) (sandbox.Result, error) {
		return sandbox.Result{Outcome: sandbox.OK, Stdout: said("", "t3:s8:returnedTd0:")}, nil
	})
}

func TestABrokenEvaluatorIsAnErrorNeverAnEnding(t *testing.T) {
	end, err := (&fakeServer{f: asks}).evaluate(t)
	require.NoError(t, err)
	require.Equal(t, Passed, end.Kind, "the fake works")
	after := func(reply func() ([]byte, error)) func(n, records int) ([]byte, error) {
		return func(n, records int) ([]byte, error) {
			if records == 0 {
				return asks(n, records)
			}
			return reply()
		}
	}
	for name, reply := range map[string]func() ([]byte, error){
		"nothing":                      func() ([]byte, error) { return nil, nil },
		"noise":                        func() ([]byte, error) { return []byte("passed"), nil },
		"an unknown word":              func() ([]byte, error) { return says("fine", "", 1, -1) },
		"passed without the result":    func() ([]byte, error) { return says("passed", "", 0, -1) },
		"passed with more":             func() ([]byte, error) { return says("passed", "", 2, -1) },
		"passed with a remark":         func() ([]byte, error) { return says("passed", "x", 1, -1) },
		"failed without the result":    func() ([]byte, error) { return says("failed", "", 0, -1) },
		"raised by no call":            func() ([]byte, error) { return says("raised", "", 1, 1) },
		"raised by a call before":      func() ([]byte, error) { return says("raised", "", 1, -1) },
		"need of nothing":              func() ([]byte, error) { return says("need", "", 1, -1) },
		"need of noise":                func() ([]byte, error) { return says("need", "s1:ft2:t0:d0:x", 1, -1) },
		"no number":                    func() ([]byte, error) { return frame([]byte("passed"), nil, []byte("x"), []byte("1")), nil },
		"closed":                       func() ([]byte, error) { return nil, sandbox.ErrClosed },
		"something else":               func() ([]byte, error) { return nil, errors.New("?") },
		"every worker lost":            func() ([]byte, error) { return nil, sandbox.ErrWorker },
		"no sandbox for a fresh child": func() ([]byte, error) { return nil, sandbox.ErrNoSandbox },
	} {
		_, err := (&fakeServer{f: after(reply)}).evaluate(t)
		assert.ErrorIs(t, err, ErrEvaluator, name)
	}
	crash := func() ([]byte, error) { return nil, sandbox.ErrServerCrash }
	for name, s := range map[string]*fakeServer{
		"cannot be renewed": {f: after(crash), fresh: errors.New("no memory")},
		"sometimes a crash, sometimes late": {f: func(n, records int) ([]byte, error) {
			if records == 0 {
				return asks(n, records)
			}
			return nil, []error{sandbox.ErrServerCrash, sandbox.ErrServerTimeout}[n%2]
		}},
	} {
		_, err := s.evaluate(t)
		assert.ErrorIs(t, err, ErrEvaluator, name)
	}
	for name, canary := range map[string]func() ([]byte, error){
		"passes all":  func() ([]byte, error) { return says("passed", "", 1, -1) },
		"fails all":   func() ([]byte, error) { return says("failed", "", 1, -1) },
		"always dies": crash,
	} {
		e := &Evaluator{server: &fakeServer{f: asks, canary: canary}}
		assert.ErrorIs(t, e.prepare(context.Background()), ErrEvaluator, name)
		sick := false
		s := &fakeServer{f: after(func() ([]byte, error) { sick = true; return crash() })}
		s.canary = func() ([]byte, error) { return canary() }
		e = &Evaluator{server: s}
		_, err := e.ask(context.Background(), &problem.Problem{ID: "p"}, problem.Test{}, [][]byte{[]byte("s1:ft2:t0:d0:"), []byte("N")})
		assert.True(t, sick)
		assert.ErrorIs(t, err, ErrEvaluator, "an evaluator that %s says nothing about a program", name)
	}
}

// A fault counts against a program when a fresh evaluator, which is well, shows it
// again with what the program returned, and not before.
func TestWhatStallsTwiceIsTheProgramsDoing(t *testing.T) {
	for _, fault := range []error{sandbox.ErrServerTimeout, sandbox.ErrServerCrash} {
		end, err := (&fakeServer{f: func(n, records int) ([]byte, error) {
			if records > 0 {
				return nil, fault
			}
			return asks(n, records)
		}}).evaluate(t)
		require.NoError(t, err)
		assert.Equal(t, Stalled, end.Kind)
		end, err = (&fakeServer{f: func(n, records int) ([]byte, error) {
			if n%2 == 1 {
				return nil, fault
			}
			return asks(n, records)
		}}).evaluate(t)
		require.NoError(t, err)
		assert.Equal(t, Passed, end.Kind, "once is nothing")
		_, err = (&fakeServer{f: func(int, int) ([]byte, error) { return nil, fault }}).evaluate(t)
		assert.ErrorIs(t, err, ErrTest, "without a program it is the test's")
	}
}

func TestTheEndOfTheContextIsNoEnding(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := &fakeServer{f: func(int, int) ([]byte, error) { cancel(); return nil, sandbox.ErrWorker }}
	e := &Evaluator{server: s}
	require.NoError(t, e.prepare(ctx))
	_, err := e.Evaluate(ctx, &problem.Problem{ID: "p"}, problem.Test{}, "", time.Second, nil)
	assert.ErrorIs(t, err, context.Canceled)
}
