package notebook

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"

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
	stored runlog.Stored // its folder is absolute
	name   string        // as it was given
}

// Open opens the run in dir, which may be relative to the checkout; "" is the extract
// that comes with it, so that reading takes no training.
func Open(dir string) *Run { return Must(openRun(dir)) }

func openRun(dir string) (*Run, error) {
	if dir == "" {
		dir = Extract
	}
	r := &Run{name: dir}
	if !filepath.IsAbs(dir) {
		root, err := session.Root()
		if err != nil {
			return nil, err
		}
		dir = filepath.Join(root, dir)
	}
	var err error
	if r.stored, err = runlog.Read(dir); err != nil {
		return nil, fmt.Errorf("%w; make one with make run RUN=%s, or open the one that comes with the checkout: Open(\"\")", err, r.name)
	}
	return r, nil
}

// Dir is the run's folder.
func (r *Run) Dir() string { return r.stored.Dir() }

// Points are the metrics of the run, in order.
func (r *Run) Points() []runlog.Point { return Must(r.points()) }

func (r *Run) points() ([]runlog.Point, error) {
	points, err := r.stored.Points()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return points, err
}

// Samples are the programs that training wrote, in order: with tokens, log-probabilities,
// rewards and advantages.
func (r *Run) Samples() []record.Row { return Must(r.rows("samples")) }

// Evaluation are the programs of the evaluation, in order.
func (r *Run) Evaluation() []record.Row { return Must(r.rows("evaluation")) }

// rows reads a log; one that is absent is empty.
func (r *Run) rows(name string) (list []record.Row, err error) {
	f, err := r.stored.Log(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return collect(record.Read(f, r.name+"/"+name+".jsonl"))
}

// collect reads rows to their end, or to the first fault.
func collect(rows iter.Seq2[record.Row, error]) (list []record.Row, err error) {
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		list = append(list, row)
	}
	return list, nil
}

func (r *Run) tokenizer() string { return r.stored.Path("checkpoints", "base", "tokenizer.json") }

// Digest is the SHA-256 of metrics, samples and evaluation, in hexadecimal. Runs of equal
// digest are the same run.
func (r *Run) Digest() string { return Must(r.stored.Digest()) }

// Seeds are the seeds that were trained, in order.
func (r *Run) Seeds() (seeds []uint64) {
	named, _ := r.stored.Facts()["seeds"].([]any)
	for _, s := range named {
		if seed, ok := s.(float64); ok {
			seeds = append(seeds, uint64(seed))
		}
	}
	if len(seeds) > 0 {
		return seeds
	}
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
