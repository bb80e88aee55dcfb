package train

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/experiments/configs"
	"securecoderl/securerl/runlog"
)

// What a user may get wrong gives one clear line and exit code 2, and leaves nothing
// behind.
func TestWrongInputIsNamedInOneLine(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	out := filepath.Join(dir, "run")
	for _, tt := range []struct {
		name string
		o    Options
		want []string
	}{
		{"no folder", Options{Preset: "tiny"}, []string{"-out"}},
		{"unknown preset", Options{Preset: "huge", Out: out}, []string{`no preset "huge"`, "full, paper-ppo-continue, paper-ppo-fresh, paper-ppo-simple, paper-sft, ppo-critic, quick, tiny"}},
		{"unknown key", Options{Settings: write("a.toml", "[ppo]\nlearning_rat = 1\n"), Out: out}, []string{"a.toml:2: ppo.learning_rat: unknown key"}},
		{"no TOML", Options{Settings: write("b.toml", "seeds = [1\n"), Out: out}, []string{"b.toml:"}},
		{"several values", Options{Settings: write("c.toml", "[judge]\nworkers = 0\n[evaluation2]\n"), Out: out}, []string{"evaluation2"}},
		{"ranges", Options{Settings: write("d.toml", "seeds = []\n[sft]\nsteps = 0\nlearning_rate = 9.0\n[judge]\ntier = 'C'\nrules = 'dlint'\n"), Out: out},
			[]string{"seeds: must name", "sft.steps: must be at least 1, got 0", "sft.learning_rate", "judge.tier", "judge.rules: must be bandit or bandit+x"}},
		{"variants", Options{Settings: write("e.toml", "[[variants]]\nname = 'a'\nstart = 'b'\nschedule = [{ from = 0, scheme = 'none' }]\nadvantage = 'gut'\nclip = 1\n"), Out: out}, []string{"clip"}},
		{"a critic", Options{Settings: write("f.toml", "[ppo]\niterations = 3\ngamma = 1.5\nlambda = -0.1\nvalue_clip = -1.0\nimportance_cap = 0.5\n[[variants]]\nname = 'a'\nschedule = [{ from = 0, scheme = 'strict' }]\nadvantage = 'gae'\nvalue_weight = 0.0\nvalue_warmup = 3\n"), Out: out},
			[]string{"variants[0].gamma: must lie in [0, 1], got 1.5", "variants[0].lambda", "variants[0].value_weight: must be positive", "variants[0].value_warmup: must", "value_clip must not be negative", "importance_cap must be 0 (off) or at least 1, got 0.5"}},
		{"missing file", Options{Settings: filepath.Join(dir, "none.toml"), Out: out}, []string{"none.toml"}},
		{"unknown backend", Options{Preset: "tiny", Backend: "abacus", Out: out}, []string{"abacus", "xla:cpu"}},
		{"devices that are not there", Options{Preset: "tiny", Backend: "go", Devices: 2, Out: out}, []string{"go has one device, not 2"}},
		{"foreign folder", Options{Preset: "tiny", Out: filepath.Dir(write("mine/thesis.txt", "x"))}, []string{"not empty"}},
		{"resume of nothing", Options{Resume: filepath.Join(dir, "nowhere")}, []string{"holds no run"}},
	} {
		err := tt.o.run(context.Background(), Quiet(), (*Lab).Pipeline)
		require.Error(t, err, tt.name)
		for _, w := range tt.want {
			assert.Contains(t, oneLine(err), w, tt.name)
		}
		assert.NotContains(t, oneLine(err), "\n", tt.name)
		assert.True(t, isInput(err), "%s: %v", tt.name, err)
		assert.NoDirExists(t, out, tt.name)
	}
}

func TestPresetsAreValidAndReplayThemselves(t *testing.T) {
	for _, name := range configs.Names() {
		text, err := configs.Read(name)
		require.NoError(t, err)
		s := Default()
		require.NoError(t, s.Decode(name, text), name)
		assert.NotEmpty(t, s.About, name)
		assert.NotEmpty(t, s.Source, name)
		resolved, err := runlog.Encode(s)
		require.NoError(t, err)
		again := Default()
		require.NoError(t, again.Decode("settings.toml", resolved), "%s\n%s", name, resolved)
		assert.Equal(t, s, again, name)
		assert.False(t, strings.Contains(string(resolved), "/"+"root"), "no path of a machine")
	}
}

// A defect that a preset cites by its number stands in the table of defects.
func TestCitedDefectsAreExplained(t *testing.T) {
	table, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	number, cited := regexp.MustCompile(`\bW[0-9]+\b`), 0
	for _, name := range configs.Names() {
		text, err := configs.Read(name)
		require.NoError(t, err)
		for _, w := range number.FindAllString(string(text), -1) {
			cited++
			assert.Regexp(t, `(?m)^\|[^|]*\b`+w+`\b`, string(table), "%s cites %s", name, w)
		}
	}
	assert.Positive(t, cited)
}

func TestVariantsReplaceOnlyWhatTheyName(t *testing.T) {
	p := Default().PPO
	rate, iterations := 4e-3, 20
	own := p.Of(Variant{LearningRate: &rate, Iterations: &iterations})
	assert.Equal(t, 4e-3, own.LearningRate)
	assert.Equal(t, 20, own.Iterations)
	own.LearningRate, own.Iterations = p.LearningRate, p.Iterations
	assert.Equal(t, p, own)
}
