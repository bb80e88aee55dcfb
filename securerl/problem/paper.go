package problem

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

const paperVersion = "2.0"

// paper is the first paper's prompts file, version 2.0.
type paper struct {
	Count    int               `json:"count"`
	MaxTests int               `json:"max_tests_per_problem"`
	Version  string            `json:"format_version"`
	Prompts  []json.RawMessage `json:"prompts_with_tests"`
}

type paperItem struct {
	Prompt    string `json:"prompt"`
	TestCases struct {
		Inputs  []json.RawMessage `json:"inputs"`
		Outputs []json.RawMessage `json:"outputs"`
	} `json:"test_cases"`
	ProblemID  json.RawMessage `json:"problem_id"`
	Difficulty string          `json:"difficulty"`
	NumTests   int             `json:"num_tests"`
}

// ReadPaper reads the first paper's prompts JSON, version 2.0. Inputs and outputs
// are paired by position; a missing one is an error, since dropping it would shift
// every later pair. The difficulty becomes the family. All tests are public.
//
// Errors: ErrFormat as file:line: key: what; the line is that of the item. Items
// whose tests are lists are reported together as ErrCallStyle, beside the others.
func ReadPaper(r io.Reader, name string) (Set, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return Set{}, &FormatError{File: name, Line: 1, What: err.Error(), kind: ErrFormat}
	}
	var f paper
	if err := decode(b, &f); err != nil {
		return Set{}, place(err, name, 1)
	}
	if f.Version != paperVersion {
		return Set{}, place(wrong("format_version", "%q, want %q", f.Version, paperVersion), name, 1)
	}
	if f.Count != len(f.Prompts) {
		return Set{}, place(wrong("count", "says %d, there are %d prompts", f.Count, len(f.Prompts)), name, 1)
	}
	set := Set{Name: name}
	var calls []error
	at := 0
	for i, raw := range f.Prompts {
		at += max(0, bytes.Index(b[at:], raw)) // items come in order, each a verbatim part of the file
		line := 1 + bytes.Count(b[:at], []byte("\n"))
		at += len(raw)
		p, err := paperProblem(raw, f.MaxTests)
		var e *FormatError
		if errors.As(err, &e) {
			e.Key = strings.TrimSuffix(fmt.Sprintf("prompts_with_tests[%d].%s", i, e.Key), ".")
		}
		switch {
		case errors.Is(err, ErrCallStyle):
			calls = append(calls, place(err, name, line))
		case err != nil:
			return Set{}, place(err, name, line)
		default:
			set.Problems = append(set.Problems, p)
		}
	}
	return set, errors.Join(calls...)
}

func paperProblem(raw json.RawMessage, most int) (Problem, error) {
	var item paperItem
	if err := decode(raw, &item); err != nil {
		return Problem{}, err
	}
	p := Problem{Family: item.Difficulty, Statement: item.Prompt}
	if p.Statement == "" {
		return Problem{}, wrong("prompt", "must not be empty")
	}
	var err error
	if p.ID, err = id(item.ProblemID, "problem_id"); err != nil {
		return Problem{}, err
	}
	if p.Public, err = pairs(item.TestCases.Inputs, item.TestCases.Outputs, "test_cases."); err != nil {
		return Problem{}, err
	}
	switch n := len(p.Public); {
	case n == 0:
		return Problem{}, wrong("test_cases", "no tests: such an item cannot be judged")
	case n != item.NumTests:
		return Problem{}, wrong("num_tests", "says %d, there are %d tests", item.NumTests, n)
	case n > most:
		return Problem{}, wrong("test_cases", "%d tests, max_tests_per_problem says %d", n, most)
	}
	p.Compare, p.Epsilon = comparator(p.ID, p.Statement)
	return p, nil
}

// WritePaper writes the public tests in the first paper's form, version 2.0, with
// the statement as a stub (Stub). Reading it back gives the same pairs in the same
// order, and writing that again gives the same bytes.
func WritePaper(w io.Writer, s Set) error {
	f := paper{Count: len(s.Problems), Version: paperVersion, Prompts: []json.RawMessage{}}
	for _, p := range s.Problems {
		item := paperItem{Prompt: Stub(p.Statement), NumTests: len(p.Public), Difficulty: p.Family}
		item.ProblemID = quoted(p.ID)
		for _, t := range p.Public {
			item.TestCases.Inputs = append(item.TestCases.Inputs, quoted(t.Stdin))
			item.TestCases.Outputs = append(item.TestCases.Outputs, quoted(t.Want))
		}
		f.MaxTests = max(f.MaxTests, len(p.Public))
		raw, err := json.Marshal(item)
		if err != nil {
			return fmt.Errorf("problem: WritePaper: %s: %w", p.ID, err)
		}
		f.Prompts = append(f.Prompts, raw)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(f)
}

func quoted(s string) json.RawMessage {
	b, _ := json.Marshal(s) // a string always marshals
	return b
}

// stub matches a statement that is a function with a docstring already.
var stub = regexp.MustCompile(`(?s)^\s*(?:(?:from|import) [^\n]*\n+)*\s*def \w+\([^\n]*\n\s*[rR]?("""|''')`)

// Stub returns a statement as the docstring of a function without a body, the form
// of the first paper's prompts: its name is solve_ and 5 hexadecimal digits of a
// hash of the first 50 characters. A statement that is a stub already is returned
// as it is; the paper's tool nests it and closes the outer docstring too early.
// The docstring's value is the statement between line ends.
func Stub(statement string) string {
	if stub.MatchString(statement) {
		return statement
	}
	head := []rune(statement)
	sum := sha256.Sum256([]byte(string(head[:min(50, len(head))])))
	prefix, quote, body := "", `"""`, statement
	switch {
	case strings.Contains(body, quote) && !strings.Contains(body, "'''"):
		quote = "'''"
	case strings.Contains(body, quote):
		body = strings.ReplaceAll(strings.ReplaceAll(body, `\`, `\\`), quote, `\"\"\"`)
	}
	if body == statement && strings.Contains(body, `\`) {
		prefix = "r" // LaTeX in statements is no escape sequence
	}
	return fmt.Sprintf("def solve_%s():\n    %s%s\n%s\n    %s\n", hex.EncodeToString(sum[:])[:5], prefix, quote, body, quote)
}
