package figure

import (
	"crypto/sha256"
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"

	"securecoderl/securerl/chart"
)

// page is the program as text, its layers behind radio buttons. The first layer is
// written into the tokens themselves and the others into variables that a style sheet
// takes up: where a viewer removes the sheet, as notebooks that are not trusted do,
// the first layer stays. The white card and dark words stay on dark pages.
func (c Credit) page() template.HTML {
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q", c.title, c.Rows)
	id := fmt.Sprintf("credit-%x", sum.Sum(nil)[:5]) // two maps of one page do not switch each other
	var b strings.Builder
	fmt.Fprintf(&b, `<div style="background:%s;color:%s;padding:8px;font:12px sans-serif">`, chart.Surface, chart.Ink)
	if c.has != [layers]bool{} {
		b.WriteString(c.buttons(id))
	}
	fmt.Fprintf(&b, `<pre title="%s" style="background:%s;color:%s;margin:4px 0 0;font-family:monospace;font-size:12px;line-height:1.6;overflow-x:auto;unicode-bidi:isolate">`+"\n", html.EscapeString(c.Note(c.first())), chart.Surface, chart.Ink)
	for _, t := range c.tokens {
		b.WriteString(c.span(t))
	}
	b.WriteString(`</pre></div>`)
	return template.HTML(b.String())
}

// buttons are the style sheet and a radio button per layer.
func (c Credit) buttons(id string) string {
	var sheet, list strings.Builder
	for l := range layers {
		if !c.has[l] {
			continue
		}
		checked := ""
		if l == c.first() {
			checked = " checked"
		} else {
			fmt.Fprintf(&sheet, `#%s-%d:checked~pre span{background:var(--b%[2]d)!important;border-bottom:2px var(--l%[2]d) #555!important}`, id, l)
		}
		fmt.Fprintf(&list, `<input type="radio" name="%s" id="%[1]s-%d"%s><label for="%[1]s-%[2]d" title="%[4]s">%[5]s</label>`+"\n", id, l, checked, html.EscapeString(c.Note(l)), l)
	}
	return "<style>" + sheet.String() + "</style>" + list.String()
}

// span is one token: its first layer as it looks, the others as variables.
func (c Credit) span(t token) string {
	text := html.EscapeString(chart.Visible(t.text))
	if t.end {
		text = `<i>end</i>`
	}
	if t.values == [layers]float64{} {
		if t.end {
			return ""
		}
		return text
	}
	var style strings.Builder
	for l := range layers {
		x := c.credit(t, l)
		line := "solid"
		if math.Abs(x) < 0.01 { // as in the drawing
			line = "none"
		} else if x < 0 {
			line = "dashed"
		}
		if l == c.first() {
			fmt.Fprintf(&style, "background:%s;border-bottom:2px %s #555;color:%s", tint(x), line, chart.Ink)
		} else if c.has[l] {
			fmt.Fprintf(&style, ";--b%d:%s;--l%[1]d:%[3]s", l, tint(x), line)
		}
	}
	title := fmt.Sprintf("reward %s, advantage %s", signed(t.values[Reward]), signed(t.values[Advantage]))
	if c.has[Divergence] {
		title += ", KL " + signed(t.values[Divergence])
	}
	if t.finding != "" {
		title += ", " + t.finding
	}
	return fmt.Sprintf(`<span title="%s" style="%s">%s</span>`, html.EscapeString(title), style.String(), text)
}
