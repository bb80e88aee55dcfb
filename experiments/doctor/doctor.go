package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"

	"securecoderl/experiments/train"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/report"
	"securecoderl/securerl/rng"
)

// line is a check: what was looked at and, if it failed, why and what to do.
type line struct {
	What  string `json:"what"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
	Cure  string `json:"cure,omitempty"`
}

// doctor prints a line per check, or all of them as JSON in the end, and counts those
// that failed.
type doctor struct {
	out   io.Writer
	json  bool
	lines []line
	wrong int
}

// check notes a check and prints it.
func (d *doctor) check(what string, err error, cure string) {
	l := line{What: strings.TrimSpace(what), OK: err == nil}
	if err != nil {
		d.wrong++
		l.Error, l.Cure = strings.ReplaceAll(err.Error(), "\n", "; "), cure
	}
	d.lines = append(d.lines, l)
	if d.json {
		return
	}
	if l.OK {
		fmt.Fprintf(d.out, "ok    %s\n", report.Terminal(what))
		return
	}
	fmt.Fprintf(d.out, "FAIL  %s: %s\n", report.Terminal(what), report.Terminal(l.Error))
	if cure != "" {
		fmt.Fprintf(d.out, "      cure: %s\n", cure)
	}
}

// end prints what is printed at the end.
func (d *doctor) end() error {
	if !d.json {
		return nil
	}
	e := json.NewEncoder(d.out)
	e.SetIndent("", "  ")
	return e.Encode(d.lines)
}

// sets are files and folders with known answers, in the form of those in testdata; an
// empty path is not looked at.
type sets struct{ hostile, hacks, compare, scan, tokenizers string }

// known looks at sets with known answers.
func (d *doctor) known(ctx context.Context, l *train.Lab, s sets) {
	sb, _ := l.Machine()
	for _, set := range []struct {
		path, what string
		run        func(path string) (found, error)
	}{
		{s.hostile, "programs that attack the sandbox", func(path string) (found, error) { return attacked(ctx, sb.Tier, path) }},
		{s.hacks, "programs that attack the reward", func(path string) (found, error) { return hacked(ctx, l.Training, path) }},
		{s.compare, "outputs to compare", compared},
		{s.scan, "sources that attack the scanner", func(path string) (found, error) { return scanned(ctx, l.Scanner(), path) }},
		{s.tokenizers, "texts with known tokens", tokenized},
	} {
		if set.path == "" {
			continue
		}
		f, err := set.run(set.path)
		if err == nil {
			err = f.err()
		}
		d.check(fmt.Sprintf("%s: %d %s, all as stated", set.path, f.rows, set.what), err, "")
	}
}

func (d *doctor) machine() {
	d.check(fmt.Sprintf("%s on %s/%s, %d cores", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU()), nil, "")
}

// lab looks at an open laboratory.
func (d *doctor) lab(ctx context.Context, l *train.Lab, all bool) {
	info := l.Engine.Info()
	d.check(fmt.Sprintf("backend %s; plugin %s %s; simd %v", info.Note, info.Plugin, info.PluginVersion, info.SIMD), l.Engine.SelfCheck(), "remove .venv and run make setup")
	sb, sc := l.Machine()
	d.check(fmt.Sprintf("sandbox tier %s, kernel %s, Landlock ABI %d, Python %s", sb.Tier, sb.Kernel, sb.LandlockABI, sb.PythonVersion), nil, "")
	for _, p := range sb.Probes {
		var err error
		if !p.Refused {
			err = fmt.Errorf("it was allowed: %s", p.Detail)
		}
		d.check(fmt.Sprintf("      a program cannot %s (%s)", p.Name, p.Detail), err, "")
	}
	d.check(fmt.Sprintf("scanner Bandit %s, rules %.12s, canary found", sc.Bandit, sc.Rules), nil, "")
	problems := l.Problems.Problems
	if !all {
		problems = tenth(problems)
	}
	programs, faults, err := judge.Golden(ctx, l.Evaluation, problems)
	if err == nil && len(faults) > 0 {
		err = fmt.Errorf("%d are not what they say, such as %s", len(faults), faults[0])
	}
	d.check(fmt.Sprintf("golden programs: %d for %d problems pass every test with exactly their findings", programs, len(problems)), err, "")
}

// tenth picks problems by key: the same ones on every machine.
func tenth(all []problem.Problem) []problem.Problem {
	s := rng.New(0).Name("doctor").Stream()
	var picked []problem.Problem
	for _, p := range all {
		if s.IntN(10) == 0 {
			picked = append(picked, p)
		}
	}
	return picked
}
