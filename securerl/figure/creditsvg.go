package figure

import (
	"fmt"
	"html"
	"math"
	"strings"

	"securecoderl/securerl/chart"
)

func signed(x float64) string {
	return strings.Replace(fmt.Sprintf("%+.2f", x), "-", "\u2212", 1)
}

// tint mixes a colour for credit in [-1, 1] on which dark words can be read: white to
// blue, or white to orange.
func tint(credit float64) string {
	end := [3]float64{126, 184, 218}
	if credit < 0 {
		end = [3]float64{241, 178, 92}
	}
	a := math.Min(1, math.Abs(credit))
	return fmt.Sprintf("#%02X%02X%02X", int(255+(end[0]-255)*a), int(255+(end[1]-255)*a), int(255+(end[2]-255)*a))
}

const (
	cellWidth  = 6.6 // of a letter of 11 px with fixed width
	cellHeight = 20.0
	mostRows   = 60
	bronze     = "#B35806" // dark orange, for bars
)

// drawing lays the tokens of a credit map out on a grid of letters.
type drawing struct {
	Credit
	layer       Layer
	left, top   float64
	columns     int // letters in a line
	column, row int
	line        int // of the program; one may take several rows
	widest      int
	back, front strings.Builder
}

// Draw draws one layer for a page or column of so many pixels (chart.Page,
// chart.Column). Lines of the program that are too long go on below.
func (c Credit) Draw(l Layer, width int) []byte {
	const margin = 4
	d := drawing{Credit: c, layer: l, left: 34}
	d.columns = int((float64(width) - d.left - margin) / cellWidth)
	title := strings.Split(chart.Wrap(c.title, (width-2*margin)/7), "\n")
	note := strings.Split(chart.Wrap(c.Note(l), (width-2*margin)/6), "\n")
	legend, rows := d.legend(margin, float64(14*(len(title)+len(note))+8), narrow(width))
	d.top = float64(14*(len(title)+len(note)) + 34 + 18*(rows-1))
	d.number()
	for _, t := range c.tokens {
		d.token(t)
	}
	w := float64(width)
	if !narrow(width) { // a short program leaves no white edge
		w = min(max(d.left+float64(d.widest)*cellWidth+16, 430, float64(chart.Room(note)+2*margin)), w)
	}
	height := d.top + float64(min(d.row, mostRows)+1)*cellHeight + 8
	var b strings.Builder
	label := html.EscapeString(chart.Visible(c.title + ": " + c.Note(l)))
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">`, w, height, w, height, label)
	fmt.Fprintf(&b, `<rect width="%.0f" height="%.0f" fill="%s"/><g font-family="%s" fill="%s">`, w, height, chart.Surface, chart.Family, chart.Ink)
	y := 0
	for _, line := range title {
		y += 14
		fmt.Fprintf(&b, `<text x="%d" y="%d" font-size="12" font-weight="bold">%s</text>`, margin, y, html.EscapeString(chart.Visible(line)))
	}
	for _, line := range note {
		y += 14
		fmt.Fprintf(&b, `<text x="%d" y="%d" font-size="10" fill="%s">%s</text>`, margin, y, chart.Grey, html.EscapeString(line))
	}
	b.WriteString("</g>" + legend)
	fmt.Fprintf(&b, `<g>%s</g><g font-family="%s" font-size="11" fill="%s">%s</g></svg>`, d.back.String(), chart.Mono, chart.Ink, d.front.String())
	return []byte(b.String())
}

// number writes the number of the line that begins.
func (d *drawing) number() {
	d.line++
	if d.row < mostRows {
		fmt.Fprintf(&d.front, `<text x="%.1f" y="%.1f" text-anchor="end" fill="%s" font-size="10">%d</text>`, d.left-10, d.y()+14, chart.Grey, d.line)
	} else if d.row == mostRows {
		fmt.Fprintf(&d.front, `<text x="%.1f" y="%.1f" fill="%s">… and more lines</text>`, d.left, d.y()+14, chart.Grey)
	}
}

func (d *drawing) x() float64 { return d.left + float64(d.column)*cellWidth }
func (d *drawing) y() float64 { return d.top + float64(d.row)*cellHeight }

// token draws one token, which may hold ends of lines.
func (d *drawing) token(t token) {
	if t.end {
		d.piece("end", t, true)
		return
	}
	text := chart.Visible(strings.ReplaceAll(t.text, "\t", "    "))
	for i, part := range strings.Split(text, "\n") {
		if i > 0 {
			if t.values[d.layer] != 0 || d.layer == Advantage && t.values[Reward] != 0 { // the end of the line carries credit too
				d.piece("\u21b5", t, true)
			}
			d.column, d.row = 0, d.row+1
			d.number()
		}
		for part != "" {
			head, rest := cut(part, d.columns-d.column)
			if head == "" { // the line is full: go on below, without a number
				d.column, d.row = 2, d.row+1
				continue
			}
			d.piece(head, t, false)
			part = rest
		}
	}
}

