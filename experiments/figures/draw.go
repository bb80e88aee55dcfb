package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"securecoderl/experiments/results/stored"
	"securecoderl/securerl/chart"
	"securecoderl/securerl/chart/ssr"
	"securecoderl/securerl/eval"
	"securecoderl/securerl/figure"
	"securecoderl/securerl/record"
	"securecoderl/securerl/scan"
	"securecoderl/securerl/tokenizer"
)

// picture is a figure in all its forms: the drawings by file name without ending.
type picture struct {
	chart.Figure
	order []string // of drawings
	svg   map[string][]byte
	html  []byte // of credit maps
}

// draw draws everything a run has to show, for the page and for a column.
func draw(run *stored.Run) ([]picture, error) {
	comparisons, err := run.Comparisons()
	if err != nil {
		return nil, err
	}
	ladder, err := run.Ladder()
	if err != nil {
		return nil, err
	}
	var list []picture
	for _, f := range append(run.Figures(eval.Summarize(run.Evaluation), comparisons), ladder) {
		p := picture{Figure: f, svg: map[string][]byte{}}
		if err := p.add(f.Name, f); err != nil {
			return nil, err
		}
		if column := f.Fit(chart.Column); column.Width <= chart.Column {
			if err := p.add(f.Name+"-column", column); err != nil {
				return nil, err
			}
		}
		list = append(list, p)
	}
	credit, err := creditOf(run)
	if err != nil {
		return nil, err
	}
	return append(list, *credit), nil
}

func (p *picture) add(name string, f chart.Figure) error {
	svg, err := ssr.Render(f)
	if err != nil {
		return err
	}
	p.order, p.svg[name] = append(p.order, name), svg
	return nil
}

// creditOf draws the credit map of one sample of training, every layer of it. Without
// samples or tokenizer it has no data and no drawing.
func creditOf(run *stored.Run) (*picture, error) {
	none := &picture{Figure: chart.Figure{Name: "credit", Title: "Credit of a program (no data)", Caption: "No data.", Columns: []string{"token"}}}
	row, ok, err := telling(run)
	if err != nil || !ok {
		return none, err
	}
	tok, err := tokenizer.Load(run.Path("checkpoints", "base", "tokenizer.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return none, nil
	} else if err != nil {
		return nil, err
	}
	spans := tok.Spans(row.IDs)
	for i := range spans { // bytes that were no UTF-8 were replaced when the row was stored
		spans[i].Start, spans[i].End = min(spans[i].Start, len(row.Completion)), min(spans[i].End, len(row.Completion))
	}
	c, err := figure.CreditMap(fmt.Sprintf("Credit of a program: %s, %s", row.Variant, row.Problem), row, spans)
	if err != nil {
		return nil, err
	}
	p := &picture{svg: map[string][]byte{}, html: []byte("<!doctype html>\n<meta charset=\"utf-8\">\n<title>credit</title>\n" + string(c.HTML) + "\n")}
	p.Figure = chart.Figure{Name: "credit", Title: "Credit of a program", Caption: c.Caption + " " + run.Source(), Alt: c.Caption, Columns: c.Columns, Rows: c.Rows}
	for _, l := range []figure.Layer{figure.Advantage, figure.Reward, figure.Divergence, figure.Findings} {
		if !c.Has(l) {
			continue
		}
		name := "credit-" + strings.ToLower(l.String())
		p.order = append(p.order, name, name+"-column")
		p.svg[name], p.svg[name+"-column"] = c.Draw(l, chart.Page), c.Draw(l, chart.Column)
	}
	return p, nil
}

// telling picks the sample that shows most: of the last iteration of the primary
// variant, the first with a finding of MEDIUM or more, else the first that was
// rewarded, else the first.
func telling(run *stored.Run) (best record.Row, ok bool, err error) {
	rank := func(r record.Row) (n int) {
		for _, s := range r.Scores {
			if s.Total > 0 {
				n = 1
			}
		}
		if r.Verdict.Parsed && r.Verdict.Flagged(scan.Medium) {
			n += 2
		}
		return n
	}
	for r, err := range run.Samples() {
		if err != nil {
			return best, false, err
		}
		if r.Variant != run.Primary || len(r.Advantages) == 0 {
			continue
		}
		if !ok || r.Step > best.Step || r.Step == best.Step && rank(r) > rank(best) {
			best, ok = r, true
		}
	}
	return best, ok, nil
}
