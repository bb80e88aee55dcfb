package problem

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
)

// stdinItem is one line of the CodeNet sample.
type stdinItem struct {
	ID         string      `json:"id"`
	Source     string      `json:"source"`
	Name       string      `json:"name"`
	Points     *float64    `json:"points"`
	Statement  string      `json:"statement"`
	Tests      []stdinTest `json:"tests"`
	ExtraTests []stdinTest `json:"extra_tests"`
	Solutions  []struct {
		Code    string `json:"code"`
		Origin  string `json:"origin"`
		Licence string `json:"licence"`
	} `json:"solutions"`
	Tier        string `json:"tier"`
	SampleCheck string `json:"sample_check"`
}

type stdinTest struct {
	Input  json.RawMessage `json:"input"`
	Output json.RawMessage `json:"output"`
}

// ReadStdin reads the stdin JSONL form of the CodeNet sample: one problem a line.
// Sample tests become public, extra tests hidden. The comparator is float, with the
// stated tolerance, when the statement names one (Tolerance), else lines; three
// problems are exceptions (Exceptions).
// Errors: ErrFormat as file:line: key: what.
func ReadStdin(r io.Reader, name string) (Set, error) { return readRows(r, name, stdinRow) }

func stdinRow(line []byte) (Problem, error) {
	var item stdinItem
	if err := decode(line, &item); err != nil {
		return Problem{}, err
	}
	for _, x := range []struct {
		key     string
		missing bool
	}{{"id", item.ID == ""}, {"statement", item.Statement == ""}, {"tests", len(item.Tests) == 0}} {
		if x.missing {
			return Problem{}, wrong(x.key, "must not be empty")
		}
	}
	p := Problem{ID: item.ID, Family: item.Source, Statement: item.Statement}
	p.Compare, p.Epsilon = comparator(p.ID, item.Statement)
	var err error
	if p.Public, err = stdinTests(item.Tests, "tests"); err != nil {
		return Problem{}, err
	}
	if p.Hidden, err = stdinTests(item.ExtraTests, "extra_tests"); err != nil {
		return Problem{}, err
	}
	for _, s := range item.Solutions {
		p.References = append(p.References, Reference{Source: s.Code, License: s.Licence, Origin: s.Origin})
	}
	return p, nil
}

func stdinTests(items []stdinTest, key string) (tests []Test, err error) {
	for i, t := range items {
		var x Test
		if x.Stdin, err = text(t.Input, fmt.Sprintf("%s[%d].input", key, i)); err != nil {
			return nil, err
		}
		if x.Want, err = text(t.Output, fmt.Sprintf("%s[%d].output", key, i)); err != nil {
			return nil, err
		}
		tests = append(tests, x)
	}
	return tests, nil
}

// tolerance matches how statements name an allowed error: 10^{-6}, 10^-6, 1e-6, 0.001.
var tolerance = regexp.MustCompile(`(?i)\b(?:errors?|tolerance|precision|differ\w*)\b[^.]{0,120}?(?:\b10\s*\^?\s*\{?\s*[-−–]\s*(\d+)\}?|\b1e-(\d+)|\b0\.(0*1)\b)`)

// Tolerance returns the error a statement allows: a word for error (error,
// tolerance, precision, difference) followed within the same sentence, at most 120
// characters on, by a negative power of ten from 10^-1 to 10^-15. On the 510
// problems of the CodeNet sample it finds the 16 that name one and no other.
func Tolerance(statement string) (epsilon float64, named bool) {
	m := tolerance.FindStringSubmatch(statement)
	if m == nil {
		return 0, false
	}
	digits, err := len(m[3]), error(nil)
	if s := m[1] + m[2]; s != "" {
		digits, err = strconv.Atoi(s)
	}
	if err != nil || digits < 1 || digits > 15 {
		return 0, false
	}
	return math.Pow10(-digits), true
}
