package train_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/experiments/configs"
	"securecoderl/experiments/results"
	"securecoderl/experiments/train"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/policy"
	"securecoderl/securerl/record"
	"securecoderl/securerl/runlog"
)

// The whole tiny preset, every phase and the report, on every backend present.
func TestTheTinyPresetRunsFromBaseToReport(t *testing.T) {
	text, err := configs.Read("tiny")
	require.NoError(t, err)
	s := train.Default()
	require.NoError(t, s.Decode("tiny.toml", text))
	resolved, err := runlog.Encode(s)
	require.NoError(t, err)
	for _, backend := range []string{"go", "xla:cpu"} {
		t.Run(backend, func(t *testing.T) {
			e, err := engine.Open(backend)
			if err != nil && backend != "go" {
				t.Logf("not tested here: %v", err)
				return
			}
			require.NoError(t, err)
			e.Close()
			dir := filepath.Join(t.TempDir(), "run")
			run, err := runlog.Create(dir, resolved, map[string]any{"seeds": s.Seeds})
			require.NoError(t, err)
			defer run.Close()
			lab, err := train.Open(context.Background(), s, backend, run, train.Quiet())
			require.NoError(t, err)
			defer func() { assert.NoError(t, lab.Close()) }()
			require.NoError(t, lab.Pipeline(context.Background()))
			require.NoError(t, results.Write(context.Background(), lab))
			for _, name := range []string{"report.md", "report.html", "figures/plane.svg", "figures/plane.csv", "checkpoints/gated-1-best/adapter_model.safetensors", "checkpoints/base/tokenizer.json"} {
				assert.FileExists(t, filepath.Join(dir, name))
			}
			policies := 2 + 2*len(s.Variants)
			assert.Equal(t, policies*s.Evaluation.Problems*(s.Evaluation.Samples+1), rows(t, filepath.Join(dir, "evaluation.jsonl")))
			assert.Equal(t, (2+2+3+3)*s.PPO.Prompts*s.PPO.Samples, rows(t, filepath.Join(dir, "samples.jsonl")))
			criticIsLogged(t, run.Path("metrics.jsonl"), s)
			before := deterministicBytes(t, dir)
			require.NoError(t, lab.Pipeline(context.Background()), "a finished run has nothing left to do")
			assert.Equal(t, before, deterministicBytes(t, dir))
		})
	}
}

// criticIsLogged looks at what the variants of the tiny preset say of critic and gap.
func criticIsLogged(t *testing.T, path string, s train.Settings) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	seen := 0
	for line := range strings.Lines(string(b)) {
		var p runlog.Point
		require.NoError(t, json.Unmarshal([]byte(line), &p))
		if p.Phase != "ppo" {
			continue
		}
		assert.LessOrEqual(t, p.Values["gap_max"], policy.GapLimit)
		assert.Contains(t, p.Values, "gap_mean")
		if p.Variant != "critic" {
			assert.NotContains(t, p.Values, "value")
			assert.NotContains(t, p.Values, "importance")
			continue
		}
		for _, name := range []string{"value_loss", "value_clip_fraction", "explained_variance", "importance_capped"} {
			assert.Contains(t, p.Values, name)
		}
		assert.InDelta(t, 1, p.Values["importance"], 1e-4, "sampler and trainer agree")
		if p.Step == 0 {
			assert.Zero(t, p.Values["value"], "a fresh head expects nothing")
		} else {
			assert.NotZero(t, p.Values["value"])
		}
		if p.Step == 0 { // the warm-up: the policy stays SFT through all minibatches
			assert.InDelta(t, 0, p.Values["kl"], 1e-5)
		} else {
			assert.Greater(t, p.Values["kl"], 1e-5, "step %d", p.Step)
		}
		seen++
	}
	assert.Equal(t, s.PPO.Iterations, seen)
}

// rows counts the rows of a log; all their numbers are finite.
func rows(t *testing.T, path string) (n int) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	for r, err := range record.Read(f, path) {
		require.NoError(t, err)
		n++
		for _, xs := range [][]float64{r.LogProbs, r.RefLogProbs, r.Rewards, r.Advantages} {
			for _, x := range xs {
				assert.False(t, math.IsNaN(x) || math.IsInf(x, 0))
			}
		}
		assert.NotEmpty(t, r.Scores)
	}
	return n
}
