package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// errFormat reports a file that is no notebook this program can read.
var errFormat = errors.New("nb: not a notebook of format 4")

// maxFile bounds what is read; an executed notebook with figures stays far below.
const maxFile = 64 << 20

// notebook is what an author writes, and nothing that running it leaves behind.
type notebook struct {
	path  string // as given
	cells []cell
}

// cell is one cell. Tags and folding are the author's; counts, times and outputs are not.
type cell struct {
	kind        string // "code", "markdown" or "raw"
	id          string
	tags        []string
	hidden      bool            // folded in JupyterLab (jupyter.source_hidden)
	attachments json.RawMessage // pictures inside Markdown, kept as they are
	source      string          // lines end with \n
	number      int             // code cells from 1, as in [1] after Run All; 0 for others
}

func (c cell) tagged(tag string) bool { return slices.Contains(c.tags, tag) }

// lines counts the lines a reader sees; a newline at the end adds none.
func (c cell) lines() int {
	if c.source == "" {
		return 0
	}
	return strings.Count(strings.TrimSuffix(c.source, "\n"), "\n") + 1
}

// name is the file's name, with what could be mistaken for a line mark replaced.
func (n notebook) name() string {
	return regexp.MustCompile(`[^\w.-]`).ReplaceAllString(filepath.Base(n.path), "_")
}

// file is the notebook on disk; of its parts only those that carry meaning.
type file struct {
	Cells  []fileCell `json:"cells"`
	Format int        `json:"nbformat"`
}

type fileCell struct {
	Kind     string `json:"cell_type"`
	ID       string `json:"id"`
	Metadata struct {
		Tags    []string `json:"tags"`
		Jupyter struct {
			SourceHidden bool `json:"source_hidden"`
		} `json:"jupyter"`
	} `json:"metadata"`
	Attachments json.RawMessage `json:"attachments"`
	Source      text            `json:"source"`
}

// text is a string or a list of strings: the format allows both.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var parts []string
	if err := json.Unmarshal(b, &parts); err == nil {
		*t = text(strings.Join(parts, ""))
		return nil
	}
	var whole string
	if err := json.Unmarshal(b, &whole); err != nil {
		return errors.New("source is neither text nor a list of texts")
	}
	*t = text(whole)
	return nil
}

var cellID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// open reads a notebook and also returns the file's bytes.
func open(path string) (notebook, []byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return notebook{}, nil, fmt.Errorf("nb: %w", err)
	}
	if info.Size() > maxFile {
		return notebook{}, nil, fmt.Errorf("%w: %s has %d MB: clear its outputs", errFormat, path, info.Size()>>20)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return notebook{}, nil, fmt.Errorf("nb: %w", err)
	}
	n, err := decode(raw)
	if err != nil {
		return notebook{}, nil, fmt.Errorf("%w (%s)", err, path)
	}
	n.path = path
	return n, raw, nil
}

// decode reads the JSON of a notebook of format 4. Cells without an id get one, so that
// encode always writes ids. Errors wrap errFormat and name the cell, counted from 1
// over all cells.
func decode(raw []byte) (notebook, error) {
	if !utf8.Valid(raw) {
		return notebook{}, fmt.Errorf("%w: the text is not UTF-8", errFormat)
	}
	var f file
	if err := json.Unmarshal(raw, &f); err != nil {
		return notebook{}, fmt.Errorf("%w: %w", errFormat, err)
	}
	if f.Format != 4 {
		return notebook{}, fmt.Errorf("%w: nbformat is %d: open it in JupyterLab and save it again", errFormat, f.Format)
	}
	n := notebook{cells: make([]cell, 0, len(f.Cells))}
	ids, code := map[string]bool{}, 0
	for i, c := range f.Cells {
		if !slices.Contains([]string{"code", "markdown", "raw"}, c.Kind) {
			return notebook{}, fmt.Errorf("%w: item %d has cell_type %q", errFormat, i+1, c.Kind)
		}
		if c.ID != "" && (!cellID.MatchString(c.ID) || ids[c.ID]) {
			return notebook{}, fmt.Errorf("%w: item %d has the id %q, which is malformed or used twice", errFormat, i+1, c.ID)
		}
		ids[c.ID] = true
		next := cell{kind: c.Kind, id: c.ID, tags: c.Metadata.Tags, hidden: c.Metadata.Jupyter.SourceHidden,
			source: strings.ReplaceAll(string(c.Source), "\r\n", "\n")}
		if c.Kind != "code" && len(c.Attachments) > 0 && string(c.Attachments) != "null" {
			next.attachments = c.Attachments
		}
		if c.Kind == "code" {
			code++
			next.number = code
		}
		n.cells = append(n.cells, next)
	}
	for i := range n.cells {
		for at := i + 1; n.cells[i].id == ""; at++ {
			if id := fmt.Sprintf("c%02d", at); !ids[id] {
				n.cells[i].id, ids[id] = id, true
			}
		}
	}
	return n, nil
}

// encode writes the one form in which a notebook is committed: keys sorted, one space of
// indentation, a line of source a line, as Jupyter itself writes, with the project's
// kernel and without anything a run leaves behind.
func encode(n notebook) ([]byte, error) {
	cells := make([]any, len(n.cells))
	for i, c := range n.cells {
		meta := map[string]any{}
		if len(c.tags) > 0 {
			meta["tags"] = c.tags
		}
		if c.hidden {
			meta["jupyter"] = map[string]any{"source_hidden": true}
		}
		lines := strings.SplitAfter(c.source, "\n")
		if lines[len(lines)-1] == "" {
			lines = lines[:len(lines)-1]
		}
		out := map[string]any{"cell_type": c.kind, "id": c.id, "metadata": meta, "source": lines}
		if c.kind == "code" {
			out["execution_count"], out["outputs"] = nil, []any{}
		}
		if c.attachments != nil {
			out["attachments"] = c.attachments
		}
		cells[i] = out
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	err := enc.Encode(map[string]any{"cells": cells, "nbformat": 4, "nbformat_minor": 5,
		"metadata": map[string]any{"kernelspec": map[string]any{"display_name": "Go (gonb)", "language": "go", "name": "gonb"}}})
	return b.Bytes(), err
}
