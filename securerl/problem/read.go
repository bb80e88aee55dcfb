package problem

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// ErrFormat reports a file that is not of the form its reader expects.
var ErrFormat = errors.New("problem: format")

// ErrCallStyle reports a task whose tests are function calls, not standard input.
var ErrCallStyle = errors.New("problem: tests are function calls, which a stdin judge cannot run")

// decode reads one JSON value strictly: unknown fields are errors.
func decode(b []byte, v any) error {
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// ReadStdin reads the stdin JSONL form of the CodeNet sample: one problem a line.
// Sample tests become public, extra tests hidden. The comparator is float, with the
// stated tolerance, when the statement names one, else lines.
func ReadStdin(r io.Reader, name string) (Set, error) {
	set := Set{Name: name}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for n := 1; lines.Scan(); n++ {
		p, err := stdinRow(lines.Bytes())
		if err != nil {
			return Set{}, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		set.Problems = append(set.Problems, p)
	}
	if err := lines.Err(); err != nil {
		return Set{}, fmt.Errorf("%w: %s: %v", ErrFormat, name, err)
	}
	return set, nil
}

// tolerance matches how statements name an allowed error: 10^{-6}, 1e-6, 0.00001.
var tolerance = regexp.MustCompile(`(?i)(error|tolerance|precision|differ)[^.]{0,120}?(10\s*\^?\s*\{?\s*[-−–]\s*(\d+)\}?|1e-(\d+)|0\.(0*1)\b)`)

// Tolerance returns the error a statement allows, by the rule of this package: a
// word for error followed within the sentence by a power of ten.
func Tolerance(statement string) (epsilon float64, named bool) {
	m := tolerance.FindStringSubmatch(statement)
	if m == nil {
		return 0, false
	}
	digits := len(m[5])
	for _, s := range m[3:5] {
		if s != "" {
			fmt.Sscan(s, &digits)
		}
	}
	epsilon = 1
	for range min(digits, 18) {
		epsilon /= 10
	}
	return epsilon, true
}

// paper is the first paper's prompts file, version 2.0.
type paper struct {
	Count       int         `json:"count"`
	MaxTests    int         `json:"max_tests_per_problem"`
	Version     string      `json:"format_version"`
	Prompts     []paperItem `json:"prompts_with_tests"`
	Description string      `json:"description,omitempty"`
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
// every later pair.
func ReadPaper(r io.Reader, name string) (Set, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return Set{}, fmt.Errorf("%w: %s: %v", ErrFormat, name, err)
	}
	var f paper
	if err := decode(b, &f); err != nil {
		return Set{}, fmt.Errorf("%w: %s: %v", ErrFormat, name, err)
	}
	if f.Version != "2.0" {
		return Set{}, fmt.Errorf("%w: %s: format_version %q, want \"2.0\"", ErrFormat, name, f.Version)
	}
	if f.Count != len(f.Prompts) {
		return Set{}, fmt.Errorf("%w: %s: count says %d, there are %d prompts", ErrFormat, name, f.Count, len(f.Prompts))
	}
	set := Set{Name: name}
	for i, item := range f.Prompts {
		p, err := item.problem()
		if err != nil {
			return Set{}, fmt.Errorf("%s: prompts_with_tests[%d]: %w", name, i, err)
		}
		set.Problems = append(set.Problems, p)
	}
	return set, nil
}

func (item paperItem) problem() (Problem, error) {
	in, out := item.TestCases.Inputs, item.TestCases.Outputs
	if len(in) != len(out) {
		return Problem{}, fmt.Errorf("%w: %d inputs but %d outputs", ErrFormat, len(in), len(out))
	}
	p := Problem{ID: strings.Trim(string(item.ProblemID), `"`), Statement: item.Prompt}
	for i := range in {
		var t Test
		for _, x := range []struct {
			raw  json.RawMessage
			into *string
			what string
		}{{in[i], &t.Stdin, "input"}, {out[i], &t.Want, "output"}} {
			if string(x.raw) == "null" {
				return Problem{}, fmt.Errorf("%w: test %d: %s is null", ErrFormat, i+1, x.what)
			}
			if err := json.Unmarshal(x.raw, x.into); err != nil {
				return Problem{}, fmt.Errorf("%w: test %d: %s is no string", ErrCallStyle, i+1, x.what)
			}
		}
		p.Public = append(p.Public, t)
	}
	return p, nil
}

// WritePaper writes public tests in the first paper's form, version 2.0. Reading it
// back gives the same pairs.
func WritePaper(w io.Writer, s Set) error {
	f := paper{Count: len(s.Problems), Version: "2.0"}
	for _, p := range s.Problems {
		item := paperItem{Prompt: p.Statement, NumTests: len(p.Public)}
		item.ProblemID, _ = json.Marshal(p.ID) // a string always marshals
		for _, t := range p.Public {
			in, _ := json.Marshal(t.Stdin)
			out, _ := json.Marshal(t.Want)
			item.TestCases.Inputs = append(item.TestCases.Inputs, in)
			item.TestCases.Outputs = append(item.TestCases.Outputs, out)
		}
		f.MaxTests = max(f.MaxTests, len(p.Public))
		f.Prompts = append(f.Prompts, item)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(f)
}

// stdinItem is one line of the CodeNet sample.
type stdinItem struct {
	ID        string   `json:"id"`
	Source    string   `json:"source"`
	Name      string   `json:"name"`
	Points    *float64 `json:"points"`
	Statement string   `json:"statement"`
	Tests     []struct {
		Input  *string `json:"input"`
		Output *string `json:"output"`
	} `json:"tests"`
	ExtraTests []struct {
		Input  *string `json:"input"`
		Output *string `json:"output"`
	} `json:"extra_tests"`
	Solutions []struct {
		Code    string `json:"code"`
		Origin  string `json:"origin"`
		Licence string `json:"licence"`
	} `json:"solutions"`
	Tier        string `json:"tier"`
	SampleCheck string `json:"sample_check"`
}

func stdinRow(line []byte) (Problem, error) {
	var item stdinItem
	if err := decode(line, &item); err != nil {
		return Problem{}, fmt.Errorf("%w: %v", ErrFormat, err)
	}
	if item.ID == "" || item.Statement == "" || len(item.Tests) == 0 {
		return Problem{}, fmt.Errorf("%w: id, statement and tests must not be empty", ErrFormat)
	}
	p := Problem{ID: item.ID, Family: item.Source, Statement: item.Statement, Compare: Lines}
	if eps, named := Tolerance(item.Statement); named {
		p.Compare, p.Epsilon = Float, eps
	}
	for i, t := range append(item.Tests, item.ExtraTests...) {
		if t.Input == nil || t.Output == nil {
			return Problem{}, fmt.Errorf("%w: test %d: input and output must be strings", ErrFormat, i+1)
		}
		if i < len(item.Tests) {
			p.Public = append(p.Public, Test{Stdin: *t.Input, Want: *t.Output})
		} else {
			p.Hidden = append(p.Hidden, Test{Stdin: *t.Input, Want: *t.Output})
		}
	}
	for _, s := range item.Solutions {
		p.References = append(p.References, Reference{Source: s.Code, License: s.Licence, Origin: s.Origin})
	}
	return p, nil
}
