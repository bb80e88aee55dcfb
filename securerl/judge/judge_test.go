package judge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/completion"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

var double = problem.Problem{ID: "double", Statement: "Print 2n.", Public: []problem.Test{{Stdin: "3\n", Want: "6\n"}, {Stdin: "5\n", Want: "10\n"}},
	Hidden: []problem.Test{{Stdin: "0\n", Want: "0\n"}, {Stdin: "-4\n", Want: "-8\n"}}}

var limits = sandbox.Limits{CPU: time.Second, Wall: 2 * time.Second, Memory: 256 << 20, Output: 64 << 10, Files: 32}

func real(t testing.TB, o Options) *Judge {
	t.Helper()
	sb, err := sandbox.New(context.Background(), sandbox.Options{Limits: limits, Workers: 2})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sb.Close()) })
	sc, err := scan.New(context.Background(), sb, scan.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sc.Close()) })
	o.Limits = limits
	return New(sb, sc, o)
}

func TestVerdictsOfRealPrograms(t *testing.T) {
	j := real(t, Options{Hidden: true, SkipAfterTimeout: true, Workers: 2})
	tests := []struct {
		name, source   string
		stage          Stage
		public, hidden int
		outcome        Outcome
		flagged, reads bool
	}{
		{"correct", "print(2 * int(input()))", Passes, 2, 2, Passed, false, true},
		{"correct and unsafe", "print(2 * eval(input()))", Passes, 2, 2, Passed, true, true},
		{"correct, then status 3", "print(2 * int(input()))\nexit(3)", Parses, 0, 0, Crashed, false, true},
		{"right for one", "input()\nprint(6)", Some, 1, 0, Passed, false, true},
		{"a constant", "print(7)", Prints, 0, 0, WrongOutput, false, false},
		{"missing print", "2 * int(input())", Runs, 0, 0, NoOutput, false, true},
		{"crash", "print(1 / 0)", Parses, 0, 0, Crashed, false, false},
		{"no Python", "Sure! Here is the program.", Unparsable, 0, 0, "", false, false},
		{"endless", "while True: pass", Parses, 0, 0, TimedOut, false, true},
		{"empty", "# nothing", Parses, 0, 0, "", false, false},
	}
	var list []Submission
	for _, tt := range tests {
		list = append(list, Submission{Problem: &double, Source: tt.source, Finish: completion.End})
	}
	verdicts, cost, err := j.Judge(context.Background(), list)
	require.NoError(t, err)
	for i, tt := range tests {
		v := verdicts[i]
		assert.Equal(t, tt.stage, v.Stage(), tt.name)
		assert.Equal(t, tt.public, v.PassedPublic(), tt.name)
		assert.Equal(t, tt.hidden, v.PassedHidden(), tt.name)
		assert.Equal(t, tt.flagged, v.Flagged(scan.Medium), tt.name)
		if tt.outcome != "" {
			assert.Equal(t, tt.outcome, v.Public[0].Outcome, tt.name)
		}
		if tt.name != "endless" {
			assert.Equal(t, tt.reads, v.ReadsInput(), tt.name)
		}
	}
	assert.Equal(t, Skipped, verdicts[8].Public[1].Outcome)
	assert.Equal(t, Skipped, verdicts[8].Hidden[0].Outcome)
	assert.True(t, verdicts[9].Empty())
	assert.True(t, verdicts[4].Constant())
	assert.Equal(t, "ZeroDivisionError", verdicts[6].Public[0].Exception)
	assert.Equal(t, 4*7+2, cost.Forks, "seven programs of four tests, one that is stopped and confirmed")
	again, cost, err := j.Judge(context.Background(), list)
	require.NoError(t, err)
	assert.Equal(t, verdicts, again)
	assert.Equal(t, Cost{CacheHits: len(list), Wall: cost.Wall}, cost)
}

// broken stands for a sandbox and a scanner that fail in every way.
type broken struct {
	run  func(n int) (sandbox.Result, error)
	scan func() (scan.Report, error)
	n    int
}

func (b *broken) Run(context.Context, []byte, []byte, sandbox.Limits) (sandbox.Result, error) {
	b.n++
	return b.run(b.n)
}
func (b *broken) Scan(context.Context, []byte) (scan.Report, error) { return b.scan() }

func healthy() *broken {
	return &broken{
		run: func(int) (sandbox.Result, error) {
			return sandbox.Result{Outcome: sandbox.OK, Stdout: []byte("6\n")}, nil
		},
		scan: func() (scan.Report, error) { return scan.Report{Status: scan.OK, CompileOK: true, Statements: 1}, nil },
	}
}

