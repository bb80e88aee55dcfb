package problem

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"
)

// ErrFormat reports a file that is not of the form its reader expects.
var ErrFormat = errors.New("problem: format")

// ErrCallStyle reports tasks whose tests call functions in a form that cannot be
// judged: lists of arguments in a file of stdin tasks, objects of the program's own
// classes. A reader that meets them returns all other problems of the file beside
// this error.
var ErrCallStyle = errors.New("problem: tests are function calls of a form that cannot be judged")

// FormatError says where a file is wrong. It wraps ErrFormat or ErrCallStyle.
type FormatError struct {
	File string
	Line int    // from 1
	Key  string // path of the JSON key; empty for a whole line
	What string

	kind error
}

// Error is file:line: key: what.
func (e *FormatError) Error() string {
	if e.Key == "" {
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.What)
	}
	return fmt.Sprintf("%s:%d: %s: %s", e.File, e.Line, e.Key, e.What)
}

// Unwrap returns ErrFormat or ErrCallStyle.
func (e *FormatError) Unwrap() error { return e.kind }

// wrong is a fault of one key; place adds file and line.
func wrong(key, format string, args ...any) error {
	return &FormatError{Key: key, What: fmt.Sprintf(format, args...), kind: ErrFormat}
}

func callStyle(key, what string) error {
	return &FormatError{Key: key, What: what + ": the tests are function calls, which a stdin judge cannot run", kind: ErrCallStyle}
}

// place puts file and line into a fault.
func place(err error, file string, line int) error {
	var e *FormatError
	if !errors.As(err, &e) {
		return &FormatError{File: file, Line: line, What: err.Error(), kind: ErrFormat}
	}
	placed := *e
	placed.File, placed.Line = file, line
	return &placed
}

// decode reads exactly one JSON value and refuses what the standard decoder lets
// pass: unknown keys, bytes that are no UTF-8, and text after the value.
func decode(b []byte, v any) error {
	if !utf8.Valid(b) {
		return wrong("", "not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var kind *json.UnmarshalTypeError
	switch err := d.Decode(v); {
	case errors.As(err, &kind):
		return wrong(kind.Field, "is a JSON %s, want %s", kind.Value, kind.Type)
	case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
		return wrong("", "the JSON value is cut off")
	case err != nil:
		return wrong("", "%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); err != io.EOF {
		return wrong("", "text after the JSON value")
	}
	return nil
}

// rows yields the lines of a JSONL file that are not blank, numbered from 1.
func rows(r io.Reader) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		b := bufio.NewReader(r)
		for n := 1; ; n++ {
			line, err := b.ReadBytes('\n')
			if err != nil && err != io.EOF {
				yield(-n, []byte(err.Error())) // a negative number marks a failed read
				return
			}
			if len(bytes.TrimSpace(line)) > 0 && !yield(n, line) || err == io.EOF {
				return
			}
		}
	}
}

// readRows builds a set from JSONL. Call-style rows are left out and reported
// together; any other fault ends the reading.
func readRows(r io.Reader, name string, read func(line []byte) (Problem, error)) (Set, error) {
	set := Set{Name: name}
	var calls []error
	for n, line := range rows(r) {
		if n < 0 {
			return Set{}, &FormatError{File: name, Line: -n, What: string(line), kind: ErrFormat}
		}
		p, err := read(line)
		switch {
		case errors.Is(err, ErrCallStyle):
			calls = append(calls, place(err, name, n))
		case err != nil:
			return Set{}, place(err, name, n)
		default:
			set.Problems = append(set.Problems, p)
		}
	}
	return set, errors.Join(calls...)
}

// text reads a JSON string; absent and null are faults.
func text(raw json.RawMessage, key string) (string, error) {
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return "", wrong(key, "must be a string, is %s", clip(raw))
	}
	return *s, nil
}

// id reads an identifier written as a string or a whole number.
func id(raw json.RawMessage, key string) (string, error) {
	var n json.Number
	if json.Unmarshal(raw, &n) == nil && n != "" && raw[0] != '"' {
		if _, err := n.Int64(); err == nil {
			return n.String(), nil
		}
	}
	s, err := text(raw, key)
	if err == nil && s == "" {
		err = wrong(key, "must not be empty")
	}
	return s, err
}

func clip(raw json.RawMessage) string {
	switch {
	case len(raw) == 0:
		return "missing"
	case len(raw) > 40:
		return strings.ToValidUTF8(string(raw[:40]), "") + "..."
	}
	return string(raw)
}

// pairs joins inputs and outputs by position. A null is a fault: to drop it would
// shift every later pair. A list where text is expected is a function call.
func pairs(inputs, outputs []json.RawMessage, prefix string) ([]Test, error) {
	if len(inputs) != len(outputs) {
		return nil, wrong(prefix+"inputs", "%d inputs but %d outputs", len(inputs), len(outputs))
	}
	tests := make([]Test, len(inputs))
	for i := range inputs {
		for _, x := range []struct {
			raw  json.RawMessage
			key  string
			into *string
		}{{inputs[i], "inputs", &tests[i].Stdin}, {outputs[i], "outputs", &tests[i].Want}} {
			key := fmt.Sprintf("%s%s[%d]", prefix, x.key, i)
			if first := bytes.TrimSpace(x.raw); len(first) > 0 && (first[0] == '[' || first[0] == '{') {
				return nil, callStyle(key, "a list or object where text is expected")
			}
			s, err := text(x.raw, key)
			if err != nil {
				return nil, err
			}
			*x.into = s
		}
	}
	return tests, nil
}
