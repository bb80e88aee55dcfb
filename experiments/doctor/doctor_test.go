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

	"securecoderl/experiments/train"
)

func open(t *testing.T) *train.Lab {
	t.Helper()
	l, err := train.Open(context.Background(), train.Default(), "go", nil, train.Quiet())
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
	for _, tt := range []struct {
		good, bad sets
		fault     string
	}{
		{sets{compare: testdata + "compare/compare.jsonl"}, sets{compare: spoilt("compare/compare.jsonl", `"AC"`, `"WA"`)}, "should be WA"},
		{sets{hacks: testdata + "reward/hacks.jsonl"}, sets{hacks: spoilt("reward/hacks.jsonl", `"reward": [0.76, 0.76]`, `"reward": [0.1, 0.2]`)}, "label earns 0.760 under strict"},
		{sets{scan: testdata + "scan/hostile.jsonl"}, sets{scan: spoilt("scan/hostile.jsonl", `"B605"`, `"B606"`)}, "plain has 1 findings"},
		{sets{hostile: hostile("TLE")}, sets{hostile: hostile("AC")}, "loop.py is TLE, allowed [AC]"},
	} {
		var out bytes.Buffer
		d := &doctor{out: &out}
		d.known(ctx, l, tt.good)
		assert.Zero(t, d.wrong, out.String())
		assert.Contains(t, out.String(), "all as stated")
		d.known(ctx, l, tt.bad)
		assert.Positive(t, d.wrong) // the sandbox is looked at once for each tier
		assert.Contains(t, out.String(), tt.fault)
	}
}

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
	assert.Zero(t, d.wrong, out.String())
	assert.Contains(t, out.String(), fmt.Sprintf("(user %d", os.Geteuid()))
	for _, tier := range []string{"A", "B"} {
		assert.Contains(t, out.String(), "in tier "+tier)
	}
	write(`[]`)
	d.attacked(context.Background(), dir)
	assert.Equal(t, 1, d.wrong)
	assert.Contains(t, out.String(), "entry 1 (a.py): after is empty")
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
		assert.Contains(t, out.String(), "malformed set")
	}
}

// Sets come from elsewhere: what they hold is text, in the terminal and in JSON.
func TestChecksArePrintedAsTextAndAsJSON(t *testing.T) {
	var out bytes.Buffer
	d := &doctor{out: &out}
	d.check("a \x1b[31mname", os.ErrNotExist, "make it")
	assert.Equal(t, "FAIL  a \\x1b[31mname: file does not exist\n      cure: make it\n", out.String())
	require.NoError(t, d.end())

	out.Reset()
	d = &doctor{out: &out, json: true}
	d.check("one", nil, "")
	d.check("two", os.ErrNotExist, "make it")
	assert.Empty(t, out.String())
	require.NoError(t, d.end())
	var lines []line
	require.NoError(t, json.Unmarshal(out.Bytes(), &lines))
	assert.Equal(t, []line{{What: "one", OK: true}, {What: "two", Error: "file does not exist", Cure: "make it"}}, lines)
}
