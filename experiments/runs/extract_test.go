package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/record"
	"securecoderl/securerl/runlog"
)

const extracted = "../../testdata/runlog"

func rowsOf(t *testing.T, dir, log string) (list []record.Row) {
	t.Helper()
	run, err := runlog.Read(dir)
	require.NoError(t, err)
	f, err := run.Log(log)
	require.NoError(t, err)
	defer f.Close()
	for row, err := range record.Read(f, log) {
		require.NoError(t, err)
		list = append(list, row)
	}
	return list
}

// An extract that leaves nothing out has the logs of its run, byte for byte, and an
// extract of what was rounded rounds nothing more.
func TestAnExtractOfAnExtractIsTheSame(t *testing.T) {
	out := filepath.Join(t.TempDir(), "all")
	require.NoError(t, run([]string{"extract", "-problems", "99", "-out", out, extracted}))
	for _, name := range []string{"metrics.jsonl", "samples.jsonl.gz", "evaluation.jsonl.gz", "settings.toml", "checkpoints/base/model.safetensors", "checkpoints/gated-1-last/adapter_model.safetensors"} {
		want, err := os.ReadFile(filepath.Join(extracted, name))
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(out, name))
		require.NoError(t, err)
		assert.True(t, string(want) == string(got), "%s differs", name)
	}
	_, _, err := checkpoint.Load(filepath.Join(out, "checkpoints/base"))
	assert.NoError(t, err)
}

// Advantages are computed within a group, so groups must stay whole.
func TestAnExtractKeepsWholeGroups(t *testing.T) {
	out := filepath.Join(t.TempDir(), "few")
	require.NoError(t, run([]string{"extract", "-problems", "2", "-variants", "collapse", "-out", out, extracted}))
	groups := map[[2]any]int{}
	for _, r := range rowsOf(t, out, "samples") {
		assert.Equal(t, "collapse", r.Variant)
		groups[[2]any{r.Step, r.Problem}]++
	}
	steps := map[any]int{}
	for g, n := range groups {
		steps[g[0]]++
		assert.Zero(t, n%4, "iteration %v, %v has %d samples", g[0], g[1], n)
	}
	assert.Len(t, steps, 20)
	for step, n := range steps {
		assert.LessOrEqual(t, n, 2, "iteration %v", step)
	}
	for _, r := range rowsOf(t, out, "evaluation") {
		assert.Contains(t, []string{"sft", "collapse"}, r.Variant)
		assert.Empty(t, r.LogProbs)
	}
	assert.NoDirExists(t, filepath.Join(out, "checkpoints/gated-1-last"))
}

func TestAnExtractOverwritesNothing(t *testing.T) {
	out := t.TempDir()
	assert.ErrorIs(t, run([]string{"extract", "-out", out, extracted}), runlog.ErrRun)
	assert.ErrorIs(t, run([]string{"extract", "-out", filepath.Join(out, "x"), out}), runlog.ErrRun)
	assert.ErrorIs(t, run([]string{"extract", extracted}), errUsage)
	assert.ErrorIs(t, run([]string{"extract", "-before", extracted, "-out", filepath.Join(out, "y"), extracted}), runlog.ErrRun)
	assert.NoDirExists(t, filepath.Join(out, "y"))
	assert.NoDirExists(t, filepath.Join(out, "y.tmp"))
}
