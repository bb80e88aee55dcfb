package figure

import (
	"fmt"
	"maps"
	"strings"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"securecoderl/securerl/chart"
)

// Ladder draws what schemes pay for programs: totals[scheme][program], each in [0, 1].
func Ladder(schemes, programs []string, totals [][]float64) chart.Figure {
	return sized(func(width int) chart.Figure { return ladder(width, schemes, programs, totals) })
}

func ladder(width int, schemes, programs []string, totals [][]float64) chart.Figure {
	rows, high := make([]string, len(programs)), 22
	for i, p := range programs {
		rows[i] = chart.Wrap(chart.Short(p, 34), fit(width, 34, 18))
		if strings.Contains(rows[i], "\n") {
			high = 28
		}
	}
	columns := make([]string, len(schemes))
	for i, s := range schemes {
		columns[i] = chart.Short(s, 14)
	}
	x := object{"position": "top"}
	left, head, cell := 20+widestLine(rows), columnHeads(x, columns, width), fit(width, 54, 24)
	f := chart.Figure{Name: "ladder", Title: "What each scheme pays", Width: max(width, left+12+cell*len(schemes)), Height: 34 + head + high*max(1, len(programs)),
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
			data = append(data, opts.HeatMapData{Value: []any{s, p, chart.Round(x), fit(width, fmt.Sprintf("%.2f", x), tight(x))}})
			row = append(row, number(x))
		}
		f.Rows = append(f.Rows, row)
	}
	h := charts.NewHeatMap()
	h.AddSeries("reward", data, charts.WithItemStyleOpts(opts.ItemStyle{BorderColor: chart.Pale, BorderWidth: 1}))
	f.Chart = h
	f.Patch = func(o map[string]any) {
		y := chart.CategoryAxis(rows)
		y["inverse"] = true
		chart.Layout(o, chart.Plot{Left: left, Top: f.Head() + 5 + head, Right: 12, Bottom: 10, X: x, Y: y})
		cells(o, 1)
	}
	finish(&f)
	return f
}

// columnHeads completes the axis x, names columns on it and returns the room the names
// take: broken at hyphens and blanks on a page, upright in a column of a paper.
func columnHeads(x object, names []string, width int) (room int) {
	lines := make([]string, len(names))
	most := 1
	for i, s := range names {
		lines[i] = s
		if !narrow(width) {
			lines[i] = strings.NewReplacer("-", "-\n", " ", "\n").Replace(s)
			most = max(most, 1+strings.Count(lines[i], "\n"))
		}
	}
	maps.Copy(x, chart.CategoryAxis(lines))
	if narrow(width) {
		x["axisLabel"] = object{"interval": 0, "rotate": -90}
		return 8 + chart.Room(names)
	}
	return 8 + (chart.SmallSize+2)*most
}

// cells paints the series of heat maps, whose data are [column, row, value, words],
// from 0 to most.
func cells(o object, most float64) {
	o["visualMap"] = object{"show": false, "min": 0, "max": most, "dimension": 2, "inRange": object{"color": chart.Sequential}}
	chart.Each(o, "series", func(_ int, s object) {
		s["label"] = object{"show": true, "color": chart.Ink, "fontSize": chart.SmallSize, "formatter": chart.JS("function(p) { return p.value[3]; }")}
	})
}

// tight writes a number from 0 to 1 in at most three letters.
func tight(x float64) string {
	s := strings.TrimPrefix(fmt.Sprintf("%.2f", x), "0")
	switch s {
	case ".00":
		return "0"
	case "1.00":
		return "1"
	}
	return s
}
