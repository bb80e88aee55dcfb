package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/sandbox"
)

func open(t testing.TB, o sandbox.Options) *sandbox.Sandbox {
	t.Helper()
	s, err := sandbox.New(context.Background(), o)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

// short ends a busy program by its processor time, however busy the machine is.
var short = sandbox.Limits{CPU: time.Second, Wall: time.Minute, Memory: 256 << 20, Output: 64 << 10, Files: 32}

func TestEveryLimitHasItsOutcome(t *testing.T) {
	s := open(t, sandbox.Options{Limits: short, Workers: 2})
	const asleep = "import time; time.sleep(600)"
	for _, tt := range []struct {
		source, stdin string
		want          sandbox.Outcome
		stdout        string
		read          int64
	}{
		{"print(int(input()) * 2)", "21\nrest\n", sandbox.OK, "42\n", 8},
		{"print(1)", "unread\n", sandbox.OK, "1\n", 0},
		{"exit(3)", "", sandbox.ExitStatus, "", 0},
		{"exit()", "", sandbox.OK, "", 0},
		{"import sys; sys.exit('no')", "", sandbox.ExitStatus, "", 0},
		{"1 / 0", "", sandbox.ExitStatus, "", 0},
		{"while True: pass", "", sandbox.CPUTimeout, "", 0},
		{asleep, "", sandbox.WallTimeout, "", 0},
		{"x = bytearray(1 << 30)", "", sandbox.OutOfMemory, "", 0},
		{"import ctypes; ctypes.CDLL(None).unshare(0)", "", sandbox.Forbidden, "", 0},
		{"import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "", sandbox.Signal, "", 0},
		{"import os\nprint('kept')\nos._exit = None\nraise SystemExit(0)", "", sandbox.OK, "kept\n", 0},
		{"import sys, io\nsys.stdout = io.TextIOWrapper(io.FileIO(1, 'w'))\nprint('replaced')", "", sandbox.OK, "replaced\n", 0},
		{"import sys\nprint('closed')\nsys.stdout.close()", "", sandbox.OK, "closed\n", 0},
		{"# coding: rot13\nprint('a')", "", sandbox.OK, "a\n", 0},
		{"\ufeffprint('bom')", "", sandbox.OK, "bom\n", 0},
		{"print(hash('x') == hash('x'), {'a', 'b', 'c'} == {'c', 'b', 'a'})", "", sandbox.OK, "True True\n", 0},
	} {
		var own sandbox.Limits
		if tt.source == asleep {
			own.Wall = time.Second
		}
		r, err := s.Run(context.Background(), sandbox.Python(tt.source), []byte(tt.stdin), own)
		require.NoError(t, err)
		assert.Equal(t, tt.want, r.Outcome, "%s: %s", tt.source, r.Stderr)
		assert.Equal(t, tt.stdout, string(r.Stdout), tt.source)
		assert.Equal(t, tt.read, r.StdinRead, tt.source)
	}
	r, err := s.Run(context.Background(), sandbox.Python("while True: print('x' * 1000)"), nil, sandbox.Limits{})
	require.NoError(t, err)
	assert.Equal(t, sandbox.OutputLimit, r.Outcome)
	r, err = s.Run(context.Background(), sandbox.Python("def f():\n    raise KeyError(1)\nf()"), nil, sandbox.Limits{})
	require.NoError(t, err)
	assert.Equal(t, "KeyError", r.Exception)
	assert.Equal(t, 2, r.Line)
}

func TestCancellationStopsAProgramAndLeavesTheSandboxUsable(t *testing.T) {
	s := open(t, sandbox.Options{Limits: short})
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := s.Run(ctx, sandbox.Python("import time; time.sleep(60)"), nil, sandbox.Limits{})
	assert.ErrorIs(t, err, context.Canceled)
	r, err := s.Run(context.Background(), sandbox.Python("print(1)"), nil, sandbox.Limits{})
	require.NoError(t, err)
	assert.Equal(t, "1\n", string(r.Stdout))
}

func TestConcurrentProgramsDoNotMeet(t *testing.T) {
	s := open(t, sandbox.Options{Limits: short, Workers: 2, RecycleAfter: 10})
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r, err := s.Run(context.Background(), sandbox.Python("print(input())"), fmt.Appendf(nil, "%d\n", i), sandbox.Limits{})
			assert.NoError(t, err)
			assert.Equal(t, fmt.Sprintln(i), string(r.Stdout))
		}()
	}
	wg.Wait()
	require.NoError(t, s.Close())
	_, err := s.Run(context.Background(), sandbox.Python("print(1)"), nil, sandbox.Limits{})
	assert.ErrorIs(t, err, sandbox.ErrClosed)
}

const echo = `
import os
def handle(b):
    if b == b"crash": os._exit(7)
    if b == b"spin":
        while True: pass
    if b == b"sleep":
        import time; time.sleep(60)
    if b == b"pid": return str(os.getpid()).encode()
    return b[::-1]
`

