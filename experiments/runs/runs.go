package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"securecoderl/securerl/runlog"
)

// list prints a line per run below a folder.
func list(w io.Writer, dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "run.json" {
			return err
		}
		r, err := runlog.Open(filepath.Dir(path))
		if err != nil {
			fmt.Fprintln(w, err)
			return nil // a run in use or of a newer version is listed as such
		}
		facts := r.Facts()
		_, reported := os.Stat(r.Path("report.html"))
		fmt.Fprintf(w, "%s  %v  %v  seeds %v  finished %v\n", r.Dir(), facts["started"], facts["backend"], facts["seeds"], reported == nil)
		return r.Close()
	})
}

// deterministic are the files of a run that depend on its settings and backend only.
var deterministic = []string{"settings.toml", "metrics.jsonl", "samples.jsonl", "evaluation.jsonl"}

// compare reports the first line that differs.
func compare(a, b string) error {
	for _, name := range deterministic {
		if err := sameFile(filepath.Join(a, name), filepath.Join(b, name)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func sameFile(a, b string) error {
	fa, err := os.Open(a)
	if err != nil {
		return err
	}
	defer fa.Close()
	fb, err := os.Open(b)
	if err != nil {
		return err
	}
	defer fb.Close()
	ra, rb := bufio.NewReader(fa), bufio.NewReader(fb)
	for line := 1; ; line++ {
		x, errA := ra.ReadBytes('\n')
		y, errB := rb.ReadBytes('\n')
		if !bytes.Equal(x, y) {
			return fmt.Errorf("line %d differs:\n  %.200s\n  %.200s", line, bytes.TrimSpace(x), bytes.TrimSpace(y))
		}
		if errA == io.EOF || errB == io.EOF {
			return nil
		}
		if err := errors.Join(errA, errB); err != nil {
			return err
		}
	}
}

// prune removes what can be made again: the verdict cache.
func prune(dir string) error {
	r, err := runlog.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(r.Path("verdicts")), r.Close())
}
