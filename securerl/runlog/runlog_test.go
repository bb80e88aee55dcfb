package runlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type inner struct {
	Rate  float64 `toml:"rate"`
	Steps int     `toml:"steps"`
}

type settings struct {
	Name string `toml:"name"`
	SFT  inner  `toml:"sft"`
}

func (s settings) Validate() error {
	var errs []error
	if s.SFT.Rate <= 0 {
		errs = append(errs, fmt.Errorf("sft.rate: must be positive, got %g", s.SFT.Rate))
	}
	if s.SFT.Steps < 1 {
		errs = append(errs, fmt.Errorf("sft.steps: must be at least 1, got %d", s.SFT.Steps))
	}
	return errors.Join(errs...)
}

func TestSettingsAreStrictAndNameEveryFault(t *testing.T) {
	s := settings{SFT: inner{Rate: 1e-3, Steps: 10}}
	require.NoError(t, Decode("a.toml", []byte("name = 'x'\n[sft]\nsteps = 20\n"), &s))
	assert.Equal(t, settings{"x", inner{1e-3, 20}}, s, "what a file does not name keeps its value")
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"nmae = 'x'\n[sft]\nstep = 1\n", []string{"a.toml:1: nmae: unknown key", "a.toml:3: sft.step: unknown key"}},
		{"[sft]\nsteps = 'many'\n", []string{"a.toml:2"}},
		{"name = \n", []string{"a.toml:1"}},
		{"[sft]\nrate = -1.0\nsteps = 0\n", []string{"sft.rate: must be positive, got -1", "sft.steps: must be at least 1, got 0"}},
	} {
		s := settings{SFT: inner{Rate: 1e-3, Steps: 10}}
		err := Decode("a.toml", []byte(tt.text), &s)
		require.ErrorIs(t, err, ErrSettings, tt.text)
		for _, w := range tt.want {
			assert.ErrorContains(t, err, w)
		}
	}
	b, err := Encode(s)
	require.NoError(t, err)
	var again settings
	require.NoError(t, Decode("b.toml", b, &again))
	assert.Equal(t, s, again)
}

func create(t *testing.T) *Run {
	t.Helper()
	r, err := Create(filepath.Join(t.TempDir(), "run"), []byte("name = 'x'\n"), map[string]any{"seed": 1})
	require.NoError(t, err)
	return r
}

func reopen(t *testing.T, r *Run) *Run {
	t.Helper()
	dir := r.Dir()
	require.NoError(t, r.Close())
	again, err := Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, again.Close()) })
	return again
}

