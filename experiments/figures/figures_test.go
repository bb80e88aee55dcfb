package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/experiments/results/stored"
	"securecoderl/securerl/chart"
	"securecoderl/securerl/record"
	"securecoderl/securerl/tokenizer"
)

const results = "../../testdata/results"

func open(t *testing.T, dir string) *stored.Run {
	t.Helper()
	run, err := stored.Read(dir)
	require.NoError(t, err)
	return run
}

// described draws a run and lays out its files, without PDF.
func described(t *testing.T, run *stored.Run) map[string][]byte {
	t.Helper()
	pictures, err := draw(run)
	require.NoError(t, err)
	files := map[string][]byte{}
	for _, p := range pictures {
		for name, svg := range p.svg {
			files[name+".svg"] = svg
		}
	}
	for _, p := range pictures {
		p.describe(run, files)
	}
	return files
}

// once are the files of the stored results, for the tests that only look at them.
var once map[string][]byte

func onceDescribed(t *testing.T) map[string][]byte {
	if once == nil {
		once = described(t, open(t, results))
	}
	return once
}

func TestASecondRunGivesTheSameBytes(t *testing.T) {
	files := onceDescribed(t)
	again := described(t, open(t, results))
	assert.Equal(t, names(files), names(again))
	for name := range files {
		assert.Equal(t, string(files[name]), string(again[name]), name)
	}
	caption := string(files["forest.txt"])
	assert.Contains(t, caption, "n = 96 problems")
	assert.Contains(t, caption, "Seed 1; run ")
	assert.Contains(t, caption, "run sha256 "+open(t, results).Sum)
	assert.Contains(t, caption, "  forest-column.svg\n")
	assert.Contains(t, string(files["forest-column.svg"]), `width="320"`)
	assert.Contains(t, string(files["forest.svg"]), `width="672"`)
}

func TestCheckFindsAChangedByte(t *testing.T) {
	dir := t.TempDir()
	files := map[string][]byte{"a.svg": []byte("x"), "b.csv": []byte("y")}
	require.NoError(t, write(dir, files))
	require.NoError(t, compare(dir, files))
	files["b.csv"] = []byte("z")
	assert.ErrorContains(t, compare(dir, files), "1 of 2 files")
	assert.ErrorContains(t, compare(dir, files), "b.csv")
}

func TestWrongInputIsOneSentence(t *testing.T) {
	for name, o := range map[string]options{
		"no -run":   {},
		"no folder": {run: filepath.Join(t.TempDir(), "gone")},
		"no typst":  {run: results, python: filepath.Join(t.TempDir(), "python")},
	} {
		err := figures(context.Background(), o)
		require.Error(t, err, name)
		assert.NotContains(t, err.Error(), "\n", name)
		assert.Equal(t, 2, exit(err), name)
	}
	assert.ErrorContains(t, figures(context.Background(), options{run: results, python: "/nowhere/python"}), "make figures")
}

// TestTheTellingSampleIsOfTheLastIteration writes a run of three samples.
func TestTheTellingSampleIsOfTheLastIteration(t *testing.T) {
	dir := t.TempDir()
	tok, err := tokenizer.Train(func(yield func(string) bool) { yield("print(1)") }, 260, []string{"<end>"})
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "checkpoints", "base"), 0o755))
	require.NoError(t, tok.Save(filepath.Join(dir, "checkpoints", "base", "tokenizer.json")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "run.json"), []byte(`{"schema":1,"kind":"securerl run","facts":{}}`), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "metrics.jsonl"), []byte(`{"phase":"ppo","variant":"gated","seed":1,"step":1,"values":{}}`+"\n"), 0o644))
	var lines strings.Builder
	for step, text := range []string{"print(0)", "print(1)", "<b>&1"} {
		e := tok.EncodeOrdinary(text)
		row := record.Row{Phase: "ppo", Variant: "gated", Seed: 1, Step: step, Completion: text, IDs: e.IDs, Advantages: make([]float64, len(e.IDs)), Rewards: make([]float64, len(e.IDs))}
		line, err := row.Encode()
		require.NoError(t, err)
		fmt.Fprintf(&lines, "%s\n", line)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "samples.jsonl"), []byte(lines.String()), 0o644))
	p, err := creditOf(open(t, dir))
	require.NoError(t, err)
	assert.Contains(t, string(p.html), "&lt;b&gt;&amp;1")
	assert.Contains(t, p.Caption, "iteration 2")
	assert.Equal(t, []string{"credit-advantage", "credit-advantage-column", "credit-reward", "credit-reward-column"}, p.order)
	none, err := creditOf(open(t, results))
	require.NoError(t, err)
	assert.Empty(t, none.Rows)
}

// The PDF must name the fonts that are embedded, and no other.
func TestDrawingsForPDFNameTheGoFonts(t *testing.T) {
	svg := goFonts.Replace(`<text font-family="` + chart.Family + `"/><text style="font-family:` + strings.ReplaceAll(chart.Family, "'", "&#39;") + `;"/><g font-family="` + chart.Mono + `">`)
	assert.Equal(t, `<text font-family="Go"/><text style="font-family:Go;"/><g font-family="Go Mono">`, svg)
	for name, b := range onceDescribed(t) {
		if strings.HasSuffix(name, ".svg") {
			assert.NotContains(t, goFonts.Replace(string(b)), "Arial", name)
		}
	}
}
