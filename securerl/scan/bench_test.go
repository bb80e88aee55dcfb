package scan_test

import (
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

// solutions are people's programs and the workload of the throughput benchmark.
func solutions(t testing.TB) (list [][]byte) {
	t.Helper()
	f, err := os.Open("../../testdata/codenet/sample.jsonl")
	require.NoError(t, err)
	defer f.Close()
	for d := json.NewDecoder(f); d.More(); {
		var row struct{ Solutions []struct{ Code string } }
		require.NoError(t, d.Decode(&row))
		for _, s := range row.Solutions {
			list = append(list, []byte(s.Code))
		}
	}
	require.NotEmpty(t, list)
	w, err := os.Open("../../testdata/judge/throughput_work.jsonl")
	require.NoError(t, err)
	defer w.Close()
	for d := json.NewDecoder(w); d.More(); {
		var row struct{ Code string }
		require.NoError(t, d.Decode(&row))
		list = append(list, []byte(row.Code))
	}
	return list
}

// BenchmarkScanners scans people's programs in three ways, one right after the other
// in every iteration: with the confined worker, with stock Bandit in a plain process
// (timed inside it), and with this package's visitor in that same process. It reports
// scans per second of each, and two ratios: how many times as fast as stock Bandit the
// confined worker is, and how many times as long it takes as the visitor alone.
func BenchmarkScanners(b *testing.B) {
	python, err := sandbox.FindPython()
	require.NoError(b, err)
	stock, err := scan.NewStock(context.Background(), python)
	require.NoError(b, err)
	defer func() { assert.NoError(b, stock.Close()) }()
	s, list := open(b), solutions(b)
	var confined, plain, light time.Duration
	var n float64
	for b.Loop() {
		start := time.Now()
		for _, source := range list {
			_, err := s.Scan(context.Background(), source)
			require.NoError(b, err)
		}
		confined += time.Since(start)
		_, took, err := stock.Scan(list)
		require.NoError(b, err)
		plain += took
		took, err = stock.Light(list)
		require.NoError(b, err)
		light += took
		n += float64(len(list))
	}
	b.ReportMetric(n/confined.Seconds(), "scans/s")
	b.ReportMetric(n/plain.Seconds(), "stock-scans/s")
	b.ReportMetric(n/light.Seconds(), "unconfined-scans/s")
	b.ReportMetric(plain.Seconds()/confined.Seconds(), "times-stock")
	b.ReportMetric(confined.Seconds()/light.Seconds(), "times-as-long-as-unconfined")
}

// Findings and their places are those of Bandit itself, run here on the same programs.
func TestFindingsAndPlacesAreThoseOfStockBandit(t *testing.T) {
	python, err := sandbox.FindPython()
	require.NoError(t, err)
	stock, err := scan.NewStock(context.Background(), python)
	require.NoError(t, err)
	defer func() { assert.NoError(t, stock.Close()) }()
	list := solutions(t)
	f, err := os.Open("../../testdata/scan/examples.jsonl")
	require.NoError(t, err)
	defer f.Close()
	for d := json.NewDecoder(f); d.More(); {
		var row struct{ Source string }
		require.NoError(t, d.Decode(&row))
		list = append(list, []byte(row.Source))
	}
	reports, _, err := stock.Scan(list)
	require.NoError(t, err)
	s, found := open(t), 0
	for i, source := range list {
		ours, err := s.Scan(context.Background(), source)
		require.NoError(t, err)
		assert.Empty(t, reports[i].Differs(source, ours), "%.300s", source)
		found += len(ours.Findings)
	}
	assert.Greater(t, found, 450)
}
