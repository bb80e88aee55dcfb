package figure

import (
	"fmt"
	"slices"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"securecoderl/securerl/chart"
)

// Results draws one rate of every policy with its interval, sampled at the left and
// greedy at the right, on one scale. A dashed line goes up from the policy named
// reference. The policies stand in the order of sampled; greedy is matched by name.
func Results(what, reference string, sampled, greedy []Rate) chart.Figure {
	return sized(func(width int) chart.Figure { return results(width, what, reference, sampled, greedy) })
}

func results(width int, what, reference string, sampled, greedy []Rate) chart.Figure {
	f := chart.Figure{Name: "results-" + chart.Slug(what), Title: "Held-out problems: " + chart.Short(what, 60), Width: width, Height: 92 + 24*max(1, len(sampled)),
		Columns: []string{"policy", "decoding", "k", "n", "rate", "low", "high"}}
	var names []string
	var high float64
	for _, r := range sampled {
		names = append(names, chart.Short(r.Name, fit(width, 20, 16)))
	}
	if narrow(width) {
		f.Height = 34 + 2*panelHeight(len(names))
	}
	c := charts.NewCustom()
	panels := []struct {
		name  string
		rates []Rate
	}{{"sampled", sampled}, {"greedy", greedy}}
	at := make([]float64, len(panels))
	var parts string
	for i, p := range panels {
		at[i] = -1
		var data [][]any
		for _, r := range p.rates {
			row := slices.IndexFunc(sampled, func(s Rate) bool { return s.Name == r.Name })
			if row < 0 {
				continue
			}
			data = append(data, []any{chart.Round(100 * r.Estimate), row, chart.Round(100 * r.Low), chart.Round(100 * r.High), fmt.Sprintf("%.1f", 100*r.Estimate)})
			f.Rows = append(f.Rows, []string{r.Name, p.name, fmt.Sprint(r.K), fmt.Sprint(r.N), number(r.Estimate), number(r.Low), number(r.High)})
			high = max(high, 100*r.High)
			if r.Name == reference {
				at[i] = chart.Round(100 * r.Estimate)
			}
			parts += fmt.Sprintf(" %s, %s: %s (%s to %s, n=%d).", chart.Short(r.Name, 20), p.name, percent(r.Estimate), percent(r.Low), percent(r.High), r.N)
		}
		c.Overlap(chart.Custom(p.name, data, i))
	}
	f.Caption = "Share of the programs, with 95\u00a0% intervals; left sampled at a temperature, right greedy, one program per problem. The dashed line stands at " + chart.Short(reference, 20) + ". Intervals that overlap do not settle a comparison; the table of paired differences does."
	f.Alt = f.Title + "." + parts
	f.Chart = c
	f.Patch = func(o map[string]any) { dots(o, f, names, []string{"sampled", "greedy"}, at, high) }
	finish(&f)
	return f
}

// panelHeight is that of one panel with so many rows, its axis included, in a column.
func panelHeight(rows int) int { return 20*max(1, rows) + 52 }

// dots lays out one panel of Results per way of decoding; at is where its reference
// stands, or -1.
func dots(o object, f chart.Figure, names, panels []string, at []float64, high float64) {
	left := 20 + chart.Room(names)
	width := (f.Width - left - 2*52) / 2
	var plots []chart.Plot
	for i, panel := range panels {
		y := object{"type": "category", "data": names, "inverse": true, "axisTick": object{"show": false}, "axisLabel": object{"show": i == 0 || narrow(f.Width), "interval": 0}}
		p := chart.Plot{Left: left + i*(width+52), Top: f.Head() + 15, Width: width, Bottom: 40, X: chart.ValueAxis(panel+", %", high), Y: y}
		if narrow(f.Width) {
			p.Left, p.Width, p.Right = left, 0, 44
			p.Top, p.Height = f.Head()+8+i*panelHeight(len(names)), 20*max(1, len(names))
		}
		plots = append(plots, p)
	}
	chart.Layout(o, plots...)
	for i, panel := range panels {
		chart.Drawer(o, panel, 3, chart.Whisker([]string{chart.Blue, chart.Red}[i]))
	}
	chart.Each(o, "series", func(i int, s object) {
		s["encode"] = object{"x": []int{0, 2, 3}, "y": 1}
		s["dimensions"] = []any{nil, nil, nil, nil, object{"name": "text", "type": "ordinal"}}
		if at[i] >= 0 {
			s["markLine"] = object{"silent": true, "symbol": "none", "label": object{"show": false}, "data": []any{object{"xAxis": at[i]}},
				"lineStyle": object{"color": chart.Grey, "type": "dashed", "width": 1}}
		}
	})
}

// Place is where a policy stands in the plane of function and security.
type Place struct {
	Name    string
	Passed  Rate // of all programs, those that pass every test
	Flagged Rate // of those that parse, those with a finding of MEDIUM or more
}

// Plane draws the policies in the plane of function (to the right is better) and
// findings (down is better), with an arrow from the policy named from to each other.
func Plane(from string, places []Place) chart.Figure {
	return sized(func(width int) chart.Figure { return drawPlane(min(width, 600), from, places) })
}

