package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// The form of a notebook: short enough to be read, the same shape every time.
const (
	maxBytes     = 60_000 // of a committed notebook
	maxCodeCells = 25
	maxCellLines = 25
	maxDefLines  = 15 // longer code belongs in the library, with tests
)

var (
	fileName = regexp.MustCompile(`^\d\d-[a-z0-9]+(-[a-z0-9]+)*\.ipynb$`)
	minutes  = regexp.MustCompile(`(?i)\d+ minutes?\b`)
	needs    = regexp.MustCompile(`(?i)\bprerequisites?\b`)
)

// form checks a notebook as it is to be committed; raw are the bytes of the file.
func form(n notebook, raw []byte) ([]problem, error) {
	canonical, err := encode(n)
	if err != nil {
		return nil, err
	}
	steps, found := plan(n)
	say := func(where string, line int, format string, a ...any) {
		found = append(found, problem{n.name(), where, line, fmt.Sprintf(format, a...)})
	}
	if !bytes.Equal(raw, canonical) {
		say("", 0, "holds outputs, counts or another layout: run nb strip -w")
	}
	if len(raw) >= maxBytes {
		say("", 0, "has %d bytes, must stay under %d", len(raw), maxBytes)
	}
	if base := filepath.Base(n.path); !fileName.MatchString(base) {
		say("", 0, "the file's name must be two digits and words joined by hyphens, like 05-graded-rewards.ipynb")
	}
	opening(n, say)
	code, claims := 0, 0
	for _, c := range n.cells {
		if c.kind != "code" {
			continue
		}
		code++
		if c.lines() > maxCellLines {
			say(fmt.Sprintf("cell %d", c.number), 0, "has %d lines, at most %d fit on a screen", c.lines(), maxCellLines)
		}
		if c.tagged(tagCheck) && !c.tagged(tagFails) {
			claims++
		}
	}
	if code > maxCodeCells {
		say("", 0, "has %d code cells, at most %d", code, maxCodeCells)
	}
	if claims == 0 {
		say("", 0, "has no cell tagged %s that fails if the notebook's claim fails", tagCheck)
	}
	exercises := 0
	for _, s := range steps {
		if s.want == testFails {
			exercises++
		}
		for _, d := range s.defs {
			if d.Lines > maxDefLines {
				say(s.where, d.Line, "%s has %d lines, at most %d: move it into the library, with tests", d.Name, d.Lines, maxDefLines)
			}
		}
	}
	if exercises == 0 {
		say("", 0, "has no exercise: a stub, a %%test cell tagged %s and %s, a folded solution", tagCheck, tagFails)
	}
	return found, nil
}

// opening checks the first cell: a heading, one question, minutes, prerequisites.
func opening(n notebook, say func(string, int, string, ...any)) {
	if len(n.cells) == 0 || n.cells[0].kind != "markdown" {
		say("", 0, "must begin with a Markdown cell")
		return
	}
	first := n.cells[0].source
	for _, part := range []struct {
		what string
		ok   bool
	}{
		{"a heading (# ...)", strings.HasPrefix(first, "# ")},
		{"the question (?)", strings.Contains(first, "?")},
		{"how many minutes it takes", minutes.MatchString(first)},
		{"its prerequisites", needs.MatchString(first)},
	} {
		if !part.ok {
			say("first cell", 0, "lacks %s", part.what)
		}
	}
}
