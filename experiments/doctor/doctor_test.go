package main

import (
	"bytes"
	"context"
	"encoding/json"
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
		index := `{"programs": [{"file": "loop.py", "stdin": "", "expected": "", "verdicts": ["` + verdict + `"], "out_must_not": "x"}]}`
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
		assert.Contains(t, out.String(), "all as stated")
		d.known(ctx, l, tt.bad)
		assert.Equal(t, 1, d.wrong)
		assert.Contains(t, out.String(), tt.fault)
	}
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
