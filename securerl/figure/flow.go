package figure

import (
	"fmt"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"securecoderl/securerl/chart"
)

// Flow draws what became of the same problems under two policies: counts[i][j]
// programs were at stage i (of StageNames) before and at stage j after.
func Flow(before, after string, counts [][]int) chart.Figure {
	return sized(func(width int) chart.Figure { return flow(width, before, after, counts) })
}

func flow(width int, before, after string, counts [][]int) chart.Figure {
	before, after = chart.Short(before, 20), chart.Short(after, 20)
	f := chart.Figure{Name: "flow", Title: "What became of the problems: " + before + " to " + after, Width: width, Height: 320,
		Columns: []string{"before", "after", "programs"}}
	n, better, worse := 0, 0, 0
	var ends [2][]int
	ends[0], ends[1] = make([]int, len(StageNames)), make([]int, len(StageNames))
	var links []any
	for i := len(StageNames) - 1; i >= 0; i-- { // the best on top
		for j := len(StageNames) - 1; j >= 0; j-- {
			if i >= len(counts) || j >= len(counts[i]) || counts[i][j] <= 0 {
				continue
			}
			k := counts[i][j]
			links = append(links, object{"source": node(0, i), "target": node(1, j), "value": k,
				"lineStyle": object{"color": chart.Stages[j], "opacity": 0.5}})
			f.Rows = append(f.Rows, []string{StageNames[i], StageNames[j], fmt.Sprint(k)})
			n, ends[0][i], ends[1][j] = n+k, ends[0][i]+k, ends[1][j]+k
			if j > i {
				better += k
			} else if j < i {
				worse += k
			}
		}
	}
	text := fmt.Sprintf("n = %d problems, one greedy program each: %d got further under %s than under %s, %d less far, %d as far", n, better, after, before, worse, n-better-worse)
	f.Caption = "Each problem goes from the stage that the program of " + before + " (left) reached on the public tests to that of " + after + " (right); the colour is that of the right end. " + text + ". Counts, no interval."
	f.Alt = f.Title + ". " + text + "."
	s := charts.NewSankey()
	s.AddSeries("flow", []opts.SankeyNode{}, []opts.SankeyLink{})
	f.Chart = s
	f.Patch = func(o map[string]any) { drawFlow(o, f, ends, links, [2]string{before, after}) }
	finish(&f)
	return f
}

func node(side, stage int) string { return fmt.Sprintf("%d/%d", side, stage) }

func drawFlow(o object, f chart.Figure, ends [2][]int, links []any, heads [2]string) {
	nodes := []any{}
	for side := range ends {
		for k := len(StageNames) - 1; k >= 0; k-- {
			if ends[side][k] == 0 {
				continue
			}
			nodes = append(nodes, object{"name": node(side, k), "text": fmt.Sprintf("%s  %d", StageNames[k], ends[side][k]), "depth": side,
				"label": object{"position": []string{"left", "right"}[side]}, "itemStyle": object{"color": chart.Stages[k], "borderColor": chart.Grey, "borderWidth": 0.5}})
		}
	}
	delete(o, "tooltip")
	o["legend"] = object{"show": false}
	words := object{"fontSize": chart.SmallSize, "lineHeight": chart.SmallSize + 4, "fontWeight": "normal", "color": chart.Grey}
	o["title"] = append(o["title"].([]any),
		object{"text": heads[0], "left": 8, "top": f.Head() + 6, "textStyle": words},
		object{"text": heads[1], "left": f.Width - 8, "textAlign": "right", "top": f.Head() + 6, "textStyle": words})
	margin := 18 + chart.Room(StageNames) + 4*6 // name and count
	chart.Each(o, "series", func(_ int, s object) {
		s["data"], s["links"] = nodes, links
		s["left"], s["right"], s["top"], s["bottom"] = margin, margin, f.Head()+26, 12
		s["nodeWidth"], s["nodeGap"], s["layoutIterations"], s["draggable"], s["silent"] = 10, 16, 0, false, true
		s["label"] = object{"show": true, "color": chart.Ink, "fontSize": chart.SmallSize, "formatter": chart.JS("function(p) { return p.data.text; }")}
	})
}
