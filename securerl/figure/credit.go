package figure

import (
	"errors"
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"
	"unicode/utf8"

	"securecoderl/securerl/chart"
	"securecoderl/securerl/record"
	"securecoderl/securerl/tokenizer"
)

// ErrSpans reports spans that do not describe the completion's tokens.
var ErrSpans = errors.New("figure: spans do not fit the row")

// Credit is a program with what training gave each of its tokens: a drawing, and the
// same as text that can be selected.
type Credit struct {
	SVG     []byte
	HTML    template.HTML // every text in it escaped, numbers in tooltips
	Columns []string
	Rows    [][]string
}

// token is a piece of text with its reward and advantage.
type token struct {
	text              string
	reward, advantage float64
	end               bool // the end token, which has no text
}

// CreditMap draws the reward and the advantage of every token of a completion. spans
// are the byte ranges of row.IDs in row.Completion (tokenizer.Spans); those of the end
// token are empty. Rows without rewards or advantages are drawn plain. Errors wrap
// ErrSpans.
//
// A tint and a bar under a token show its advantage, in parts of the largest in this
// program; a triangle above shows reward of at least a twentieth of the largest.
func CreditMap(title string, row record.Row, spans []tokenizer.Span) (Credit, error) {
	tokens, err := split(row, spans)
	if err != nil {
		return Credit{}, fmt.Errorf("%w: %s", err, row.Problem)
	}
	c := Credit{Columns: []string{"token", "text", "reward", "advantage"}}
	d := drawing{top: 62, left: 34}
	var sum, reward, low, high float64
	for i, t := range tokens {
		if i == 0 {
			low, high = t.advantage, t.advantage
		}
		c.Rows = append(c.Rows, []string{fmt.Sprint(i), t.text, number(t.reward), number(t.advantage)})
		sum += t.reward
		reward, d.most = math.Max(reward, math.Abs(t.reward)), math.Max(d.most, math.Abs(t.advantage))
		low, high = math.Min(low, t.advantage), math.Max(high, t.advantage)
	}
	d.reward = reward
	note := fmt.Sprintf("%d tokens, reward %.2f in all, advantages from %s to %s", len(tokens), sum, signed(low), signed(high))
	if len(row.Advantages) == 0 && len(row.Rewards) == 0 {
		note = fmt.Sprintf("%d tokens, not trained on", len(tokens))
	}
	c.SVG = d.draw(short(title, 70), note, tokens)
	c.HTML = creditHTML(note, tokens, d.most)
	return c, nil
}

// split cuts the completion into tokens. A letter whose bytes lie in several tokens
// belongs to the one that holds its first.
func split(row record.Row, spans []tokenizer.Span) ([]token, error) {
	n := len(spans)
	if len(row.IDs) != 0 && len(row.IDs) != n || len(row.Rewards) != 0 && len(row.Rewards) != n || len(row.Advantages) != 0 && len(row.Advantages) != n {
		return nil, fmt.Errorf("%w: %d spans, %d ids, %d rewards, %d advantages", ErrSpans, n, len(row.IDs), len(row.Rewards), len(row.Advantages))
	}
	text := row.Completion
	// next is the first start of a letter at or after i.
	next := func(i int) int {
		for i > 0 && i < len(text) && !utf8.RuneStart(text[i]) {
			i++
		}
		return i
	}
	var tokens []token
	at := 0
	for i, s := range spans {
		if s.Start < at || s.End < s.Start || s.End > len(text) {
			return nil, fmt.Errorf("%w: token %d at bytes %d to %d of %d", ErrSpans, i, s.Start, s.End, len(text))
		}
		at = s.End
		t := token{text: text[next(s.Start):max(next(s.Start), next(s.End))], end: s.Start == s.End}
		if len(row.Rewards) > 0 {
			t.reward = row.Rewards[i]
		}
		if len(row.Advantages) > 0 {
			t.advantage = row.Advantages[i]
		}
		tokens = append(tokens, t)
	}
	return tokens, nil
}

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
	mostColumn = 96
	mostRows   = 60
	fixed      = "'DejaVu Sans Mono', 'Liberation Mono', Menlo, Consolas, monospace"
	bronze     = "#B35806" // dark orange, for bars
)

