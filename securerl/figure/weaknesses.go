package figure

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"securecoderl/securerl/chart"
)

// Group is a policy with its rates, one per kind of weakness; Rate.Name is the kind.
type Group struct {
	Name  string
	Rates []Rate
}

// groupColours tell the bars of up to three policies apart, in grey too.
var groupColours = []string{"#999999", chart.Blue, chart.Orange}

// Weaknesses draws how often each kind of weakness is found, a bar with its interval
// per policy (three at most) and the counts at the right.
func Weaknesses(groups ...Group) chart.Figure {
	return sized(func(width int) chart.Figure { return weaknesses(width, groups) })
}

func weaknesses(width int, groups []Group) chart.Figure {
	groups = groups[:min(len(groups), len(groupColours))]
	f := chart.Figure{Name: "weaknesses", Title: "Findings by kind of weakness", Width: width,
		Columns: []string{"policy", "weakness", "k", "n", "rate", "low", "high"}}
	f.Alt = f.Title + "."
	var kinds, rows, legendNames []string
	for _, g := range groups {
		legendNames = append(legendNames, chart.Short(g.Name, 20))
		for _, r := range g.Rates {
			if !slices.Contains(kinds, r.Name) {
				kinds, rows = append(kinds, r.Name), append(rows, kindName(r.Name, width))
			}
		}
	}
	c := charts.NewCustom()
	high, largest := 0.0, 0
	for i, g := range groups {
		data := [][]any{}
		for _, r := range g.Rates {
			data = append(data, []any{share(r.Estimate), slices.Index(kinds, r.Name), share(r.Low), share(r.High), fmt.Sprintf("%d of %d", r.K, r.N)})
			f.Rows = append(f.Rows, []string{g.Name, r.Name, fmt.Sprint(r.K), fmt.Sprint(r.N), number(r.Estimate), number(r.Low), number(r.High)})
			f.Alt += fmt.Sprintf(" %s, %s: %s (%s to %s, %d of %d).", chart.Short(r.Name, 40), legendNames[i], percent(r.Estimate), percent(r.Low), percent(r.High), r.K, r.N)
			high, largest = max(high, 100*r.High), max(largest, r.N)
		}
		c.Overlap(chart.Custom(legendNames[i], data, 0))
	}
	each := max(15*max(1, len(groups)), 12*(1+strings.Count(strings.Join(rows, ""), "\n")/max(1, len(rows)))) + 8
	legend, room := chart.Legend(legendNames, 24, width)
	f.Height = 19 + room + 50 + each*max(1, len(kinds))
	f.Caption = fmt.Sprintf("Share of the programs with a finding of MEDIUM or more of this kind, with 95\u00a0%% intervals (percentile bootstrap over problems); k of n programs at the right, n = %d at most. "+
		"A kind that no program shows is not listed; what the scanner does not see is not here.", largest)
	f.Chart = c
	f.Patch = func(o map[string]any) {
		left, right := 26+widestLine(rows), 68
		y := chart.CategoryAxis(rows)
		y["inverse"] = true
		chart.Layout(o, chart.Plot{Left: left, Top: f.Head() + room + 9, Right: right, Bottom: 40, X: spaced(chart.ValueAxis("share of programs, %", high), width-left-right), Y: y})
		o["legend"] = legend
		for i, name := range legendNames {
			drawBars(o, name, i, len(groups))
		}
	}
	finish(&f)
	return f
}

// kindName is the name of a weakness in one line, or in two where there is little room.
func kindName(name string, width int) string {
	if narrow(width) {
		return chart.Wrap(chart.Short(name, 36), 18)
	}
	return chart.Short(name, 40)
}

// drawBars draws the bars of group i of n: data [x, row, low, high, counts].
func drawBars(o object, name string, i, n int) {
	chart.Drawer(o, name, 2, fmt.Sprintf(`function(p, api) {
  var z = api.coord([0, api.value(1)]), e = api.coord([api.value(0), 0])[0], y = z[1] + 15 * (%d - (%d - 1) / 2);
  var l = api.coord([api.value(2), 0])[0], h = api.coord([api.value(3), 0])[0], s = {stroke: %q, lineWidth: 1.2};
  return {type: 'group', children: [
    {type: 'rect', shape: {x: z[0], y: y - 6, width: e - z[0], height: 12}, style: {fill: %q}},
    {type: 'line', shape: {x1: l, y1: y, x2: h, y2: y}, style: s},
    {type: 'line', shape: {x1: l, y1: y - 3, x2: l, y2: y + 3}, style: s},
    {type: 'line', shape: {x1: h, y1: y - 3, x2: h, y2: y + 3}, style: s},
    {type: 'text', style: {text: api.value(4), x: p.coordSys.x + p.coordSys.width + 8, y: y, verticalAlign: 'middle', %s}}]};
}`, i, n, chart.Ink, groupColours[i], chart.Words(chart.Ink)))
	chart.Each(o, "series", func(_ int, s object) {
		if s["name"] == name {
			s["encode"] = object{"x": []int{0, 2, 3}, "y": 1}
			s["dimensions"] = []any{nil, nil, nil, nil, object{"name": "text", "type": "ordinal"}}
			s["itemStyle"] = opts.ItemStyle{Color: groupColours[i]}
		}
	})
}
