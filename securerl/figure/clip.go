package figure

import (
	"fmt"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"securecoderl/securerl/chart"
)

// Clip draws the objective that PPO maximizes for one token, over the ratio of its new
// probability to the old one: a token of advantage +1, which should become likelier, and
// one of -1. eps, in (0, 1), is how far the ratio may move before there is no gradient.
// Source: Schulman et al. 2017, figure 1 (arXiv:1707.06347).
func Clip(eps float64) chart.Figure {
	return sized(func(width int) chart.Figure { return clip(width, eps) })
}

func clip(width int, eps float64) chart.Figure {
	const steps = 100 // of the ratio, from 0 to 2
	f := chart.Figure{Name: "clip", Title: "The clipped objective of one token", Width: width, Height: fit(width, 280, 230),
		Caption: fmt.Sprintf("min(r A, clip(r, %g, %g) A). Where a line is flat there is no gradient: a good token is not pushed beyond %[2]g, a bad one not below %[1]g. The way back stays open.", chart.Round(1-eps), chart.Round(1+eps)),
		Alt:     fmt.Sprintf("Two lines over the ratio from 0 to 2. For advantage +1 it rises and is flat from %g on; for advantage -1 it is flat up to %g and falls from there.", chart.Round(1+eps), chart.Round(1-eps)),
		Columns: []string{"ratio", "advantage", "objective"}}
	c := charts.NewLine()
	names, objective := []string{"A = +1", "A = -1"}, []float64{}
	for i, a := range []float64{1, -1} {
		var data []opts.LineData
		for k := range steps + 1 {
			r := 2 * float64(k) / steps
			y := chart.Round(min(r*a, min(max(r, 1-eps), 1+eps)*a))
			data, objective = append(data, opts.LineData{Value: []float64{r, y}}), append(objective, y)
			f.Rows = append(f.Rows, []string{number(r), names[i][4:], number(y)})
		}
		c.AddSeries(names[i], data, charts.WithLineChartOpts(opts.LineChart{ShowSymbol: opts.Bool(false)}),
			charts.WithItemStyleOpts(opts.ItemStyle{Color: chart.Palette[i]}), charts.WithLineStyleOpts(opts.LineStyle{Color: chart.Palette[i], Width: 2, Type: chart.Dashes[i]}))
	}
	f.Chart = c
	f.Patch = func(o map[string]any) {
		x := object{"type": "value", "name": "ratio", "min": 0, "max": 2, "interval": 0.5, "splitLine": object{"show": false}}
		chart.Layout(o, chart.Plot{Left: fit(width, 56, 46), Top: f.Head() + 11, Right: 18 + chart.Room(names), Bottom: 40, X: x, Y: chart.ValueAxis("objective", objective...)})
		chart.Each(o, "series", func(i int, s object) {
			s["endLabel"] = object{"show": true, "formatter": "{a}", "color": chart.Dark[i], "fontSize": chart.SmallSize}
		})
	}
	return f
}
