package stats_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"securecoderl/securerl/stats"
)

func TestDrawsAreReproducibleAndUniform(t *testing.T) {
	counts := make([]float64, 10)
	var first []int
	for draw := range stats.Draws(10, 1000, [2]uint32{1, 2}) {
		if first == nil {
			first = slices.Clone(draw)
		}
		for _, i := range draw {
			counts[i]++
		}
	}
	for _, n := range counts {
		assert.InDelta(t, 1000, n, 4.5*math.Sqrt(10000*0.1*0.9))
	}
	for draw := range stats.Draws(10, 1, [2]uint32{1, 2}) {
		assert.Equal(t, first, draw)
	}
	for draw := range stats.Draws(10, 1, [2]uint32{2, 1}) {
		assert.NotEqual(t, first, draw)
	}
}

func TestQuantile(t *testing.T) {
	xs := []float64{1, 2, 4, 8}
	for p, want := range map[float64]float64{0: 1, 1: 8, 0.5: 3, 0.25: 1.75, 0.9: 6.8} { // numpy.quantile
		assert.InDelta(t, want, stats.Quantile(xs, p), 1e-12)
	}
	assert.True(t, math.IsNaN(stats.Quantile(nil, 0.5)))
	assert.Equal(t, 3.0, stats.Quantile([]float64{3}, 0.7))
}

func constant(value float64, problems, samples int) [][]float64 {
	return slices.Repeat([][]float64{slices.Repeat([]float64{value}, samples)}, problems)
}

func TestBootstrapOfConstants(t *testing.T) {
	key := [2]uint32{3, 4}
	assert.Equal(t, stats.Interval{Estimate: 0.5, Low: 0.5, High: 0.5, N: 8}, stats.ClusterBootstrap(constant(0.5, 8, 4), 100, 0.95, key))
	assert.Equal(t, stats.Interval{Estimate: 0.25, Low: 0.25, High: 0.25, N: 8}, stats.PairedBootstrap(constant(0.5, 8, 4), constant(0.75, 8, 1), 100, key))
	assert.Equal(t, stats.Interval{}, stats.ClusterBootstrap(nil, 100, 0.95, key))
	assert.Equal(t, stats.Interval{}, stats.SeedBootstrap(nil, 100, 0.95, key))
	units := stats.Bootstrap(4, stats.Draws(4, 50, key), func([]int) float64 { return 2 })
	assert.Equal(t, stats.Interval{Estimate: 2, Low: 2, High: 2, N: 4}, units.BCa(0.9))
	assert.Panics(t, func() { stats.ClusterBootstrap([][]float64{{1}, {}}, 10, 0.95, key) })
	assert.Panics(t, func() { stats.PairedBootstrap(constant(1, 2, 1), constant(1, 3, 1), 10, key) })
	assert.Panics(t, func() {
		stats.PairedSeedBootstrap([][][]float64{constant(1, 2, 1)}, [][][]float64{constant(1, 2, 1), constant(1, 2, 1)}, 10, 0.95, key)
	})
	assert.Panics(t, func() { stats.SeedBootstrap([][][]float64{constant(1, 2, 1), constant(1, 3, 1)}, 10, 0.95, key) })
}

// An estimate outside all resamples leaves BCa without a bias to correct.
func TestBCaFallsBack(t *testing.T) {
	d := stats.Distribution{Estimate: 9, Resamples: []float64{1, 2, 3}, Jackknife: []float64{1, 2}}
	assert.Equal(t, d.Percentile(0.9), d.BCa(0.9))
}

// The bootstrap of a mean must agree with the normal interval of the cluster means,
// whose spread is known; samples within a problem are copies and must not narrow it.
func TestClusterBootstrapWidth(t *testing.T) {
	const problems = 200
	x, once := make([][]float64, problems), make([][]float64, problems)
	for i := range x {
		v := float64(i % 2)
		x[i], once[i] = []float64{v, v, v, v}, []float64{v}
	}
	key := [2]uint32{5, 6}
	i := stats.ClusterBootstrap(x, 4000, 0.95, key)
	assert.InDelta(t, 0.5, i.Estimate, 1e-12)
	half := 1.96 * 0.5 / math.Sqrt(problems)
	assert.InDelta(t, 0.5-half, i.Low, 0.01)
	assert.InDelta(t, 0.5+half, i.High, 0.01)
	assert.Equal(t, i, stats.ClusterBootstrap(once, 4000, 0.95, key))
	assert.Equal(t, i, stats.SeedBootstrap([][][]float64{x}, 4000, 0.95, key), "one seed is no second level")
}

// Two seeds that disagree must widen the interval far beyond that of their problems.
func TestSeedsAreResampled(t *testing.T) {
	x := [][][]float64{constant(0.2, 50, 2), constant(0.8, 50, 2)}
	i := stats.SeedBootstrap(x, 1000, 0.95, [2]uint32{7, 8})
	assert.InDelta(t, 0.5, i.Estimate, 1e-12)
	assert.InDelta(t, 0.2, i.Low, 1e-12)
	assert.InDelta(t, 0.8, i.High, 1e-12)
	d := stats.PairedSeedBootstrap(x, x, 1000, 0.95, [2]uint32{7, 8})
	assert.Equal(t, stats.Interval{N: 50}, d, "pairing removes what the seeds share")
}

func TestPairedBootstrapIsAntisymmetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "problems")
		draw := func(name string) (x [][]float64) {
			for range n {
				x = append(x, rapid.SliceOfN(rapid.Float64Range(0, 1), 1, 3).Draw(t, name))
			}
			return x
		}
		a, b := draw("a"), draw("b")
		key := [2]uint32{rapid.Uint32().Draw(t, "k0"), rapid.Uint32().Draw(t, "k1")}
		up, down := stats.PairedBootstrap(a, b, 100, key), stats.PairedBootstrap(b, a, 100, key)
		assert.InDelta(t, up.Estimate, -down.Estimate, 1e-12)
		assert.InDelta(t, up.Low, -down.High, 1e-12)
		assert.True(t, up.Low <= up.High)
		assert.Equal(t, up, stats.PairedBootstrap(a, b, 100, key), "the key decides")
		assert.Equal(t, up.Excludes(0), down.Excludes(0))
	})
}

func BenchmarkPairedBootstrap(b *testing.B) {
	x, y := constant(0, 235, 2), constant(1, 235, 2)
	for b.Loop() {
		stats.PairedBootstrap(x, y, 2000, [2]uint32{1, 2})
	}
	b.ReportMetric(float64(2000*b.N)/b.Elapsed().Seconds(), "resamples/s")
}
