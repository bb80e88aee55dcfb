package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/experiments/train"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

func open(t *testing.T) *train.Lab {
	t.Helper()
	l, err := train.OpenJudge(context.Background(), train.Default(), nil, train.Quiet())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, l.Close()) })
	return l
}

const testdata = "../../testdata/"

// The sets that are kept here are answered as they state; each with one answer spoilt
// is not, and the fault names its row.
func TestSetsAreAnsweredAsStatedAndSpoiltOnesAreNot(t *testing.T) {
	l, ctx := open(t), context.Background()
	spoilt := func(name, old, new string) string {
		t.Helper()
		b, err := os.ReadFile(testdata + name)
		require.NoError(t, err)
		require.Contains(t, string(b), old)
		path := filepath.Join(t.TempDir(), filepath.Base(name))
		require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(b), old, new, 1)), 0o644))
		return path
	}
	hostile := func(verdict string) string {
		t.Helper()
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "loop.py"), []byte("while True: pass"), 0o644))
		index := `{"programs": [{"file": "loop.py", "stdin": "", "expected": "", "timeout_ms": 9000, "verdicts": ["` + verdict + `"], "why": "it never ends",
			"out_regex": null, "out_must_not": "x", "max_wall_ms": 60000, "max_rss_mib": 640, "after": ["canary prints 42 in the same worker"]}]}`
		require.NoError(t, os.WriteFile(filepath.Join(dir, "index.json"), []byte(index), 0o644))
		return dir
	}
	family := func(old, new string) string {
		t.Helper()
		dir := t.TempDir()
		for _, name := range []string{"tokenizer.json", "vectors.jsonl"} {
			b, err := os.ReadFile(testdata + "tokenizer/llama/" + name)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(strings.Replace(string(b), old, new, 1)), 0o644))
		}
		return dir
	}
	for _, tt := range []struct {
		good, bad sets
		fault     string
	}{
		{sets{tokenizers: testdata + "tokenizer"}, sets{tokenizers: family(`"ids":[349]`, `"ids":[350]`)}, "ids [349], not [350]"},
		{sets{tokenizers: testdata + "tokenizer/llama"}, sets{tokenizers: family(`"spans_byte":[[0,0],[0,1]]`, `"spans_byte":[[0,1],[1,1]]`)}, "ranges [[0 0] [0 1]], not [[0 1] [1 1]]"},
		{sets{compare: testdata + "compare/compare.jsonl"}, sets{compare: spoilt("compare/compare.jsonl", `"AC"`, `"WA"`)}, "should be WA"},
		{sets{hacks: testdata + "reward/hacks.jsonl"}, sets{hacks: spoilt("reward/hacks.jsonl", `"reward": [0.76, 0.76]`, `"reward": [0.1, 0.2]`)}, "label earns 0.760 under strict"},
		{sets{scan: testdata + "scan/hostile.jsonl"}, sets{scan: spoilt("scan/hostile.jsonl", `"B605"`, `"B606"`)}, "plain has 1 findings"},
		{sets{hostile: hostile("TLE")}, sets{hostile: hostile("AC")}, "loop.py is TLE, allowed [AC]"},
	} {
		var out bytes.Buffer
		d := &doctor{out: &out}
		d.known(ctx, l, tt.good)
		assert.Zero(t, d.wrong, out.String())
		assert.Contains(t, unwrapped(&out), "all as stated")
		d.known(ctx, l, tt.bad)
		assert.Positive(t, d.wrong) // the sandbox is looked at once for each tier
		assert.Contains(t, unwrapped(&out), tt.fault)
	}
}

// unwrapped is what was printed, without the breaks of lines.
func unwrapped(b fmt.Stringer) string { return strings.Join(strings.Fields(b.String()), " ") }

func TestHostileProgramsSayInWhichTierAndAsWhom(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.py"), []byte("print(6)"), 0o644))
	write := func(after string) {
		t.Helper()
		index := `{"programs": [{"file": "a.py", "stdin": "", "expected": "6", "timeout_ms": 9000, "verdicts": ["AC"], "why": "it is right",
			"out_regex": "^6", "out_must_not": null, "max_wall_ms": null, "max_rss_mib": null, "after": ` + after + `}]}`
		require.NoError(t, os.WriteFile(filepath.Join(dir, "index.json"), []byte(index), 0o644))
	}
	var out bytes.Buffer
	d := &doctor{out: &out}
	write(`["no process of the test is left"]`)
	d.attacked(context.Background(), dir)
	assert.Zero(t, d.wrong, unwrapped(&out))
	assert.Contains(t, unwrapped(&out), fmt.Sprintf("(user %d", os.Geteuid()))
	for _, tier := range []string{"A", "B"} {
		assert.Contains(t, unwrapped(&out), "in tier "+tier)
	}
	write(`[]`)
	d.attacked(context.Background(), dir)
	assert.Equal(t, 1, d.wrong)
	assert.Contains(t, unwrapped(&out), "entry 1 (a.py): after is empty")
}

