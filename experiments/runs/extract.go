package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/eval"
	"securecoderl/securerl/record"
	"securecoderl/securerl/runlog"
)

// extraction is what an extract keeps of a run. Metrics are kept whole.
type extraction struct {
	run, out string
	before   string   // a run of the same settings that was stopped between two updates; may be empty
	variants []string // whose samples, evaluation and adapters stay
	problems int      // of every iteration; their groups stay whole
	update   int      // the iteration whose samples all stay, of the first variant
}

// extract writes a small copy of a run for reading: logs thinned and compressed, base
// in bfloat16, the last adapters of some variants.
func extract(args []string) error {
	var x extraction
	f := flag.NewFlagSet("extract", flag.ContinueOnError)
	variants := f.String("variants", "gated,collapse", "whose samples, evaluation and adapters stay")
	f.StringVar(&x.out, "out", "", "folder of the extract; must be absent")
	f.StringVar(&x.before, "before", "", "run of the same settings, stopped before an update: its adapter and optimiser are kept")
	f.IntVar(&x.problems, "problems", 3, "problems of every iteration whose samples stay")
	if err := f.Parse(args); err != nil || f.NArg() != 1 || x.out == "" {
		return errors.Join(errUsage, err)
	}
	x.run, x.variants = f.Arg(0), strings.Split(*variants, ",")
	if _, err := os.Stat(x.out); err == nil {
		return fmt.Errorf("%w: %s exists; name a new folder", runlog.ErrRun, x.out)
	}
	run, err := runlog.Read(x.run)
	if err != nil {
		return err
	}
	temp := x.out + ".tmp"
	if err := errors.Join(os.RemoveAll(temp), os.MkdirAll(temp, 0o755)); err != nil {
		return err
	}
	if err := x.write(&run, temp); err != nil {
		return errors.Join(err, os.RemoveAll(temp))
	}
	return os.Rename(temp, x.out)
}

func (x *extraction) write(run *runlog.Stored, out string) error {
	x.update = -1
	var moment string
	if x.before != "" {
		var err error
		if moment, err = x.moment(out); err != nil {
			return err
		}
	}
	digest, err := run.Digest()
	if err != nil {
		return err
	}
	facts := run.Facts()
	facts["extract_of"], facts["extract_variants"] = digest, x.variants
	if moment != "" {
		facts["extract_moment"] = moment
	}
	manifest, err := json.MarshalIndent(runlog.Manifest{Schema: runlog.Schema, Kind: "securerl run", Facts: facts}, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(out, "run.json"), append(manifest, '\n'), 0o644),
		copyFile(run.Path("settings.toml"), filepath.Join(out, "settings.toml")),
		copyFile(run.Path("metrics.jsonl"), filepath.Join(out, "metrics.jsonl")),
		x.samples(run, filepath.Join(out, "samples.jsonl.gz")),
		x.evaluation(run, filepath.Join(out, "evaluation.jsonl.gz")),
		x.weights(run, filepath.Join(out, "checkpoints")),
		copyIfThere(run.Path("figures", "ladder.csv"), filepath.Join(out, "figures", "ladder.csv")), // prices of programs that the logs do not hold
	)
}

// moment keeps the adapter and the optimiser of the stopped run's newest checkpoint,
// under the name of its variant and iteration, such as gated-1-before-12.
func (x *extraction) moment(out string) (string, error) {
	stopped, err := runlog.Open(x.before)
	if err != nil {
		return "", err
	}
	cp, _, err := stopped.Latest()
	if err = errors.Join(err, stopped.Close()); err != nil {
		return "", err
	}
	var at struct {
		Stage string
		Step  int
	}
	if cp == nil || json.Unmarshal(cp.Files["state.json"], &at) != nil || !strings.HasPrefix(at.Stage, x.variants[0]+"-") {
		return "", fmt.Errorf("%w: %s was not stopped while %s was trained", runlog.ErrCheckpoint, x.before, x.variants[0])
	}
	x.update = at.Step
	name := fmt.Sprintf("%s-before-%d", at.Stage, at.Step)
	dir := filepath.Join(out, "checkpoints", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for _, file := range []string{"adapter.safetensors", "m.safetensors", "v.safetensors", "state.json"} {
		if err := os.WriteFile(filepath.Join(dir, file), cp.Files[file], 0o644); err != nil {
			return "", err
		}
	}
	return name, nil
}

// samples keeps whole groups, so that advantages can be computed again: the first
// problems of every iteration, and all of the iteration before the update.
func (x *extraction) samples(run *runlog.Stored, out string) error {
	seen := map[string][]string{} // variant and step: problems
	return filter(run, "samples", out, func(r *record.Row) bool {
		if !slices.Contains(x.variants, r.Variant) {
			return false
		}
		if r.Variant == x.variants[0] && r.Step == x.update {
			return true
		}
		at := fmt.Sprint(r.Variant, r.Step, r.Seed)
		if !slices.Contains(seen[at], r.Problem) {
			seen[at] = append(seen[at], r.Problem)
		}
		return slices.Index(seen[at], r.Problem) < x.problems
	})
}

// evaluation keeps SFT and the last checkpoints, without tokens.
func (x *extraction) evaluation(run *runlog.Stored, out string) error {
	return filter(run, "evaluation", out, func(r *record.Row) bool {
		p := eval.Policy{Variant: r.Variant, Checkpoint: r.Checkpoint}
		r.LogProbs = nil
		return p.String() == "sft" || p.Checkpoint == "last" && slices.Contains(x.variants, p.Variant)
	})
}

// filter writes the rows of a log that keep wants, compressed. The same rows give the
// same bytes.
func filter(run *runlog.Stored, log, out string, keep func(*record.Row) bool) error {
	in, err := run.Log(log)
	if err != nil {
		return err
	}
	defer in.Close()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	for row, err := range record.Read(in, run.Path(log+".jsonl")) {
		if err != nil {
			return err
		}
		if !keep(&row) {
			continue
		}
		line, err := row.Encode()
		if err != nil {
			return err
		}
		if _, err := z.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return errors.Join(z.Close(), os.WriteFile(out, b.Bytes(), 0o644))
}

// weights keeps the base in half of its size, and the adapters as they are.
func (x *extraction) weights(run *runlog.Stored, out string) error {
	base := run.Path("checkpoints", "base")
	config, weights, err := checkpoint.Load(base)
	if err != nil {
		return err
	}
	tokenizer, err := os.ReadFile(filepath.Join(base, "tokenizer.json"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	if err := checkpoint.Save(filepath.Join(out, "base"), config, weights, "BF16", tokenizer); err != nil {
		return err
	}
	entries, err := os.ReadDir(run.Path("checkpoints"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		variant, _, _ := strings.Cut(name, "-")
		if variant != "sft" && !(strings.HasSuffix(name, "-last") && slices.Contains(x.variants, variant)) {
			continue
		}
		if err := os.CopyFS(filepath.Join(out, name), os.DirFS(run.Path("checkpoints", name))); err != nil {
			return err
		}
	}
	return nil
}

func copyIfThere(from, to string) error {
	if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), copyFile(from, to))
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}
