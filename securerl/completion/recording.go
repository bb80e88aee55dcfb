package completion

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
)

// Recording replays stored completions: one JSON line each with problem, sample,
// text and finish. It is how tests and benchmarks run without a model.
type Recording struct {
	name  string
	texts map[recorded]Completion
}

type recorded struct {
	problem string
	sample  int
}

// ReadRecording reads a recording. Faults name the line and wrap ErrFailed.
func ReadRecording(name string, r io.Reader) (*Recording, error) {
	rec := &Recording{name: name, texts: map[recorded]Completion{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for n := 1; lines.Scan(); n++ {
		var row struct {
			Problem string  `json:"problem"`
			Sample  int     `json:"sample"`
			Text    *string `json:"text"`
			Finish  Finish  `json:"finish"`
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			return nil, fmt.Errorf("%w: %s:%d: %v", ErrFailed, name, n, err)
		}
		if row.Problem == "" || row.Text == nil {
			return nil, fmt.Errorf("%w: %s:%d: needs problem and text", ErrFailed, name, n)
		}
		if row.Finish == "" {
			row.Finish = End
		}
		rec.texts[recorded{row.Problem, row.Sample}] = Completion{Text: *row.Text, Finish: row.Finish}
	}
	return rec, lines.Err()
}

// Name is the name the recording was read under.
func (r *Recording) Name() string { return r.name }

// Complete looks every request up. One that was not recorded is ErrFailed.
func (r *Recording) Complete(ctx context.Context, requests []Request) iter.Seq2[Completion, error] {
	return func(yield func(Completion, error) bool) {
		for _, q := range requests {
			c, ok := r.texts[recorded{q.ProblemID, q.Sample}]
			err := ctx.Err()
			if err == nil && !ok {
				err = fmt.Errorf("%w: %s holds no sample %d of problem %s", ErrFailed, r.name, q.Sample, q.ProblemID)
			}
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}