func TestASetThatIsNoneIsAFault(t *testing.T) {
	l := open(t)
	broken := filepath.Join(t.TempDir(), "rows.jsonl")
	require.NoError(t, os.WriteFile(broken, []byte("{\"mode\": \"lines\"}\n[\n"), 0o644))
	for _, s := range []sets{{compare: broken}, {hacks: broken}, {scan: broken}, {hostile: t.TempDir()}, {compare: "nowhere"}} {
		var out bytes.Buffer
		d := &doctor{out: &out}
		d.known(context.Background(), l, s)
		assert.Equal(t, 1, d.wrong, "%+v", s)
		assert.Contains(t, unwrapped(&out), "malformed set")
	}
}

// Sets come from elsewhere: what they hold is text, in the terminal and in JSON.
func TestChecksArePrintedAsTextAndAsJSON(t *testing.T) {
	var out bytes.Buffer
	d := &doctor{out: &out, area: "set"}
	d.check("a \x1b[31mname", os.ErrNotExist, "make it")
	d.area = "speed"
	d.figure("two a second", map[string]float64{"verdicts_per_second": 2})
	require.NoError(t, d.end())
	assert.Equal(t, "FAIL  set       a \\x1b[31mname\n                why:  file does not exist\n                cure: make it\n"+
		"-     speed     two a second\n2 checks, 1 failed\n", out.String())

	out.Reset()
	d = &doctor{out: &out, json: true, area: "set"}
	d.check("one", nil, "")
	d.check("two", os.ErrNotExist, "make it")
	d.figure("three", map[string]float64{"x": 1})
	assert.Empty(t, out.String())
	require.NoError(t, d.end())
	var lines []line
	require.NoError(t, json.Unmarshal(out.Bytes(), &lines))
	assert.Equal(t, []line{{Area: "set", What: "one", OK: true}, {Area: "set", What: "two", Error: "file does not exist", Cure: "make it"},
		{Area: "set", What: "three", OK: true, Figures: map[string]float64{"x": 1}}}, lines)
}

func TestLinesFitAHundredColumns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var out bytes.Buffer
		d := &doctor{out: &out, area: "set"}
		what := rapid.StringMatching(`[a-z]{0,150}( [a-z]{1,150}){0,5}`).Draw(t, "what")
		d.check(what, nil, "")
		var text strings.Builder
		for _, l := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
			assert.LessOrEqual(t, len(l), 100)
			require.GreaterOrEqual(t, len(l), margin)
			text.WriteString(l[margin:])
		}
		assert.Equal(t, strings.ReplaceAll(what, " ", ""), strings.ReplaceAll(text.String(), " ", ""), "nothing is lost")
	})
}

func TestWrongUsageIsTwo(t *testing.T) {
	for _, args := range [][]string{{"-backend", "gpu"}, {"-nosuch"}, {"extra"}, {"-json=maybe"}} {
		var out, errs bytes.Buffer
		assert.Equal(t, exitUsage, run(context.Background(), args, &out, &errs), args)
		assert.Empty(t, out.String(), args)
		assert.NotEmpty(t, errs.String(), args)
	}
	var out, errs bytes.Buffer
	assert.Equal(t, exitFit, run(context.Background(), []string{"-h"}, &out, &errs))
	assert.Contains(t, errs.String(), "-hostile")
}

// The whole program: a fit machine, and one fault.
func TestAFitMachineIsZeroAndAFaultIsOne(t *testing.T) {
	var out, errs bytes.Buffer
	require.Equal(t, exitFit, run(context.Background(), []string{"-json", "-backend", "none"}, &out, &errs), out.String())
	var lines []line
	require.NoError(t, json.Unmarshal(out.Bytes(), &lines))
	areas := map[string]int{}
	for _, l := range lines {
		areas[l.Area]++
		if l.Figures != nil {
			assert.Positive(t, l.Figures["verdicts_per_second"])
			assert.Positive(t, l.Figures["cpu_ms_per_verdict"])
		}
	}
	assert.Greater(t, areas["sandbox"], 12)
	delete(areas, "sandbox")
	assert.Equal(t, map[string]int{"machine": 1, "python": 1, "scanner": 1, "judge": 6, "reward": 2, "speed": 1}, areas)
}

