package figure

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"securecoderl/securerl/chart"
)

// Score is where a policy stands in function and security, and how sure that is.
type Score struct {
	Name               string
	Function, Security float64 // means over problems, in [0, 1]
	VarF, VarS, Cov    float64 // variances of these means, and their covariance
	N                  int     // problems
}

// Scored computes a score from each problem's share of programs that pass and share
// that are clean. Shapes: function, security [problems].
//
// The variance of a mean is that of its problems over their number; problems are
// independent, the samples of one are not.
func Scored(name string, function, security []float64) Score {
	s := Score{Name: name, N: min(len(function), len(security))}
	n := float64(s.N)
	for i := range s.N {
		s.Function += function[i] / n
		s.Security += security[i] / n
	}
	for i := range s.N {
		f, c := function[i]-s.Function, security[i]-s.Security
		if s.N > 1 {
			s.VarF, s.VarS, s.Cov = s.VarF+f*f/(n*(n-1)), s.VarS+c*c/(n*(n-1)), s.Cov+f*c/(n*(n-1))
		}
	}
	return s
}

// chi2 is the 95 % quantile of the chi-square distribution with two degrees of freedom.
const chi2 = 5.991464547107979

// ring is the 95 % ellipse of a score, in percent, cut off at 0 and 100.
func (s Score) ring() (points [][2]float64) {
	a, b := math.Sqrt(s.VarF), 0.0 // the Cholesky factor of the covariance
	if a > 0 {
		b = s.Cov / a
	}
	c := math.Sqrt(max(0, s.VarS-b*b))
	const corners = 48
	for i := range corners {
		t := 2 * math.Pi * float64(i) / corners
		u, v := math.Sqrt(chi2)*math.Cos(t), math.Sqrt(chi2)*math.Sin(t)
		points = append(points, [2]float64{share(s.Function + a*u), share(s.Security + b*u + c*v)})
	}
	return points
}

// share is x in percent, cut off at 0 and 100.
func share(x float64) float64 { return chart.Round(100 * min(1, max(0, x))) }

// front goes along the edge of what some policy reaches in both, from the lower right
// to the upper left; low and left are where the axes begin.
func front(scores []Score, left, low float64) (points [][2]float64) {
	best := slices.Clone(scores)
	slices.SortStableFunc(best, func(a, b Score) int {
		return cmp.Or(-cmp.Compare(a.Function, b.Function), -cmp.Compare(a.Security, b.Security))
	})
	top := low
	for _, s := range best {
		x, y := share(s.Function), share(s.Security)
		if y <= top && len(points) > 0 {
			continue
		}
		points = append(points, [2]float64{x, top}, [2]float64{x, y})
		top = y
	}
	if len(points) > 0 {
		points = append(points, [2]float64{left, top})
	}
	return points
}

// Pareto draws policies by function (to the right is better) and security (up is
// better) with the 95 % ellipse of both, and the front of those that no other beats.
func Pareto(scores ...Score) chart.Figure {
	return sized(func(width int) chart.Figure { return pareto(min(width, 600), scores) })
}

func pareto(width int, scores []Score) chart.Figure {
	f := chart.Figure{Name: "pareto", Title: "Function against security", Width: width, Height: fit(width, 400, 360),
		Columns: []string{"policy", "passes", "clean", "var_passes", "var_clean", "covariance", "problems"}}
	f.Caption = "Right: more programs pass every test. Up: more parse and carry no finding of MEDIUM or more. Ellipses are 95\u00a0% regions of both means (normal, from the covariance over problems). " +
		"Dashed: the front of policies that no other beats in both."
	f.Alt = f.Title + "."
	s := charts.NewScatter()
	var names []string
	var xs, ys []float64
	for i, p := range scores {
		names = append(names, fmt.Sprintf("%d  %s", i+1, chart.Short(p.Name, 20)))
		s.AddSeries(names[i], []opts.ScatterData{{Value: []any{share(p.Function), share(p.Security), i + 1}, SymbolSize: 15}},
			charts.WithItemStyleOpts(opts.ItemStyle{Color: chart.Dark[i%len(chart.Dark)]}))
		s.Overlap(chart.Custom(fmt.Sprintf("ellipse %d", i), [][]any{{share(p.Function), share(p.Security)}}, 0))
		for _, xy := range p.ring() {
			xs, ys = append(xs, xy[0]), append(ys, xy[1])
		}
		f.Rows = append(f.Rows, []string{p.Name, number(p.Function), number(p.Security), fmt.Sprintf("%.8f", p.VarF), fmt.Sprintf("%.8f", p.VarS), fmt.Sprintf("%.8f", p.Cov), fmt.Sprint(p.N)})
		f.Alt += fmt.Sprintf(" %s: %s pass, %s are clean, n = %d problems.", chart.Short(p.Name, 20), percent(p.Function), percent(p.Security), p.N)
	}
	if len(scores) > 0 {
		f.Caption += fmt.Sprintf(" n = %d problems.", scores[0].N)
	}
	x, y := chart.WindowAxis("pass every test, %", 0, 100, append(xs, 0)...), chart.WindowAxis("parse and are clean, %", 0, 100, ys...)
	edge := front(scores, x["min"].(float64), y["min"].(float64))
	if len(edge) > 0 {
		s.Overlap(chart.Custom("front", [][]any{{edge[0][0], edge[0][1]}}, 0))
	}
	f.Chart = s
	legend, room := beside(names, width)
	f.Patch = func(o map[string]any) {
		chart.Layout(o, chart.Plot{Left: fit(width, 56, 44), Top: f.Head() + 15 + room.top, Right: room.right, Bottom: 40, X: x, Y: y})
		o["legend"] = legend
		plane(o)
		drawPareto(o, scores, edge)
	}
	finish(&f)
	return f
}

func drawPareto(o object, scores []Score, edge [][2]float64) {
	for i, p := range scores {
		chart.Drawer(o, fmt.Sprintf("ellipse %d", i), 1, fmt.Sprintf(`function(p, api) {
  return {type: 'polygon', shape: {points: %s.map(function(v) { return api.coord(v); })}, style: {fill: %q, stroke: %[2]q, fillOpacity: 0.13, lineWidth: 1}};
}`, chart.Literal(p.ring()), chart.Palette[i%len(chart.Palette)]))
	}
	chart.Drawer(o, "front", 2, fmt.Sprintf(`function(p, api) {
  return {type: 'polyline', shape: {points: %s.map(function(v) { return api.coord(v); })}, style: {fill: 'none', stroke: %q, lineDash: [4, 3], lineWidth: 1}};
}`, chart.Literal(edge), chart.Grey))
}
