package mutate_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/mutate"
	"securecoderl/securerl/problem"
)

// above is the problem "BIG if n is above 5, else SMALL".
func above(inputs ...int) problem.Problem {
	p := problem.Problem{ID: "above", Family: "number", References: []problem.Reference{
		{Kind: problem.Secure, Source: "n = int(input())\nprint('BIG' if n > 5 else 'SMALL')"},
		{Kind: problem.Insecure, Source: "n = eval(input())\nprint('BIG' if n > 5 else 'SMALL')"},
	}}
	for _, n := range inputs {
		p.Public = append(p.Public, big(n))
	}
	return p
}

func big(n int) problem.Test {
	return problem.Test{Stdin: fmt.Sprintln(n), Want: map[bool]string{true: "BIG\n", false: "SMALL\n"}[n > 5]}
}

func survivors(r mutate.Result) (list []string) {
	for _, s := range r.Survivors {
		list = append(list, fmt.Sprintf("%s -> %s %v", s.Old, s.New, s.Wrong))
	}
	return list
}

// By hand: 9 and 1 do not tell "above 5" from "at least 5", "above 6" or "above 4",
// and nothing but 5 tells the first from the original among whole numbers.
func TestSurvivorsAreThoseTheTestsCannotTell(t *testing.T) {
	sb, m := open(t)
	ctx := context.Background()
	try := func(p problem.Problem, o mutate.Options) mutate.Result {
		r, err := mutate.Try(ctx, sb, m, []problem.Problem{p}, o)
		require.NoError(t, err)
		assert.Empty(t, r.Faults)
		total := r.Total()
		assert.Equal(t, 1, total.Programs, "the insecure program is not mutated")
		assert.Equal(t, total.Mutants, total.Killed+len(r.Survivors))
		assert.Equal(t, r.Tallies["number"], total)
		return r
	}
	weak := try(above(9, 1), mutate.Options{})
	assert.Equal(t, []string{"> -> >= []", "5 -> 6 []", "5 -> 4 []"}, survivors(weak))
	assert.Empty(t, survivors(try(above(9, 0, 5, 6), mutate.Options{})))

	// Hidden tests count as public ones do.
	p := above(9, 0)
	p.Hidden = []problem.Test{big(5), big(6)}
	assert.Empty(t, survivors(try(p, mutate.Options{})))

	// Further inputs show where survivors are wrong: 6 at place 1 and 3, 5 at place 2.
	inputs := func(string) []problem.Test { return []problem.Test{big(7), big(6), big(5), big(6)} }
	found := try(above(9, 1), mutate.Options{Inputs: inputs})
	assert.Equal(t, []string{"> -> >= [2]", "5 -> 6 [1 3]", "5 -> 4 [2]"}, survivors(found))
	assert.Equal(t, 3, found.Total().Wrong)
	equal := try(above(9, 1), mutate.Options{Inputs: func(string) []problem.Test { return []problem.Test{big(7), big(2)} }})
	assert.Equal(t, []string{"> -> >= []", "5 -> 6 []", "5 -> 4 []"}, survivors(equal))
	assert.Zero(t, equal.Total().Wrong)

	few := try(above(9, 1), mutate.Options{Most: 2})
	assert.Equal(t, 2, few.Total().Mutants)
	assert.Equal(t, few, try(above(9, 1), mutate.Options{Most: 2}))
}

// A mutant that never ends on a test is killed; one that does so on further inputs only
// is wrong there.
func TestMutantsThatDoNotEndAreWrong(t *testing.T) {
	sb, m := open(t)
	p := problem.Problem{ID: "halve", References: []problem.Reference{{Source: "n = int(input())\nwhile n > 9:\n    n //= 2\nprint(n)"}}}
	p.Public = []problem.Test{{Stdin: "5\n", Want: "5\n"}, {Stdin: "9\n", Want: "9\n"}}
	inputs := func(string) []problem.Test {
		return []problem.Test{{Stdin: "7\n", Want: "7\n"}, {Stdin: "12\n", Want: "6\n"}}
	}
	r, err := mutate.Try(context.Background(), sb, m, []problem.Problem{p}, mutate.Options{Inputs: inputs, Workers: 2})
	require.NoError(t, err)
	all := survivors(r)
	assert.Contains(t, all, "//= -> *= [1]", "12, 24, 48 and on without end")
	assert.Contains(t, all, "2 -> 0 [1]", "a division by zero")
	assert.NotContains(t, strings.Join(all, "\n"), "> -> !=", "5, 2, 1, 0, 0 and on")
}

func TestAProgramThatIsWrongItselfIsNotMutated(t *testing.T) {
	sb, m := open(t)
	p := above(9, 1)
	p.References = []problem.Reference{{Source: "print('BIG')"}}
	q := above(9, 1)
	q.ID, q.References = "none", nil
	r, err := mutate.Try(context.Background(), sb, m, []problem.Problem{p, q}, mutate.Options{Workers: 2})
	require.NoError(t, err)
	require.Len(t, r.Faults, 1)
	assert.Contains(t, r.Faults[0], "above: a reference program fails its own tests")
	assert.Equal(t, mutate.Tally{Problems: 2}, r.Total())
	assert.InDelta(t, 1, r.Total().Rate(), 0)

	wrong := above(9, 1)
	r, err = mutate.Try(context.Background(), sb, m, []problem.Problem{wrong}, mutate.Options{
		Inputs: func(string) []problem.Test { return []problem.Test{{Stdin: "8\n", Want: "HUGE\n"}} },
	})
	require.NoError(t, err)
	require.Len(t, r.Faults, 1)
	assert.Contains(t, r.Faults[0], "is wrong on the generated input")
}

func TestABrokenSandboxIsTheMachinerysFault(t *testing.T) {
	sb, m := open(t)
	require.NoError(t, sb.Close())
	_, err := mutate.Try(context.Background(), sb, m, []problem.Problem{above(9, 1)}, mutate.Options{})
	assert.ErrorIs(t, err, mutate.ErrInfrastructure)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = mutate.Try(ctx, sb, m, []problem.Problem{above(9, 1)}, mutate.Options{})
	assert.ErrorIs(t, err, context.Canceled)
}
