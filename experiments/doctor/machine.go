package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"securecoderl/experiments/train"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

func (d *doctor) machine() {
	d.area = "machine"
	d.check(fmt.Sprintf("%s on %s/%s, %d cores", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU()), nil, "")
}

// judging looks at everything that a verdict depends on. What cannot be opened is one
// fault, and nothing that needs it is looked at.
func (d *doctor) judging(ctx context.Context, w wanted) {
	l, err := train.OpenJudge(ctx, train.Default(), nil, train.Quiet())
	if err != nil {
		what, cure := "", ""
		d.area, what, cure = missing(err)
		d.check(what, err, cure)
		return
	}
	d.confined(l)
	d.builtin(ctx, l)
	d.references(ctx, l, w.all)
	d.hacks(ctx, l)
	d.throughput(ctx, l)
	d.known(ctx, l, w.sets)
	d.opinions(ctx, l, w.opinions)
	d.area = "judge"
	d.check("closed; nothing is left running", l.Close(), "end what is left (ps) and report it as a bug")
}

// missing names what kept a judge from opening, and the cure.
func missing(err error) (area, what, cure string) {
	switch {
	case errors.Is(err, sandbox.ErrPython):
		return "python", "an interpreter for the programs", "make setup, or set SECURERL_PYTHON to Python 3.11 or newer"
	case errors.Is(err, scan.ErrVersion):
		return "scanner", "Bandit " + scan.Version, "make setup installs the pinned version into .venv"
	case errors.Is(err, scan.ErrInfrastructure):
		return "scanner", "a scanner that answers its canary rightly", "remove .venv and run make setup"
	}
	return "sandbox", "a tier that holds", "Linux 5.13 or newer with Landlock, or unprivileged user namespaces (in containers, a seccomp profile that allows them)"
}

// confined says how programs are confined and by what they are scanned.
func (d *doctor) confined(l *train.Lab) {
	sb, sc := l.Machine()
	d.area = "python"
	d.check(fmt.Sprintf("Python %s, %s", sb.PythonVersion, sb.Python), nil, "")
	d.area = "sandbox"
	tier := fmt.Sprintf("tier %s, kernel %s, Landlock ABI %d", sb.Tier, sb.Kernel, sb.LandlockABI)
	if sb.Note != "" {
		tier += "; no stronger tier because " + sb.Note
	}
	d.check(tier, nil, "")
	for _, p := range sb.Probes {
		var err error
		if !p.Refused {
			err = fmt.Errorf("it was allowed: %s", p.Detail)
		}
		d.check(fmt.Sprintf("a program cannot %s (%s)", p.Name, p.Detail), err, "do not run foreign programs here; report it as a bug")
	}
	d.area = "scanner"
	d.check(fmt.Sprintf("Bandit %s, rules %.12s, canary found", sc.Bandit, sc.Rules), nil, "")
}

// backend looks at what trains. The judge does without.
func (d *doctor) backend(name string) {
	d.area = "backend"
	const cure = "remove .venv and run make setup; -backend go needs nothing, -backend none leaves it out"
	e, err := engine.Open(name)
	if err != nil {
		d.check("a backend to train with", err, cure)
		return
	}
	defer e.Close()
	info := e.Info()
	d.check(fmt.Sprintf("%s; plugin %s %s; simd %v; computes a function and its gradient", info.Note, info.Plugin, info.PluginVersion, info.SIMD), e.SelfCheck(), cure)
}
