// Figures draws a stored run for a paper: every figure as SVG and PDF for the page
// (672 px, 7 inch) and, where it fits, for a column (NAME-column, 320 px, 3.33 inch),
// its numbers as CSV and its caption as text.
//
//	figures -run runs/quick -out out/figures          draw
//	figures -run runs/quick -out out/figures -check   draw again and compare every byte
//
// Captions end with seeds and the run's digest: the SHA-256 of its metrics, samples
// and evaluation. The PDF are made by the typst wheel of notebooks/requirements-figures.txt
// with the Go fonts embedded, so they do not depend on the fonts of the machine.
//
// It exits with 0, with 1 where something differs or fails, with 2 for wrong input.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"securecoderl/experiments/results/stored"
	"securecoderl/securerl/record"
	"securecoderl/securerl/runlog"
)

type options struct {
	run, out, python string
	check            bool
}

func main() {
	var o options
	flag.StringVar(&o.run, "run", "", "folder of the run")
	flag.StringVar(&o.out, "out", "out/figures", "folder to write to")
	flag.StringVar(&o.python, "python", ".venv/bin/python", "interpreter that has typst")
	flag.BoolVar(&o.check, "check", false, "write nothing; fail if the folder holds other bytes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(exit(figures(ctx, o)))
}

var errInput = errors.New("figures")

func exit(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, err)
	for _, wrong := range []error{errInput, runlog.ErrRun, record.ErrFormat, record.ErrSchema} {
		if errors.Is(err, wrong) {
			return 2
		}
	}
	return 1
}

func figures(ctx context.Context, o options) error {
	if flag.NArg() > 0 || o.run == "" {
		return fmt.Errorf("%w: -run names the folder of a run, such as runs/quick", errInput)
	}
	run, err := stored.Read(o.run)
	if err != nil {
		return err
	}
	if err := hasTypst(ctx, o.python); err != nil {
		return err
	}
	pictures, err := draw(run)
	if err != nil {
		return err
	}
	files, err := export(ctx, o.python, run, pictures)
	if err != nil {
		return err
	}
	if o.check {
		return compare(o.out, files)
	}
	if err := write(o.out, files); err != nil {
		return err
	}
	fmt.Printf("%d figures, %d files in %s; run %s\n", len(pictures), len(files), o.out, run.Sum)
	for _, p := range pictures {
		if len(p.Rows) == 0 {
			fmt.Printf("no data for %s\n", p.Name)
		}
	}
	return nil
}

// names are the files in a fixed order.
func names(files map[string][]byte) (list []string) {
	for name := range files {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

func write(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	for _, name := range names(files) {
		if err := os.WriteFile(filepath.Join(dir, name), files[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// compare fails if the folder holds other bytes than these files.
func compare(dir string, files map[string][]byte) error {
	var differ []string
	for _, name := range names(files) {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != string(files[name]) {
			differ = append(differ, name)
		}
	}
	if len(differ) > 0 {
		return fmt.Errorf("%d of %d files in %s are not what the run gives now: %s", len(differ), len(files), dir, strings.Join(differ, ", "))
	}
	fmt.Printf("%d files in %s are byte for byte what the run gives\n", len(files), dir)
	return nil
}
