package problem_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/completion"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

// People's solutions pass all tests under the comparator the reader chose; one
// solution per problem keeps the test short.
func TestSolutionsPassUnderTheChosenComparator(t *testing.T) {
	ctx := context.Background()
	sb, err := sandbox.New(ctx, sandbox.Options{Workers: 2})
	require.NoError(t, err)
	defer func() { assert.NoError(t, sb.Close()) }()
	sc, err := scan.New(ctx, sb, scan.Options{})
	require.NoError(t, err)
	defer func() { assert.NoError(t, sc.Close()) }()
	j := judge.New(sb, sc, judge.Options{Hidden: true, Workers: 2, Limits: sandbox.DefaultLimits()})

	set := sample(t)
	var list []judge.Submission
	for i := range set.Problems {
		list = append(list, judge.Submission{Problem: &set.Problems[i], Source: set.Problems[i].References[0].Source, Finish: completion.End})
	}
	verdicts, _, err := j.Judge(ctx, list)
	require.NoError(t, err)
	for i, v := range verdicts {
		assert.Truef(t, v.AllPassed(), "%s: %+v\n%s", set.Problems[i].ID, v, list[i].Source)
	}
}
