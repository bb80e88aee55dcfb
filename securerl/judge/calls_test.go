package judge

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/call"
	"securecoderl/securerl/completion"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

// callJudge is a judge of call style on real machinery.
func callJudge(t testing.TB, sb *sandbox.Sandbox, sc *scan.Scanner, o Options) *Judge {
	t.Helper()
	e, err := call.New(context.Background(), sb)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, e.Close()) })
	o.Calls = e
	return New(sb, sc, o)
}

// rowsOf reads a JSONL file of testdata/call.
func rowsOf[T any](t testing.TB, name string) (rows []T) {
	t.Helper()
	f, err := os.Open("../../testdata/call/" + name)
	require.NoError(t, err)
	defer func() { assert.NoError(t, f.Close()) }()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var row T
		require.NoError(t, json.Unmarshal(s.Bytes(), &row))
		rows = append(rows, row)
	}
	require.NoError(t, s.Err())
	return rows
}

func humanEval(t testing.TB) problem.Set {
	t.Helper()
	f, err := os.Open("../../testdata/call/humaneval.jsonl")
	require.NoError(t, err)
	defer func() { assert.NoError(t, f.Close()) }()
	set, err := problem.ReadHumanEval(f, "humaneval.jsonl")
	require.NoError(t, err)
	return set
}

