package mutate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"securecoderl/securerl/judge"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/sandbox"
)

// Options say how much is tried.
type Options struct {
	Programs int                            // programs mutated per problem: the first, the last, then the others; 0 = two
	Most     int                            // mutants tried per problem, drawn by the key of its id; 0 = all
	Workers  int                            // problems at a time; 0 = one
	Inputs   func(id string) []problem.Test // more inputs of a problem, on which survivors are tried; nil = none
}

// Tally counts what became of mutants.
type Tally struct {
	Problems int `json:"problems"`
	Programs int `json:"programs"`
	Mutants  int `json:"mutants"`
	Killed   int `json:"killed"`
	Wrong    int `json:"wrong"` // survivors that are wrong on some further input
}

// Rate is the share of mutants killed, 1 where there are none.
func (t Tally) Rate() float64 {
	if t.Mutants == 0 {
		return 1
	}
	return float64(t.Killed) / float64(t.Mutants)
}

// Add sums tallies.
func (t Tally) Add(u Tally) Tally {
	return Tally{t.Problems + u.Problems, t.Programs + u.Programs, t.Mutants + u.Mutants, t.Killed + u.Killed, t.Wrong + u.Wrong}
}

// Survivor is a mutant that passes all tests of its problem.
type Survivor struct {
	Problem string `json:"problem"`
	Family  string `json:"family,omitempty"`
	Mutant
	Wrong []int `json:"wrong,omitempty"` // places in Options.Inputs of inputs on which it is wrong
}

// String is the survivor in one line.
func (s Survivor) String() string { return s.Problem + ": " + s.Mutant.String() }

// Result is what became of the mutants of a list of problems.
type Result struct {
	Tallies   map[string]Tally `json:"tallies"` // by family
	Survivors []Survivor       `json:"survivors,omitempty"`
	Faults    []string         `json:"faults,omitempty"` // programs that are wrong themselves, and were not mutated
}

// Total sums all families.
func (r Result) Total() (t Tally) {
	for _, u := range r.Tallies {
		t = t.Add(u)
	}
	return t
}

// Try mutates programs that solve the problems and runs every mutant on public and
// hidden tests until one fails. Chosen are references of the kinds Secure and "", and
// those of other kinds where there are none. A mutant gets one second and 20 times the
// processor time that its original took; the sandbox's own limits bound both.
// Survivors come in the order of the problems. Errors: ErrInfrastructure, or the
// context's.
func Try(ctx context.Context, sb *sandbox.Sandbox, m *Mutator, problems []problem.Problem, o Options) (Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	trials := make([]trial, len(problems))
	next := make(chan int)
	var wg sync.WaitGroup
	for range max(1, o.Workers) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range next {
				trials[i] = trial{sandbox: sb, mutator: m, problem: &problems[i], options: o}
				if err := trials[i].run(ctx); err != nil {
					cancel(fmt.Errorf("mutate: problem %s: %w", problems[i].ID, err))
				}
			}
		}()
	}
	for i := range problems {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	if ctx.Err() != nil {
		return Result{}, context.Cause(ctx)
	}
	r := Result{Tallies: map[string]Tally{}}
	for _, t := range trials {
		r.Tallies[t.problem.Family] = r.Tallies[t.problem.Family].Add(t.tally)
		r.Survivors = append(r.Survivors, t.survivors...)
		r.Faults = append(r.Faults, t.faults...)
	}
	return r, nil
}

// trial is the work on one problem.
type trial struct {
	sandbox *sandbox.Sandbox
	mutator *Mutator
	problem *problem.Problem
	options Options

	inputs    []problem.Test
	tally     Tally
	survivors []Survivor
	faults    []string
}

