package stored

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"

	"github.com/pelletier/go-toml/v2"

	"securecoderl/securerl/record"
	"securecoderl/securerl/runlog"
)

// Run is what a run left behind.
type Run struct {
	runlog.Stored
	Variants   []string // in the order of the settings
	Primary    string   // the variant whose programs are shown
	Seeds      []uint64 // of training
	Metrics    []runlog.Point
	Evaluation []record.Row
	Sum        string // the run's digest, in hexadecimal
}

// Read reads the run in dir. A log that is absent is empty, but metrics or evaluation
// must be there. Errors wrap runlog.ErrRun, record.ErrFormat or record.ErrSchema and
// name the file.
func Read(dir string) (*Run, error) {
	s, err := runlog.Read(dir)
	if err != nil {
		return nil, err
	}
	r := &Run{Stored: s}
	if r.Metrics, err = s.Points(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for row, err := range r.rows("evaluation") {
		if err != nil {
			return nil, err
		}
		r.Evaluation = append(r.Evaluation, row)
	}
	if len(r.Metrics)+len(r.Evaluation) == 0 {
		return nil, fmt.Errorf("%w: %s holds neither metrics nor an evaluation yet", runlog.ErrRun, dir)
	}
	if r.Sum, err = s.Digest(); err != nil {
		return nil, err
	}
	return r, r.settings()
}

// Samples yields the rows of samples.jsonl in order; the first fault ends it.
func (r *Run) Samples() iter.Seq2[record.Row, error] { return r.rows("samples") }

func (r *Run) rows(log string) iter.Seq2[record.Row, error] {
	return func(yield func(record.Row, error) bool) {
		in, err := r.Log(log)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(record.Row{}, err)
			return
		}
		defer in.Close()
		for row, err := range record.Read(in, r.Path(log+".jsonl")) {
			if !yield(row, err) {
				return
			}
		}
	}
}

// settings finds variants, their primary and seeds: in settings.toml, or, in an
// extract that has none, in the logs.
func (r *Run) settings() error {
	var s struct {
		Seeds    []uint64
		Variants []struct {
			Name     string
			Schedule []struct{ Scheme string }
		}
	}
	b, err := r.Settings()
	if err == nil {
		err = toml.NewDecoder(bytes.NewReader(b)).Decode(&s)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s: %w", runlog.ErrRun, r.Path("settings.toml"), err)
	}
	r.Seeds = s.Seeds
	for _, v := range s.Variants {
		r.Variants = append(r.Variants, v.Name)
		if len(v.Schedule) > 0 && v.Schedule[0].Scheme == "gated-joint" && r.Primary == "" {
			r.Primary = v.Name
		}
	}
	if len(r.Variants) == 0 {
		r.fromLogs()
	}
	if r.Primary == "" && len(r.Variants) > 0 {
		r.Primary = r.Variants[len(r.Variants)-1]
	}
	return nil
}

func (r *Run) fromLogs() {
	note := func(variant string, seed uint64) {
		if !slices.Contains(r.Variants, variant) {
			r.Variants = append(r.Variants, variant)
		}
		if !slices.Contains(r.Seeds, seed) {
			r.Seeds = append(r.Seeds, seed)
		}
	}
	for _, p := range r.Metrics {
		if p.Phase == "ppo" {
			note(p.Variant, p.Seed)
		}
	}
	for _, row := range r.Evaluation {
		if row.Checkpoint != "" {
			note(row.Variant, row.Seed)
		}
	}
	if slices.Contains(r.Variants, "gated") {
		r.Primary = "gated"
	}
}
