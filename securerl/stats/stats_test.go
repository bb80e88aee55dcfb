package stats_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/securerl/stats"
)

func ExampleWilson() {
	i := stats.Wilson(45, 100, 0.95)
	fmt.Printf("%.1f%% [%.1f, %.1f]\n", 100*i.Estimate, 100*i.Low, 100*i.High)
	// Output: 45.0% [35.6, 54.8]
}

func ExamplePairedBootstrap() {
	before := [][]float64{{0, 0}, {0, 1}, {1, 1}, {0, 0}, {0, 0}, {1, 0}} // [problem][sample]
	after := [][]float64{{1, 1}, {1, 1}, {1, 1}, {0, 0}, {1, 0}, {1, 1}}
	i := stats.PairedBootstrap(before, after, 2000, [2]uint32{1, 2})
	fmt.Printf("%+.2f, excludes 0: %v\n", i.Estimate, i.Excludes(0))
	// Output: +0.42, excludes 0: true
}

func ExampleHolm() {
	fmt.Println(stats.Holm([]float64{0.01, 0.04, 0.03}))
	// Output: [0.03 0.06 0.06]
}

type golden struct {
	Proportions []struct {
		K, N           int
		Alpha          float64
		Wilson         [2]float64
		ClopperPearson [2]float64 `json:"clopper_pearson"`
	} `json:"proportion_intervals"`
	Bootstrap struct {
		Cases []struct {
			Data         [][2]float64 `json:"data_columns_a_b"`
			Draws        [][]int      `json:"resample_indices"`
			Statistic    string
			Level        float64
			Estimate     float64
			Percentile   [2]float64
			BCa          [2]float64
			Z0           float64
			Acceleration float64
			Error        float64 `json:"standard_error"`
			Basic        [2]float64
		}
	} `json:"paired_bootstrap"`
	McNemar []struct {
		First  int      `json:"only_first"`
		Second int      `json:"only_second"`
		Exact  float64  `json:"exact_p"`
		MidP   *float64 `json:"mid_p"`
	}
	Fisher []struct {
		Table     [2][2]int
		OddsRatio any     `json:"odds_ratio_sample"`
		TwoSided  float64 `json:"p_two_sided"`
		Less      float64 `json:"p_less"`
		Greater   float64 `json:"p_greater"`
	}
	Multiple []struct {
		P, Holm []float64
		BH      []float64 `json:"fdr_bh"`
	} `json:"multiple_tests"`
	PassAtK struct {
		Rows [][4]float64
	} `json:"pass_at_k"`
	Kappa []struct {
		Table                         [][]int
		Unweighted, Linear, Quadratic struct {
			Kappa, Std float64
			CI         [2]float64 `json:"ci95"`
		}
	}
	Wilcoxon []map[string]any
	Others   struct {
		X, Z     []float64
		Spearman [2]float64 `json:"spearman_x_z"`
		Kendall  [2]float64 `json:"kendall_tau_b_x_z"`
		Pearson  [2]float64 `json:"pearson_x_z"`
	}
	MDE struct {
		Cases []struct {
			N            int
			Share        float64 `json:"discordant_share"`
			Alpha, Power float64
			MDE          *float64
		}
	} `json:"paired_mde"`
	Power []struct {
		N          int
		Share      float64 `json:"discordant_share"`
		Difference float64
		Alpha      float64
		Power      float64
	} `json:"exact_mcnemar_power"`
}

