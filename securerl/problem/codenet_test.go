package problem_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/completion"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

func open(t *testing.T) *judge.Judge {
	t.Helper()
	ctx := context.Background()
	sb, err := sandbox.New(ctx, sandbox.Options{Workers: 2})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sb.Close()) })
	sc, err := scan.New(ctx, sb, scan.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sc.Close()) })
	return judge.New(sb, sc, judge.Options{Hidden: true, Workers: 2, Limits: sandbox.DefaultLimits()})
}

// People's solutions pass all tests under the comparator the reader chose; one
// solution per problem keeps the test short. Of the exceptions all are judged.
func TestSolutionsPassUnderTheChosenComparator(t *testing.T) {
	set, odd := sample(t), exceptions(t)
	var list []judge.Submission
	for i := range set.Problems {
		list = append(list, judge.Submission{Problem: &set.Problems[i], Source: set.Problems[i].References[0].Source, Finish: completion.End})
	}
	for i, p := range odd.Problems {
		for _, r := range p.References {
			list = append(list, judge.Submission{Problem: &odd.Problems[i], Source: r.Source, Finish: completion.End})
		}
	}
	verdicts, _, err := open(t).Judge(context.Background(), list)
	require.NoError(t, err)
	for i, v := range verdicts {
		p := list[i].Problem
		assert.Truef(t, v.AllPublic() && v.PassedHidden() == len(p.Hidden), "%s: %+v\n%s", p.ID, v, list[i].Source)
	}
}

func exceptions(t *testing.T) problem.Set {
	t.Helper()
	f, err := os.Open("../../testdata/codenet/exceptions.jsonl")
	require.NoError(t, err)
	defer func() { assert.NoError(t, f.Close()) }()
	set, err := problem.ReadStdin(f, "exceptions.jsonl")
	require.NoError(t, err)
	return set
}

// Every exception quotes the statement of its problem, and has its comparator only
// there: the rule alone would choose lines.
func TestExceptionsQuoteTheirStatements(t *testing.T) {
	set := exceptions(t)
	require.Len(t, problem.Exceptions(), len(set.Problems))
	for _, x := range problem.Exceptions() {
		p, found := set.Find(x.ID)
		require.True(t, found, x.ID)
		assert.Contains(t, p.Statement, x.Quote)
		assert.True(t, strings.HasSuffix(x.Quote, "."), "a whole sentence")
		assert.Equal(t, x.Compare, p.Compare)
		assert.Zero(t, p.Epsilon)
		_, named := problem.Tolerance(p.Statement)
		assert.False(t, named)

		for _, row := range []string{
			`{"id": "` + x.ID + `", "statement": "Another task.", "tests": [{"input": "1", "output": "2"}]}`,
			`{"id": "other", "statement": "` + x.Quote + `", "tests": [{"input": "1", "output": "2"}]}`,
		} {
			other, err := problem.ReadStdin(strings.NewReader(row), "f")
			require.NoError(t, err)
			assert.Equal(t, problem.Lines, other.Problems[0].Compare, row)
		}
	}
}

// Solutions that people published fail under lines: without the exceptions they would
// be called wrong.
func TestExceptionsAreNeeded(t *testing.T) {
	set := exceptions(t)
	failing := map[string]int{}
	var list []judge.Submission
	for i := range set.Problems {
		p := &set.Problems[i]
		p.Compare = problem.Lines
		for _, r := range p.References {
			list = append(list, judge.Submission{Problem: p, Source: r.Source, Finish: completion.End})
		}
	}
	verdicts, _, err := open(t).Judge(context.Background(), list)
	require.NoError(t, err)
	for i, v := range verdicts {
		if !v.AllPublic() {
			failing[list[i].Problem.ID]++
		}
	}
	// The solution of p02899 that does so has a licence that does not let it stand here.
	assert.Equal(t, map[string]int{"p02984": 1, "p03108": 1}, failing)
}
