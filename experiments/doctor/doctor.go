package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"securecoderl/experiments/train"
	"securecoderl/securerl/report"
)

// line is a check: what was looked at and, if it failed, why and what to do. A line
// with figures states a measurement, which nobody fails.
type line struct {
	Area    string             `json:"area"`
	What    string             `json:"what"`
	OK      bool               `json:"ok"`
	Error   string             `json:"error,omitempty"`
	Cure    string             `json:"cure,omitempty"`
	Figures map[string]float64 `json:"figures,omitempty"` // by name, the unit in the name

	unjudged bool // a statement that nobody fails
}

// doctor prints a line per check, or all of them as JSON in the end, and counts those
// that failed.
type doctor struct {
	out   io.Writer
	json  bool
	area  string // what the next checks are about
	lines []line
	wrong int
}

// check notes a check of the present area and prints it.
func (d *doctor) check(what string, err error, cure string) {
	d.judge(line{Area: d.area, What: what, OK: err == nil}, err, cure)
}

// judge notes a line, with what is wrong with it and the cure.
func (d *doctor) judge(l line, err error, cure string) {
	if err != nil {
		d.wrong++
		l.Error, l.Cure = strings.ReplaceAll(err.Error(), "\n", "; "), cure
	}
	d.note(l)
}

// figure notes a measurement.
func (d *doctor) figure(what string, figures map[string]float64) {
	d.note(line{Area: d.area, What: what, OK: true, Figures: figures, unjudged: true})
}

// The columns of the text form: result, area, text; the last is as wide as what is
// left of a hundred.
const (
	columns = "%-5s %-9s "
	margin  = 5 + 1 + 9 + 1
	width   = 100 - margin
)

func (d *doctor) note(l line) {
	d.lines = append(d.lines, l)
	if d.json {
		return
	}
	result := "ok"
	switch {
	case !l.OK:
		result = "FAIL"
	case l.unjudged:
		result = "-"
	}
	fmt.Fprintf(d.out, columns, result, l.Area)
	d.text(l.What)
	for _, x := range []struct{ name, text string }{{"why:  ", l.Error}, {"cure: ", l.Cure}} {
		if x.text != "" {
			fmt.Fprint(d.out, strings.Repeat(" ", margin))
			d.text(x.name + x.text)
		}
	}
}

// text prints a text from the third column on, broken into lines. It may come from
// elsewhere, so it is made harmless first.
func (d *doctor) text(s string) {
	fmt.Fprintln(d.out, strings.Join(wrap(report.Terminal(s), width), "\n"+strings.Repeat(" ", margin)))
}

// wrap breaks a text into lines of at most n runes, at blanks where there are any.
func wrap(s string, n int) (lines []string) {
	rest := []rune(s)
	for len(rest) > n {
		at := n
		for i := n; i > n/2; i-- {
			if rest[i] == ' ' {
				at = i
				break
			}
		}
		lines = append(lines, strings.TrimRight(string(rest[:at]), " "))
		rest = []rune(strings.TrimLeft(string(rest[at:]), " "))
	}
	return append(lines, string(rest))
}

// end prints what is printed at the end.
func (d *doctor) end() error {
	if d.json {
		e := json.NewEncoder(d.out)
		e.SetIndent("", "  ")
		return e.Encode(d.lines)
	}
	_, err := fmt.Fprintf(d.out, "%d checks, %d failed\n", len(d.lines), d.wrong)
	return err
}

// sets are files and folders with known answers, in the form of those in testdata; an
// empty path is not looked at.
type sets struct{ hostile, hacks, compare, scan, tokenizers string }

// known looks at sets with known answers.
func (d *doctor) known(ctx context.Context, l *train.Lab, s sets) {
	d.area = "set"
	d.attacked(ctx, s.hostile)
	for _, set := range []struct {
		path, what string
		run        func(path string) (found, error)
	}{
		{s.hacks, "programs that attack the reward", func(path string) (found, error) { return hacked(ctx, l.Training, path) }},
		{s.compare, "outputs to compare", compared},
		{s.scan, "sources that attack the scanner", func(path string) (found, error) { return scanned(ctx, l.Scanner(), path) }},
		{s.tokenizers, "texts with known tokens", tokenized},
	} {
		if set.path == "" {
			continue
		}
		f, err := set.run(set.path)
		if err == nil {
			err = f.err()
		}
		d.check(fmt.Sprintf("%s: %d %s, all as stated", set.path, f.rows, set.what), err, "where the answer here is right, correct the set; else report it")
	}
}