// cut splits s after as many letters as fit in n columns.
func cut(s string, n int) (head, rest string) {
	for i, r := range s {
		if n -= columns(r); n < 0 {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// columns is the width of a letter: two for those of East Asia and for emoji.
func columns(r rune) int {
	if r >= 0x1100 && (r <= 0x115f || r >= 0x2e80 && r <= 0xa4cf || r >= 0xac00 && r <= 0xd7a3 || r >= 0xf900 && r <= 0xfaff || r >= 0xfe30 && r <= 0xfe6f || r >= 0xff00 && r <= 0xff60 || r >= 0x1f300) {
		return 2
	}
	return 1
}

// piece draws a part of one line; faint is for signs that stand for no letter.
func (d *drawing) piece(s string, t token, faint bool) {
	n := 0
	for _, r := range s {
		n += columns(r)
	}
	x, y, w := d.x(), d.y(), float64(n)*cellWidth
	d.column += n
	d.widest = max(d.widest, d.column)
	if d.row >= mostRows {
		return
	}
	cell(&d.back, x, y, w, d.credit(t, d.layer))
	if reward := t.values[Reward]; d.layer == Advantage && reward != 0 && math.Abs(reward) >= d.most[Reward]/20 {
		triangle(&d.back, x+w/2, y, reward > 0)
	}
	if strings.TrimSpace(s) == "" {
		return
	}
	fill := ""
	if faint {
		fill = fmt.Sprintf(` fill="%s" font-style="italic"`, chart.Grey)
	}
	fmt.Fprintf(&d.front, `<text x="%.1f" y="%.1f" textLength="%.1f" lengthAdjust="spacingAndGlyphs"%s>%s</text>`, x, y+14, w, fill, html.EscapeString(strings.ReplaceAll(s, " ", "\u00a0")))
}

// cell draws the tint of a token and the bar below it.
func cell(b *strings.Builder, x, y, w, credit float64) {
	if math.Abs(credit) < 0.01 {
		return
	}
	colour, dash := chart.Blue, ""
	if credit < 0 {
		colour, dash = bronze, ` stroke-dasharray="2 1.5"`
	}
	fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`, x, y+3, w-0.5, cellHeight-5, tint(credit))
	fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%.1f"%s/>`, x, y+cellHeight-2.5, x+w-0.5, y+cellHeight-2.5, colour, 0.6+1.8*math.Abs(credit), dash)
}

// triangle points up for a reward and down for a penalty.
func triangle(b *strings.Builder, x, y float64, up bool) {
	if up {
		fmt.Fprintf(b, `<path d="M%.1f %.1fl3 -4.5l3 4.5z" fill="%s"/>`, x-3, y+3, chart.Blue)
	} else {
		fmt.Fprintf(b, `<path d="M%.1f %.1fl3 4.5l3 -4.5z" fill="%s"/>`, x-3, y-1.5, bronze)
	}
}

// scales name the ends of each layer's colours.
var scales = [layers][2]string{{"discouraged", "encouraged"}, {"penalty", "reward"}, {"below the reference", "above"}, {"HIGH", "LOW"}}

// legend explains the colours of the layer, in one row or two.
func (d *drawing) legend(x, y float64, narrow bool) (svg string, rows int) {
	var b strings.Builder
	low, high, steps := scales[d.layer][0], scales[d.layer][1], 11
	if d.layer == Findings {
		steps = 5
	}
	room := 6.2*float64(len(low)) + 4
	fmt.Fprintf(&b, `<g font-family="%s" font-size="10" fill="%s"><text x="%.1f" y="%.1f">%s</text>`, chart.Family, chart.Ink, x, y+11, low)
	for i := range steps {
		cell(&b, x+room+float64(i)*13, y-4, 13, float64(i-5)/5)
	}
	end := x + room + float64(steps)*13 + 5
	fmt.Fprintf(&b, `<text x="%.1f" y="%.1f">%s</text>`, end, y+11, high)
	rows = 1
	if d.layer == Advantage {
		x, y := end+73, y
		if narrow {
			x, y, rows = 10, y+18, 2
		}
		triangle(&b, x, y+8, true)
		triangle(&b, x+12, y+8, false)
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f">reward, penalty</text>`, x+20, y+11)
	}
	b.WriteString("</g>")
	return b.String(), rows
}