// drawing lays tokens out on a grid of letters.
type drawing struct {
	left, top    float64
	most, reward float64 // largest advantage and reward, without sign
	column, row  int
	widest       int
	back, front  strings.Builder
}

func (d *drawing) draw(title, note string, tokens []token) []byte {
	d.number()
	for _, t := range tokens {
		d.token(t)
	}
	width := max(d.left+float64(d.widest)*cellWidth+16, 430)
	height := d.top + float64(min(d.row, mostRows)+1)*cellHeight + 8
	var b strings.Builder
	label := html.EscapeString(chart.Visible(title + ": " + note))
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">`, width, height, width, height, label)
	fmt.Fprintf(&b, `<rect width="%.0f" height="%.0f" fill="%s"/><g font-family="%s" fill="%s">`, width, height, chart.Surface, chart.Family, chart.Ink)
	fmt.Fprintf(&b, `<text x="4" y="14" font-size="12" font-weight="bold">%s</text><text x="4" y="28" font-size="10" fill="%s">%s</text></g>`, html.EscapeString(chart.Visible(title)), chart.Grey, html.EscapeString(note))
	b.WriteString(d.legend(4, 36))
	fmt.Fprintf(&b, `<g>%s</g><g font-family="%s" font-size="11" fill="%s">%s</g></svg>`, d.back.String(), fixed, chart.Ink, d.front.String())
	return []byte(b.String())
}

// number writes the number of the line that begins.
func (d *drawing) number() {
	if d.row < mostRows {
		fmt.Fprintf(&d.front, `<text x="%.1f" y="%.1f" text-anchor="end" fill="%s" font-size="9">%d</text>`, d.left-10, d.y()+14, chart.Grey, d.row+1)
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
			if t.advantage != 0 || t.reward != 0 { // the end of the line carries credit too
				d.piece("\u21b5", t, true)
			}
			d.column, d.row = 0, d.row+1
			d.number()
		}
		for part != "" {
			head, rest := cut(part, mostColumn-d.column)
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
	credit := 0.0
	if d.most > 0 {
		credit = t.advantage / d.most
	}
	cell(&d.back, x, y, w, credit)
	if d.reward > 0 && math.Abs(t.reward) >= d.reward/20 {
		triangle(&d.back, x+w/2, y, t.reward > 0)
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

func (d *drawing) legend(x, y float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<g font-family="%s" font-size="10" fill="%s"><text x="%.1f" y="%.1f">discouraged</text>`, chart.Family, chart.Ink, x, y+11)
	for i := range 11 {
		cell(&b, x+64+float64(i)*13, y-4, 13, float64(i-5)/5)
	}
	fmt.Fprintf(&b, `<text x="%.1f" y="%.1f">encouraged</text>`, x+64+11*13+5, y+11)
	triangle(&b, x+285, y+8, true)
	triangle(&b, x+297, y+8, false)
	fmt.Fprintf(&b, `<text x="%.1f" y="%.1f">reward, penalty</text></g>`, x+305, y+11)
	return b.String()
}

// creditHTML is the program as text. Its white card and dark words stay on dark pages.
func creditHTML(note string, tokens []token, most float64) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<pre title="%s" style="background:#fff;color:#222;padding:8px;line-height:1.6;overflow-x:auto;unicode-bidi:isolate">`+"\n", html.EscapeString(note))
	for _, t := range tokens {
		text := html.EscapeString(chart.Visible(t.text))
		if t.end {
			text = `<i>end</i>`
		}
		if t.advantage == 0 && t.reward == 0 {
			if !t.end {
				b.WriteString(text)
			}
			continue
		}
		line, credit := "solid", 0.0
		if most > 0 {
			credit = t.advantage / most
		}
		if credit < 0 {
			line = "dashed"
		}
		fmt.Fprintf(&b, `<span title="reward %s, advantage %s" style="background:%s;border-bottom:2px %s #555;color:#222">%s</span>`, signed(t.reward), signed(t.advantage), tint(credit), line, text)
	}
	b.WriteString(`</pre>`)
	return template.HTML(b.String())
}
