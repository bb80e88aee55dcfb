package scan_test

import (
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

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
// confined worker is, and how many times as long it takes as the visitor alone; both
// also in processor time (worker and caller), which a busy machine changes less.
func BenchmarkScanners(b *testing.B) {
	python, err := sandbox.FindPython()
	require.NoError(b, err)
	stock, err := scan.NewStock(context.Background(), python)
	require.NoError(b, err)
	defer func() { assert.NoError(b, stock.Close()) }()
	s, list := open(b), solutions(b)
	var confined, plain, light scan.Took
	add := func(sum *scan.Took, t scan.Took) { sum.Wall, sum.CPU = sum.Wall+t.Wall, sum.CPU+t.CPU }
	var n float64
	for b.Loop() {
		start, own := time.Now(), processorTime(b)
		for _, source := range list {
			r, err := s.Scan(context.Background(), source)
			require.NoError(b, err)
			confined.CPU += r.CPU
		}
		add(&confined, scan.Took{Wall: time.Since(start), CPU: processorTime(b) - own})
		_, took, err := stock.Scan(list)
		require.NoError(b, err)
		add(&plain, took)
		took, err = stock.Light(list)
		require.NoError(b, err)
		add(&light, took)
		n += float64(len(list))
	}
	b.ReportMetric(n/confined.Wall.Seconds(), "scans/s")
	b.ReportMetric(n/plain.Wall.Seconds(), "stock-scans/s")
	b.ReportMetric(n/light.Wall.Seconds(), "unconfined-scans/s")
	b.ReportMetric(plain.Wall.Seconds()/confined.Wall.Seconds(), "times-stock")
	b.ReportMetric(plain.CPU.Seconds()/confined.CPU.Seconds(), "times-stock-CPU")
	b.ReportMetric(confined.Wall.Seconds()/light.Wall.Seconds(), "times-unconfined")
	b.ReportMetric(confined.CPU.Seconds()/light.CPU.Seconds(), "times-unconfined-CPU")
}

// processorTime is what this process has used.
func processorTime(b *testing.B) time.Duration {
	var u unix.Rusage
	require.NoError(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
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
