package figure

import (
	"cmp"
	"fmt"
	"slices"
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
	c.Overlap(custom("names", data, 0))
}

// drawNames places them in the only plot of a figure of this height, in pixels.
func drawNames(o object, tracks []track, p plot, height int) {
	top, bottom := float64(p.top)+4, float64(height-p.bottom)-2
	low, high := p.y["min"].(float64), p.y["max"].(float64)
	var at []float64
	for _, t := range tracks {
		if n := len(t.mean); n > 0 {
			at = append(at, bottom-(bottom-top)*(t.mean[n-1]-low)/(high-low))
		}
	}
	drawer(o, "names", 5, fmt.Sprintf(`function(p, api) {
  return {type: 'text', style: {text: api.value(2), x: p.coordSys.x + p.coordSys.width + 6, y: %s[p.dataIndex], verticalAlign: 'middle',
    fill: %s[api.value(3)], fontSize: %d, lineHeight: %d, fontFamily: %q}};
}`, js(apart(at, chart.SmallSize+2, top, bottom)), js(chart.Dark), chart.SmallSize, chart.SmallSize+2, chart.Family))
	chart.Each(o, "series", func(_ int, s object) {
		if s["name"] == "names" {
			s["dimensions"] = []any{nil, nil, object{"name": "text", "type": "ordinal"}, nil}
			s["encode"] = object{"x": 0, "y": 1}
		}
	})
}

// apart moves positions so that neighbours are at least gap apart, their order kept,
// between low and high as far as there is room.
func apart(at []float64, gap, low, high float64) []float64 {
	order := make([]int, len(at))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(at[a], at[b]) })
	moved := slices.Clone(at)
	for k := 1; k < len(order); k++ { // push down
		moved[order[k]] = max(moved[order[k]], moved[order[k-1]]+gap)
	}
	for k, end := len(order)-1, high; k >= 0; k-- { // and back up from the end
		moved[order[k]] = round(max(min(moved[order[k]], end), low))
		end = moved[order[k]] - gap
	}
	return moved
}

// bands draws the range over seeds behind the lines, where there are several.
func bands(c *charts.Line, tracks []track) {
	for i, t := range tracks {
		if t.seeds > 1 {
			c.Overlap(custom(fmt.Sprintf("band %d", i), [][]any{{t.steps[0], t.mean[0]}}, 0))
		}
	}
}

func drawBands(o object, tracks []track) {
	for i, t := range tracks {
		drawer(o, fmt.Sprintf("band %d", i), 1, fmt.Sprintf(`function(p, api) {
  return {type: 'polygon', shape: {points: %s.map(function(v) { return api.coord(v); })}, style: {fill: %q, opacity: 0.16}};
}`, js(t.ring()), chart.Palette[i%len(chart.Palette)]))
	}
}

func stepAxis(tracks []track) object {
	first, last := stepsOf(tracks)
	return object{"type": "value", "name": "iteration", "min": first, "max": last, "minInterval": 1, "splitLine": object{"show": false}}
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
	factor, axis := scale(metric)
	words, share := meaning(metric)
	from := "%s %.3g to %.3g"
	if share {
		from = "%s %.1f to %.1f\u00a0%%"
	}
	f := chart.Figure{Name: "curves-" + slug(metric), Title: "Training: " + words, Width: chart.Page, Height: 280}
	var tracks []track
	var names, ends []string
	for _, v := range variants {
		t := collect(points, v, metric, factor)
		tracks, names = append(tracks, t), append(names, short(v, 16))
		table(&f, v, metric, collect(points, v, metric, 1))
		if first, last, _, ok := t.ends(); ok {
			ends = append(ends, fmt.Sprintf(from, short(v, 16), first, last))
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
		p := plot{left: 56, top: 30, right: 18 + longest(names), bottom: 40, x: stepAxis(tracks), y: valueAxis(axis, reach(tracks...)...)}
		layout(o, p)
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
	keys := []string{"reward", "functional", "security"}
	name := short(variant, 24)
	f := chart.Figure{Name: "components-" + slug(variant), Title: "What the reward is made of: " + name, Width: chart.Page, Height: 260}
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
		p := plot{left: 56, top: 30, right: 18 + longest(keys), bottom: 40, x: stepAxis(tracks), y: valueAxis("mean over samples", append(reach(tracks...), 1)...)}
		layout(o, p)
		drawNames(o, tracks, p, f.Height)
	}
	finish(&f)
	return f
}

// Dynamics draws how far a policy moves: KL to the frozen reference, entropy, and the
// share of tokens whose ratio was clipped. One line per variant.
func Dynamics(points []runlog.Point, variants ...string) chart.Figure {
	keys := []string{"kl", "entropy", "clip_fraction"}
	f := chart.Figure{Name: "dynamics", Title: "How far the policies move", Width: chart.Page, Height: 270}
	var names, last []string
	for _, v := range variants {
		names = append(names, short(v, 16))
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
	f.Patch = func(o map[string]any) {
		const width, gap = 172, 48
		var plots []plot
		for i, name := range []string{"KL", "entropy", "clipped, %"} {
			y := valueAxis(name, reach(panels[i]...)...)
			y["nameLocation"], y["nameGap"] = "end", 8
			y["nameTextStyle"] = object{"fontSize": chart.SmallSize, "lineHeight": chart.SmallSize + 2, "color": chart.Ink, "align": "left"}
			x := stepAxis(panels[i])
			x["splitNumber"] = 4
			plots = append(plots, plot{left: 40 + i*(width+gap), top: 64, width: width, bottom: 40, x: x, y: y})
		}
		layout(o, plots...)
		o["legend"] = legend(names, 22)
	}
	finish(&f)
	return f
}
