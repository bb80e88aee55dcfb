package figure_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/chart"
	"securecoderl/securerl/figure"
)

// drawn lists the data of the series of one name in a figure's option.
func drawn(t *testing.T, f chart.Figure, series string) (values [][]any) {
	t.Helper()
	o, err := f.Option()
	require.NoError(t, err)
	chart.Each(o, "series", func(_ int, s map[string]any) {
		if s["name"] != series {
			return
		}
		for _, d := range s["data"].([]any) {
			values = append(values, d.(map[string]any)["value"].([]any))
		}
	})
	return values
}

func TestQuadrantsDrawCountsAndShares(t *testing.T) {
	f := figure.Quadrants(figure.Quadrant{Name: "sft", N: [2][2]int{{10, 5}, {3, 2}}})
	assert.Equal(t, [][]any{{0., 0., 50., "10\n50.0\u00a0%"}, {1., 0., 25., "5\n25.0\u00a0%"}, {0., 1., 15., "3\n15.0\u00a0%"}, {1., 1., 10., "2\n10.0\u00a0%"}}, drawn(t, f, "panel 0"))
	o, err := f.Option()
	require.NoError(t, err)
	chart.Each(o, "xAxis", func(_ int, a map[string]any) { // a heat map forgets names that are set on it
		assert.Equal(t, []string{"not clean", "clean"}, a["data"])
		assert.Equal(t, "sft, n = 20", a["name"])
	})
	assert.Equal(t, []string{"sft", "yes", "yes", "2", "20", "0.1"}, f.Rows[3])
}

// By hand: function 0, 1, 0, 1 and security 1, 1, 0, 1 have means 1/2 and 3/4, sums of
// squares 1 and 3/4, sum of products 1/2; each over n (n - 1) = 12.
func TestScoresHaveTheCovarianceOfTheirMeans(t *testing.T) {
	s := figure.Scored("p", []float64{0, 1, 0, 1}, []float64{1, 1, 0, 1})
	assert.InDeltaSlice(t, []float64{0.5, 0.75, 1. / 12, 0.75 / 12, 0.5 / 12}, []float64{s.Function, s.Security, s.VarF, s.VarS, s.Cov}, 1e-12)
	assert.Equal(t, 4, s.N)
	one := figure.Scored("p", []float64{1}, []float64{1})
	assert.Zero(t, one.VarF, "one problem says nothing of the spread")
}

func TestTheFrontIsWhatNoOtherBeats(t *testing.T) {
	at := func(name string, f, s float64) figure.Score {
		return figure.Score{Name: name, Function: f, Security: s, N: 10}
	}
	f := figure.Pareto(at("a", 0.2, 0.9), at("beaten", 0.1, 0.5), at("b", 0.4, 0.6))
	o, err := f.Option()
	require.NoError(t, err)
	found := false
	chart.Each(o, "series", func(_ int, s map[string]any) {
		if s["name"] == "front" {
			found = true
			assert.Contains(t, string(s["renderItem"].(chart.JS)), "[[40,50],[40,60],[20,60],[20,90],[0,90]]")
		}
	})
	assert.True(t, found)
	assert.Equal(t, [][]any{{20., 90., 1.}}, drawn(t, f, "1  a"))
}

// An ellipse of independent means reaches sqrt(5.991) standard errors along each axis.
func TestEllipsesReachTheirQuantile(t *testing.T) {
	f := figure.Pareto(figure.Score{Name: "a", Function: 0.5, Security: 0.5, VarF: 0.01, VarS: 0.0025, N: 10})
	o, err := f.Option()
	require.NoError(t, err)
	chart.Each(o, "series", func(_ int, s map[string]any) {
		if s["name"] == "ellipse 0" {
			source := string(s["renderItem"].(chart.JS))
			assert.Contains(t, source, "[74.477468,50]") // 50 + 10 sqrt(5.991465)
			assert.Contains(t, source, "[50,62.238734]")
		}
	})
}

