package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"

	"securecoderl/experiments/train"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/rng"
)

// doctor prints a line per check and counts those that failed.
type doctor struct {
	out   io.Writer
	wrong int
}

// check prints what was looked at and, if it failed, why and what to do.
func (d *doctor) check(what string, err error, cure string) {
	if err == nil {
		fmt.Fprintf(d.out, "ok    %s\n", what)
		return
	}
	d.wrong++
	fmt.Fprintf(d.out, "FAIL  %s: %s\n", what, strings.ReplaceAll(err.Error(), "\n", "; "))
	if cure != "" {
		fmt.Fprintf(d.out, "      cure: %s\n", cure)
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
