package figure

import (
	"fmt"
	"strings"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"securecoderl/securerl/chart"
	"securecoderl/securerl/runlog"
)

// lines adds one line per track to a chart, told apart by colour and stroke.
func lines(c *charts.Line, names []string, tracks []track, axis int) {
	for i, t := range tracks {
		var data []opts.LineData
		for _, xy := range t.line() {
			data = append(data, opts.LineData{Value: xy})
		}
		colour := chart.Palette[i%len(chart.Palette)]
		c.AddSeries(names[i], data,
			func(s *charts.SingleSeries) { s.XAxisIndex, s.YAxisIndex = axis, axis },
			charts.WithLineChartOpts(opts.LineChart{ShowSymbol: opts.Bool(len(data) == 1), XAxisIndex: axis, YAxisIndex: axis}),
			charts.WithItemStyleOpts(opts.ItemStyle{Color: colour}),
			charts.WithLineStyleOpts(opts.LineStyle{Color: colour, Width: 2, Type: chart.Dashes[i%len(chart.Dashes)]}))
	}
}

// nameLines writes the names of lines at the right edge, each as near to the end of
// its line as the others leave room, in the dark twins of the colours.
func nameLines(c *charts.Line, names []string, tracks []track) {
	data := [][]any{}
	for i, t := range tracks {
		if n := len(t.mean); n > 0 {
			data = append(data, []any{t.steps[n-1], t.mean[n-1], names[i], i % len(chart.Dark)})
		}
	}
	c.Overlap(chart.Custom("names", data, 0))
}

// drawNames places them in the only plot of a figure of this height, in pixels.
func drawNames(o object, tracks []track, p chart.Plot, height int) {
	top, bottom := float64(p.Top)+4, float64(height-p.Bottom)-2
	low, high := p.Y["min"].(float64), p.Y["max"].(float64)
	var at []float64
	for _, t := range tracks {
		if n := len(t.mean); n > 0 {
			at = append(at, bottom-(bottom-top)*(t.mean[n-1]-low)/(high-low))
		}
	}
	chart.Drawer(o, "names", 5, fmt.Sprintf(`function(p, api) {
  return {type: 'text', style: {text: api.value(2), x: p.coordSys.x + p.coordSys.width + 6, y: %s[p.dataIndex], verticalAlign: 'middle',
    %s, fill: %s[api.value(3)]}};
}`, chart.Literal(chart.Apart(at, chart.SmallSize+2, top, bottom)), chart.Words(chart.Ink), chart.Literal(chart.Dark)))
	chart.Each(o, "series", func(_ int, s object) {
		if s["name"] == "names" {
			s["dimensions"] = []any{nil, nil, object{"name": "text", "type": "ordinal"}, nil}
			s["encode"] = object{"x": 0, "y": 1}
		}
	})
}

// bands draws the range over seeds behind the lines, where there are several.
func bands(c *charts.Line, tracks []track) {
	for i, t := range tracks {
		if t.seeds > 1 {
			c.Overlap(chart.Custom(fmt.Sprintf("band %d", i), [][]any{{t.steps[0], t.mean[0]}}, 0))
		}
	}
}

func drawBands(o object, tracks []track) {
	for i, t := range tracks {
		chart.Drawer(o, fmt.Sprintf("band %d", i), 1, fmt.Sprintf(`function(p, api) {
  return {type: 'polygon', shape: {points: %s.map(function(v) { return api.coord(v); })}, style: {fill: %q, opacity: 0.16}};
}`, chart.Literal(t.ring()), chart.Palette[i%len(chart.Palette)]))
	}
}

// stepAxis counts iterations. The last one is written only where the number before
// it stands far enough away.
func stepAxis(tracks []track) object {
	first, last := stepsOf(tracks)
	ticks := max(1, int(chart.Ticks(float64(last-first))))
	rest := last % ticks
	return object{"type": "value", "name": "iteration", "min": first, "max": last, "interval": ticks, "splitLine": object{"show": false},
		"axisLabel": object{"showMaxLabel": rest == 0 || 2*rest >= ticks}}
}

