package completion

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"unicode/utf8"
)

// ErrRecording reports a recording that cannot be read as it stands.
var ErrRecording = errors.New("completion: recording")

// Recording replays stored completions: one JSON object a line with problem, sample,
// text and finish, and ids and logprobs where they are known. It is how tests and
// benchmarks run without a model.
type Recording struct {
	name  string
	texts map[recorded]Completion
}

type recorded struct {
	problem string
	sample  int
}

// line is one line of a recording.
type line struct {
	Problem  string    `json:"problem"`
	Sample   int       `json:"sample"`
	Text     *string   `json:"text"` // a missing text is a fault, an empty one is not
	Finish   Finish    `json:"finish"`
	IDs      []int32   `json:"ids,omitempty"`
	LogProbs []float32 `json:"logprobs,omitempty"`
}

// longest is the length of the longest line that is read, in bytes.
const longest = 16 << 20

// ReadRecording reads a recording. name is what it is called in messages and by
// Name. Errors wrap ErrRecording and name the line: unknown keys, a missing text, an
// unknown finish, a sample that stands there twice.
func ReadRecording(name string, r io.Reader) (*Recording, error) {
	rec := &Recording{name: name, texts: map[recorded]Completion{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longest)
	n := 0
	for lines.Scan() {
		n++
		if err := rec.add(lines.Bytes()); err != nil {
			return nil, fmt.Errorf("%w: %s:%d: %w", ErrRecording, name, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: %s:%d: %w", ErrRecording, name, n+1, err)
	}
	return rec, nil
}

func (r *Recording) add(text []byte) error {
	var row line
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&row); err != nil {
		return err
	}
	if dec.More() {
		return errors.New("more than one value on the line")
	}
	key := recorded{row.Problem, row.Sample}
	_, twice := r.texts[key]
	switch {
	case row.Problem == "" || row.Text == nil:
		return errors.New("needs problem and text")
	case row.Sample < 0:
		return fmt.Errorf("sample %d is negative", row.Sample)
	case !slices.Contains([]Finish{End, Stop, Length}, row.Finish):
		return fmt.Errorf("finish must be %s, %s or %s, got %q", End, Stop, Length, row.Finish)
	case row.LogProbs != nil && len(row.LogProbs) != len(row.IDs):
		return fmt.Errorf("%d logprobs for %d ids", len(row.LogProbs), len(row.IDs))
	case twice:
		return fmt.Errorf("sample %d of problem %q stands here twice", row.Sample, row.Problem)
	}
	r.texts[key] = Completion{Text: *row.Text, Finish: row.Finish, IDs: row.IDs, LogProbs: row.LogProbs}
	return nil
}

// WriteLine writes the answer to a request as one line of a recording. JSON cannot
// hold a text that is not UTF-8 unchanged: that is ErrRecording.
func WriteLine(w io.Writer, q Request, c Completion) error {
	if !utf8.ValidString(c.Text) {
		return fmt.Errorf("%w: sample %d of problem %q is not UTF-8", ErrRecording, q.Sample, q.ProblemID)
	}
	return json.NewEncoder(w).Encode(line{Problem: q.ProblemID, Sample: q.Sample, Text: &c.Text, Finish: c.Finish, IDs: c.IDs, LogProbs: c.LogProbs})
}

// Len is the number of completions held.
func (r *Recording) Len() int { return len(r.texts) }

// Name is the name the recording was read under.
func (r *Recording) Name() string { return r.name }

// Complete looks every request up by problem and sample. One that was not recorded
// is ErrFailed and ends the sequence.
func (r *Recording) Complete(ctx context.Context, requests []Request) iter.Seq2[Completion, error] {
	return answer(ctx, requests, func(q Request) (Completion, error) {
		c, ok := r.texts[recorded{q.ProblemID, q.Sample}]
		if !ok {
			return Completion{}, fmt.Errorf("%w: %s holds no sample %d of problem %q", ErrFailed, r.name, q.Sample, q.ProblemID)
		}
		return c, nil
	})
}

// Script is a model made of a function, for tests and examples. An error it returns
// ends the sequence and wraps ErrFailed.
type Script func(q Request) (Completion, error)

// Name is "script".
func (Script) Name() string { return "script" }

// Complete calls the function for every request, in order.
func (s Script) Complete(ctx context.Context, requests []Request) iter.Seq2[Completion, error] {
	return answer(ctx, requests, func(q Request) (Completion, error) {
		c, err := s(q)
		if err != nil && !errors.Is(err, ErrFailed) {
			err = fmt.Errorf("%w: problem %q sample %d: %w", ErrFailed, q.ProblemID, q.Sample, err)
		}
		return c, err
	})
}

// answer yields one answer a request, until the first error. No text comes with an
// error: half an answer is none.
func answer(ctx context.Context, requests []Request, one func(Request) (Completion, error)) iter.Seq2[Completion, error] {
	return func(yield func(Completion, error) bool) {
		for _, q := range requests {
			c, err := Completion{}, ctx.Err()
			if err != nil {
				err = fmt.Errorf("%w: %w", ErrFailed, err)
			} else {
				c, err = one(q)
			}
			if err != nil {
				yield(Completion{}, err)
				return
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}
