package notebook

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"securecoderl/securerl/notebook/session"
	"securecoderl/securerl/record"
	"securecoderl/securerl/runlog"
	"securecoderl/securerl/tokenizer"
)

// Extract is the stored run that Open("") opens, below the checkout.
const Extract = "testdata/runlog"

// Run is a stored run. It is only read: nothing is written into its folder, which may
// belong to a run that still goes on.
type Run struct {
	dir  string // absolute
	name string // as it was given
	all  manifest
}

// manifest is the part of run.json that is read here.
type manifest struct {
	Schema int
	Kind   string
	Facts  struct{ Seeds []uint64 }
}

// Open opens the run in dir, which may be relative to the checkout; "" is the extract
// that comes with it, so that reading takes no training.
func Open(dir string) *Run { return Must(openRun(dir)) }

func openRun(dir string) (*Run, error) {
	r := &Run{dir: dir, name: dir}
	if dir == "" {
		r.dir, r.name = Extract, Extract
	}
	if !filepath.IsAbs(r.dir) {
		root, err := session.Root()
		if err != nil {
			return nil, err
		}
		r.dir = filepath.Join(root, r.dir)
	}
	b, err := os.ReadFile(filepath.Join(r.dir, "run.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: there is no run in %s (no run.json); make one with make run RUN=%s, or open the one that comes with the checkout with Open(\"\")", runlog.ErrRun, r.name, r.name)
	} else if err != nil {
		return nil, fmt.Errorf("%w: %w", runlog.ErrRun, err)
	}
	if err := json.Unmarshal(b, &r.all); err != nil || r.all.Kind != "securerl run" {
		return nil, fmt.Errorf("%w: %s/run.json is not the manifest of a run; give the folder that a run was written to", runlog.ErrRun, r.name)
	}
	if r.all.Schema > runlog.Schema {
		return nil, fmt.Errorf("%w: %s was written by a newer securerl (schema %d, this one reads up to %d); update the checkout and run make lab", runlog.ErrRun, r.name, r.all.Schema, runlog.Schema)
	}
	return r, nil
}

// Dir is the run's folder.
func (r *Run) Dir() string { return r.dir }

// Points are the metrics of the run, in order.
func (r *Run) Points() []runlog.Point { return Must(r.points()) }

func (r *Run) points() (list []runlog.Point, err error) {
	b, err := r.log("metrics")
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(b) {
		var p runlog.Point
		if err := json.Unmarshal(line, &p); err != nil {
			return nil, fmt.Errorf("%w: %s: line %d of metrics.jsonl: %w", runlog.ErrRun, r.name, len(list)+1, err)
		}
		list = append(list, p)
	}
	return list, nil
}

// Samples are the programs that training wrote, in order: with tokens, log-probabilities,
// rewards and advantages.
func (r *Run) Samples() []record.Row { return Must(r.rows("samples")) }

// Evaluation are the programs of the evaluation, in order.
func (r *Run) Evaluation() []record.Row { return Must(r.rows("evaluation")) }

func (r *Run) rows(name string) (list []record.Row, err error) {
	b, err := r.log(name)
	if err != nil {
		return nil, err
	}
	for row, err := range record.Read(bytes.NewReader(b), r.name+"/"+name+".jsonl") {
		if err != nil {
			return nil, err
		}
		list = append(list, row)
	}
	return list, r.restore(list)
}

// restore gives completions that are no UTF-8 their bytes back, which JSON cannot carry:
// their tokens know them, and the places of program and findings count them. Without
// tokens or tokenizer a row stays as it is stored.
func (r *Run) restore(rows []record.Row) error {
	var tok *tokenizer.Tokenizer
	for i, row := range rows {
		if len(row.IDs) == 0 || !strings.ContainsRune(row.Completion, utf8.RuneError) {
			continue
		}
		if tok == nil {
			var err error
			tok, err = tokenizer.Load(r.tokenizer())
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			} else if err != nil {
				return err
			}
		}
		rows[i].Completion = tok.Decode(row.IDs)
	}
	return nil
}

func (r *Run) tokenizer() string {
	return filepath.Join(r.dir, "checkpoints", "base", "tokenizer.json")
}

// log is the text of a log or of its gzipped form, up to its last whole line; empty if
// there is none.
func (r *Run) log(name string) ([]byte, error) {
	path := filepath.Join(r.dir, name+".jsonl")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		b, err = unzipped(path + ".gz")
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", runlog.ErrRun, err)
	}
	return b[:bytes.LastIndexByte(b, '\n')+1], nil
}

func unzipped(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// Digest is the SHA-256 of metrics, samples and evaluation, in hexadecimal. Runs of equal
// digest are the same run.
func (r *Run) Digest() string {
	sum := sha256.New()
	for _, name := range []string{"metrics", "samples", "evaluation"} {
		sum.Write(Must(r.log(name)))
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// Seeds are the seeds that were trained, in order.
func (r *Run) Seeds() []uint64 {
	if len(r.all.Facts.Seeds) > 0 {
		return r.all.Facts.Seeds
	}
	var seeds []uint64
	for _, p := range r.Points() {
		if p.Phase == "ppo" && !slices.Contains(seeds, p.Seed) {
			seeds = append(seeds, p.Seed)
		}
	}
	return seeds
}

// Tokenizer is the one that the policies of the run write with.
func (r *Run) Tokenizer() *tokenizer.Tokenizer {
	return Must(tokenizer.Load(r.tokenizer()))
}
