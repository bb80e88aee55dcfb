package checkpoint_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/safetensors"
)

// random writes a folder of random BF16 weights and returns its size.
func random(t testing.TB, dir string, c decoder.Config) (bytes int64) {
	t.Helper()
	b, err := checkpoint.ConfigJSON(c, "BF16")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), b, 0o644))
	header := map[string]any{}
	for _, p := range c.Parameters() {
		n := int64(2)
		for _, d := range p.Dims {
			n *= int64(d)
		}
		header[p.Name] = map[string]any{"dtype": "BF16", "shape": p.FileDims(), "data_offsets": []int64{bytes, bytes + n}}
		bytes += n
	}
	b, err = json.Marshal(header)
	require.NoError(t, err)
	f, err := os.Create(filepath.Join(dir, "model.safetensors"))
	require.NoError(t, err)
	_, err = f.Write(append(binary.LittleEndian.AppendUint64(nil, uint64(len(b))), b...))
	require.NoError(t, err)
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{1}), bytes)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return bytes
}

// BenchmarkPlace compares loading with reading every word of the mapped file once, in
// one run: "share" is the speed of loading as a part of that of reading.
func BenchmarkPlace(b *testing.B) {
	c, _ := deepseek()
	c.NumHiddenLayers = 4
	dir := b.TempDir()
	bytes := random(b, dir, c)
	for _, name := range []string{"go", "xla:cpu"} {
		e, err := engine.Open(name)
		if err != nil {
			continue
		}
		b.Run(name, func(b *testing.B) {
			var reading, placing time.Duration
			for b.Loop() {
				start := time.Now()
				sum := readPages(b, filepath.Join(dir, "model.safetensors"))
				reading += time.Since(start)
				start = time.Now()
				f, err := checkpoint.Open(dir)
				require.NoError(b, err)
				_, weights, err := f.Place(b.Context(), e, nil)
				require.NoError(b, err)
				require.NoError(b, f.Close())
				placing += time.Since(start)
				require.NoError(b, weights.Finalize())
				fmt.Fprint(io.Discard, sum)
			}
			b.ReportMetric(float64(bytes)*float64(b.N)/placing.Seconds()/1e9, "GB/s")
			b.ReportMetric(reading.Seconds()/placing.Seconds(), "share")
		})
		e.Close()
	}
}

func readPages(b *testing.B, path string) (sum uint64) {
	f, err := safetensors.Open(path)
	require.NoError(b, err)
	for _, name := range f.Names() {
		x, err := f.Tensor(name)
		require.NoError(b, err)
		for i := 0; i+8 <= len(x.Data); i += 8 {
			sum += binary.LittleEndian.Uint64(x.Data[i:])
		}
	}
	require.NoError(b, f.Close())
	return sum
}
