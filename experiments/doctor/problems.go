package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"securecoderl/securerl/call"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/mutate"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/problem/families"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

// generated names the problems of package families instead of a file.
const generated = "families"

// workers is how many programs run at a time.
var workers = runtime.NumCPU()

var readers = map[string]func(io.Reader, string) (problem.Set, error){"stdin": problem.ReadStdin, "paper": problem.ReadPaper, "apps": problem.ReadAPPS,
	"mbpp": problem.ReadMBPP, "humaneval": problem.ReadHumanEval}

// problemSet says which problems are looked at, and how many of them are run.
type problemSet struct {
	path   string // a file, or generated
	format string // a key of readers; auto = by content
	all    bool   // run every problem, not a tenth chosen by key, and list everything
	most   int    // mutants per problem of a file, chosen by key; 0 = all
}

// read reads the set and says in which form.
func (s problemSet) read() (set problem.Set, format string, err error) {
	if s.path == generated {
		return families.Build(), generated, nil
	}
	b, err := os.ReadFile(s.path)
	if err != nil {
		return problem.Set{}, s.format, fmt.Errorf("%w: %w", errRow, err)
	}
	if format = s.format; format == "" || format == "auto" {
		format = guess(b)
	}
	read := readers[format]
	if read == nil {
		return problem.Set{}, format, fmt.Errorf("%w: %s: format %q is none of stdin, paper, apps, mbpp, humaneval", errRow, s.path, s.format)
	}
	set, err = read(bytes.NewReader(b), s.path)
	return set, format, err
}

// guess names the format by the keys of the first JSON value.
func guess(b []byte) string {
	var keys map[string]json.RawMessage
	if json.NewDecoder(bytes.NewReader(b)).Decode(&keys) != nil {
		return ""
	}
	for _, x := range [][2]string{{"prompts_with_tests", "paper"}, {"question", "apps"}, {"statement", "stdin"}, {"test_list", "mbpp"}, {"entry_point", "humaneval"}} {
		if keys[x[0]] != nil {
			return x[1]
		}
	}
	return ""
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
	b := &bench{doctor: d, problemSet: s, set: set, families: s.path == generated}
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