func TestABrokenMachineIsAnErrorNeverAVerdict(t *testing.T) {
	lost := fmt.Errorf("%w: gone", sandbox.ErrWorker)
	for name, fault := range map[string]func(*broken){
		"sandbox lost at once": func(b *broken) { b.run = func(int) (sandbox.Result, error) { return sandbox.Result{}, lost } },
		"sandbox lost later": func(b *broken) {
			ok := b.run
			b.run = func(n int) (sandbox.Result, error) {
				if n == 2 {
					return sandbox.Result{}, lost
				}
				return ok(n)
			}
		},
		"scanner broken":       func(b *broken) { b.scan = func() (scan.Report, error) { return scan.Report{}, scan.ErrInfrastructure } },
		"scanner fails anyhow": func(b *broken) { b.scan = func() (scan.Report, error) { return scan.Report{}, errors.New("?") } },
	} {
		b := healthy()
		fault(b)
		j := newJudge(b, b, Options{Limits: limits}, "test")
		verdicts, _, err := j.Judge(context.Background(), []Submission{{Problem: &double, Source: "x"}, {Problem: &double, Source: "y"}})
		assert.ErrorIs(t, err, ErrInfrastructure, name)
		assert.Nil(t, verdicts, name)
		assert.Empty(t, j.cache.mem, "nothing of it is remembered: %s", name)
	}
}

func TestATimeoutIsBelievedTheSecondTime(t *testing.T) {
	b := healthy()
	b.run = func(n int) (sandbox.Result, error) {
		if n == 1 {
			return sandbox.Result{Outcome: sandbox.WallTimeout}, nil
		}
		return sandbox.Result{Outcome: sandbox.OK, Stdout: []byte("6\n")}, nil
	}
	v, _, err := newJudge(b, b, Options{Limits: limits}, "test").Judge(context.Background(), []Submission{{Problem: &double, Source: "x"}})
	require.NoError(t, err)
	assert.Equal(t, Passed, v[0].Public[0].Outcome)
}

func TestTheCacheKeyNamesAllThatAVerdictDependsOn(t *testing.T) {
	base := Options{Limits: limits}
	key := func(o Options, versions string, s Submission) string {
		k, err := newJudge(healthy(), healthy(), o, versions).key(s)
		require.NoError(t, err)
		return k
	}
	s := Submission{Problem: &double, Source: "x"}
	one := key(base, "v", s)
	assert.Equal(t, one, key(base, "v", s))
	skip, hidden, slow := base, base, base
	skip.SkipAfterTimeout, hidden.Hidden, slow.Limits.CPU = true, true, time.Minute
	other := double
	other.Compare = problem.Exact
	for _, k := range []string{key(skip, "v", s), key(hidden, "v", s), key(slow, "v", s), key(base, "w", s), key(base, "v", Submission{Problem: &double, Source: "y"}), key(base, "v", Submission{Problem: &other, Source: "x"})} {
		assert.NotEqual(t, one, k)
	}
}

func TestACacheOnDiskIsSharedAndAHalfFileIsJudgedAgain(t *testing.T) {
	dir := t.TempDir()
	s := []Submission{{Problem: &double, Source: "x"}}
	b := healthy()
	first, _, err := newJudge(b, b, Options{Limits: limits, CacheDir: dir}, "v").Judge(context.Background(), s)
	require.NoError(t, err)
	dead := &broken{run: func(int) (sandbox.Result, error) { panic("run") }, scan: func() (scan.Report, error) { panic("scan") }}
	second, cost, err := newJudge(dead, dead, Options{Limits: limits, CacheDir: dir}, "v").Judge(context.Background(), s)
	require.NoError(t, err)
	assert.Equal(t, first, second)
	assert.Equal(t, 1, cost.CacheHits)
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.NoError(t, os.WriteFile(files[0], []byte(`{"status":`), 0o644))
	third, cost, err := newJudge(b, b, Options{Limits: limits, CacheDir: dir}, "v").Judge(context.Background(), s)
	require.NoError(t, err)
	assert.Equal(t, first, third)
	assert.Zero(t, cost.CacheHits)
}

func TestTruncationIsAFactOfTheSubmission(t *testing.T) {
	b := healthy()
	j := newJudge(b, b, Options{Limits: limits}, "v")
	v, _, err := j.Judge(context.Background(), []Submission{{Problem: &double, Source: "x", Finish: completion.Length}, {Problem: &double, Source: "x", Finish: completion.End}})
	require.NoError(t, err)
	assert.True(t, v[0].Truncated)
	assert.False(t, v[1].Truncated)
}

func ExampleVerdict_Stage() {
	v := Verdict{Status: scan.OK, Parsed: true, Statements: 2, Total: 2, Public: []TestResult{{Outcome: Passed, Printed: true}, {Outcome: WrongOutput, Printed: true}}}
	fmt.Println(v.Stage(), v.PassedPublic(), "of", v.Total)
	// Output: some 1 of 2
}