// reach lists the values that an axis must hold.
func reach(tracks ...track) (values []float64) {
	for _, t := range tracks {
		values = append(append(values, t.low...), t.high...)
	}
	return values
}

// table lists tracks as rows: variant, metric, iteration, mean, low, high.
func table(f *chart.Figure, variant, metric string, t track) {
	f.Columns = []string{"variant", "metric", "iteration", "mean", "lowest_seed", "highest_seed", "seeds"}
	for i, s := range t.steps {
		f.Rows = append(f.Rows, []string{variant, metric, fmt.Sprint(s), number(t.mean[i]), number(t.low[i]), number(t.high[i]), fmt.Sprint(t.seeds)})
	}
}

// Curves draws one metric of the training, a line per variant. With several seeds a
// line is their mean and the band their range.
func Curves(points []runlog.Point, metric string, variants ...string) chart.Figure {
	return sized(func(width int) chart.Figure { return curves(width, points, metric, variants) })
}

func curves(width int, points []runlog.Point, metric string, variants []string) chart.Figure {
	factor, axis := scale(metric)
	words, share := meaning(metric)
	from := "%s %.3g to %.3g"
	if share {
		from = "%s %.1f to %.1f\u00a0%%"
	}
	f := chart.Figure{Name: "curves-" + chart.Slug(metric), Title: "Training: " + words, Width: width, Height: fit(width, 280, 250)}
	var tracks []track
	var names, ends []string
	for _, v := range variants {
		t := collect(points, v, metric, factor)
		tracks, names = append(tracks, t), append(names, chart.Short(v, fit(width, 16, 12)))
		table(&f, v, metric, collect(points, v, metric, 1))
		if first, last, _, ok := t.ends(); ok {
			ends = append(ends, fmt.Sprintf(from, chart.Short(v, 16), first, last))
		}
	}
	f.Caption = strings.TrimSpace("At every iteration. " + band(tracks) + " " + sentence(ends))
	f.Alt = strings.TrimSpace(f.Title + " against the iteration. " + sentence(ends))
	c := charts.NewLine()
	lines(c, names, tracks, 0)
	bands(c, tracks)
	nameLines(c, names, tracks)
	f.Chart = c
	f.Patch = func(o map[string]any) {
		p := chart.Plot{Left: fit(width, 56, 46), Top: f.Head() + 11, Right: 18 + chart.Room(names), Bottom: 40, X: stepAxis(tracks), Y: chart.ValueAxis(axis, reach(tracks...)...)}
		chart.Layout(o, p)
		drawBands(o, tracks)
		drawNames(o, tracks, p, f.Height)
	}
	finish(&f)
	return f
}

func steps(n int) string {
	if n == 1 {
		return "iteration"
	}
	return fmt.Sprintf("%d iterations", n)
}

func band(tracks []track) string {
	s := over(tracks...)
	for _, t := range tracks {
		if t.seeds > 1 {
			return s + " Bands run from the lowest to the highest seed."
		}
	}
	return s
}

func sentence(parts []string) string {
	if len(parts) == 0 {
		return ""
	}
	return "Means over the first and the last quarter of the iterations: " + strings.Join(parts, "; ") + "."
}

// Components draws the reward of one variant and its two parts, each on the scale from
// 0 to 1 before weighting.
func Components(points []runlog.Point, variant string) chart.Figure {
	return sized(func(width int) chart.Figure { return components(width, points, variant) })
}