// python writes a JSON value as Python does.
func python(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return map[bool]string{true: "True", false: "False"}[v]
	case string:
		b, _ := json.Marshal(v) // a JSON string is a Python string, surrogate pairs aside
		return string(b)
	case []any:
		var parts []string
		for _, x := range v {
			parts = append(parts, python(x))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for k, x := range v {
			parts = append(parts, python(k)+": "+python(x))
		}
		sort.Strings(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(v) // json.Number
}

// slow cases keep the correct version busy too: 10 s, and beyond 25 s. The
// repository's own tester passes two of them over.
var slow = []string{`"raisethysword"`, `"amanaplanacanalpanama"`, "knapsack(6404180"}

// otherwise are the two programs that need another comparison: one returns tuples
// where the cases have lists, the other comes within its epsilon.
var otherwise = map[string]string{
	"hanoi": "assert [list(x) for x in hanoi(%s)] == %s",
	"sqrt":  "assert abs(sqrt(%s) - %s) <= 0.01",
}

// quixBugs makes problems of the programs with cases: a buggy and a correct version
// each. Generators are compared as lists, as the repository's own tester does.
func quixBugs(t testing.TB, strict bool) (list []Submission) {
	type row struct {
		Name, Buggy, Correct string
		Cases                [][2]json.RawMessage
	}
	for _, r := range rowsOf[row](t, "quixbugs.jsonl") {
		p := problem.Problem{ID: r.Name, Statement: r.Name, Entry: []string{r.Name}, Setup: "def plain(x):\n    return list(x) if hasattr(x, '__next__') else x\n"}
		form := otherwise[r.Name]
		if form == "" || strict {
			form = "assert plain(" + r.Name + "(%s)) == %s"
		}
		for _, c := range r.Cases {
			var args, want any
			for raw, into := range map[*json.RawMessage]*any{&c[0]: &args, &c[1]: &want} {
				d := json.NewDecoder(strings.NewReader(string(*raw)))
				d.UseNumber()
				require.NoError(t, d.Decode(into))
			}
			list, ok := args.([]any)
			if !ok {
				list = []any{args}
			}
			x := problem.Test{Assert: fmt.Sprintf(form, strings.TrimSuffix(strings.TrimPrefix(python(list), "["), "]"), python(want))}
			if !slices.Contains(p.Public, x) && !slices.ContainsFunc(slow, func(s string) bool { return strings.Contains(x.Assert, s) }) {
				p.Public = append(p.Public, x)
			}
		}
		require.NoError(t, p.Validate())
		list = append(list, Submission{Problem: &p, Source: r.Correct, Finish: completion.End}, Submission{Problem: &p, Source: r.Buggy, Finish: completion.End})
	}
	return list
}

// Published labels: of 31 programs the correct version passes and the buggy one does
// not; under plain equality two correct ones do not.
func TestQuixBugs(t *testing.T) {
	sb, sc := machine(t)
	j := callJudge(t, sb, sc, Options{Workers: 2, SkipAfterTimeout: true})
	list := quixBugs(t, true)
	require.Len(t, list, 62)
	for _, strict := range []bool{true, false} {
		var differ []string
		verdicts, _, err := j.Judge(context.Background(), quixBugs(t, strict)) // the second time most are remembered
		require.NoError(t, err)
		for i, v := range verdicts {
			name := list[i].Problem.ID
			if i%2 == 1 {
				assert.False(t, v.AllPublic(), "the buggy %s", name)
			} else if !v.AllPublic() {
				differ = append(differ, name)
			}
		}
		assert.Equal(t, map[bool][]string{true: {"hanoi", "sqrt"}}[strict], differ)
	}
}

// The reference programs pass every assert.
func TestReferencesOfMBPPAndHumanEval(t *testing.T) {
	sb, sc := machine(t)
	j := callJudge(t, sb, sc, Options{Workers: 2})
	f, err := os.Open("../../testdata/call/mbpp.jsonl")
	require.NoError(t, err)
	defer func() { assert.NoError(t, f.Close()) }()
	mbpp, err := problem.ReadMBPP(f, "mbpp.jsonl")
	require.ErrorIs(t, err, problem.ErrCallStyle)
	require.Len(t, mbpp.Problems, 35)
	problems := append(mbpp.Problems, humanEval(t).Problems...)
	for i := range problems {
		require.NoError(t, problems[i].Validate())
		require.NoError(t, j.options.Calls.Check(context.Background(), &problems[i]))
	}
	n, faults, err := Golden(context.Background(), j, problems)
	require.NoError(t, err)
	assert.Equal(t, 35+16, n)
	assert.Empty(t, faults)
}

// callLabel is the verdict in the words of the labelled generations: what the first
// assert that does not hold comes to. Their harness takes an AssertionError of the
// program's own for a failed test.
func callLabel(v Verdict) string {
	if !v.Parsed {
		return "compile_error"
	}
	for _, t := range v.Public {
		switch {
		case t.Outcome == Passed:
		case t.Outcome == TimedOut:
			return "timeout"
		case t.Exception != "" && t.Exception != "AssertionError":
			return "runtime_error"
		default:
			return "failed_test"
		}
	}
	return "passed"
}

// Labels made by running the generations of another model in another harness.
func TestLabelledGenerations(t *testing.T) {
	sb, sc := machine(t)
	j := callJudge(t, sb, sc, Options{Workers: 2, SkipAfterTimeout: true})
	set := humanEval(t)
	type row struct {
		Task  string `json:"task_id"`
		Cut   string `json:"completion_cut"`
		Label string `json:"label"`
	}
	rows := rowsOf[row](t, "codet.jsonl")
	require.Len(t, rows, 125)
	var list []Submission
	for _, r := range rows {
		p, ok := set.Find(r.Task)
		require.True(t, ok)
		list = append(list, Submission{Problem: &p, Source: p.Statement + r.Cut, Finish: completion.End})
	}
	verdicts, _, err := j.Judge(context.Background(), list)
	require.NoError(t, err)
	partly := 0
	for i, v := range verdicts {
		assert.Equal(t, rows[i].Label, callLabel(v), "%s\n%s", rows[i].Task, rows[i].Cut)
		if k := v.PassedPublic(); k > 0 && k < v.Total {
			partly++
		}
	}
	assert.Greater(t, partly, 20, "k of T tells programs apart that a label does not")
}

var square = problem.Problem{ID: "square", Statement: "Define f(x), the square of x.", Entry: []string{"f"},
	Public: []problem.Test{{Assert: "assert f(2) == 4"}, {Assert: "assert f(-3) == 9"}}, Hidden: []problem.Test{{Assert: "assert f(0) == 0"}, {Assert: "assert f(1.5) == 2.25"}}}

func TestVerdictsOfCallStyle(t *testing.T) {
	sb, sc := machine(t)
	j := callJudge(t, sb, sc, Options{Hidden: true, SkipAfterTimeout: true, Workers: 2})
	tests := []struct {
		name, source   string
		stage          Stage
		public, hidden int
		outcome        Outcome
		exception      string
		constant       bool
	}{
		{"correct", "def f(x): return x * x", Passes, 2, 2, Passed, "", false},
		{"right for one", "def f(x): return 4", Some, 1, 0, Passed, "", true},
		{"wrong", "def f(x): return [x]", Prints, 0, 0, WrongOutput, "", false},
		{"prints instead", "def f(x): print(x * x)", Runs, 0, 0, NoOutput, "", false},
		{"leaves", "import os\ndef f(x): os._exit(0)", Runs, 0, 0, NoOutput, "", false},
		{"leaves with a status", "import os\ndef f(x): os._exit(4)", Parses, 0, 0, Crashed, "", false},
		{"exits", "def f(x): exit()", Parses, 0, 0, Crashed, "SystemExit", false},
		{"crash", "def f(x): return x / 0", Parses, 0, 0, Crashed, "ZeroDivisionError", false},
		{"no such function", "def g(x): return x * x", Parses, 0, 0, Crashed, "NameError", false},
		{"memory", "def f(x): return [0] * (1 << 40)", Parses, 0, 0, OutOfMemory, "MemoryError", false},
		{"flood", "def f(x):\n    while True: print(x)", Parses, 0, 0, OutputLimit, "", false},
		{"forbidden", "import ctypes\ndef f(x): ctypes.CDLL(None).ptrace(0, 0, 0, 0)", Parses, 0, 0, ForbiddenCall, "", false},
		{"endless", "def f(x):\n    while True: pass", Parses, 0, 0, TimedOut, "", false},
		{"no Python", "def f(x: return", Unparsable, 0, 0, "", "", false},
	}
	var list []Submission
	for _, tt := range tests {
		list = append(list, Submission{Problem: &square, Source: tt.source, Finish: completion.End})
	}
	verdicts, cost, err := j.Judge(context.Background(), list)
	require.NoError(t, err)
	for i, tt := range tests {
		v := verdicts[i]
		assert.Equal(t, tt.stage, v.Stage(), tt.name)
		assert.Equal(t, []int{tt.public, tt.hidden}, []int{v.PassedPublic(), v.PassedHidden()}, tt.name)
		assert.Equal(t, 2, v.Total, tt.name)
		assert.Equal(t, tt.constant, v.Constant(), tt.name)
		assert.True(t, tt.stage < Runs || v.ReadsInput(), "%s: there is no input to read", tt.name)
		if tt.outcome != "" {
			assert.Equal(t, tt.outcome, v.Public[0].Outcome, tt.name)
			assert.Equal(t, tt.exception, v.Public[0].Exception, tt.name)
		}
	}
	assert.Equal(t, 1, verdicts[7].Public[0].Line)
	assert.Equal(t, TestResult{Outcome: TimedOut, Status: -1}, verdicts[12].Public[0])
	for _, r := range append(verdicts[12].Public[1:], verdicts[12].Hidden...) {
		assert.Equal(t, Skipped, r.Outcome)
	}
	again, cost2, err := j.Judge(context.Background(), list)
	require.NoError(t, err)
	assert.Equal(t, verdicts, again)
	assert.Equal(t, Cost{CacheHits: len(list), Wall: cost2.Wall}, cost2)
	assert.GreaterOrEqual(t, cost.Forks, 12*4+2, "twelve programs of four calls, one that is stopped and confirmed")
}

// ends is an evaluator that says what it is told.
type ends struct {
	end call.Ending
	err error
}

func (e ends) Evaluate(ctx context.Context, _ *problem.Problem, _ problem.Test, _ string, wall time.Duration, run call.Runner) (call.Ending, error) {
	if e.err == nil {
		_, e.err = run(ctx, nil, nil, wall)
	}
	return e.end, e.err
}

func TestABrokenEvaluatorIsAnError(t *testing.T) {
	list := []Submission{{Problem: &square, Source: "x"}, {Problem: &double, Source: "x"}}
	f := healthy()
	j := f.judge(Options{})
	_, _, err := j.Judge(context.Background(), list)
	require.ErrorIs(t, err, ErrNoEvaluator)
	assert.ErrorContains(t, err, "submission 1 (problem square)")
	assert.Zero(t, f.n.Load(), "nothing was run")
	for name, tt := range map[string]struct {
		e   ends
		run func(int) (sandbox.Result, error)
		is  error
	}{
		"evaluator": {ends{err: call.ErrEvaluator}, six, call.ErrEvaluator},
		"test":      {ends{err: call.ErrTest}, six, call.ErrTest},
		"sandbox":   {ends{end: call.Ending{Kind: call.Passed}}, func(int) (sandbox.Result, error) { return sandbox.Result{}, errGone }, sandbox.ErrWorker},
	} {
		f := healthy()
		f.run = tt.run
		j := f.judge(Options{})
		j.evaluate = tt.e
		verdicts, _, err := j.Judge(context.Background(), list[:1])
		assert.ErrorIs(t, err, ErrInfrastructure, name)
		assert.ErrorIs(t, err, tt.is, name)
		assert.Nil(t, verdicts, name)
		assert.Empty(t, j.cache.mem, name)
	}
	f = healthy()
	j = f.judge(Options{})
	j.evaluate = ends{end: call.Ending{Kind: call.Stalled}}
	v, cost, err := j.Judge(context.Background(), list[:1])
	require.NoError(t, err)
	assert.Equal(t, TimedOut, v[0].Public[0].Outcome)
	assert.Equal(t, 3, cost.Forks, "confirmed in a second pass")
}

// Whatever decides a verdict of call style is in its key.
func TestTheKeyOfCallStyle(t *testing.T) {
	j := healthy().judge(Options{Hidden: true})
	seen := map[string]bool{j.key(Submission{Problem: &square, Source: "x"}): true}
	for _, change := range []func(*problem.Problem){
		func(p *problem.Problem) { p.Setup = "x" },
		func(p *problem.Problem) { p.Entry = []string{"g"} },
		func(p *problem.Problem) { p.Entry = []string{"f", "g"} },
		func(p *problem.Problem) { p.Entry = nil },
		func(p *problem.Problem) { p.Public = []problem.Test{{Assert: "assert f(2) == 4 "}, p.Public[1]} },
		func(p *problem.Problem) { p.Public = []problem.Test{{Stdin: "assert f(2) == 4"}, p.Public[1]} },
		func(p *problem.Problem) { p.Hidden = nil },
	} {
		p := square
		change(&p)
		key := j.key(Submission{Problem: &p, Source: "x"})
		assert.False(t, seen[key])
		seen[key] = true
	}
}
