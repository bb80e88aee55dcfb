package notebook

import (
	"fmt"
	"strconv"
	"strings"

	"securecoderl/securerl/chart"
	"securecoderl/securerl/figure"
	"securecoderl/securerl/record"
	"securecoderl/securerl/tokenizer"
)

// Table shows rows under heads. Every row has a cell per head; numbers stand at the right.
func Table(columns []string, rows [][]string) {
	h, err := tableHTML(columns, rows)
	stopIf(err)
	display(h, fmt.Sprintf("table of %d rows: %s", len(rows), strings.Join(columns, ", ")))
}

// cell is the look of a cell. It is said on each, since pages have a look for tables of
// their own, dark stripes among it.
const cell = "background:" + chart.Surface + ";color:" + chart.Ink + ";padding:2px 10px;border:0;border-bottom:1px solid " + chart.Pale + ";vertical-align:top;max-width:40em;overflow-wrap:anywhere;white-space:pre-wrap;text-align:"

func tableHTML(columns []string, rows [][]string) (string, error) {
	var b strings.Builder
	b.WriteString(`<div style="` + card + `"><table style="border-collapse:collapse;border:0;margin:0"><thead><tr>`)
	for _, c := range columns {
		fmt.Fprintf(&b, `<th scope="col" style="%sleft;font-weight:bold">%s</th>`, cell, text(c))
	}
	b.WriteString(`</tr></thead><tbody>`)
	for i, row := range rows {
		if len(row) != len(columns) {
			return "", fmt.Errorf("notebook: row %d of the table has %d cells, its head has %d", i, len(row), len(columns))
		}
		b.WriteString(`<tr>`)
		for _, c := range row {
			fmt.Fprintf(&b, `<td style="%s%s">%s</td>`, cell, side(c), text(c))
		}
		b.WriteString(`</tr>`)
	}
	b.WriteString(`</tbody></table></div>`)
	return b.String(), nil
}

// side is where a cell's text stands.
func side(s string) string {
	s = strings.TrimRight(strings.ReplaceAll(s, "\u2212", "-"), " %")
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return "right"
	}
	return "left"
}

// Code shows a program as text with numbered lines.
func Code(title, source string) {
	display(codeHTML(title, source), fmt.Sprintf("program %s: %d lines", title, strings.Count(strings.TrimSuffix(source, "\n"), "\n")+1))
}

func codeHTML(title, source string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<div style="%s"><div><b>%s</b></div><pre style="background:%s;color:%s;margin:4px 0 0;padding:0;font:12px/1.45 monospace;unicode-bidi:isolate">`+"\n", card, text(title), chart.Surface, chart.Ink)
	// Lines are cut before they are made visible, so that each stays one line.
	for i, line := range strings.Split(strings.TrimSuffix(source, "\n"), "\n") {
		fmt.Fprintf(&b, `<span style="color:%s;user-select:none">%4d  </span>%s`+"\n", chart.Grey, i+1, text(strings.TrimSuffix(line, "\r")))
	}
	b.WriteString(`</pre></div>`)
	return b.String()
}

// Credit shows the program of a row with what training gave each of its tokens. tok is
// the tokenizer of the run (Run.Tokenizer).
func Credit(title string, row record.Row, tok *tokenizer.Tokenizer) {
	h, err := creditHTML(title, row, tok)
	stopIf(err)
	display(h, fmt.Sprintf("credit of %s: %d tokens", title, len(row.IDs)))
}

func creditHTML(title string, row record.Row, tok *tokenizer.Tokenizer) (string, error) {
	if len(row.IDs) == 0 {
		return "", fmt.Errorf("notebook: the row of %s has no token ids, so no token can be credited; take a row of Samples or Sample", row.Problem)
	}
	c, err := figure.CreditMap(title, row, tok.Spans(row.IDs))
	if err != nil {
		return "", err
	}
	return block("<div><b>"+text(title)+"</b></div>", string(c.HTML)), nil
}
