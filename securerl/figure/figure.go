package figure

import (
	"fmt"

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

// sized draws a figure for the page, and anew for whatever width it is fitted to.
func sized(draw func(width int) chart.Figure) chart.Figure {
	f := draw(chart.Page)
	f.Redraw = draw
	return f
}

// narrow tells whether a figure stands in a column of a paper.
func narrow(width int) bool { return width < 480 }

// fit is wide where there is room, else slim.
func fit[T any](width int, wide, slim T) T {
	if narrow(width) {
		return slim
	}
	return wide
}

// number writes x for a table.
func number(x float64) string { return chart.Number(chart.Round(x)) }

// percent writes a share for a caption, such as "12.5 %".
func percent(x float64) string { return fmt.Sprintf("%.1f\u00a0%%", 100*x) }

// finish marks a figure that has nothing to show.
func finish(f *chart.Figure) {
	if len(f.Rows) == 0 {
		f.Title += " (no data)"
		f.Caption, f.Alt = "No data.", f.Title+"."
	}
}