func TestForestDrawsDifferencesInPoints(t *testing.T) {
	f := figure.Forest("sft", figure.Contrast{Name: "passes", Rows: []figure.Difference{{Name: "gated", Estimate: 0.061, Low: 0.02, High: 0.103, N: 96}, {Name: "simple", Estimate: -0.01, Low: -0.05, High: 0.03, N: 90}}})
	assert.Equal(t, [][]any{{6.1, 1., 2., 10.3, "+6.1 [+2.0, +10.3]"}, {-1., 2., -5., 3., "\u22121.0 [\u22125.0, +3.0]"}}, drawn(t, f, "difference"))
	assert.Equal(t, [][]any{{0., 0., "passes"}}, drawn(t, f, "heads"))
	assert.Contains(t, f.Caption, "n = 90 to 96 problems")
	assert.Contains(t, f.Caption, "percentile bootstrap, paired over problems")
}

func TestWeaknessesDrawRatesWithCounts(t *testing.T) {
	one := figure.Rate{Name: "CWE-78", K: 3, N: 12, Estimate: 0.25, Low: 0.1, High: 0.5}
	two := figure.Rate{Name: "CWE-327", K: 1, N: 12, Estimate: 1. / 12, Low: 0, High: 0.2}
	f := figure.Weaknesses(figure.Group{Name: "sft", Rates: []figure.Rate{one}}, figure.Group{Name: "gated", Rates: []figure.Rate{two, one}})
	assert.Equal(t, [][]any{{25., 0., 10., 50., "3 of 12"}}, drawn(t, f, "sft"))
	assert.Equal(t, [][]any{{8.333333, 1., 0., 20., "1 of 12"}, {25., 0., 10., 50., "3 of 12"}}, drawn(t, f, "gated"))
	assert.Contains(t, f.Caption, "n = 12 at most")
}

func TestFlowLosesNoProblem(t *testing.T) {
	f := figure.Flow("sft", "gated", flows)
	o, err := f.Option()
	require.NoError(t, err)
	total, ends := 0, []string{}
	chart.Each(o, "series", func(_ int, s map[string]any) {
		chart.Each(s, "links", func(_ int, l map[string]any) { total += l["value"].(int) })
		chart.Each(s, "data", func(_ int, n map[string]any) { ends = append(ends, n["text"].(string)) })
	})
	assert.Equal(t, 96, total)
	assert.Equal(t, []string{"passes all  16", "passes a test  16", "prints  33", "parses  19", "does not parse  12", "passes all  26", "passes a test  19", "prints  33", "parses  12", "does not parse  6"}, ends)
	assert.Contains(t, f.Caption, "n = 96 problems, one greedy program each: 34 got further under gated than under sft, 6 less far, 56 as far")
}

func TestFailuresAddUp(t *testing.T) {
	f := figure.Failures(classes, []figure.Count{{Name: "a", N: []int{1, 0, 2, 0, 1}}, {Name: "b", N: []int{4, 0, 4, 0, 0}}})
	values := drawn(t, f, "share")
	sums := map[any]float64{}
	for _, v := range values {
		sums[v[0]] += v[2].(float64)
	}
	assert.Equal(t, map[any]float64{0.: 100, 1.: 100}, sums)
	assert.Len(t, values, 6, "classes without a program are left out")
	assert.Equal(t, []any{0., 0., 25., "25.0"}, values[0])
	assert.Contains(t, f.Caption, "n = 4 to 8 programs")
}

func ExampleForest() {
	f := figure.Forest("sft", figure.Contrast{Name: "correct secure", Rows: []figure.Difference{{Name: "gated last", Estimate: 0.052, Low: 0.026, High: 0.083, N: 96}}})
	fmt.Println(f.Alt)
	fmt.Println(f.Width, f.Fit(chart.Column).Width, strings.Contains(f.Caption, "n = 96"))
	// Output:
	// Differences from sft in points. correct secure, gated last: +5.2 [+2.6, +8.3].
	// 672 320 true
}
