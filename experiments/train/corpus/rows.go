package corpus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Row is an example to fine-tune on.
type Row struct {
	ID      string
	Request string
	Program string // the whole answer, with its fence if it has one
}

// Rows reads JSON lines with the keys prompt and completion, and, where they are there,
// prompt_id and reward: the form of the first paper's SFT data. Other keys are ignored,
// since the form has many. Rows with a reward below least are left out; a row without a
// reward is kept. Errors wrap ErrFile and name the row.
func Rows(path string, least float64) (rows []Row, leftOut int, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrFile, err)
	}
	lines := json.NewDecoder(bytes.NewReader(b))
	for n := 1; ; n++ {
		var x struct {
			ID         any      `json:"prompt_id"`
			Prompt     *string  `json:"prompt"`
			Completion *string  `json:"completion"`
			Reward     *float64 `json:"reward"`
		}
		if err := lines.Decode(&x); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, 0, fmt.Errorf("%w: %s: row %d: %w", ErrFile, path, n, err)
		}
		if x.Prompt == nil || x.Completion == nil || *x.Prompt == "" || *x.Completion == "" {
			return nil, 0, fmt.Errorf("%w: %s: row %d: prompt and completion must be there and not empty", ErrFile, path, n)
		}
		if x.Reward != nil && *x.Reward < least {
			leftOut++
			continue
		}
		id := fmt.Sprint(n)
		if x.ID != nil {
			id = fmt.Sprint(x.ID)
		}
		rows = append(rows, Row{ID: id, Request: *x.Prompt, Program: *x.Completion})
	}
	if len(rows) == 0 {
		return nil, leftOut, fmt.Errorf("%w: %s: no row has a reward of at least %g", ErrFile, path, least)
	}
	return rows, leftOut, nil
}
