package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"securecoderl/experiments/train/corpus"
	"securecoderl/securerl/call"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/mutate"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

// workers is how many programs run at a time.
var workers = runtime.NumCPU()

// problemSet says which problems are looked at, and how many of them are run.
type problemSet struct {
	path   string // a file, or corpus.Generated
	format string // one of corpus.Formats; auto = by content
	all    bool   // run every problem, not a tenth chosen by key, and list everything
	most   int    // mutants per problem of a file, chosen by key; 0 = all
}

// read reads the set and says in which form.
func (s problemSet) read() (problem.Set, string, error) {
	set, form, err := corpus.Open(s.path, s.format)
	if err != nil {
		err = fmt.Errorf("%w: %w", errRow, err)
	}
	return set, form, err
}

// bench is a set of problems under examination.
type bench struct {
	*doctor
	problemSet
	set      problem.Set
	sandbox  *sandbox.Sandbox
	judge    *judge.Judge
	mutator  *mutate.Mutator
	families bool
	close    []func() error // what open has started, in order
}

// problems looks at a set of problems: its form, its comparators, its reference
// programs, mutants of them, and what its splits share.
func (d *doctor) problems(ctx context.Context, s problemSet) {
	d.area = "problems"
	set, format, err := s.read()
	d.check(fmt.Sprintf("%s: %d problems of the form %s", s.path, len(set.Problems), format), err, "")
	if len(set.Problems) == 0 {
		return
	}
	var f found
	for _, err := range split(set.Validate()) {
		f.say(false, "%s", strings.TrimPrefix(err.Error(), problem.ErrInvalid.Error()+": "))
	}
	d.list("every test list wants two outputs at least, and no hidden test repeats a public one", f)
	d.list("comparators are those that the statements ask for", comparators(set))
	b := &bench{doctor: d, problemSet: s, set: set, families: s.path == corpus.Generated}
	if err := b.open(ctx); err != nil {
		d.check("sandbox and scanner", err, "bin/doctor alone says more")
	} else {
		b.golden(ctx)
		b.mutants(ctx)
		b.leaks(ctx)
	}
	err = nil
	for _, end := range slices.Backward(b.close) {
		err = errors.Join(err, end())
	}
	d.check("clean end", err, "")
}

// open starts what runs programs. Limits are generous: a reference program must not
// fail for want of time on a busy machine.
func (b *bench) open(ctx context.Context) error {
	l := sandbox.DefaultLimits()
	l.CPU, l.Wall, l.Memory = 10*time.Second, time.Minute, 1<<30
	var err error
	if b.sandbox, err = sandbox.New(ctx, sandbox.Options{Workers: workers, Limits: l}); err != nil {
		return err
	}
	b.close = append(b.close, b.sandbox.Close)
	sc, err := scan.New(ctx, b.sandbox, scan.Options{})
	if err != nil {
		return err
	}
	b.close = append(b.close, sc.Close)
	calls, err := call.New(ctx, b.sandbox)
	if err != nil {
		return err
	}
	b.close = append(b.close, calls.Close)
	b.judge = judge.New(b.sandbox, sc, judge.Options{Hidden: true, Workers: workers, Limits: l, Calls: calls})
	if b.mutator, err = mutate.New(ctx, b.sandbox); err == nil {
		b.close = append(b.close, b.mutator.Close)
	}
	return err
}

// split undoes errors.Join, however deep.
func split(err error) (list []error) {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok && strings.Contains(err.Error(), "\n") {
		for _, e := range many.Unwrap() {
			list = append(list, split(e)...)
		}
		return list
	}
	return []error{err}
}

// allowedError matches statements that speak of an allowed error in whatever form.
var allowedError = regexp.MustCompile(`(?i)\b(absolute|relative)( or (absolute|relative))? error\b`)

// comparators compares comparators with what statements say.
func comparators(set problem.Set) (f found) {
	quoted := map[string]problem.Exception{}
	for _, x := range problem.Exceptions() {
		quoted[x.ID] = x
	}
	for _, p := range set.Problems {
		f.rows++
		eps, named := problem.Tolerance(p.Statement)
		_, exception := quoted[p.ID]
		switch {
		case exception:
		case named && p.Compare != problem.Float:
			f.say(false, "%s names a tolerance of %g, but is compared as %s", p.ID, eps, p.Compare)
		case named && p.Epsilon != eps:
			f.say(false, "%s names a tolerance of %g, but is compared with %g", p.ID, eps, p.Epsilon)
		case !named && p.Compare == problem.Float:
			f.say(false, "%s is compared as float, but names no tolerance", p.ID)
		case !named && allowedError.MatchString(p.Statement):
			f.say(false, "%s speaks of an allowed error that no rule can read, and is compared as %s", p.ID, p.Compare)
		}
	}
	return f
}

// list notes a check, and each of its faults as one of its own.
func (d *doctor) list(what string, f found) {
	var err error
	if n := len(f.faults); n > 0 {
		err = fmt.Errorf("%d faults", n)
	}
	d.check(what, err, "")
	for _, fault := range f.faults {
		d.check("one", errors.New(fault), "")
	}
}
