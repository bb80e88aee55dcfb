package problem_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/problem"
)

func tests(pairs ...string) []problem.Test {
	var list []problem.Test
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, problem.Test{Stdin: pairs[i], Want: pairs[i+1]})
	}
	return list
}

func double() problem.Problem {
	return problem.Problem{ID: "double", Statement: "Print 2n.", Public: tests("1\n", "2\n", "2\n", "4\n"), Hidden: tests("5\n", "10\n", "6\n", "12\n")}
}

func TestValidate(t *testing.T) {
	require.NoError(t, double().Validate())
	for _, tt := range []struct {
		name   string
		change func(*problem.Problem)
		want   string
	}{
		{"no id", func(p *problem.Problem) { p.ID = "" }, "id and statement must not be empty"},
		{"no statement", func(p *problem.Problem) { p.Statement = "" }, "id and statement must not be empty"},
		{"no public tests", func(p *problem.Problem) { p.Public = nil }, "no public tests"},
		{"a constant passes the public tests", func(p *problem.Problem) { p.Public[1].Want = "2\n" }, "all 2 public tests want the same output"},
		{"a constant passes the hidden tests", func(p *problem.Problem) { p.Hidden[1].Want = "10\n" }, "all 2 hidden tests want the same output"},
		{"one test only", func(p *problem.Problem) { p.Public = p.Public[:1] }, "all 1 public tests want the same output"},
		{"hidden repeats public", func(p *problem.Problem) { p.Hidden[0].Stdin = "2\n" }, "hidden test 1 repeats a public input"},
		{"an input twice", func(p *problem.Problem) { p.Public[1].Stdin = "1\n" }, "public test 2 repeats an input"},
		{"unknown comparator", func(p *problem.Problem) { p.Compare = "fuzzy" }, `unknown comparator "fuzzy"`},
		{"float without tolerance", func(p *problem.Problem) { p.Compare = problem.Float }, "epsilon must be in (0, 1), is 0"},
		{"tolerance without float", func(p *problem.Problem) { p.Epsilon = 0.1 }, "epsilon 0.1 without the comparator float"},
		{"unknown split", func(p *problem.Problem) { p.Split = "dev" }, `unknown split "dev"`},
		{"unknown kind", func(p *problem.Problem) { p.References = []problem.Reference{{Kind: "good"}} }, `reference program 1: unknown kind "good"`},
	} {
		p := double()
		tt.change(&p)
		err := p.Validate()
		assert.ErrorIs(t, err, problem.ErrInvalid, tt.name)
		assert.ErrorContains(t, err, tt.want, tt.name)
	}
}

func TestValidateListsEveryFaultAtOnce(t *testing.T) {
	a, b := double(), double()
	b.Public[1].Want, b.Compare = "2\n", "fuzzy"
	err := problem.Set{Problems: []problem.Problem{a, b}}.Validate()
	assert.EqualError(t, err, `problem: invalid: id "double" stands twice
problem: invalid: double: all 2 public tests want the same output
problem: invalid: double: unknown comparator "fuzzy"`)
}

func TestSplitKeepsTheOrder(t *testing.T) {
	set := problem.Set{Problems: []problem.Problem{{ID: "a", Split: problem.Train}, {ID: "b", Split: problem.HeldOut}, {ID: "c", Split: problem.Train}}}
	assert.Equal(t, []problem.Problem{set.Problems[0], set.Problems[2]}, set.Split(problem.Train))
	assert.Empty(t, set.Split(problem.Unseen))
}

func TestDigestDependsOnEveryField(t *testing.T) {
	digest := func(change func(*problem.Problem)) string {
		p := double()
		change(&p)
		return problem.Set{Problems: []problem.Problem{p}}.Digest()
	}
	seen := []string{}
	for _, change := range []func(*problem.Problem){
		func(*problem.Problem) {},
		func(p *problem.Problem) { p.ID = "x" }, func(p *problem.Problem) { p.Family = "x" }, func(p *problem.Problem) { p.Key = "x" },
		func(p *problem.Problem) { p.Tier = 1 }, func(p *problem.Problem) { p.Split = problem.Train }, func(p *problem.Problem) { p.Statement = "x" },
		func(p *problem.Problem) { p.Paraphrases = []string{"x"} }, func(p *problem.Problem) { p.Public[0].Want = "x" },
		func(p *problem.Problem) { p.Public[0], p.Public[1] = p.Public[1], p.Public[0] }, func(p *problem.Problem) { p.Hidden = nil },
		func(p *problem.Problem) { p.Compare = problem.Exact }, func(p *problem.Problem) { p.Epsilon = 1 },
		func(p *problem.Problem) { p.References = []problem.Reference{{Source: "x"}} },
	} {
		d := digest(change)
		assert.Len(t, d, 64)
		assert.NotContains(t, seen, d)
		seen = append(seen, d)
	}
	assert.Equal(t, seen[0], digest(func(*problem.Problem) {}))
}

func TestSharedPrograms(t *testing.T) {
	with := func(id string, sources ...string) problem.Problem {
		p := problem.Problem{ID: id}
		for _, s := range sources {
			p.References = append(p.References, problem.Reference{Source: s})
		}
		return p
	}
	train := []problem.Problem{with("t1", "a", "b"), with("t2", "c"), with("t3")}
	held := []problem.Problem{with("h1", "x", "b", "c"), with("h2", "y"), with("h3"), with("h4", "a")}
	assert.Equal(t, []string{"h1", "h4"}, problem.SharedPrograms(train, held))
	assert.Empty(t, problem.SharedPrograms(nil, held))
}

func TestTolerance(t *testing.T) {
	for _, tt := range []struct {
		statement string
		want      float64
		named     bool
	}{
		{"an absolute error greater than 10^-4.", 1e-4, true},
		{"absolute or relative error from our answer is at most 10^{-6}.", 1e-6, true},
		{"error of at most 1e-9", 1e-9, true},
		{"The tolerance is 0.001", 1e-3, true},
		{"may differ by 10^{-2}", 1e-2, true},
		{"the difference is at most 10−5", 1e-5, true},
		{"- 1 <= N <= 10^9", 0, false},
		{"decimal representation with 10^{-3}", 0, false},
		{"an error is reported. Cells hold 10^{-3} units", 0, false}, // another sentence
		{"terrors of 10^-3", 0, false},
		{"an error of 0.1234", 0, false},
		{"error 10^-0", 0, false},
		{"error 10^-99999999999999999999", 0, false},
	} {
		got, named := problem.Tolerance(tt.statement)
		assert.Equal(t, tt.named, named, tt.statement)
		assert.InDelta(t, tt.want, got, 1e-18, tt.statement)
	}
}

func Example() {
	rows := `{"id":"p1","source":"own","statement":"Print 2n.","tests":[{"input":"1\n","output":"2\n"},{"input":"2\n","output":"4\n"}],"solutions":[]}
{"id":"p2","source":"own","statement":"Print n.","tests":[{"input":"1\n"}],"solutions":[]}
`
	_, err := problem.ReadStdin(strings.NewReader(rows), "own.jsonl")
	fmt.Println(err, errors.Is(err, problem.ErrFormat))

	set, err := problem.ReadStdin(strings.NewReader(rows[:strings.Index(rows, "\n{")]), "own.jsonl")
	fmt.Println(len(set.Problems), slices.ContainsFunc(set.Problems, func(p problem.Problem) bool { return p.Validate() != nil }), err)
	// Output:
	// own.jsonl:2: tests[0].output: must be a string, is missing true
	// 1 false <nil>
}
