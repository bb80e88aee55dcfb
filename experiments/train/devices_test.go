package train

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/experiments/configs"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/runlog"
)

// begun is a run of the tiny preset that was opened on some devices and closed again.
func begun(t *testing.T, backend string, devices int) string {
	t.Helper()
	text, err := configs.Read("tiny")
	require.NoError(t, err)
	s := Default()
	require.NoError(t, runlog.Decode("tiny.toml", text, &s))
	resolved, err := runlog.Encode(s)
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "run")
	run, err := runlog.Create(dir, resolved, nil)
	require.NoError(t, err)
	lab, err := Open(t.Context(), s, backend, run, Quiet(), engine.WithDevices(devices))
	require.NoError(t, err)
	require.NoError(t, lab.ended("base"))
	require.NoError(t, lab.Close())
	require.NoError(t, run.Close())
	return dir
}

func TestARunGoesOnOnTheDevicesItBeganOn(t *testing.T) {
	if e, err := engine.Open("xla:cpu"); err != nil {
		t.Logf("not tested here: %v", err)
		return
	} else {
		e.Close()
	}
	dir := begun(t, "xla:cpu", 2)
	for _, tt := range []struct{ asked, want int }{{0, 2}, {2, 2}} {
		run, s, err := Options{Resume: dir}.open()
		require.NoError(t, err)
		o := Options{Devices: tt.asked}
		lab, err := Open(t.Context(), s, "xla:cpu", run, Quiet(), engine.WithDevices(o.devices(run)))
		require.NoError(t, err)
		assert.Equal(t, tt.want, lab.Engine.Info().Devices)
		require.NoError(t, lab.Close())
		require.NoError(t, run.Close())
	}
	err := Options{Resume: dir, Backend: "auto", Devices: 1}.run(t.Context(), Quiet(), (*Lab).Pipeline)
	require.ErrorIs(t, err, runlog.ErrRun)
	assert.Contains(t, err.Error(), "begun on 2 devices and cannot go on with 1; add -devices 2")
}

func TestTheManifestSaysWhatComputesAndNoPathOfTheMachine(t *testing.T) {
	for _, backend := range []string{"go", "xla:cpu"} {
		e, err := engine.Open(backend)
		if err != nil && backend != "go" {
			t.Logf("not tested here: %v", err)
			continue
		}
		require.NoError(t, err)
		e.Close()
		dir := begun(t, backend, 1)
		b, err := os.ReadFile(filepath.Join(dir, "run.json"))
		require.NoError(t, err)
		var m struct {
			Facts map[string]any `json:"facts"`
		}
		require.NoError(t, json.Unmarshal(b, &m))
		want := []string{"backend", "device", "devices", "memory_total", "memory_free", "cpu", "kernel"}
		if backend != "go" {
			want = append(want, "plugin")
		}
		for _, key := range want {
			assert.NotEmpty(t, m.Facts[key], "%s: %s", backend, key)
		}
		assert.EqualValues(t, 1, m.Facts["devices"])
		home, err := os.UserHomeDir()
		require.NoError(t, err)
		cwd, err := os.Getwd()
		require.NoError(t, err)
		for _, path := range []string{home, cwd, os.TempDir() + "/", ".venv"} {
			assert.False(t, len(path) > 1 && strings.Contains(string(b), path), "%s: run.json names %s", backend, path)
		}
		var line Timing
		b, err = os.ReadFile(filepath.Join(dir, "timings.jsonl"))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(b, &line))
		assert.Equal(t, "base", line.Phase)
		assert.Greater(t, line.PeakMemory, int64(1<<20))
	}
}
