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
	f := chart.Figure{Name: "results-" + slug(what), Title: "Held-out problems: " + short(what, 60), Width: chart.Page, Height: 92 + 24*max(1, len(sampled)),
		Columns: []string{"policy", "decoding", "k", "n", "rate", "low", "high"}}
	var names []string
	var high float64
	for _, r := range sampled {
		names = append(names, short(r.Name, 20))
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
			data = append(data, []any{round(100 * r.Estimate), row, round(100 * r.Low), round(100 * r.High), fmt.Sprintf("%.1f", 100*r.Estimate)})
			f.Rows = append(f.Rows, []string{r.Name, p.name, fmt.Sprint(r.K), fmt.Sprint(r.N), number(r.Estimate), number(r.Low), number(r.High)})
			high = max(high, 100*r.High)
			if r.Name == reference {
				at[i] = round(100 * r.Estimate)
			}
			parts += fmt.Sprintf(" %s, %s: %s (%s to %s, n=%d).", short(r.Name, 20), p.name, percent(r.Estimate), percent(r.Low), percent(r.High), r.N)
		}
		c.Overlap(custom(p.name, data, i))
	}
	f.Caption = "Share of the programs, with 95\u00a0% intervals; left sampled at a temperature, right greedy, one program per problem. The dashed line stands at " + short(reference, 20) + ". Intervals that overlap do not settle a comparison; the table of paired differences does."
	f.Alt = f.Title + "." + parts
	f.Chart = c
	f.Patch = func(o map[string]any) { dots(o, names, []string{"sampled", "greedy"}, at, high) }
	finish(&f)
	return f
}

// dots lays out one panel of Results per way of decoding; at is where its reference
// stands, or -1.
func dots(o object, names, panels []string, at []float64, high float64) {
	left := 20 + longest(names)
	width := (chart.Page - left - 2*52) / 2
	var plots []plot
	for i, panel := range panels {
		y := object{"type": "category", "data": names, "inverse": true, "axisTick": object{"show": false}, "axisLabel": object{"show": i == 0}}
		plots = append(plots, plot{left: left + i*(width+52), top: 34, width: width, bottom: 40, x: valueAxis(panel+", %", high), y: y})
	}
	layout(o, plots...)
	for i, panel := range panels {
		drawer(o, panel, 3, whisker([]string{chart.Blue, chart.Red}[i]))
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
	f := chart.Figure{Name: "plane", Title: "Function and security", Width: 600, Height: 400,
		Columns: []string{"policy", "passed", "passed_low", "passed_high", "flagged_of_parsed", "flagged_low", "flagged_high"}}
	f.Caption = "Held-out problems. Right: more programs pass all tests. Down: fewer of the programs that parse carry a finding of MEDIUM or more. Crosses are 95\u00a0% intervals; arrows start at " + short(from, 20) + "."
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
		x, y := round(100*p.Passed.Estimate), round(100*p.Flagged.Estimate)
		names = append(names, fmt.Sprintf("%d  %s", i+1, short(p.Name, 20)))
		s.AddSeries(names[i], []opts.ScatterData{{Value: []any{x, y, i + 1}, SymbolSize: 15}}, charts.WithItemStyleOpts(opts.ItemStyle{Color: chart.Dark[i%len(chart.Dark)]}))
		s.Overlap(custom("cross", [][]any{{x, y, round(100 * p.Passed.Low), round(100 * p.Passed.High), round(100 * p.Flagged.Low), round(100 * p.Flagged.High), i % len(chart.Palette)}}, 0))
		if start != nil && p.Name != from {
			arrows = append(arrows, []any{x, y, round(100 * start.Passed.Estimate), round(100 * start.Flagged.Estimate)})
		}
		right, top = max(right, 100*p.Passed.High), max(top, 100*p.Flagged.High)
		f.Rows = append(f.Rows, []string{p.Name, number(p.Passed.Estimate), number(p.Passed.Low), number(p.Passed.High), number(p.Flagged.Estimate), number(p.Flagged.Low), number(p.Flagged.High)})
		f.Alt += fmt.Sprintf(" %s: %s pass, %s of those that parse are flagged.", short(p.Name, 20), percent(p.Passed.Estimate), percent(p.Flagged.Estimate))
	}
	s.Overlap(custom("arrows", arrows, 0))
	f.Chart = s
	f.Patch = func(o map[string]any) {
		layout(o, plot{left: 56, top: 34, right: 44 + longest(names), bottom: 40,
			x: valueAxis("pass all tests, %", right), y: valueAxis("flagged of those that parse, %", top)})
		o["legend"] = object{"data": names, "orient": "vertical", "right": 8, "top": 34, "itemWidth": 10, "itemHeight": 10, "itemGap": 6}
		plane(o)
	}
	finish(&f)
	return f
}

func plane(o object) {
	drawer(o, "cross", 1, fmt.Sprintf(`function(p, api) {
  var c = api.coord([api.value(0), api.value(1)]), l = api.coord([api.value(2), 0])[0], r = api.coord([api.value(3), 0])[0];
  var b = api.coord([0, api.value(4)])[1], t = api.coord([0, api.value(5)])[1], s = {stroke: %s[api.value(6)], lineWidth: 1, opacity: 0.6};
  return {type: 'group', children: [
    {type: 'line', shape: {x1: l, y1: c[1], x2: r, y2: c[1]}, style: s}, {type: 'line', shape: {x1: c[0], y1: b, x2: c[0], y2: t}, style: s}]};
}`, js(chart.Palette)))
	drawer(o, "arrows", 2, fmt.Sprintf(`function(p, api) {
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