func lines(t *testing.T, r *Run, log string) []string {
	t.Helper()
	b, err := os.ReadFile(r.Path(log + ".jsonl"))
	require.NoError(t, err)
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

func step(n int) Checkpoint {
	return Checkpoint{Name: fmt.Sprintf("step %d", n), Files: map[string][]byte{"a": []byte(fmt.Sprint("a", n)), "b": []byte(fmt.Sprint("b", n))}}
}

func TestAKilledRunGoesOnFromItsLastCheckpoint(t *testing.T) {
	r := create(t)
	require.NoError(t, r.Append("metrics", []byte("1")))
	require.NoError(t, r.Save(step(1)))
	require.NoError(t, r.Append("metrics", []byte("lost")))
	_, err := r.logs["metrics"].WriteAt([]byte("to"), r.offsets["metrics"]) // a torn line
	require.NoError(t, err)
	r = reopen(t, r)
	cp, warnings, err := r.Latest()
	require.NoError(t, err)
	assert.Empty(t, warnings)
	assert.Equal(t, step(1), *cp)
	require.NoError(t, r.Append("metrics", []byte("2")))
	assert.Equal(t, []string{"1", "2"}, lines(t, r, "metrics"))
}

// A Save that ends at any of its steps leaves the previous checkpoint usable.
func TestSaveMayEndAnywhere(t *testing.T) {
	defer func() { steps = func(string) error { return nil } }()
	killed := errors.New("killed")
	for at := 1; ; at++ {
		r := create(t)
		for n := range 3 {
			require.NoError(t, r.Append("samples", []byte(fmt.Sprint(n))))
			require.NoError(t, r.Save(step(n)))
		}
		count := 0
		steps = func(string) error {
			if count++; count == at {
				return killed
			}
			return nil
		}
		require.NoError(t, r.Append("samples", []byte("3")))
		err := r.Save(step(3))
		steps = func(string) error { return nil }
		if count < at {
			require.NoError(t, err)
			assert.GreaterOrEqual(t, at, 5, "files, manifest, rename and remove are steps")
			require.NoError(t, r.Close())
			return
		}
		require.ErrorIs(t, err, killed)
		r = reopen(t, r)
		cp, _, err := r.Latest()
		require.NoError(t, err)
		got := lines(t, r, "samples")
		switch cp.Name {
		case "step 2":
			assert.Equal(t, []string{"0", "1", "2"}, got)
		case "step 3":
			assert.Equal(t, []string{"0", "1", "2", "3"}, got)
		default:
			t.Fatalf("step %d of Save: %s", at, cp.Name)
		}
		require.NoError(t, r.Save(step(4)), "and the run goes on")
	}
}

func TestADamagedCheckpointIsPassedOverAloud(t *testing.T) {
	for name, damage := range map[string]func(dir string) error{
		"truncated": func(dir string) error { return os.Truncate(filepath.Join(dir, "a"), 1) },
		"changed":   func(dir string) error { return os.WriteFile(filepath.Join(dir, "a"), []byte("xx"), 0o644) },
		"missing":   func(dir string) error { return os.Remove(filepath.Join(dir, "b")) },
		"manifest":  func(dir string) error { return os.WriteFile(filepath.Join(dir, manifestName), []byte("{"), 0o644) },
	} {
		r := create(t)
		require.NoError(t, r.Save(step(1)))
		require.NoError(t, r.Save(step(2)))
		require.NoError(t, damage(r.Path(checkpoints, "step-000002")))
		r = reopen(t, r)
		cp, warnings, err := r.Latest()
		require.NoError(t, err, name)
		assert.Equal(t, "step 1", cp.Name, name)
		require.Len(t, warnings, 1, name)
		assert.Contains(t, warnings[0], "step-000002")
		require.NoError(t, damage(r.Path(checkpoints, "step-000001")))
		_, _, err = r.Latest()
		assert.ErrorIs(t, err, ErrCheckpoint, name)
	}
}

// A folder whose checkpoints were removed is a finished run, not one that has not begun.
func TestResultsAreNotCutAwayForWantOfACheckpoint(t *testing.T) {
	r := create(t)
	require.NoError(t, r.Append("metrics", []byte(`{}`)))
	require.NoError(t, r.Append("evaluation", []byte(`{}`)))
	r = reopen(t, r)
	_, _, err := r.Latest()
	assert.ErrorIs(t, err, ErrCheckpoint)
	assert.ErrorContains(t, err, "holds no checkpoint")
	assert.Len(t, lines(t, r, "metrics"), 1)
}

func TestOnlyTheNewestStay(t *testing.T) {
	r := create(t)
	for n := range 5 {
		require.NoError(t, r.Save(step(n)))
	}
	list, err := r.saved()
	require.NoError(t, err)
	assert.Equal(t, []string{"step-000004", "step-000005"}, list)
	require.NoError(t, r.Close())
}

func TestFoldersThatAreNotOursAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "thesis.txt"), []byte("mine"), 0o644))
	_, err := Create(dir, nil, nil)
	assert.ErrorIs(t, err, ErrRun)
	_, err = Open(dir)
	assert.ErrorIs(t, err, ErrRun)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "run.json"), []byte(`{"kind":"something else"}`), 0o644))
	_, err = Open(dir)
	assert.ErrorIs(t, err, ErrRun)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "run.json"), []byte(`{"kind":"securerl run","schema":99}`), 0o644))
	_, err = Open(dir)
	assert.ErrorIs(t, err, ErrRun)
	assert.ErrorContains(t, err, "newer")
	_, err = Create(filepath.Join(dir, "thesis.txt", "below"), nil, nil)
	assert.ErrorIs(t, err, ErrRun)
	b, err := os.ReadFile(filepath.Join(dir, "thesis.txt"))
	require.NoError(t, err)
	assert.Equal(t, "mine", string(b))
}

func TestARunIsForOneProcess(t *testing.T) {
	r := create(t)
	_, err := Open(r.Dir())
	assert.ErrorIs(t, err, ErrBusy)
	r = reopen(t, r)
	facts := r.Facts()
	assert.EqualValues(t, 1, facts["seed"])
	require.NoError(t, r.AddFacts(map[string]any{"seed": 2, "backend": "go"}))
	r = reopenOnce(t, r)
	assert.EqualValues(t, 1, r.Facts()["seed"], "what is known stays")
	assert.Equal(t, "go", r.Facts()["backend"])
	assert.ErrorIs(t, r.Append("diary", nil), ErrRun)
}

func reopenOnce(t *testing.T, r *Run) *Run {
	t.Helper()
	dir := r.Dir()
	require.NoError(t, r.Close())
	again, err := Open(dir)
	require.NoError(t, err)
	return again
}

func ExampleDecode() {
	s := settings{SFT: inner{Rate: 1e-3, Steps: 10}}
	fmt.Println(Decode("mine.toml", []byte("[sft]\nstep = 20\n"), &s))
	// Output: settings: mine.toml:2: sft.step: unknown key
}
