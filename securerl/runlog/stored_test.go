package runlog

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// zipped replaces a log by its compressed form.
func zipped(t *testing.T, r *Run, log string) {
	t.Helper()
	b, err := os.ReadFile(r.Path(log + ".jsonl"))
	require.NoError(t, err)
	f, err := os.Create(r.Path(log + ".jsonl.gz"))
	require.NoError(t, err)
	z := gzip.NewWriter(f)
	_, err = z.Write(b)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	require.NoError(t, f.Close())
	require.NoError(t, os.Remove(r.Path(log+".jsonl")))
}

func TestAStoredRunIsReadWhileAnotherWritesIt(t *testing.T) {
	r := create(t)
	require.NoError(t, r.AppendJSON("metrics", Point{Phase: "ppo", Step: 3, Values: map[string]float64{"reward": 0.25}}))
	s, err := Read(r.Dir())
	require.NoError(t, err)
	points, err := s.Points()
	require.NoError(t, err)
	assert.Equal(t, []Point{{Phase: "ppo", Step: 3, Values: map[string]float64{"reward": 0.25}}}, points)
	assert.EqualValues(t, 1, s.Facts()["seed"])

	f, err := os.OpenFile(r.Path("metrics.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(`{"phase":"pp`)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	again, err := s.Points()
	require.NoError(t, err, "a line that is being written")
	assert.Equal(t, points, again)
}

// The digest is that of the bytes: here it is taken by hand.
func TestCompressionChangesNeitherLogsNorDigest(t *testing.T) {
	r := create(t)
	require.NoError(t, r.Append("metrics", []byte(`{"phase":"ppo"}`)))
	require.NoError(t, r.Append("samples", []byte(`{}`)))
	sum := sha256.Sum256([]byte("{\"phase\":\"ppo\"}\n{}\n"))
	plain, err := r.Digest()
	require.NoError(t, err)
	assert.Equal(t, hex.EncodeToString(sum[:]), plain)

	zipped(t, r, "samples")
	packed, err := r.Digest()
	require.NoError(t, err)
	assert.Equal(t, plain, packed)
	_, err = Open(r.Dir())
	assert.ErrorIs(t, err, ErrRun)
	assert.ErrorContains(t, err, "is an extract")
	f, err := r.Log("samples")
	require.NoError(t, err)
	text, err := io.ReadAll(f)
	require.NoError(t, err)
	assert.Equal(t, "{}\n", string(text))
	assert.NoError(t, f.Close())

	require.NoError(t, r.Append("metrics", []byte(`{"phase":"eval"}`)))
	other, err := r.Digest()
	require.NoError(t, err)
	assert.NotEqual(t, plain, other)
}

func TestWhatIsWrongWithAStoredRunIsSaid(t *testing.T) {
	_, err := Read(t.TempDir())
	assert.ErrorIs(t, err, ErrRun)
	assert.ErrorContains(t, err, "holds no run")

	r := create(t)
	require.NoError(t, r.Append("metrics", []byte(`{"phase":"ppo"}`)))
	require.NoError(t, r.Append("metrics", []byte(`{"phase":`)))
	_, err = r.Points()
	assert.ErrorIs(t, err, ErrRun)
	assert.ErrorContains(t, err, "metrics.jsonl: line 2")

	_, err = r.Log("letters")
	assert.ErrorIs(t, err, ErrRun)
	assert.ErrorContains(t, err, "neither letters.jsonl nor letters.jsonl.gz")

	require.NoError(t, os.Remove(r.Path("samples.jsonl")))
	require.NoError(t, os.WriteFile(r.Path("samples.jsonl.gz"), []byte("no gzip"), 0o644))
	_, err = r.Digest()
	assert.ErrorIs(t, err, ErrRun)
	assert.ErrorContains(t, err, "samples.jsonl.gz")

	require.NoError(t, os.WriteFile(r.Path("run.json"), []byte(`{"schema":99,"kind":"securerl run"}`), 0o644))
	_, err = Read(r.Dir())
	assert.ErrorContains(t, err, "newer version")
}
