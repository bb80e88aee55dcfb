package notebook

import (
	"context"
	"encoding/base64"
	"fmt"
	"html"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"

	"securecoderl/securerl/chart"
	"securecoderl/securerl/notebook/session"
)

// card is the look of everything that is shown.
const card = "background:" + chart.Surface + ";color:" + chart.Ink + ";color-scheme:light;padding:8px;overflow-x:auto;font:13px/1.4 " + chart.Family

// Show displays figures, each with its caption: a picture at once, and over it the live
// chart where Interactive has run in a page that may run scripts.
func Show(figs ...chart.Figure) {
	for _, f := range figs {
		h, err := figureHTML(f, "figure-"+gonbui.UniqueId(), true)
		stopIf(err)
		display(block(h), fmt.Sprintf("figure %s: %s (%d x %d)", f.Name, f.Title, f.Width, f.Height))
	}
}

// Interactive puts ECharts into the page, so that the figures below it are live. Call it
// once, at the top: it adds a megabyte to the notebook.
func Interactive() {
	var script string
	stopIf(session.Call(context.Background(), CallScript, nil, &script, nil))
	// The wrapper hides the names by which a loader of modules on the page would catch
	// the library and leave no global.
	display("<script>if(!window.echarts){(function(exports,module,define){"+script+"\n}).call(window)}</script><small>Figures below are interactive where this page may run scripts.</small>",
		"interactive figures: ECharts is in the page")
}

// figureHTML is a figure as a fragment. The live chart replaces the picture only when it
// stands, so a script that fails costs nothing.
func figureHTML(f chart.Figure, id string, live bool) (string, error) {
	script, err := f.Script()
	if err != nil {
		return "", err
	}
	return drawn(f, script, id, live)
}

func drawn(f chart.Figure, script, id string, live bool) (string, error) {
	var svg string
	if err := session.Call(context.Background(), CallDraw, Drawing{Name: f.Name, Script: script, Alt: f.Alt, Width: f.Width, Height: f.Height}, &svg, nil); err != nil {
		return "", err
	}
	alt := html.EscapeString(chart.Visible(f.Alt))
	var b strings.Builder
	fmt.Fprintf(&b, `<div id="%s" role="img" aria-label="%s" style="width:%dpx"><img alt="%s" width="%d" height="%d" style="max-width:none" src="data:image/svg+xml;base64,%s"></div>`,
		id, alt, f.Width, alt, f.Width, f.Height, base64.StdEncoding.EncodeToString([]byte(svg)))
	if f.Caption != "" {
		fmt.Fprintf(&b, `<div style="max-width:%dpx;font-size:12px">%s</div>`, max(f.Width, 480), text(f.Caption))
	}
	if live {
		fmt.Fprintf(&b, `<script>(function(){var d=document.getElementById("%s");if(!d||!window.echarts)return;`+
			`var e=document.createElement("div");e.style.width="%dpx";e.style.height="%dpx";d.appendChild(e);`+
			`try{window.echarts.init(e,null,{renderer:"svg"}).setOption(%s);d.firstElementChild.remove()}catch(x){e.remove();console.error(x)}})()</script>`,
			id, f.Width, f.Height, script)
	}
	return b.String(), nil
}

// text is a text as HTML.
func text(s string) string { return html.EscapeString(chart.Visible(s)) }