func (t *trial) run(ctx context.Context) error {
	t.tally.Problems = 1
	tests := slices.Concat(t.problem.Public, t.problem.Hidden)
	var candidates []candidate
	seen := map[string]bool{}
	for _, source := range t.programs() {
		seen[source] = true
		passes, used, err := t.passes(ctx, source, tests, 0)
		if err != nil {
			return err
		}
		if !passes {
			t.faults = append(t.faults, fmt.Sprintf("%s: a reference program fails its own tests:\n%s", t.problem.ID, source))
			continue
		}
		mutants, err := t.mutator.Mutants(ctx, source)
		if errors.Is(err, ErrSource) {
			t.faults = append(t.faults, fmt.Sprintf("%s: %v", t.problem.ID, err))
			continue
		}
		if err != nil {
			return err
		}
		t.tally.Programs++
		for _, m := range mutants {
			if !seen[m.Source] {
				seen[m.Source] = true
				candidates = append(candidates, candidate{m, source, time.Second + 20*used})
			}
		}
	}
	if most := t.options.Most; most > 0 && len(candidates) > most {
		s := rng.New(0).Name("mutants").Name(t.problem.ID).Stream()
		s.Shuffle(len(candidates), func(i, j int) { candidates[i], candidates[j] = candidates[j], candidates[i] })
		candidates = candidates[:most]
	}
	return t.kill(ctx, candidates, tests)
}

// candidate is a mutant, what it was made from, and the real time it gets per test.
type candidate struct {
	Mutant
	original string
	wall     time.Duration
}

func (t *trial) kill(ctx context.Context, candidates []candidate, tests []problem.Test) error {
	fit := map[string]bool{} // originals that are right on the further inputs, run together
	for _, c := range candidates {
		t.tally.Mutants++
		passes, _, err := t.passes(ctx, c.Source, tests, c.wall)
		if err != nil {
			return err
		}
		if !passes {
			t.tally.Killed++
			continue
		}
		s := Survivor{Problem: t.problem.ID, Family: t.problem.Family, Mutant: c.Mutant}
		if t.options.Inputs != nil {
			if t.inputs == nil {
				t.inputs = t.options.Inputs(t.problem.ID)
			}
			if _, known := fit[c.original]; !known {
				wrong, err := t.wrong(ctx, c.original, t.inputs, c.wall)
				if err != nil {
					return err
				}
				fit[c.original] = len(wrong) == 0
				if len(wrong) > 0 {
					t.faults = append(t.faults, fmt.Sprintf("%s: a reference program is wrong on the generated input %q:\n%s", t.problem.ID, t.inputs[wrong[0]].Stdin, c.original))
				}
			}
			if fit[c.original] {
				if s.Wrong, err = t.wrong(ctx, c.Source, t.inputs, c.wall); err != nil {
					return err
				}
			}
		}
		if len(s.Wrong) > 0 {
			t.tally.Wrong++
		}
		t.survivors = append(t.survivors, s)
	}
	return nil
}

// programs chooses references: the first, the last, then the others in order.
func (t *trial) programs() []string {
	var safe, other []string
	for _, r := range t.problem.References {
		if r.Kind == problem.Secure || r.Kind == "" {
			safe = append(safe, r.Source)
		} else {
			other = append(other, r.Source)
		}
	}
	if len(safe) == 0 {
		safe = other
	}
	if n := len(safe); n > 2 {
		safe = append([]string{safe[0], safe[n-1]}, safe[1:n-1]...)
	}
	most := t.options.Programs
	if most == 0 {
		most = 2
	}
	return safe[:min(most, len(safe))]
}

// passes tells whether a program passes all tests, and the most processor time it took
// for one. It stops at the first test that fails.
func (t *trial) passes(ctx context.Context, source string, tests []problem.Test, wall time.Duration) (bool, time.Duration, error) {
	var used time.Duration
	for _, test := range tests {
		r, err := t.once(ctx, source, test.Stdin, wall)
		if err != nil {
			return false, 0, err
		}
		used = max(used, r.Usage.CPU)
		if !t.right(r.Outcome, r.Stdout, test) {
			return false, used, nil
		}
	}
	return true, used, nil
}

func (t *trial) right(o sandbox.Outcome, stdout []byte, test problem.Test) bool {
	equal, _ := judge.Compare(t.problem.Compare, t.problem.Epsilon, stdout, []byte(test.Want))
	return o == sandbox.OK && equal
}

// workers is how many workers one run may lose before that is a fault of the machinery.
const workers = 3

func (t *trial) once(ctx context.Context, source, stdin string, wall time.Duration) (r sandbox.Result, err error) {
	for range workers {
		r, err = t.sandbox.Run(ctx, sandbox.Python(source), []byte(stdin), sandbox.Limits{Wall: wall})
		if err == nil || ctx.Err() != nil || !errors.Is(err, sandbox.ErrWorker) {
			break
		}
	}
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", ErrInfrastructure, err)
	}
	return r, err
}
