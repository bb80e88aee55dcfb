package problem_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"securecoderl/securerl/problem"
)

func TestLeaksNameWhatIsShared(t *testing.T) {
	one := func(id, statement, want, program string) problem.Problem {
		return problem.Problem{ID: id, Statement: statement, Public: []problem.Test{{Stdin: "1", Want: want}, {Stdin: "2", Want: "x"}}, References: []problem.Reference{{Source: program}}}
	}
	train := []problem.Problem{one("a", "Print n.", "1", "print(1)"), one("b", "Print twice n.", "2", "print( 2 )"), one("c", "Another.", "3", "broken(")}
	swapped := one("tests", "New 2.", "2", "print(8)")
	swapped.Public[0], swapped.Public[1] = swapped.Public[1], swapped.Public[0]
	paraphrased := one("words", "New 3.", "8", "print(9)")
	paraphrased.Paraphrases = []string{"print \n TWICE n."}
	test := []problem.Problem{
		one("new", "New.", "9", "print(7)"), one("same", "Print n.", "1", "print(1)"), swapped, paraphrased,
		one("form", "New 4.", "7", "print(2)"), one("formless", "New 5.", "6", "other("), train[0],
	}
	normal := func(s string) string {
		if strings.HasSuffix(s, "(") {
			return "" // no program: two such are not the same
		}
		return strings.ReplaceAll(s, " ", "")
	}
	assert.Equal(t, []problem.Leak{
		{What: problem.SharedStatement, Test: "same", Train: "a"},
		{What: problem.SharedTests, Test: "same", Train: "a"},
		{What: problem.SharedProgram, Test: "same", Train: "a"},
		{What: problem.SharedForm, Test: "same", Train: "a"},
		{What: problem.SharedTests, Test: "tests", Train: "b"},
		{What: problem.SharedStatement, Test: "words", Train: "b"},
		{What: problem.SharedForm, Test: "form", Train: "b"},
	}, problem.Leaks(train, test, normal))
	assert.Equal(t, []string{"same"}, problem.SharedPrograms(train, test))
	assert.Empty(t, problem.Leaks(train, train, normal))
	assert.Equal(t, "same shares its program with a", problem.Leak{What: problem.SharedProgram, Test: "same", Train: "a"}.String())
}

// Tests of call style are told apart by what they assert: they have no input.
func TestAssertsAreTests(t *testing.T) {
	one := func(id, assert string) problem.Problem {
		return problem.Problem{ID: id, Statement: "State " + id + ".", Entry: []string{"f"}, Public: []problem.Test{{Assert: assert}}}
	}
	normal := func(source string) string { return source }
	assert.Empty(t, problem.Leaks([]problem.Problem{one("a", "assert f(1) == 2")}, []problem.Problem{one("b", "assert f(1) == 3")}, normal))
	assert.Len(t, problem.Leaks([]problem.Problem{one("a", "assert f(1) == 2")}, []problem.Problem{one("b", "assert f(1) == 2")}, normal), 1)
}
