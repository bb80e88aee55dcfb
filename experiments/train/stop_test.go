package train

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/problem/families"
	"securecoderl/securerl/runlog"
)

// few are settings for a probe that is soon over.
var few = []string{"model.program_slots=8", "sft.probe_samples=1", "sft.probe_greedy=1", "evaluation.validation_problems=1", "evaluation.validation_samples=1"}

// longer is the golden model with positions for prompts that no machine has memory for.
func longer(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "model")
	require.NoError(t, os.CopyFS(dir, os.DirFS(golden)))
	path := filepath.Join(dir, "config.json")
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	b = regexp.MustCompile(`"max_position_embeddings": \d+`).ReplaceAll(b, []byte(`"max_position_embeddings": 200000`))
	require.NoError(t, os.WriteFile(path, b, 0o600))
	return dir
}

// What the plan did not foresee, the device refuses: here the attention of 16 prompts of
// 60,000 slots, 0.9 TB a layer.
func TestADeviceWithoutMemoryNamesTheKeyToLowerAndTheRunGoesOn(t *testing.T) {
	e, err := engine.Open("xla:cpu")
	if err != nil {
		t.Logf("only XLA refuses memory: %v", err)
		return
	}
	long := strings.Repeat("word ", 12_000) // the scores of such prompts alone are more than a machine has
	tests := `{"inputs":["1\n","2\n","3\n","4\n"],"outputs":["2\n","4\n","6\n","8\n"]}`
	var items []string
	for i := range 24 {
		items = append(items, fmt.Sprintf(`{"prompt":"%s","problem_id":%d,"difficulty":"easy","num_tests":4,"test_cases":%s}`, long, i, tests))
	}
	dir := t.TempDir()
	problems, rows := filepath.Join(dir, "problems.json"), filepath.Join(dir, "rows.jsonl")
	require.NoError(t, os.WriteFile(problems, []byte(`{"format_version":"2.0","count":24,"max_tests_per_problem":4,"prompts_with_tests":[`+strings.Join(items, ",")+`]}`), 0o600))
	require.NoError(t, os.WriteFile(rows, []byte(`{"prompt":"Double it.","completion":"x=1"}`), 0o600))
	data := []string{"data.problems=" + problems, "data.validation=0.3", "data.test=0.3", "data.hidden=2", "data.rows=" + rows}
	s := folderSettings(t, append(append(data, few...), "model.folder="+longer(t), "model.prompt_slots=60000", "sft.steps=2", "sft.checkpoint_every=1")...)
	resolved, err := runlog.Encode(s)
	require.NoError(t, err)
	run, err := runlog.Create(filepath.Join(t.TempDir(), "run"), resolved, nil)
	require.NoError(t, err)
	defer func() { assert.NoError(t, run.Close()) }()
	lab, err := OpenJudge(t.Context(), s, run, Quiet()) // without a look at the plan, which refuses all this beforehand
	require.NoError(t, err)
	lab.Engine = e
	assert.Error(t, lab.fitModel())
	err = lab.Pipeline(t.Context())
	require.ErrorIs(t, err, engine.ErrMemory)
	assert.Contains(t, err.Error(), "lower model.sample_rows (now 16) or model.prompt_slots (now 60000) in "+run.Path("settings.toml"))
	assert.NotContains(t, err.Error(), "\n", "one line")
	assert.True(t, isInput(err))
	cp, warnings, err := run.Latest()
	require.NoError(t, err)
	assert.Empty(t, warnings)
	assert.Contains(t, cp.Name, "sft-1-00002", "the steps that were made are kept")

	lab.Settings = folderSettings(t, append(few, "model.folder="+s.Model.Folder, "sft.steps=2")...)
	lab.compiled, lab.plain, lab.Problems = nil, nil, families.Build()
	require.NoError(t, lab.FineTuneAll(t.Context()), "the engine and the run go on")
	require.NoError(t, lab.Close())
}

