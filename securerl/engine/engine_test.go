package engine_test

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
)

func TestSelfCheck(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		assert.NoError(t, e.SelfCheck())
		assert.NotEmpty(t, e.Info().Backend)
	})
}

func TestAnUnknownBackendIsAnErrorNotAPanic(t *testing.T) {
	for _, name := range []string{"gpu", "xla:tpu", "xla"} {
		_, err := engine.Open(name)
		assert.ErrorIs(t, err, engine.ErrUnavailable, name)
	}
}

func TestANamedBackendNeverFallsBack(t *testing.T) {
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", t.TempDir())
	_, err := engine.Open("xla:cpu")
	assert.ErrorIs(t, err, engine.ErrUnavailable)
	e, err := engine.Open("auto")
	require.NoError(t, err)
	defer e.Close()
	assert.True(t, e.IsGo())
	assert.Contains(t, e.Info().Note, "not used: xla:cuda")
}

func TestATruncatedPluginIsRefusedBeforeItIsLoaded(t *testing.T) {
	whole, err := filepath.Glob("../../.venv/pjrt/cpu/*.so")
	require.NoError(t, err)
	if _, err := engine.Open("xla:cpu"); err != nil || len(whole) != 1 {
		t.Logf("no plugin here: %v", err)
		return
	}
	b := make([]byte, 1<<20)
	f, err := os.Open(whole[0])
	require.NoError(t, err)
	defer f.Close()
	_, err = f.Read(b)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(whole[0])), b, 0o644))
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", dir)
	_, err = engine.Open("xla:cpu")
	require.ErrorIs(t, err, engine.ErrUnavailable)
	assert.Contains(t, err.Error(), "no whole shared library")
}

func TestAPanicWhileBuildingIsAnError(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		f := e.NewFunc("bad", func(in []*Node) []*Node { return []*Node{Add(in[0], in[1])} })
		_, err := f.Call(tensors.FromValue([]float32{1, 2}), tensors.FromValue([]float32{1, 2, 3}))
		require.Error(t, err)
		assert.Contains(t, err.Error(), "bad")
		out, err := f.Call(tensors.FromValue([]float32{1, 2}), tensors.FromValue([]float32{3, 4}))
		require.NoError(t, err, "the function is usable afterwards")
		assert.Equal(t, []float32{4, 6}, out[0].Value())
	})
}

func TestTreeDigestSpeaksOfNamesShapesAndValues(t *testing.T) {
	tree := func(name string, xs ...float32) *engine.Tree {
		t := &engine.Tree{}
		t.Add(name, tensors.FromValue(xs))
		return t
	}
	a := tree("w", 1, 2)
	assert.Equal(t, a.Digest(), tree("w", 1, 2).Digest())
	assert.Equal(t, a.Digest(), a.Clone().Digest())
	for _, other := range []*engine.Tree{tree("v", 1, 2), tree("w", 1, 3), tree("w", 1, 2, 0)} {
		assert.NotEqual(t, a.Digest(), other.Digest())
	}
	assert.Equal(t, []float32{0, 0}, a.ZerosLike().Get("w").Value())
	assert.Nil(t, a.Get("absent"))
	assert.Panics(t, func() { a.With(nil) })
	require.NoError(t, a.Finalize())
}
