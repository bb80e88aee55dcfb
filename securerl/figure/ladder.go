package figure

import (
	"fmt"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"securecoderl/securerl/chart"
)

// Ladder draws what schemes pay for programs: totals[scheme][program], each in [0, 1].
func Ladder(schemes, programs []string, totals [][]float64) chart.Figure {
	rows := make([]string, len(programs))
	for i, p := range programs {
		rows[i] = short(p, 34)
	}
	columns := make([]string, len(schemes))
	for i, s := range schemes {
		columns[i] = short(s, 14)
	}
	left := 20 + longest(rows)
	f := chart.Figure{Name: "ladder", Title: "What each scheme pays", Width: max(chart.Page, left+16+78*len(schemes)), Height: 64 + 22*max(1, len(programs)),
		Caption: "Total reward of every scheme for the same programs, from 0 (white) to 1. A scheme invites what it pays too well: look for useless programs in a dark cell.",
		Alt:     "Table of rewards, programs by schemes.", Columns: append([]string{"program"}, schemes...)}
	var data []opts.HeatMapData
	for p, name := range programs {
		row := []string{name}
		for s := range schemes {
			x := 0.0
			if s < len(totals) && p < len(totals[s]) {
				x = totals[s][p]
			}
			data = append(data, opts.HeatMapData{Value: []any{s, p, round(x), fmt.Sprintf("%.2f", x)}})
			row = append(row, number(x))
		}
		f.Rows = append(f.Rows, row)
	}
	h := charts.NewHeatMap()
	h.AddSeries("reward", data, charts.WithItemStyleOpts(opts.ItemStyle{BorderColor: chart.Pale, BorderWidth: 1}))
	f.Chart = h
	f.Patch = func(o map[string]any) {
		quiet := object{"show": false}
		x := object{"type": "category", "data": columns, "position": "top", "axisLine": quiet, "axisTick": quiet, "axisLabel": object{"interval": 0}}
		y := object{"type": "category", "data": rows, "inverse": true, "axisLine": quiet, "axisTick": quiet, "axisLabel": object{"interval": 0}}
		layout(o, plot{left: left, top: 50, right: 12, bottom: 10, x: x, y: y})
		o["visualMap"] = object{"show": false, "min": 0, "max": 1, "dimension": 2, "inRange": object{"color": chart.Sequential}}
		chart.Each(o, "series", func(_ int, s object) {
			s["label"] = object{"show": true, "color": chart.Ink, "fontSize": chart.SmallSize, "formatter": chart.JS("function(p) { return p.value[3]; }")}
		})
	}
	finish(&f)
	return f
}
