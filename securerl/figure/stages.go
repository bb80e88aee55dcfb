package figure

import (
	"fmt"
	"strings"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"securecoderl/securerl/chart"
	"securecoderl/securerl/runlog"
)

// StageNames are the six stages of judge.Stage, for readers.
var StageNames = []string{"does not parse", "parses", "runs", "prints", "passes a test", "passes all"}

// Stages draws how far the samples of one variant get, iteration by iteration: the
// share at each of the six stages, stacked.
func Stages(points []runlog.Point, variant string) chart.Figure {
	return sized(func(width int) chart.Figure { return stages(width, points, variant) })
}

func stages(width int, points []runlog.Point, variant string) chart.Figure {
	name := chart.Short(variant, 24)
	f := chart.Figure{Name: "stages-" + chart.Slug(variant), Title: "How far the programs get: " + name, Width: width, Height: 290}
	b := charts.NewBar()
	var tracks []track
	var parts []string
	for k, stage := range StageNames {
		key := fmt.Sprintf("stage_%d", k)
		t := collect(points, variant, key, 100)
		tracks = append(tracks, t)
		table(&f, variant, key, collect(points, variant, key, 1))
		var data []opts.BarData
		for i, s := range t.steps {
			data = append(data, opts.BarData{Value: []any{fmt.Sprint(s), t.mean[i]}})
		}
		b.AddSeries(stage, data, charts.WithBarChartOpts(opts.BarChart{Stack: "stages", BarCategoryGap: "6%"}),
			charts.WithItemStyleOpts(opts.ItemStyle{Color: chart.Stages[k], BorderColor: chart.Surface, BorderWidth: 0.5}))
		if first, last, _, ok := t.ends(); ok {
			parts = append(parts, fmt.Sprintf("%s %.0f\u00a0%% to %.0f\u00a0%%", stage, first, last))
		}
	}
	f.Caption = "Share of the samples whose highest stage on the public tests is this one. " + over(tracks...)
	f.Alt = f.Title + "."
	if len(parts) > 0 {
		text := " First to last quarter of the iterations: " + strings.Join(parts, ", ") + "."
		f.Caption, f.Alt = f.Caption+text, f.Alt+text
	}
	f.Chart = b
	legend, rows := chart.Legend(StageNames, 22, width)
	legend["itemWidth"] = 12
	f.Patch = func(o map[string]any) {
		x := object{"type": "category", "name": "iteration", "data": categories(tracks)}
		chart.Layout(o, chart.Plot{Left: fit(width, 56, 46), Top: f.Head() + rows + 17, Right: 16, Bottom: 40, X: x, Y: chart.ValueAxis("share of samples, %", 100)})
		o["legend"] = legend
	}
	finish(&f)
	return f
}

// categories are the steps that any track has, in order.
func categories(tracks []track) (names []string) {
	first, last := stepsOf(tracks)
	has := map[int]bool{}
	for _, t := range tracks {
		for _, s := range t.steps {
			has[s] = true
		}
	}
	for s := first; s <= last; s++ {
		if has[s] {
			names = append(names, fmt.Sprint(s))
		}
	}
	return names
}