func TestAServerAnswersAndItsFailuresAreTyped(t *testing.T) {
	s := open(t, sandbox.Options{Limits: short})
	sv, err := s.Serve(context.Background(), sandbox.ServeOptions{Name: "echo", Source: echo, CPU: 500 * time.Millisecond, RecycleAfter: 4})
	require.NoError(t, err)
	defer sv.Close()
	ask := func(q string) (string, error) {
		b, err := sv.Call(context.Background(), []byte(q))
		return string(b), err
	}
	for _, step := range []struct {
		question, answer string
		want             error
	}{{"abc", "cba", nil}, {"crash", "", sandbox.ErrServerCrash}, {"abc", "cba", nil}, {"sleep", "", sandbox.ErrServerTimeout}, {"xy", "yx", nil}, {"spin", "", sandbox.ErrServerTimeout}, {"", "", nil}} {
		got, err := ask(step.question)
		if step.want != nil {
			assert.ErrorIs(t, err, step.want, step.question)
			continue
		}
		assert.NoError(t, err)
		assert.Equal(t, step.answer, got)
	}
	seen := map[string]bool{}
	for range 9 {
		pid, err := ask("pid")
		require.NoError(t, err)
		seen[pid] = true
	}
	assert.Len(t, seen, 3, "a child serves four requests; the first of this one came before")
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err = sv.Call(ctx, []byte("sleep"))
	assert.ErrorIs(t, err, context.Canceled)
	got, err := ask("abc")
	require.NoError(t, err)
	assert.Equal(t, "cba", got)
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	_, err := sandbox.New(context.Background(), sandbox.Options{Python: "/no/such/python"})
	assert.ErrorIs(t, err, sandbox.ErrPython)
	_, err = sandbox.New(context.Background(), sandbox.Options{Limits: sandbox.Limits{CPU: -1}})
	assert.ErrorContains(t, err, "Wall must be positive")
	s := open(t, sandbox.Options{Limits: short})
	_, err = s.Serve(context.Background(), sandbox.ServeOptions{Name: "bad", Source: "import no_such_module"})
	require.True(t, errors.Is(err, sandbox.ErrNoSandbox))
	assert.ErrorContains(t, err, "no_such_module")
}

func ExampleSandbox_Run() {
	ctx := context.Background()
	s, err := sandbox.New(ctx, sandbox.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	r, _ := s.Run(ctx, sandbox.Python("print(int(input()) * 2)"), []byte("21\n"), sandbox.Limits{})
	fmt.Printf("%s %q\n", r.Outcome, r.Stdout)
	// Output: ok "42\n"
}

// What hangs on the order of a set or on hash() is the same on every worker.
func TestHashesAreTheSameOnEveryWorker(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		s := open(t, sandbox.Options{Limits: short, Workers: 1})
		for range 2 {
			r, err := s.Run(context.Background(), sandbox.Python("print({'a', 'b', 'c', 'd'}, hash('x'), hash(b'y'))"), nil, sandbox.Limits{})
			require.NoError(t, err)
			seen[string(r.Stdout)] = true
		}
	}
	assert.Len(t, seen, 1, "%v", seen)
}

func TestAProgramMayHaveNarrowerLimitsThanItsSandbox(t *testing.T) {
	s := open(t, sandbox.Options{Limits: short, Workers: 1})
	for name, tt := range map[string]struct {
		source string
		limits sandbox.Limits
		want   sandbox.Outcome
	}{
		"processor":  {"while True: pass", sandbox.Limits{CPU: 100 * time.Millisecond}, sandbox.CPUTimeout},
		"real time":  {"import time; time.sleep(60)", sandbox.Limits{Wall: 100 * time.Millisecond}, sandbox.WallTimeout},
		"memory":     {"x = bytearray(64 << 20)", sandbox.Limits{Memory: 64 << 20}, sandbox.OutOfMemory},
		"output":     {"print('x' * 1000)", sandbox.Limits{Output: 100}, sandbox.OutputLimit},
		"files":      {"x = [open('/dev/null') for i in range(10)]", sandbox.Limits{Files: 8}, sandbox.FileLimit},
		"wider ones": {"x = bytearray(1 << 30)", sandbox.Limits{Memory: 1 << 40}, sandbox.OutOfMemory},
		"threads":    {"import threading, time\nfor i in range(12): threading.Thread(target=time.sleep, args=(0.01,)).start()\nprint(1)", sandbox.Limits{}, sandbox.OK},
	} {
		r, err := s.Run(context.Background(), sandbox.Python(tt.source), nil, tt.limits)
		require.NoError(t, err)
		assert.Equal(t, tt.want, r.Outcome, "%s: %s", name, r.Stderr)
	}
	// In tier A a worker's programs are counted for themselves.
	if s.Info().Tier == "A" {
		r, err := s.Run(context.Background(), sandbox.Python("import threading, time\nfor i in range(12): threading.Thread(target=time.sleep, args=(0.01,)).start()"), nil, sandbox.Limits{Threads: 8})
		require.NoError(t, err)
		assert.Equal(t, sandbox.ProcessLimit, r.Outcome, "%s", r.Stderr)
	}
}
