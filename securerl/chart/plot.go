package chart

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
	"github.com/go-echarts/go-echarts/v2/types"
)

// Plot is a grid with its two axes, placed by its distances from the figure's edges,
// in pixels. Width and Height, where given, win over Right and Bottom.
type Plot struct {
	Left, Top, Right, Bottom, Width, Height int
	X, Y                                    Object
}

// Layout sets grids and axes of an option; axis i belongs to grid i. There is no
// legend afterwards, until the figure puts one.
func Layout(o Object, plots ...Plot) {
	var grids, xs, ys []any
	for i, p := range plots {
		g := Object{"left": p.Left, "top": p.Top}
		if p.Height > 0 {
			g["height"] = p.Height
		} else {
			g["bottom"] = p.Bottom
		}
		if p.Width > 0 {
			g["width"] = p.Width
		} else {
			g["right"] = p.Right
		}
		p.X["gridIndex"], p.Y["gridIndex"] = i, i
		grids, xs, ys = append(grids, g), append(xs, p.X), append(ys, p.Y)
	}
	o["grid"], o["xAxis"], o["yAxis"] = grids, xs, ys
	o["legend"] = Object{"show": false}
	delete(o, "tooltip")
}

// A legend takes the height of its first row, and more for every other.
const legendHead, legendRow = 16, 24

// Legend names series in rows that fit the figure's width, under a head of so many
// pixels. The second result is the room that its rows take.
func Legend(names []string, head, width int) (Object, int) {
	const item = 33 // pixels of mark and gaps
	indent := 40
	if width < 480 {
		indent = 8
	}
	data, at, rows := []any{}, indent, 1
	for i, n := range names {
		w := item + Room([]string{n})
		if i > 0 && at+w > width {
			data, at, rows = append(data, ""), indent, rows+1 // an empty name begins a row
		}
		data, at = append(data, n), at+w
	}
	return Object{"data": data, "top": head, "left": indent}, legendHead + (rows-1)*legendRow
}

// letter is the width to leave for a letter of SmallSize, in pixels: that of DejaVu
// Sans, the widest of the usual types.
const letter = 6

// Room is what the longest of some names takes in pixels, at SmallSize.
func Room(names []string) int {
	n := 0
	for _, s := range names {
		n = max(n, len([]rune(s)))
	}
	return n * letter
}

// Round keeps six digits after the point, so that machines agree on every byte.
func Round(x float64) float64 { return math.Round(x*1e6)/1e6 + 0 }

// Literal writes numbers as JavaScript. They must be finite.
func Literal(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "NaN" // the figure then fails to draw
	}
	return string(b)
}

// Ticks is the distance of the ticks of an axis that reaches x in at most five: 1, 2,
// 2.5 or 5 times a power of ten.
func Ticks(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 0) {
		return 0.2
	}
	p := math.Pow(10, math.Floor(math.Log10(x/5)))
	for _, m := range []float64{1, 2, 2.5, 5} {
		if m*p >= x/5*(1-1e-9) {
			return Round(m * p)
		}
	}
	return Round(10 * p)
}

// Span is an axis over the values: its ends, one of them or neither 0, and the
// distance of its ticks.
func Span(values []float64) (low, high, ticks float64) {
	for _, x := range values {
		low, high = math.Min(low, x), math.Max(high, x)
	}
	ticks = max(Ticks(math.Max(high, -low)), 1e-6)
	low, high = -math.Ceil(-low/ticks-1e-9)*ticks, math.Ceil(high/ticks-1e-9)*ticks
	if low == high {
		high = 5 * ticks
	}
	return Round(low), Round(high), ticks
}

// ValueAxis is an axis of numbers over the values and 0.
func ValueAxis(name string, values ...float64) Object {
	low, high, ticks := Span(values)
	return Object{"type": "value", "name": name, "min": low, "max": high, "interval": ticks}
}

// WindowAxis is an axis of numbers over the values that need not reach 0; it stays
// within least and most.
func WindowAxis(name string, least, most float64, values ...float64) Object {
	if len(values) == 0 {
		values = []float64{least, most}
	}
	low, high := slices.Min(values), slices.Max(values)
	ticks := max(Ticks(high-low), 1e-6)
	low, high = math.Floor(low/ticks+1e-9)*ticks, math.Ceil(high/ticks-1e-9)*ticks
	low, high = max(low, least), min(high, most)
	if low >= high {
		low, high = least, most
		ticks = Ticks(most - least)
	}
	return Object{"type": "value", "name": name, "min": Round(low), "max": Round(high), "interval": ticks}
}

// CategoryAxis names rows or columns, without line and ticks.
func CategoryAxis(names []string) Object {
	quiet := Object{"show": false}
	return Object{"type": "category", "data": names, "axisLine": quiet, "axisTick": quiet, "axisLabel": Object{"interval": 0}}
}

// Custom is a series that a JavaScript function (params, api) draws, point by point;
// Drawer gives it one. Text reaches the function as data only.
func Custom(name string, data [][]any, axis int) *charts.Custom {
	var items []opts.CustomData
	for _, d := range data {
		items = append(items, opts.CustomData{Value: d})
	}
	c := charts.NewCustom()
	c.AddSeries(name, items, func(s *charts.SingleSeries) { s.XAxisIndex, s.YAxisIndex = axis, axis })
	return c
}

// Drawer hands the custom series of this name its function.
func Drawer(o Object, name string, z int, source string) {
	Each(o, "series", func(_ int, s Object) {
		if s["name"] == name && s["type"] == types.ChartCustom {
			s["renderItem"] = JS(source)
			s["silent"], s["clip"], s["z"] = true, false, z
		}
	})
}

// Whisker draws data [x, row, low, high, label]: a dot on its interval, lying across,
// and the label at the right edge of the grid.
func Whisker(colour string) string {
	return fmt.Sprintf(`function(p, api) {
  var y = api.coord([0, api.value(1)])[1], e = api.coord([api.value(0), 0])[0];
  var l = api.coord([api.value(2), 0])[0], h = api.coord([api.value(3), 0])[0];
  var s = {stroke: %q, fill: %[1]q, lineWidth: 1.5}, r = p.coordSys.x + p.coordSys.width + 8;
  return {type: 'group', children: [
    {type: 'line', shape: {x1: l, y1: y, x2: h, y2: y}, style: s},
    {type: 'line', shape: {x1: l, y1: y - 3, x2: l, y2: y + 3}, style: s},
    {type: 'line', shape: {x1: h, y1: y - 3, x2: h, y2: y + 3}, style: s},
    {type: 'circle', shape: {cx: e, cy: y, r: 4}, style: {fill: %[1]q}},
    {type: 'text', style: {text: api.value(4), x: r, y: y, verticalAlign: 'middle', %s}}]};
}`, colour, Words(Ink))
}

// Words is the style of words in a drawing function. The short form "font" is left
// out: converters ignore it.
func Words(colour string) string {
	return fmt.Sprintf("fill: %q, fontSize: %d, lineHeight: %d, fontFamily: %q", colour, SmallSize, SmallSize+2, Family)
}

// Apart moves positions so that neighbours are at least gap apart, their order kept,
// between low and high as far as there is room.
func Apart(at []float64, gap, low, high float64) []float64 {
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
		moved[order[k]] = Round(max(min(moved[order[k]], end), low))
		end = moved[order[k]] - gap
	}
	return moved
}
