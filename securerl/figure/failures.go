package figure

import (
	"fmt"
	"strings"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"securecoderl/securerl/chart"
)

// Count is how many programs of a policy ended in each class.
type Count struct {
	Name string
	N    []int // [classes]
}

// Failures draws what became of the programs of every policy as a heat map: classes
// are rows, policies columns, each column adds up to 100 %. Classes that no program
// ended in are left out.
func Failures(classes []string, policies []Count) chart.Figure {
	return sized(func(width int) chart.Figure { return failures(width, classes, policies) })
}

func failures(width int, classes []string, policies []Count) chart.Figure {
	f := chart.Figure{Name: "failures", Title: "What became of the programs", Columns: []string{"policy", "class", "k", "n", "share"}}
	var names, rows []string
	var kept []int
	totals := make([]int, len(policies))
	for c, name := range classes {
		sum := 0
		for p, x := range policies {
			if c < len(x.N) {
				sum += x.N[c]
				totals[p] += x.N[c]
			}
		}
		if sum > 0 {
			kept, rows = append(kept, c), append(rows, strings.ReplaceAll(chart.Short(name, 20), "_", " "))
		}
	}
	least, most := 0, 0
	var data []opts.HeatMapData
	f.Alt = f.Title + ", in percent of each policy's programs."
	for p, x := range policies {
		names = append(names, chart.Short(x.Name, 16))
		if p == 0 || totals[p] < least {
			least = totals[p]
		}
		most = max(most, totals[p])
		for r, c := range kept {
			if totals[p] == 0 || c >= len(x.N) {
				continue
			}
			s := float64(x.N[c]) / float64(totals[p])
			data = append(data, opts.HeatMapData{Value: []any{p, r, share(s), fmt.Sprintf(fit(width, "%.1f", "%.0f"), 100*s)}})
			f.Rows = append(f.Rows, []string{x.Name, classes[c], fmt.Sprint(x.N[c]), fmt.Sprint(totals[p]), number(s)})
			if r == 0 {
				f.Alt += fmt.Sprintf(" %s: %s %s.", names[p], rows[r], percent(s))
			}
		}
	}
	n := fmt.Sprintf("n = %d programs each", least)
	if most > least {
		n = fmt.Sprintf("n = %d to %d programs", least, most)
	}
	f.Caption = "Percent of each policy's programs, sampled; " + n + ". A program is in the first class that fits. Counts, no interval; classes without a program are left out."
	x := object{"position": "top"}
	left, head, cell := 20+chart.Room(rows), columnHeads(x, names, width), fit(width, 36, 18)
	f.Width, f.Height = max(width, left+12+cell*len(policies)), 34+head+22*max(1, len(rows))
	h := charts.NewHeatMap()
	h.AddSeries("share", data, charts.WithItemStyleOpts(opts.ItemStyle{BorderColor: chart.Pale, BorderWidth: 1}))
	f.Chart = h
	f.Patch = func(o map[string]any) {
		y := chart.CategoryAxis(rows)
		y["inverse"] = true
		chart.Layout(o, chart.Plot{Left: left, Top: f.Head() + 5 + head, Right: 12, Bottom: 10, X: x, Y: y})
		cells(o, 100)
	}
	finish(&f)
	return f
}

// widestLine is what the longest line of some labels takes, in pixels.
func widestLine(labels []string) (room int) {
	for _, l := range labels {
		room = max(room, chart.Room(strings.Split(l, "\n")))
	}
	return room
}
