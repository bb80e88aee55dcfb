package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"securecoderl/securerl/completion"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/mutate"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/problem/families"
	"securecoderl/securerl/sandbox"
)

const (
	small         = 100  // problems up to which a set is run as a whole
	furtherInputs = 2000 // per problem of the families, for survivors
	together      = 256  // programs judged at a time
	shown         = 40   // survivors that are printed unless everything is asked for
)

// sample chooses the problems that are run.
func (b *bench) sample() []problem.Problem {
	if b.all || len(b.set.Problems) <= small {
		return b.set.Problems
	}
	return tenth(b.set.Problems)
}

// golden judges every reference program: none may crash or run out of time, and all
// must pass under the comparator of their problem. For one that does not, the
// comparators under which it passes are named.
func (b *bench) golden(ctx context.Context) {
	problems := b.sample()
	var list []judge.Submission
	var which []int // number of the program in its problem
	for i := range problems {
		for k, r := range problems[i].References {
			list = append(list, judge.Submission{Problem: &problems[i], Source: r.Source, Finish: completion.End})
			which = append(which, k+1)
		}
	}
	var ends, passes found
	tests := 0
	for at := 0; at < len(list); at += together {
		part := list[at:min(at+together, len(list))]
		verdicts, _, err := b.judge.Judge(ctx, part)
		if err != nil {
			b.check("reference programs", err, "")
			return
		}
		for i, v := range verdicts {
			tests += len(v.Public) + len(v.Hidden)
			name := fmt.Sprintf("%s, program %d", part[i].Problem.ID, which[at+i])
			if err := b.verdict(ctx, name, part[i], v, &ends, &passes); err != nil {
				b.check("reference programs", err, "")
				return
			}
		}
	}
	what := fmt.Sprintf("%d reference programs of %d problems (of %d), %d tests", len(list), len(problems), len(b.set.Problems), tests)
	b.list(what+": none crashes or runs out of time", ends)
	b.list(what+": all pass under the comparator of their problem", passes)
}

// verdict sorts one verdict into crashes and wrong outputs.
func (b *bench) verdict(ctx context.Context, name string, s judge.Submission, v judge.Verdict, ends, passes *found) error {
	if !v.Parsed || v.Empty() {
		ends.say(false, "%s: is no program: %s", name, v.SyntaxError)
		return nil
	}
	tests := slices.Concat(s.Problem.Public, s.Problem.Hidden)
	for i, t := range slices.Concat(v.Public, v.Hidden) {
		switch t.Outcome {
		case judge.Passed:
			continue
		case judge.WrongOutput, judge.NoOutput:
			if s.Problem.CallStyle() {
				passes.say(false, "%s: fails test %d, %.120s", name, i+1, tests[i].Assert)
				return nil
			}
			r, err := b.sandbox.Run(ctx, sandbox.Python(s.Source), []byte(tests[i].Stdin), sandbox.Limits{})
			if err != nil {
				return err
			}
			passes.say(false, "%s: fails test %d under %s%s", name, i+1, s.Problem.Compare, others(r.Stdout, tests[i].Want))
		default:
			ends.say(false, "%s: test %d ends as %s %s", name, i+1, t.Outcome, t.Exception)
		}
		return nil // one fault of a program is enough
	}
	return nil
}

// others names the comparators under which an output is right.
func others(got []byte, want string) string {
	var names []problem.Comparator
	for _, c := range []problem.Comparator{problem.Exact, problem.Lines, problem.Peer, problem.Tokens, problem.Float} {
		if equal, _ := judge.Compare(c, 0, got, []byte(want)); equal {
			names = append(names, c)
		}
	}
	if names == nil {
		return " and under every other comparator"
	}
	return fmt.Sprintf(", passes under %s", names[0])
}