// Every graph of training has settings that make it smaller, and no other has.
func TestEveryFunctionOfTrainingHasItsKnob(t *testing.T) {
	named := regexp.MustCompile(`(?:NewFunc|newPart)\((?:e, )?"([^"]+)"`)
	found := map[string]bool{}
	for _, pkg := range []string{"decoder", "policy", "sft", "ppo", "optim"} {
		files, err := filepath.Glob(filepath.Join("../../securerl", pkg, "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			b, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, m := range named.FindAllStringSubmatch(string(b), -1) {
				found[m[1]] = true
				assert.NotEmpty(t, knobs[m[1]], "%s: %s", file, m[1])
			}
		}
	}
	for name := range knobs {
		assert.True(t, found[name], "no function is called %q", name)
	}
	s := Default()
	run, err := runlog.Create(filepath.Join(t.TempDir(), "run"), []byte("seeds = [1]\n"), nil)
	require.NoError(t, err)
	defer func() { assert.NoError(t, run.Close()) }()
	l := &Lab{Settings: s, Run: run}
	for name, keys := range knobs {
		for _, stage := range []string{"sft-1", "base"} {
			err := l.lower(stage, &engine.MemoryError{Func: name})
			want := keys[0] + " (now "
			if stage == "base" {
				want = "base.batch_size (now 32)"
			}
			assert.ErrorContains(t, err, want)
			assert.NotContains(t, err.Error(), "(now 0)", "every key has a value")
		}
	}
	assert.ErrorContains(t, l.lower("sft-1", &engine.MemoryError{Func: "new"}), "sft.microbatch_size (now 16)", "of an unknown function all of them are named")
	other := errors.New("x")
	assert.Same(t, other, l.lower("sft-1", other))
}

// A step that is cut short leaves the steps before it, and nothing of itself.
func TestAStepThatIsCutShortIsMadeAgain(t *testing.T) {
	dir := t.TempDir()
	calm, err := begin(t, folderSettings(t, append(few, "sft.checkpoint_every=4")...), "go", filepath.Join(dir, "calm"))
	require.NoError(t, err)
	require.NoError(t, calm.FineTuneAll(t.Context()))
	require.NoError(t, calm.Close())

	s := folderSettings(t, append(few, "sft.checkpoint_every=4")...)
	lab, err := begin(t, s, "go", filepath.Join(dir, "run"))
	require.NoError(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	lab.Engine.Until(ctx)
	lab.Watch = func(p runlog.Point) {
		if p.Phase == "sft" && p.Step == 1 {
			lab.Watch = nil
			lab.Engine.Until(stoppedAlready())
		}
	}
	err = lab.FineTuneAll(ctx) // the engine stops within the third step, before the context is seen
	require.ErrorIs(t, err, errAlready)
	cancel(errAlready)
	_, _, err = lab.Run.Latest()
	require.NoError(t, err)

	lab.Engine.Until(ctx)
	require.ErrorIs(t, lab.FineTuneAll(ctx), ErrStopped)
	cp, _, err := lab.Run.Latest()
	require.NoError(t, err)
	assert.Contains(t, cp.Name, "sft-1-00000", "nothing of the step that was cut short")

	lab.Engine.Until(context.Background())
	lab.state, lab.saved = state{}, nil
	require.NoError(t, lab.FineTuneAll(t.Context()))
	for _, name := range []string{"metrics.jsonl", "checkpoints/sft-1/adapter_model.safetensors"} {
		want, err := os.ReadFile(filepath.Join(dir, "calm", name))
		require.NoError(t, err)
		got, err := os.ReadFile(lab.Run.Path(name))
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got), name)
	}
	require.NoError(t, lab.Close())
}

var errAlready = errors.New("stopped already")

func stoppedAlready() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errAlready)
	return ctx
}

func TestAFullDiskWhileStoppingIsNoOrderlyStop(t *testing.T) {
	ctx := stoppedAlready()
	assert.True(t, isStop(ctx, context.Cause(ctx)))
	assert.True(t, isStop(t.Context(), ErrStopped))
	assert.False(t, isStop(ctx, runlog.ErrCheckpoint))
	assert.False(t, isStop(t.Context(), errors.New("x")))
}