func drawPlane(width int, from string, places []Place) chart.Figure {
	f := chart.Figure{Name: "plane", Title: "Function and security", Width: width, Height: 400,
		Columns: []string{"policy", "passed", "passed_low", "passed_high", "flagged_of_parsed", "flagged_low", "flagged_high"}}
	f.Caption = "Held-out problems. Right: more programs pass all tests. Down: fewer of the programs that parse carry a finding of MEDIUM or more. Crosses are 95\u00a0% intervals; arrows start at " + chart.Short(from, 20) + "."
	f.Alt = f.Title + "."
	s := charts.NewScatter()
	var right, top float64
	var start *Place
	for i := range places {
		if places[i].Name == from {
			start = &places[i]
		}
	}
	var names []string
	arrows := [][]any{}
	for i, p := range places {
		x, y := chart.Round(100*p.Passed.Estimate), chart.Round(100*p.Flagged.Estimate)
		names = append(names, fmt.Sprintf("%d  %s", i+1, chart.Short(p.Name, 20)))
		s.AddSeries(names[i], []opts.ScatterData{{Value: []any{x, y, i + 1}, SymbolSize: 15}}, charts.WithItemStyleOpts(opts.ItemStyle{Color: chart.Dark[i%len(chart.Dark)]}))
		s.Overlap(chart.Custom("cross", [][]any{{x, y, chart.Round(100 * p.Passed.Low), chart.Round(100 * p.Passed.High), chart.Round(100 * p.Flagged.Low), chart.Round(100 * p.Flagged.High), i % len(chart.Palette)}}, 0))
		if start != nil && p.Name != from {
			arrows = append(arrows, []any{x, y, chart.Round(100 * start.Passed.Estimate), chart.Round(100 * start.Flagged.Estimate)})
		}
		right, top = max(right, 100*p.Passed.High), max(top, 100*p.Flagged.High)
		f.Rows = append(f.Rows, []string{p.Name, number(p.Passed.Estimate), number(p.Passed.Low), number(p.Passed.High), number(p.Flagged.Estimate), number(p.Flagged.Low), number(p.Flagged.High)})
		f.Alt += fmt.Sprintf(" %s: %s pass, %s of those that parse are flagged.", chart.Short(p.Name, 20), percent(p.Passed.Estimate), percent(p.Flagged.Estimate))
	}
	s.Overlap(chart.Custom("arrows", arrows, 0))
	f.Chart = s
	legend, room := beside(names, width)
	f.Patch = func(o map[string]any) {
		chart.Layout(o, chart.Plot{Left: fit(width, 56, 44), Top: f.Head() + 15 + room.top, Right: room.right, Bottom: 40,
			X: chart.ValueAxis("pass all tests, %", right), Y: chart.ValueAxis("flagged of those that parse, %", top)})
		o["legend"] = legend
		plane(o)
	}
	finish(&f)
	return f
}

// beside is a legend at the right of a plot, or above it in a column, and the room to
// leave for it.
func beside(names []string, width int) (legend object, room struct{ top, right int }) {
	if narrow(width) {
		legend, room.top = chart.Legend(names, 24, width)
		room.right = 16
		legend["itemWidth"], legend["itemHeight"] = 10, 10
		return legend, room
	}
	room.right = 52 + chart.Room(names)
	return object{"data": names, "orient": "vertical", "left": width - room.right + 20, "top": 34, "itemWidth": 10, "itemHeight": 10, "itemGap": 6}, room
}

func plane(o object) {
	chart.Drawer(o, "cross", 1, fmt.Sprintf(`function(p, api) {
  var c = api.coord([api.value(0), api.value(1)]), l = api.coord([api.value(2), 0])[0], r = api.coord([api.value(3), 0])[0];
  var b = api.coord([0, api.value(4)])[1], t = api.coord([0, api.value(5)])[1], s = {stroke: %s[api.value(6)], lineWidth: 1, opacity: 0.6};
  return {type: 'group', children: [
    {type: 'line', shape: {x1: l, y1: c[1], x2: r, y2: c[1]}, style: s}, {type: 'line', shape: {x1: c[0], y1: b, x2: c[0], y2: t}, style: s}]};
}`, chart.Literal(chart.Palette)))
	chart.Drawer(o, "arrows", 2, fmt.Sprintf(`function(p, api) {
  var e = api.coord([api.value(0), api.value(1)]), s = api.coord([api.value(2), api.value(3)]);
  var dx = e[0] - s[0], dy = e[1] - s[1], n = Math.sqrt(dx * dx + dy * dy);
  if (n < 24) return null;
  var ux = dx / n, uy = dy / n, x = e[0] - 9 * ux, y = e[1] - 9 * uy;
  return {type: 'group', children: [
    {type: 'line', shape: {x1: s[0] + 9 * ux, y1: s[1] + 9 * uy, x2: x - 5 * ux, y2: y - 5 * uy}, style: {stroke: %q, lineWidth: 1}},
    {type: 'polygon', shape: {points: [[x, y], [x - 7 * ux - 3 * uy, y - 7 * uy + 3 * ux], [x - 7 * ux + 3 * uy, y - 7 * uy - 3 * ux]]}, style: {fill: %[1]q}}]};
}`, chart.Grey))
	chart.Each(o, "series", func(_ int, s object) {
		switch s["type"] {
		case "scatter":
			s["z"] = 4
			if style, ok := s["itemStyle"].(object); ok {
				style["borderColor"], style["borderWidth"], style["opacity"] = chart.Surface, 1, 1
			}
			s["label"] = object{"show": true, "position": "inside", "formatter": chart.JS("function(p) { return String(p.value[2]); }"), "color": chart.Surface, "fontSize": 9, "fontWeight": "bold"}
		case "custom":
			s["encode"] = object{"x": 0, "y": 1}
		}
	})
}
