package judge

import (
	"context"
	"fmt"
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

// machine is a real sandbox with a real scanner.
func machine(t testing.TB) (*sandbox.Sandbox, *scan.Scanner) {
	t.Helper()
	sb, err := sandbox.New(context.Background(), sandbox.Options{Limits: limits, Workers: 2})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sb.Close()) })
	sc, err := scan.New(context.Background(), sb, scan.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sc.Close()) })
	return sb, sc
}

func TestVerdictsOfRealPrograms(t *testing.T) {
	sb, sc := machine(t)
	j := New(sb, sc, Options{Hidden: true, SkipAfterTimeout: true, Workers: 2})
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

// The tier, the interpreter, the scanner and the limits that count are in the key.
func TestVersionsNameTheMachine(t *testing.T) {
	sb, sc := machine(t)
	j := New(sb, sc, Options{Limits: sandbox.Limits{Wall: time.Second, CPU: time.Minute, Output: 1 << 30}})
	for _, part := range []string{"schema 4", "python " + sb.Info().PythonVersion, "tier " + sb.Info().Tier, "bandit 1.9.4", sc.Info().Rules} {
		assert.Contains(t, j.versions, part)
	}
	want := limits
	want.Wall = time.Second
	assert.Equal(t, want, j.options.Limits, "the sandbox takes narrower real time and output, and nothing else")
}

func ExampleJudge() {
	ctx := context.Background()
	sb, err := sandbox.New(ctx, sandbox.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sb.Close()
	sc, err := scan.New(ctx, sb, scan.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sc.Close()
	task := problem.Problem{ID: "double", Public: []problem.Test{{Stdin: "3", Want: "6"}, {Stdin: "5", Want: "10"}}}
	verdicts, _, err := New(sb, sc, Options{}).Judge(ctx, []Submission{{Problem: &task, Source: "print(2 * eval(input()))"}, {Problem: &task, Source: "print(6"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, v := range verdicts {
		fmt.Println(v.Stage(), v.PassedPublic(), "of", v.Total, "flagged:", v.Flagged(scan.Medium))
	}
	// Output:
	// passes 2 of 2 flagged: true
	// unparsable 0 of 2 flagged: false
}

func ExampleVerdict_Stage() {
	v := Verdict{Status: scan.OK, Parsed: true, Statements: 2, Total: 2, Public: []TestResult{{Outcome: Passed, Printed: true}, {Outcome: WrongOutput, Printed: true}}}
	fmt.Println(v.Stage(), v.PassedPublic(), "of", v.Total)
	// Output: some 1 of 2
}

// An object's address differs from process to process: two sandboxes must agree on
// the facts all the same.
func TestAPrintedAddressIsNoFact(t *testing.T) {
	var first []Verdict
	for range 2 {
		sb, sc := machine(t)
		j := New(sb, sc, Options{Workers: 2})
		v, _, err := j.Judge(context.Background(), []Submission{{Problem: &double, Source: "print(map(int, input()))"}, {Problem: &double, Source: "print(object())"}})
		require.NoError(t, err)
		if first == nil {
			first = v
		}
		assert.Equal(t, first, v)
	}
}
