package figure_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/chart"
	"securecoderl/securerl/chart/ssr"
	"securecoderl/securerl/figure"
	"securecoderl/securerl/runlog"
)

var update = flag.Bool("update", false, "write testdata/figure again")

const golden = "../../testdata/figure"

func same(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join(golden, name)
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Truef(t, bytes.Equal(want, got), "%s differs; look at the new one, then run the test with -update", path)
}

func TestFiguresLookAsTheyDid(t *testing.T) {
	for _, f := range all() {
		svg, err := ssr.Render(f)
		require.NoError(t, err, f.Name)
		same(t, f.Name+".svg", svg)
		column := f.Fit(chart.Column)
		svg, err = ssr.Render(column)
		require.NoError(t, err, f.Name)
		if column.Width <= chart.Column {
			same(t, f.Name+"-column.svg", svg)
		}
		readable(t, f.Name, svg)
	}
}

// TestFiguresFitAColumn: all but tables with many columns do, with the same numbers.
func TestFiguresFitAColumn(t *testing.T) {
	for _, f := range all() {
		c := f.Fit(chart.Column)
		assert.Equal(t, chart.Column, c.Width, f.Name)
		assert.LessOrEqual(t, f.Width, chart.Page, f.Name)
		assert.Equal(t, f.Rows, c.Rows, f.Name)
		assert.Equal(t, f.Caption, c.Caption, f.Name)
		assert.Equal(t, f.Height, c.Fit(chart.Page).Height, f.Name)
	}
	many := make([]string, 20)
	wide := figure.Ladder(many, []string{"p"}, make([][]float64, 20)).Fit(chart.Column)
	assert.Greater(t, wide.Width, chart.Column, "a figure that needs more room says so")
}

var words = regexp.MustCompile(`font-size[:=]"?([0-9.]+)`)

// readable: nothing is printed smaller than journals accept, but for the digits inside
// marks, which the legend repeats.
func readable(t *testing.T, name string, svg []byte) {
	t.Helper()
	for _, m := range words.FindAllStringSubmatch(string(svg), -1) {
		size, err := strconv.ParseFloat(m[1], 64)
		require.NoError(t, err)
		assert.True(t, size >= chart.SmallSize || size == 9 && (name == "plane" || name == "pareto"), "%s: %v px", name, size)
	}
}

func TestEveryFigureSaysWhatItShows(t *testing.T) {
	for _, f := range all() {
		o, err := f.Option()
		require.NoError(t, err)
		assert.NotEmpty(t, f.Caption, f.Name)
		assert.NotEmpty(t, f.Alt, f.Name)
		assert.NotEmpty(t, f.Title, f.Name)
		assert.Regexp(t, `^[a-z0-9-]+$`, f.Name)
		assert.LessOrEqual(t, f.Width, 800, f.Name)
		for _, row := range f.Rows {
			assert.Len(t, row, len(f.Columns), f.Name)
		}
		chart.Each(o, "xAxis", func(_ int, a map[string]any) {
			assert.Contains(t, a["axisLabel"], "lineHeight", f.Name)
		})
		chart.Each(o, "series", func(_ int, s map[string]any) {
			if s["type"] == "custom" && len(f.Rows) > 0 {
				assert.IsType(t, chart.JS(""), s["renderItem"], "%s: series %v draws nothing", f.Name, s["name"])
			}
		})
	}
}

// TestTheTableHoldsWhatIsDrawn adds the shares of a step back to one.
func TestTheTableHoldsWhatIsDrawn(t *testing.T) {
	f := figure.Stages(points(1), "gated")
	require.Len(t, f.Rows, 6*24)
	o, err := f.Option()
	require.NoError(t, err)
	sums := map[string]float64{}
	chart.Each(o, "series", func(_ int, s map[string]any) {
		for _, d := range s["data"].([]any) {
			v := d.(map[string]any)["value"].([]any)
			sums[v[0].(string)] += v[1].(float64)
		}
	})
	require.Len(t, sums, 24)
	for step, sum := range sums {
		assert.InDelta(t, 100, sum, 1e-3, step)
	}
}

