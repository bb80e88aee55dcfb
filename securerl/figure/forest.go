package figure

import (
	"fmt"
	"math"
	"strings"

	"github.com/go-echarts/go-echarts/v2/charts"

	"securecoderl/securerl/chart"
)

// Difference is how far a policy stands from the reference on one metric, with its
// interval; shares in [-1, 1].
type Difference struct {
	Name                string
	Estimate, Low, High float64
	N                   int // problems, paired
}

// Contrast is a group of differences with a heading, such as one metric.
type Contrast struct {
	Name string
	Rows []Difference
}

// Forest draws differences from a reference with their intervals and writes the
// numbers at the right. A square is filled where the interval excludes 0.
func Forest(reference string, groups ...Contrast) chart.Figure {
	return sized(func(width int) chart.Figure { return forest(width, reference, groups) })
}

func forest(width int, reference string, groups []Contrast) chart.Figure {
	ref := chart.Short(reference, 20)
	f := chart.Figure{Name: "forest", Title: "Differences from " + ref + ", in points", Width: width,
		Columns: []string{"metric", "policy", "difference", "low", "high", "problems"}}
	var names []string
	heads, data, reach := [][]any{}, [][]any{}, []float64{}
	least, most := 0, 0
	for _, g := range groups {
		heads = append(heads, []any{0, len(names), chart.Short(g.Name, 40)})
		names = append(names, "")
		for _, d := range g.Rows {
			names = append(names, chart.Short(d.Name, fit(width, 24, 14)))
			data = append(data, []any{points100(d.Estimate), len(names) - 1, points100(d.Low), points100(d.High), interval(d)})
			reach = append(reach, 100*d.Low, 100*d.High)
			f.Rows = append(f.Rows, []string{g.Name, d.Name, number(d.Estimate), number(d.Low), number(d.High), fmt.Sprint(d.N)})
			if least == 0 || d.N < least {
				least = d.N
			}
			most = max(most, d.N)
		}
	}
	f.Height = 62 + 18*max(1, len(names))
	f.Caption, f.Alt = forestText(ref, least, most, groups)
	c := charts.NewCustom()
	c.Overlap(chart.Custom("difference", data, 0))
	c.Overlap(chart.Custom("heads", heads, 0))
	f.Chart = c
	f.Patch = func(o map[string]any) {
		left, right := 14+chart.Room(names), 122
		y := chart.CategoryAxis(names)
		y["inverse"] = true
		x := spaced(chart.ValueAxis("points", reach...), width-left-right)
		chart.Layout(o, chart.Plot{Left: left, Top: f.Head() + 5, Right: right, Bottom: 38, X: x, Y: y})
		drawForest(o)
	}
	finish(&f)
	return f
}

func points100(x float64) float64 { return chart.Round(100 * x) }

// spaced takes ticks from an axis until their numbers fit into so many pixels.
func spaced(axis object, pixels int) object {
	low, high, ticks := axis["min"].(float64), axis["max"].(float64), axis["interval"].(float64)
	for (high-low)/ticks > float64(max(2, pixels/34)) {
		ticks *= 2
	}
	axis["min"], axis["max"], axis["interval"] = math.Floor(low/ticks+1e-9)*ticks, math.Ceil(high/ticks-1e-9)*ticks, ticks
	return axis
}

// interval writes a difference in points: "+6.1 [+2.0, +10.3]".
func interval(d Difference) string {
	return strings.ReplaceAll(fmt.Sprintf("%+.1f [%+.1f, %+.1f]", 100*d.Estimate, 100*d.Low, 100*d.High), "-", "\u2212")
}

func forestText(ref string, least, most int, groups []Contrast) (caption, alt string) {
	n := fmt.Sprintf("n = %d problems", least)
	if most > least {
		n = fmt.Sprintf("n = %d to %d problems", least, most)
	}
	caption = "Differences from " + ref + " on the same problems, in points, with 95\u00a0% intervals (percentile bootstrap, paired over problems); " + n +
		". A filled square: the interval excludes 0, blue above and red below it. The intervals are not corrected for being several."
	alt = "Differences from " + ref + " in points."
	for _, g := range groups {
		for _, d := range g.Rows {
			alt += fmt.Sprintf(" %s, %s: %s.", chart.Short(g.Name, 40), chart.Short(d.Name, 24), interval(d))
		}
	}
	return caption, alt
}

// drawForest draws data [x, row, low, high, numbers] and the line of no difference.
func drawForest(o object) {
	chart.Drawer(o, "difference", 3, fmt.Sprintf(`function(p, api) {
  var y = api.coord([0, api.value(1)])[1], e = api.coord([api.value(0), 0])[0];
  var l = api.coord([api.value(2), 0])[0], h = api.coord([api.value(3), 0])[0];
  var c = api.value(2) > 0 ? %q : api.value(3) < 0 ? %q : %q, s = {stroke: c, lineWidth: 1.5};
  return {type: 'group', children: [
    {type: 'line', shape: {x1: l, y1: y, x2: h, y2: y}, style: s},
    {type: 'line', shape: {x1: l, y1: y - 3, x2: l, y2: y + 3}, style: s},
    {type: 'line', shape: {x1: h, y1: y - 3, x2: h, y2: y + 3}, style: s},
    {type: 'rect', shape: {x: e - 3.5, y: y - 3.5, width: 7, height: 7}, style: {fill: c === %[3]q ? %q : c, stroke: c, lineWidth: 1.5}},
    {type: 'text', style: {text: api.value(4), x: p.coordSys.x + p.coordSys.width + 8, y: y, verticalAlign: 'middle', %s}}]};
}`, chart.Blue, chart.Red, chart.Grey, chart.Surface, chart.Words(chart.Ink)))
	chart.Drawer(o, "heads", 3, fmt.Sprintf(`function(p, api) {
  return {type: 'text', style: {text: api.value(2), x: 8, y: api.coord([0, api.value(1)])[1], verticalAlign: 'middle', fontWeight: 'bold', %s}};
}`, chart.Words(chart.Ink)))
	chart.Each(o, "series", func(_ int, s object) {
		if s["name"] == "heads" {
			s["encode"], s["dimensions"] = object{"x": 0, "y": 1}, []any{nil, nil, object{"name": "text", "type": "ordinal"}}
			return
		}
		s["encode"] = object{"x": []int{0, 2, 3}, "y": 1}
		s["dimensions"] = []any{nil, nil, nil, nil, object{"name": "text", "type": "ordinal"}}
		s["markLine"] = object{"silent": true, "symbol": "none", "label": object{"show": false}, "data": []any{object{"xAxis": 0}},
			"lineStyle": object{"color": chart.Ink, "type": "solid", "width": 1}}
	})
}