func load(t *testing.T) (g golden) {
	data, err := os.ReadFile("../../testdata/stats/stats.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &g))
	return g
}

// near compares to 1e-9 of the larger of want and 1e-3, in the file's tolerance.
func near(t *testing.T, want, got float64, what ...any) {
	t.Helper()
	assert.InDelta(t, want, got, 1e-9*max(math.Abs(want), 1e-3), what...)
}

func TestProportions(t *testing.T) {
	cases := load(t).Proportions
	require.NotEmpty(t, cases)
	for _, c := range cases {
		w, p := stats.Wilson(c.K, c.N, 1-c.Alpha), stats.ClopperPearson(c.K, c.N, 1-c.Alpha)
		near(t, c.Wilson[0], w.Low, c)
		near(t, c.Wilson[1], w.High, c)
		near(t, c.ClopperPearson[0], p.Low, c)
		near(t, c.ClopperPearson[1], p.High, c)
		assert.Equal(t, c.N, w.N)
		near(t, float64(c.K)/float64(c.N), p.Estimate)
		if c.K == 0 {
			assert.Zero(t, p.Low)
			assert.Zero(t, w.Low)
		}
		if c.K == c.N {
			assert.Equal(t, 1.0, p.High)
			assert.Equal(t, 1.0, w.High)
		}
	}
	assert.Equal(t, stats.Interval{High: 1}, stats.Wilson(0, 0, 0.95))
	assert.Equal(t, stats.Interval{High: 1}, stats.ClopperPearson(0, 0, 0.95))
	assert.Panics(t, func() { stats.Wilson(2, 1, 0.95) })
	assert.Panics(t, func() { stats.Wilson(-1, 1, 0.95) })
	assert.Panics(t, func() { stats.Wilson(1, 2, 95) })
}

func TestIntervalsHoldTheEstimate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 2000).Draw(t, "n")
		k := rapid.IntRange(0, n).Draw(t, "k")
		level := rapid.Float64Range(0.5, 0.999).Draw(t, "level")
		for name, f := range map[string]func(int, int, float64) stats.Interval{"wilson": stats.Wilson, "exact": stats.ClopperPearson} {
			i, mirror := f(k, n, level), f(n-k, n, level)
			assert.True(t, 0 <= i.Low && i.Low <= i.Estimate && i.Estimate <= i.High && i.High <= 1, "%s %v", name, i)
			assert.InDelta(t, i.Low, 1-mirror.High, 1e-9, name)
		}
	})
}

func TestPassAtK(t *testing.T) {
	for _, r := range load(t).PassAtK.Rows {
		near(t, r[3], stats.PassAtK(int(r[0]), int(r[1]), int(r[2])), r)
	}
	assert.Panics(t, func() { stats.PassAtK(3, 1, 4) })
	assert.Panics(t, func() { stats.PassAtK(3, 1, 0) })
}

func TestMcNemar(t *testing.T) {
	for _, c := range load(t).McNemar {
		near(t, c.Exact, stats.McNemar(c.First, c.Second), c)
		if c.MidP != nil {
			near(t, *c.MidP, stats.McNemarMidP(c.First, c.Second), c)
		}
	}
	assert.Equal(t, 1.0, stats.McNemarMidP(0, 0))
	assert.Panics(t, func() { stats.McNemar(-1, 3) })
}

func TestFisher(t *testing.T) {
	for _, c := range load(t).Fisher {
		r := stats.Fisher(c.Table[0][0], c.Table[0][1], c.Table[1][0], c.Table[1][1])
		near(t, c.TwoSided, r.TwoSided, c)
		near(t, c.Less, r.Less, c)
		near(t, c.Greater, r.Greater, c)
		if want, ok := c.OddsRatio.(float64); ok {
			near(t, want, r.OddsRatio)
		} else {
			assert.Equal(t, c.OddsRatio, "nan")
			assert.True(t, math.IsNaN(r.OddsRatio))
		}
	}
	assert.Equal(t, 1.0, stats.Fisher(0, 0, 0, 0).TwoSided)
	assert.Panics(t, func() { stats.Fisher(1, -1, 0, 0) })
}

func TestSeveralTests(t *testing.T) {
	for _, c := range load(t).Multiple {
		assert.InDeltaSlice(t, c.Holm, stats.Holm(c.P), 1e-12)
		assert.InDeltaSlice(t, c.BH, stats.BenjaminiHochberg(c.P), 1e-12)
	}
	assert.Empty(t, stats.Holm(nil))
}