func TestSeedsBecomeMeanAndRange(t *testing.T) {
	var list []runlog.Point
	for seed, x := range []float64{0.1, 0.4, 0.7} {
		for step := 1; step <= 2; step++ {
			list = append(list, runlog.Point{Phase: "ppo", Variant: "a", Seed: uint64(seed), Step: step, Values: map[string]float64{"passed": x}})
		}
	}
	list = append(list,
		runlog.Point{Phase: "sft", Variant: "a", Step: 1, Values: map[string]float64{"passed": 9}},
		runlog.Point{Phase: "ppo", Variant: "a", Step: 1, Seed: 9, Values: map[string]float64{"passed": math.NaN()}})
	f := figure.Curves(list, "passed", "a")
	assert.Equal(t, []string{"a", "passed", "1", "0.4", "0.1", "0.7", "3"}, f.Rows[0])
	assert.Contains(t, f.Caption, "Mean over 3 seeds.")
	assert.Contains(t, f.Caption, "Bands run from the lowest to the highest seed.")
	assert.Contains(t, figure.Curves(list[:2], "passed", "a").Caption, "One seed")
}

func TestCollapseFollowsItsRule(t *testing.T) {
	line := func(reward0, reward1, passed0, passed1 float64) (list []runlog.Point) {
		for step := range 8 {
			x := float64(step) / 7
			if step < 2 { // the first quarter
				x = 0
			} else if step > 5 { // the last
				x = 1
			}
			list = append(list, runlog.Point{Phase: "ppo", Variant: "v", Step: step, Values: map[string]float64{
				"reward": reward0 + x*(reward1-reward0), "passed": passed0 + x*(passed1-passed0)}})
		}
		return list
	}
	for _, tt := range []struct {
		name                               string
		reward0, reward1, passed0, passed1 float64
		want                               bool
	}{
		{"reward up, passed down", 0.4, 0.7, 0.2, 0.01, true},
		{"both up", 0.4, 0.7, 0.2, 0.3, false},
		{"passed down to exactly half", 0.4, 0.7, 0.2, 0.1, false},
		{"reward up too little", 0.4, 0.44, 0.2, 0, false},
		{"nothing ever passed", 0.4, 0.7, 0, 0, false},
		{"both down", 0.7, 0.4, 0.2, 0, false},
	} {
		list := line(tt.reward0, tt.reward1, tt.passed0, tt.passed1)
		got, known := figure.Collapsed(list, "v")
		assert.True(t, known)
		assert.Equal(t, tt.want, got, tt.name)
		f := figure.Collapse(list, "v")
		assert.Equal(t, tt.want, strings.Contains(f.Caption, "Here it was hacked"), tt.name)
		assert.Equal(t, !tt.want, strings.Contains(f.Caption, "was not hacked"), tt.name)
		assert.Contains(t, f.Caption, "Rule, fixed beforehand")
	}
	_, known := figure.Collapsed(line(0, 1, 1, 0)[:1], "v")
	assert.False(t, known)
	assert.Contains(t, figure.Collapse(nil, "v").Title, "no data")
}

func TestFiguresWithoutDataAreDrawn(t *testing.T) {
	for _, f := range []chart.Figure{
		figure.Results("x", "", nil, nil), figure.Plane("", nil), figure.Ladder(nil, nil, nil), figure.Stages(nil, "v"),
		figure.Components(nil, "v"), figure.Dynamics(nil, "v"), figure.Dynamics(nil), figure.Collapse(nil, "v"), figure.Curves(nil, "passed"),
		figure.Quadrants(), figure.Pareto(), figure.Forest("sft"), figure.Weaknesses(), figure.Flow("a", "b", nil), figure.Failures(nil, nil),
		figure.Quadrants(figure.Quadrant{Name: "a"}), figure.Failures(classes, []figure.Count{{Name: "a", N: make([]int, 5)}}),
	} {
		svg, err := ssr.Render(f)
		require.NoError(t, err, f.Name)
		assert.Contains(t, string(svg), "(no data)", f.Name)
		_, err = ssr.Render(f.Fit(chart.Column))
		require.NoError(t, err, f.Name)
	}
}

func TestOneStepIsEnough(t *testing.T) {
	one := points(1)[:1]
	for _, f := range []chart.Figure{figure.Curves(one, "passed", "simple"), figure.Stages(one, "simple"), figure.Dynamics(one, "simple"), figure.Collapse(one, "simple")} {
		_, err := ssr.Render(f)
		require.NoError(t, err, f.Name)
		assert.NotEmpty(t, f.Rows)
	}
}

type hostile struct{ Name, Text string }

func hostileTexts(t *testing.T) (list []hostile) {
	b, err := os.ReadFile("../../testdata/hostile-text/hostile.jsonl")
	require.NoError(t, err)
	for d := json.NewDecoder(bytes.NewReader(b)); d.More(); {
		var h hostile
		require.NoError(t, d.Decode(&h))
		list = append(list, h)
	}
	return append(list, hostile{"no UTF-8", "\xff\xfe<b>\xc3("})
}