// What keeps a judge from opening has a line and a cure; without a backend the judge is
// looked at all the same.
func TestWhatIsMissingIsNamed(t *testing.T) {
	t.Setenv("SECURERL_PYTHON", "/nowhere/python")
	t.Setenv("GOMLX_BACKEND", "")
	var out, errs bytes.Buffer
	assert.Equal(t, exitUnfit, run(context.Background(), []string{"-backend", "go"}, &out, &errs))
	assert.Regexp(t, `(?m)^FAIL  python    an interpreter`, out.String())
	assert.Contains(t, out.String(), "cure: make setup, or set SECURERL_PYTHON")
	assert.Regexp(t, `(?m)^ok    backend   go`, out.String())
	for err, area := range map[error]string{sandbox.ErrNoSandbox: "sandbox", sandbox.ErrPython: "python", scan.ErrVersion: "scanner", scan.ErrInfrastructure: "scanner", os.ErrPermission: "sandbox"} {
		got, what, cure := missing(fmt.Errorf("x: %w", err))
		assert.Equal(t, area, got)
		assert.NotEmpty(t, what)
		assert.NotEmpty(t, cure)
	}
}

func TestABackendThatIsMissingIsOneFault(t *testing.T) {
	d := &doctor{out: &bytes.Buffer{}, json: true}
	d.backend("nonsense")
	assert.Equal(t, 1, d.wrong)
	assert.Contains(t, d.lines[0].Error, `"nonsense" is unknown`)
	assert.Contains(t, d.lines[0].Cure, "-backend none leaves it out")
}

// A judge that answers otherwise is found out.
func TestKnownProgramsFindAJudgeThatIsWrong(t *testing.T) {
	l := open(t)
	for what, x := range map[string]struct {
		list []sample
		full bool
	}{
		"a golden program that fails": {[]sample{{"x", "print(1)", judge.Passes, 4, 1}}, true},
		"a broken one that passes":    {[]sample{{"x", right[0].source, judge.Some, 3, 0.94}}, false},
		"another stage":               {[]sample{{"x", broken[3].source, judge.Prints, 0, 0.64}}, false},
		"another price":               {[]sample{{"x", broken[3].source, judge.Runs, 0, 0.7}}, false},
	} {
		f, err := pricedAs(context.Background(), l.Training, x.list, x.full)
		require.NoError(t, err)
		assert.Error(t, f.err(), what)
	}
	p := double
	p.References = []problem.Reference{{Kind: problem.Secure, Source: "print(2 * eval(input()))"}, {Kind: problem.Insecure, Source: right[0].source}, {Kind: problem.Low, Source: "print("}}
	f, err := marks(context.Background(), l.Evaluation, []problem.Problem{p})
	require.NoError(t, err)
	assert.Equal(t, 1, f.rows)
	assert.Len(t, f.faults, 2*len(schemes()))
}

// What is asked and how it ends: exit codes, and lines that a program can read.
func TestAFolderOfNumbersAndAModelEndWithTheirExitCodes(t *testing.T) {
	for _, tt := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"-golden", t.TempDir(), "-backend", "go", "-json"}, exitUnfit, "no such file or directory"},
		{[]string{"-model", "nowhere", "-backend", "go", "-json"}, exitUnfit, "nowhere/config.json"},
		{[]string{"-model", testdata + "models/gpt2", "-backend", "go", "-json", "-config", "nothing"}, exitUnfit, `no preset \"nothing\"`},
		{[]string{"-golden", "x", "-model", "y"}, exitUsage, "one at a time"},
		{[]string{"-golden", "x", "-problems", "y"}, exitUsage, "one at a time"},
		{[]string{"-model", "x", "-backend", "none"}, exitUsage, "need a -backend"},
		{[]string{"-model", "x", "-minutes", "0"}, exitUsage, "-minutes must be positive"},
	} {
		var out, errs bytes.Buffer
		assert.Equal(t, tt.code, run(context.Background(), tt.args, &out, &errs), "%v", tt.args)
		assert.Contains(t, out.String()+errs.String(), tt.says)
		if tt.code == exitUnfit {
			var lines []line
			require.NoError(t, json.Unmarshal(out.Bytes(), &lines))
			assert.NotEmpty(t, lines)
		}
	}
}
