package figure

import (
	"fmt"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"securecoderl/securerl/chart"
)

// Quadrant counts the programs of a policy by function and security.
type Quadrant struct {
	Name string
	N    [2][2]int // [passes every test][clean], 0 for no and 1 for yes
}

// Quadrants draws function against security as a table of two by two for each policy:
// a policy that only avoids findings moves right, one that only passes tests moves up.
func Quadrants(panels ...Quadrant) chart.Figure {
	return sized(func(width int) chart.Figure { return quadrants(width, panels) })
}

func quadrants(width int, panels []Quadrant) chart.Figure {
	f := chart.Figure{Name: "quadrants", Title: "Function and security of the same programs", Width: width, Height: 190,
		Columns: []string{"policy", "passes_every_test", "clean", "k", "n", "share"}}
	if narrow(width) {
		f.Height = 34 + max(1, len(panels))*quadrantHeight
	}
	h := charts.NewHeatMap()
	f.Alt = f.Title + "."
	for i, q := range panels {
		n := q.N[0][0] + q.N[0][1] + q.N[1][0] + q.N[1][1]
		var data []opts.HeatMapData
		for passes := range 2 {
			for clean := range 2 {
				k := q.N[passes][clean]
				share := 0.0
				if n > 0 {
					share = float64(k) / float64(n)
					f.Rows = append(f.Rows, []string{q.Name, yesNo(passes), yesNo(clean), fmt.Sprint(k), fmt.Sprint(n), number(share)})
				}
				data = append(data, opts.HeatMapData{Value: []any{clean, passes, chart.Round(100 * share), fmt.Sprintf("%d\n%.1f\u00a0%%", k, 100*share)}})
			}
		}
		h.AddSeries(fmt.Sprintf("panel %d", i), data, func(s *charts.SingleSeries) { s.XAxisIndex, s.YAxisIndex = i, i },
			charts.WithItemStyleOpts(opts.ItemStyle{BorderColor: chart.Pale, BorderWidth: 1}))
		if n > 0 {
			f.Alt += fmt.Sprintf(" %s, n = %d: %d pass and are clean, %d pass and are not, %d fail and are clean, %d fail and are not.",
				chart.Short(q.Name, 20), n, q.N[1][1], q.N[1][0], q.N[0][1], q.N[0][0])
		}
	}
	f.Caption = "Counts of programs, all samples of all held-out problems; no interval, since samples of one problem are alike. Passes: every public and hidden test. " +
		"Clean: parses, and no finding of MEDIUM or more. Only the upper right cell is what is wanted."
	f.Chart = h
	f.Patch = func(o map[string]any) {
		chart.Layout(o, quadrantPlots(f, panels)...)
		cells(o, 100)
		chart.Each(o, "series", func(_ int, s object) {
			s["label"].(object)["fontSize"] = chart.TextSize
		})
	}
	finish(&f)
	return f
}

func yesNo(i int) string { return []string{"no", "yes"}[i] }

// quadrantHeight is that of one table with its labels, in a column of a paper.
const quadrantHeight = 150

// quadrantPlots stands the tables side by side, or below each other.
func quadrantPlots(f chart.Figure, panels []Quadrant) (plots []chart.Plot) {
	const left = 70
	each := (f.Width - 8) / max(1, len(panels))
	for i, q := range panels {
		n := q.N[0][0] + q.N[0][1] + q.N[1][0] + q.N[1][1]
		x, y := chart.CategoryAxis([]string{"not clean", "clean"}), chart.CategoryAxis([]string{"fails a test", "passes all"})
		x["name"] = fmt.Sprintf("%s, n = %d", chart.Short(q.Name, 20), n)
		p := chart.Plot{Left: left + i*each, Top: f.Head() + 9, Width: each - left - 8, Bottom: 44, X: x, Y: y}
		if narrow(f.Width) {
			p.Left, p.Width, p.Right = left, 0, 12
			p.Top, p.Height = f.Head()+9+i*quadrantHeight, quadrantHeight-52
		}
		plots = append(plots, p)
	}
	return plots
}