// mutants plants faults into reference programs and says which of them the tests miss.
// In the generated families a mutant that survives may not be wrong on any further
// input of the generator.
func (b *bench) mutants(ctx context.Context) {
	problems := slices.DeleteFunc(slices.Clone(b.sample()), func(p problem.Problem) bool { return p.CallStyle() })
	if len(problems) == 0 {
		b.check("mutants: none; they are made of programs that read standard input", nil, "")
		return
	}
	o := mutate.Options{Workers: workers + 1, Most: b.most}
	if b.families {
		o.Most, o.Inputs = 0, func(id string) []problem.Test { return families.Inputs(id, furtherInputs) }
	}
	r, err := mutate.Try(ctx, b.sandbox, b.mutator, problems, o)
	if err != nil {
		b.check("mutants", err, "")
		return
	}
	t := r.Total()
	b.check(fmt.Sprintf("mutants: %d programs of %d problems, %s", t.Programs, t.Problems, rate(t)), nil, "")
	for _, family := range slices.Sorted(maps.Keys(r.Tallies)) {
		if len(r.Tallies) == 1 {
			break
		}
		b.check(fmt.Sprintf("      %s: %s", family, rate(r.Tallies[family])), nil, "")
	}
	b.list("mutants are made of programs that are right", found{faults: r.Faults})
	var wrong found
	var rest []string
	for _, s := range r.Survivors {
		if len(s.Wrong) > 0 {
			wrong.say(false, "%s; it passes all tests, but is wrong on %d further inputs", s, len(s.Wrong))
		} else {
			rest = append(rest, s.String())
		}
	}
	if b.families {
		b.list(fmt.Sprintf("no survivor is wrong on any of %d further inputs", furtherInputs), wrong)
	}
	for i, s := range rest {
		if i == shown && !b.all {
			b.check(fmt.Sprintf("      and %d more survivors (-all lists them)", len(rest)-shown), nil, "")
			break
		}
		b.check("      survives: "+s, nil, "")
	}
}

func rate(t mutate.Tally) string {
	return fmt.Sprintf("%d of %d mutants killed (%.1f %%)", t.Killed, t.Mutants, 100*t.Rate())
}

// leaks says what evaluated problems share with trained ones. Where the set names no
// splits, all its problems are compared with each other.
func (b *bench) leaks(ctx context.Context) {
	train, test := b.set.Split(problem.Train), []problem.Problem(nil)
	for _, p := range b.set.Problems {
		if p.Split != problem.Train && p.Split != "" {
			test = append(test, p)
		}
	}
	sides := "between training and evaluation"
	whole := len(train) == 0 || len(test) == 0
	if whole {
		train, test, sides = b.set.Problems, b.set.Problems, "inside the set, which names no splits"
	}
	var broken error
	forms := map[string]string{}
	leaks := problem.Leaks(train, test, func(source string) string {
		form, known := forms[source]
		if !known && broken == nil {
			var err error
			if form, err = b.mutator.Normal(ctx, source); err != nil && !errors.Is(err, mutate.ErrSource) {
				broken = err
			}
			forms[source] = form
		}
		return form
	})
	if broken != nil {
		b.check("leaks", broken, "")
		return
	}
	by := map[problem.Sharing][]string{}
	for _, l := range leaks {
		by[l.What] = append(by[l.What], l.String())
	}
	for _, x := range []struct {
		what problem.Sharing
		name string
	}{{problem.SharedStatement, "statement"}, {problem.SharedTests, "list of tests"}} {
		name := fmt.Sprintf("no %s is shared %s", x.name, sides)
		if whole {
			b.check(fmt.Sprintf("%d problems share a %s %s", len(by[x.what]), x.name, sides), nil, "")
			continue
		}
		b.list(name, found{faults: by[x.what]})
	}
	b.check(fmt.Sprintf("%d of %d problems share the text of a program %s, %d a program in normal form: give results with and without them",
		len(by[problem.SharedProgram]), len(test), sides, len(by[problem.SharedForm])), nil, "")
}
