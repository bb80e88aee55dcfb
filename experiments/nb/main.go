package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

var (
	errUsage = errors.New("usage: nb strip [-w] | diff | check | run [-timeout 3m]  [notebook.ipynb ...]; without names: notebooks/*.ipynb")
	errFound = errors.New("nb: the notebooks are not in order")
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Stdout, ".", os.Args[1:])
	stop()
	switch {
	case err == nil:
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// command runs one verb; dir is where the checkout is looked for.
func command(ctx context.Context, out io.Writer, dir string, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	flags := flag.NewFlagSet("nb", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	write, timeout := false, 3*time.Minute
	switch args[0] {
	case "strip":
		flags.BoolVar(&write, "w", false, "")
	case "run":
		flags.DurationVar(&timeout, "timeout", timeout, "")
	case "diff", "check":
	default:
		return fmt.Errorf("%w\nunknown verb %q", errUsage, args[0])
	}
	if err := flags.Parse(args[1:]); err != nil || timeout <= 0 {
		return errors.Join(errUsage, err)
	}
	c, err := findCheckout(dir)
	if err != nil {
		return err
	}
	paths := flags.Args()
	if len(paths) == 0 {
		if paths, err = filepath.Glob(filepath.Join(c.root, "notebooks", "*.ipynb")); err != nil || len(paths) == 0 {
			return errors.Join(fmt.Errorf("nb: %s holds no notebooks", filepath.Join(c.root, "notebooks")), err)
		}
	}
	switch args[0] {
	case "strip":
		return strip(out, paths, write)
	case "diff":
		return diff(out, paths)
	case "check":
		return c.check(ctx, out, paths)
	}
	return c.run(ctx, out, paths, timeout)
}

// strip prints the canonical form of notebooks, or writes it back.
func strip(out io.Writer, paths []string, write bool) error {
	for _, path := range paths {
		n, raw, err := open(path)
		if err != nil {
			return err
		}
		canonical, err := encode(n)
		if err != nil {
			return err
		}
		switch {
		case !write:
			_, err = out.Write(canonical)
		case !bytes.Equal(raw, canonical):
			fmt.Fprintln(out, path)
			err = os.WriteFile(path, canonical, 0o644)
		}
		if err != nil {
			return fmt.Errorf("nb: %w", err)
		}
	}
	return nil
}

// report prints what was found; errFound if there is anything.
func report(out io.Writer, found []problem) error {
	for _, p := range found {
		fmt.Fprintln(out, p)
	}
	if len(found) > 0 {
		return fmt.Errorf("%w: %d findings", errFound, len(found))
	}
	return nil
}

func diff(out io.Writer, paths []string) error {
	var found []problem
	for _, path := range paths {
		n, raw, err := open(path)
		if err != nil {
			return err
		}
		more, err := form(n, raw)
		if err != nil {
			return err
		}
		found = append(found, more...)
	}
	return report(out, found)
}

// planned is a notebook with its packages written.
type planned struct {
	notebook
	steps   []step
	unknown missing
}

// prepare reads and plans notebooks and writes a package for each step.
func (c checkout) prepare(ctx context.Context, paths []string) ([]planned, []problem, error) {
	var (
		all   []planned
		every []step
		found []problem
	)
	for _, path := range paths {
		n, _, err := open(path)
		if err != nil {
			return nil, nil, err
		}
		steps, more := plan(n)
		found = append(found, more...)
		every = append(every, steps...)
		all = append(all, planned{notebook: n, steps: steps})
	}
	names, err := c.packageNames(ctx, every)
	for i := range all {
		if err == nil {
			all[i].unknown, err = c.write(all[i].notebook, all[i].steps, names)
		}
	}
	return all, found, err
}

// check type-checks and vets every cell of every notebook by one go command.
func (c checkout) check(ctx context.Context, out io.Writer, paths []string) error {
	began := time.Now()
	all, found, err := c.prepare(ctx, paths)
	if err != nil {
		return err
	}
	unknown, args, cells := map[string]missing{}, []string{"vet"}, 0
	for _, n := range all {
		unknown[n.name()] = n.unknown
		for _, kind := range []string{programs, tests} {
			if has(n.steps, kind) {
				args = append(args, "./"+c.work(n.notebook)+"/"+kind+"/...")
			}
		}
		cells += len(n.steps)
	}
	if len(args) > 1 {
		printed, err := c.command(ctx, args...)
		said := complaints(printed, unknown)
		if err != nil && (len(said) == 0 || ctx.Err() != nil) {
			return fmt.Errorf("nb: go vet: %w\n%s", err, printed)
		}
		if err != nil {
			found = append(found, said...)
		}
	}
	if err := report(out, found); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d cells and solutions of %d notebooks type-check (%.1f s)\n", cells, len(all), time.Since(began).Seconds())
	return nil
}

// run runs every cell of every notebook; one bad notebook does not hide the next.
func (c checkout) run(ctx context.Context, out io.Writer, paths []string, timeout time.Duration) error {
	all, found, err := c.prepare(ctx, paths)
	if err != nil || len(found) > 0 {
		return errors.Join(err, report(out, found))
	}
	for _, n := range all {
		more, err := runner{c, out, timeout}.run(ctx, n.notebook, n.steps, n.unknown)
		if found = append(found, more...); err != nil {
			return errors.Join(err, report(out, found))
		}
	}
	return report(out, found)
}
