package figure

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
	"github.com/go-echarts/go-echarts/v2/types"

	"securecoderl/securerl/chart"
)

// Rate is a share of programs: K of N, with its interval.
type Rate struct {
	Name      string  // whose rate it is
	K, N      int     // counted of
	Estimate  float64 // in [0, 1], as Low and High
	Low, High float64 // of the 95 % interval
}

// object is short for a piece of an ECharts option.
type object = chart.Object

// slug makes a file name of a text: small letters, digits and single hyphens.
func slug(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= 40 {
			break
		}
	}
	if s := strings.Trim(b.String(), "-"); s != "" {
		return s
	}
	return "unnamed"
}

// short cuts a name to n letters, in one line.
func short(s string, n int) string {
	letters := []rune(chart.Visible(strings.Join(strings.Fields(s), " ")))
	if len(letters) > n {
		return string(letters[:n-1]) + "\u2026"
	}
	return string(letters)
}

// letter is the width to leave for a letter of SmallSize, in pixels.
const letter = 6

// longest is the room that the longest of some names takes, in pixels.
func longest(names []string) int {
	n := 0
	for _, s := range names {
		n = max(n, len([]rune(s)))
	}
	return n * letter
}

// round keeps six digits after the point, so that machines agree on every byte.
func round(x float64) float64 { return math.Round(x*1e6)/1e6 + 0 }

// number writes x for a table.
func number(x float64) string { return chart.Number(round(x)) }

// percent writes a share for a caption, such as "12.5 %".
func percent(x float64) string { return fmt.Sprintf("%.1f\u00a0%%", 100*x) }

// js writes numbers as a JavaScript literal. They must be finite.
func js(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "NaN" // the figure then fails to draw
	}
	return string(b)
}

// step is the distance of the ticks of an axis that reaches x in at most five: 1, 2,
// 2.5 or 5 times a power of ten.
func step(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 0) {
		return 0.2
	}
	p := math.Pow(10, math.Floor(math.Log10(x/5)))
	for _, m := range []float64{1, 2, 2.5, 5} {
		if m*p >= x/5*(1-1e-9) {
			return round(m * p)
		}
	}
	return round(10 * p)
}

// span is an axis over the values: its ends, one of them or neither 0, and its ticks.
func span(values []float64) (low, high, ticks float64) {
	for _, x := range values {
		low, high = math.Min(low, x), math.Max(high, x)
	}
	ticks = max(step(math.Max(high, -low)), 1e-6)
	low, high = -math.Ceil(-low/ticks-1e-9)*ticks, math.Ceil(high/ticks-1e-9)*ticks
	if low == high {
		high = 5 * ticks
	}
	return round(low), round(high), ticks
}

// valueAxis is an axis of numbers over the values.
func valueAxis(name string, values ...float64) object {
	low, high, ticks := span(values)
	return object{"type": "value", "name": name, "min": low, "max": high, "interval": ticks}
}

// finish marks a figure that has nothing to show.
func finish(f *chart.Figure) {
	if len(f.Rows) == 0 {
		f.Title += " (no data)"
		f.Caption, f.Alt = "No data.", f.Title+"."
	}
}

// custom is a series that a JavaScript function (params, api) draws, point by point.
// Text reaches it only as data.
func custom(name string, data [][]any, axis int) *charts.Custom {
	var items []opts.CustomData
	for _, d := range data {
		items = append(items, opts.CustomData{Value: d})
	}
	c := charts.NewCustom()
	c.AddSeries(name, items, func(s *charts.SingleSeries) { s.XAxisIndex, s.YAxisIndex = axis, axis })
	return c
}

// drawer hands a series its function. Series are patched by name.
func drawer(o object, name string, z int, source string) {
	chart.Each(o, "series", func(_ int, s object) {
		if s["name"] == name && s["type"] == types.ChartCustom {
			s["renderItem"] = chart.JS(source)
			s["silent"], s["clip"], s["z"] = true, false, z
		}
	})
}

// plot is a grid with its two axes, placed by its distances from the figure's edges.
type plot struct {
	left, top, right, bottom, width int
	x, y                            object
}

// layout sets grids and axes; axis i belongs to grid i. Legends stay where the figure
// put them, else there is none.
func layout(o object, plots ...plot) {
	var grids, xs, ys []any
	for i, p := range plots {
		g := object{"left": p.left, "top": p.top, "bottom": p.bottom}
		if p.width > 0 {
			g["width"] = p.width
		} else {
			g["right"] = p.right
		}
		p.x["gridIndex"], p.y["gridIndex"] = i, i
		grids, xs, ys = append(grids, g), append(xs, p.x), append(ys, p.y)
	}
	o["grid"], o["xAxis"], o["yAxis"] = grids, xs, ys
	o["legend"] = object{"show": false}
	delete(o, "tooltip")
}

func legend(names []string, top int) object {
	return object{"data": names, "top": top, "left": 40}
}

// whisker draws data [x, row, low, high, label]: a dot on its interval, lying across,
// and the label at the right edge of the grid.
func whisker(colour string) string {
	return fmt.Sprintf(`function(p, api) {
  var y = api.coord([0, api.value(1)])[1], e = api.coord([api.value(0), 0])[0];
  var l = api.coord([api.value(2), 0])[0], h = api.coord([api.value(3), 0])[0];
  var s = {stroke: %q, fill: %[1]q, lineWidth: 1.5}, r = p.coordSys.x + p.coordSys.width + 8;
  return {type: 'group', children: [
    {type: 'line', shape: {x1: l, y1: y, x2: h, y2: y}, style: s},
    {type: 'line', shape: {x1: l, y1: y - 3, x2: l, y2: y + 3}, style: s},
    {type: 'line', shape: {x1: h, y1: y - 3, x2: h, y2: y + 3}, style: s},
    {type: 'circle', shape: {cx: e, cy: y, r: 4}, style: {fill: %[1]q}},
    {type: 'text', style: {text: api.value(4), x: r, y: y, verticalAlign: 'middle', fill: %q, fontSize: %d, lineHeight: %d, fontFamily: %q}}]};
}`, colour, chart.Ink, chart.SmallSize, chart.SmallSize+2, chart.Family)
}