func components(width int, points []runlog.Point, variant string) chart.Figure {
	keys := []string{"reward", "functional", "security"}
	name := chart.Short(variant, 24)
	f := chart.Figure{Name: "components-" + chart.Slug(variant), Title: "What the reward is made of: " + name, Width: width, Height: fit(width, 260, 220)}
	var tracks []track
	var ends []string
	for _, k := range keys {
		t := collect(points, variant, k, 1)
		tracks = append(tracks, t)
		table(&f, variant, k, t)
		if first, last, _, ok := t.ends(); ok {
			ends = append(ends, fmt.Sprintf("%s %.2f to %.2f", k, first, last))
		}
	}
	f.Caption = strings.TrimSpace("Mean reward per sample, and its functional and security part before weighting. " + over(tracks...) + " " + sentence(ends))
	f.Alt = f.Title + ". " + sentence(ends)
	c := charts.NewLine()
	lines(c, keys, tracks, 0)
	nameLines(c, keys, tracks)
	f.Chart = c
	f.Patch = func(o map[string]any) {
		p := chart.Plot{Left: fit(width, 56, 46), Top: f.Head() + 11, Right: 18 + chart.Room(keys), Bottom: 40, X: stepAxis(tracks), Y: chart.ValueAxis("mean over samples", append(reach(tracks...), 1)...)}
		chart.Layout(o, p)
		drawNames(o, tracks, p, f.Height)
	}
	finish(&f)
	return f
}

// Dynamics draws how far a policy moves: KL to the frozen reference, entropy, and the
// share of tokens whose ratio was clipped. One line per variant.
func Dynamics(points []runlog.Point, variants ...string) chart.Figure {
	return sized(func(width int) chart.Figure { return dynamics(width, points, variants) })
}

func dynamics(width int, points []runlog.Point, variants []string) chart.Figure {
	keys := []string{"kl", "entropy", "clip_fraction"}
	f := chart.Figure{Name: "dynamics", Title: "How far the policies move", Width: width, Height: 270}
	var names, last []string
	for _, v := range variants {
		names = append(names, chart.Short(v, 16))
	}
	panels := make([][]track, len(keys))
	c := charts.NewLine()
	for i, k := range keys {
		factor, _ := scale(k)
		for _, v := range variants {
			panels[i] = append(panels[i], collect(points, v, k, factor))
			table(&f, v, k, collect(points, v, k, 1))
		}
		lines(c, names, panels[i], i)
	}
	for i, v := range names {
		if _, kl, _, ok := panels[0][i].ends(); ok {
			last = append(last, fmt.Sprintf("%s %.3f", v, kl))
		}
	}
	f.Caption = "KL to the frozen SFT policy (nats per token), entropy of the policy (nats per token), tokens whose ratio was clipped (%). " + over(panels[0]...)
	f.Alt = f.Title + "."
	if len(last) > 0 {
		f.Caption += " KL at the end (last quarter): " + strings.Join(last, ", ") + "."
		f.Alt += " KL at the end: " + strings.Join(last, ", ") + "."
	}
	f.Chart = c
	legend, rows := chart.Legend(names, 22, width)
	if narrow(width) {
		f.Height = 36 + rows + 3*144
	}
	f.Patch = func(o map[string]any) {
		chart.Layout(o, movesPlots(width, f.Head()+rows, panels)...)
		o["legend"] = legend
	}
	finish(&f)
	return f
}

// movesPlots stands the panels of Dynamics side by side, or below each other.
func movesPlots(width, head int, panels [][]track) (plots []chart.Plot) {
	const wide, gap = 172, 48
	for i, name := range []string{"KL", "entropy", "clipped, %"} {
		y := chart.ValueAxis(name, reach(panels[i]...)...)
		y["nameLocation"], y["nameGap"] = "end", 8
		y["nameTextStyle"] = object{"fontSize": chart.SmallSize, "lineHeight": chart.SmallSize + 2, "color": chart.Ink, "align": "left"}
		x := stepAxis(panels[i])
		if narrow(width) {
			plots = append(plots, chart.Plot{Left: 40, Top: head + 30 + i*144, Width: width - 56, Height: 80, X: x, Y: y})
		} else {
			plots = append(plots, chart.Plot{Left: 40 + i*(wide+gap), Top: head + 29, Width: wide, Bottom: 40, X: x, Y: y})
		}
	}
	return plots
}