func TestKappa(t *testing.T) {
	for _, c := range load(t).Kappa {
		for weight, want := range map[stats.Weight]struct {
			Kappa, Std float64
			CI         [2]float64 `json:"ci95"`
		}{stats.Unweighted: c.Unweighted, stats.Linear: c.Linear, stats.Quadratic: c.Quadratic} {
			i, err := stats.Kappa(c.Table, weight, 0.95)
			require.NoError(t, err)
			near(t, want.Kappa, i.Estimate)
			near(t, want.CI[0], i.Low)
			near(t, want.CI[1], i.High)
		}
	}
	for _, bad := range [][][]int{nil, {{1}}, {{1, 2}, {3}}, {{1, -1}, {0, 0}}, {{0, 0}, {0, 0}}, {{5, 0}, {0, 0}}} {
		_, err := stats.Kappa(bad, stats.Unweighted, 0.95)
		assert.ErrorIs(t, err, stats.ErrInput, "%v", bad)
	}
}

func TestWilcoxon(t *testing.T) {
	cases := load(t).Wilcoxon
	require.NotEmpty(t, cases)
	for _, c := range cases {
		var d []float64
		for _, x := range c["differences"].([]any) {
			d = append(d, x.(float64))
		}
		for zeros, name := range []string{"wilcox", "pratt", "zsplit"} {
			for _, corrected := range []bool{false, true} {
				key := "asymptotic_" + name
				if corrected {
					key += "_corrected"
				}
				want := c[key].([]any)
				statistic, p := stats.Wilcoxon(d, stats.Zeros(zeros), corrected)
				near(t, want[0].(float64), statistic, key)
				near(t, want[1].(float64), p, key)
			}
		}
		statistic, p, err := stats.WilcoxonExact(d)
		if want, ok := c["exact_two_sided"].([]any); ok {
			require.NoError(t, err)
			near(t, want[0].(float64), statistic)
			near(t, want[1].(float64), p)
		} else {
			assert.ErrorIs(t, err, stats.ErrInput)
		}
	}
	_, p := stats.Wilcoxon([]float64{0, 0}, stats.DropZeros, false)
	assert.Equal(t, 1.0, p)
}

func TestCorrelations(t *testing.T) {
	o := load(t).Others
	near(t, o.Spearman[0], stats.Spearman(o.X, o.Z))
	near(t, o.Kendall[0], stats.Kendall(o.X, o.Z))
	near(t, o.Pearson[0], stats.Pearson(o.X, o.Z))
}

func TestPlanning(t *testing.T) {
	g := load(t)
	for _, c := range g.MDE.Cases {
		d, ok := stats.MinimumDetectable(c.N, c.Share, c.Alpha, c.Power)
		require.Equal(t, c.MDE != nil, ok, c)
		if ok {
			near(t, *c.MDE, d, c)
		}
	}
	_, ok := stats.MinimumDetectable(2, 0.5, 0.01, 0.8)
	assert.False(t, ok)
	for _, c := range g.Power {
		near(t, c.Power, stats.McNemarPower(c.N, c.Share, c.Difference, c.Alpha), c)
	}
	assert.InDelta(t, 1, stats.McNemarPower(100, 0.3, 0.3, 0.05), 1e-6, "all discordant pairs on one side")
}

func TestBootstrapOfGivenDraws(t *testing.T) {
	cases := load(t).Bootstrap.Cases
	require.NotEmpty(t, cases)
	for _, c := range cases {
		statistic := func(units []int) float64 {
			a, b := 0.0, 0.0
			for _, i := range units {
				a, b = a+c.Data[i][0], b+c.Data[i][1]
			}
			if c.Statistic == "ratio_of_means" {
				return b / a
			}
			require.Equal(t, "mean_difference", c.Statistic)
			return (b - a) / float64(len(units))
		}
		d := stats.Bootstrap(len(c.Data), slices.Values(c.Draws), statistic)
		near(t, c.Estimate, d.Estimate)
		near(t, c.Z0, d.Bias())
		near(t, c.Acceleration, d.Acceleration())
		near(t, c.Error, d.StandardError())
		for name, pair := range map[string]struct {
			want [2]float64
			got  stats.Interval
		}{"percentile": {c.Percentile, d.Percentile(c.Level)}, "bca": {c.BCa, d.BCa(c.Level)}, "basic": {c.Basic, d.Basic(c.Level)}} {
			near(t, pair.want[0], pair.got.Low, name)
			near(t, pair.want[1], pair.got.High, name)
			assert.Equal(t, len(c.Data), pair.got.N)
		}
	}
}
