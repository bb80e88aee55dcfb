package record

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"securecoderl/securerl/completion"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/reward"
)

// Schema is the version of the stored form: 2 since verdicts name their scanner and may
// hold extra findings and a second opinion, 3 since rows may hold log-probabilities under
// the model alone.
const Schema = 3

// The errors of reading.
var (
	ErrFormat = errors.New("record: malformed row")
	ErrSchema = errors.New("record: written by a newer version")
)

// Row is one program with everything known of it.
type Row struct {
	Schema        int               `json:"schema"`
	Phase         string            `json:"phase"` // ppo, evaluation
	Variant       string            `json:"variant"`
	Checkpoint    string            `json:"checkpoint,omitempty"` // best or last, in evaluations
	Seed          uint64            `json:"seed"`
	Step          int               `json:"step"`
	Problem       string            `json:"problem"`
	Family        string            `json:"family,omitempty"`
	Split         string            `json:"split,omitempty"`
	Sample        int               `json:"sample"`
	Greedy        bool              `json:"greedy,omitempty"`
	Key           [2]uint32         `json:"key"`
	Prompt        string            `json:"prompt"`
	Completion    string            `json:"completion"`
	Bytes         []byte            `json:"completion_bytes,omitempty"` // see Encode; nil in memory
	Program       Program           `json:"program"`
	IDs           []int32           `json:"ids,omitempty"`
	LogProbs      []float64         `json:"logprobs,omitempty"`       // under the law sampled
	PlainLogProbs []float64         `json:"plain_logprobs,omitempty"` // under the model alone; nil = as LogProbs, see Plain
	RefLogProbs   []float64         `json:"ref_logprobs,omitempty"`   // under the frozen reference
	Rewards       []float64         `json:"rewards,omitempty"`        // per token
	Advantages    []float64         `json:"advantages,omitempty"`     // per token
	Finish        completion.Finish `json:"finish"`
	Verdict       judge.Verdict     `json:"verdict"`
	Scores        []reward.Score    `json:"scores,omitempty"`
}

// Program is where the program stands in the completion, in bytes.
type Program struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

// Source is the program's text.
func (r Row) Source() string { return r.Completion[r.Program.Start:r.Program.End] }

// Plain is the log-probability of each token under the model alone, at the temperature
// it was sampled at: PlainLogProbs where a law bent the model, else LogProbs.
func (r Row) Plain() []float64 {
	if r.PlainLogProbs == nil {
		return r.LogProbs
	}
	return r.PlainLogProbs
}

// Rounded returns the row as it is stored: numbers rounded to six digits after the
// point, PlainLogProbs left out where they then equal LogProbs, the schema set where the
// row was not read from an older one.
func (r Row) Rounded() Row {
	if r.Schema == 0 {
		r.Schema = Schema
	}
	for _, xs := range []*[]float64{&r.LogProbs, &r.PlainLogProbs, &r.RefLogProbs, &r.Rewards, &r.Advantages} {
		*xs = round(*xs)
	}
	if slices.Equal(r.PlainLogProbs, r.LogProbs) {
		r.PlainLogProbs = nil
	}
	scores := make([]reward.Score, len(r.Scores))
	for i, s := range r.Scores {
		s.Total, s.Functional, s.Security = Round(s.Total), Round(s.Functional), Round(s.Security)
		scores[i] = s
	}
	r.Scores = scores
	if len(scores) == 0 {
		r.Scores = nil
	}
	return r
}

func round(xs []float64) []float64 {
	var ys []float64
	for _, x := range xs {
		ys = append(ys, Round(x))
	}
	return ys
}

// Round rounds to six digits after the point; negative zero becomes zero.
func Round(x float64) float64 { return math.Round(x*1e6)/1e6 + 0 }

// Encode returns the row's line, without its end. A completion that is no UTF-8, which
// JSON cannot carry, travels as base64 beside its readable form; Read puts it back, so
// that places in it still count its bytes.
func (r Row) Encode() ([]byte, error) {
	if !utf8.ValidString(r.Completion) {
		r.Bytes = []byte(r.Completion)
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(r.Rounded()); err != nil {
		return nil, fmt.Errorf("record: %s %s: %w", r.Variant, r.Problem, err)
	}
	return []byte(strings.TrimSuffix(b.String(), "\n")), nil
}

// Read yields the rows of a JSONL stream in order. The first fault ends it: ErrFormat
// or ErrSchema with name and line.
func Read(r io.Reader, name string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, 64<<20)
		for n := 1; lines.Scan(); n++ {
			row, err := parse(lines.Bytes())
			if err != nil {
				yield(Row{}, fmt.Errorf("%s:%d: %w", name, n, err))
				return
			}
			if !yield(row, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Row{}, fmt.Errorf("%s: %w: %w", name, ErrFormat, err))
		}
	}
}

func parse(line []byte) (Row, error) {
	var head struct{ Schema int }
	if err := json.Unmarshal(line, &head); err != nil {
		return Row{}, fmt.Errorf("%w: %v", ErrFormat, err)
	}
	if head.Schema > Schema {
		return Row{}, fmt.Errorf("%w: schema %d, this program knows %d; use a newer securerl", ErrSchema, head.Schema, Schema)
	}
	var row Row
	d := json.NewDecoder(strings.NewReader(string(line)))
	d.DisallowUnknownFields()
	if err := d.Decode(&row); err != nil {
		return Row{}, fmt.Errorf("%w: %v", ErrFormat, err)
	}
	if row.Bytes != nil {
		row.Completion, row.Bytes = string(row.Bytes), nil
	}
	if p := row.Program; p.Start < 0 || p.End < p.Start || p.End > len(row.Completion) {
		return Row{}, fmt.Errorf("%w: program at bytes %d to %d of %d", ErrFormat, p.Start, p.End, len(row.Completion))
	}
	return row, nil
}
