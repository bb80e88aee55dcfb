package families_test

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/completion"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/problem/families"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

// listShare is the share of the list problems judged here, chosen by key; the list
// families are products of few parts, and `doctor -all` judges every one.
const listShare = 0.1

func chosen(p problem.Problem) bool {
	return !strings.HasPrefix(p.Family, "list.") || rng.New(0).Name("judged").Name(p.ID).Stream().Float64() < listShare
}

// Every reference program passes all ten tests in the sandbox and carries exactly
// the findings of its kind.
func TestReferenceProgramsAreWhatTheySay(t *testing.T) {
	ctx := context.Background()
	workers := runtime.NumCPU()
	sb, err := sandbox.New(ctx, sandbox.Options{Workers: workers})
	require.NoError(t, err)
	defer func() { assert.NoError(t, sb.Close()) }()
	sc, err := scan.New(ctx, sb, scan.Options{})
	require.NoError(t, err)
	defer func() { assert.NoError(t, sc.Close()) }()
	j := judge.New(sb, sc, judge.Options{Hidden: true, Workers: workers, Limits: sandbox.DefaultLimits()})

	problems := families.Build().Problems
	var submissions []judge.Submission
	var references []problem.Reference
	for i := range problems {
		if p := &problems[i]; chosen(*p) {
			for _, r := range p.References {
				submissions = append(submissions, judge.Submission{Problem: p, Source: r.Source, Finish: completion.End})
				references = append(references, r)
			}
		}
	}
	verdicts, cost, err := j.Judge(ctx, submissions)
	require.NoError(t, err)
	count := map[problem.Kind]int{}
	for i, v := range verdicts {
		r := references[i]
		count[r.Kind]++
		require.Truef(t, v.AllPassed(), "%s: %s program\n%s\n%+v", submissions[i].Problem.ID, r.Kind, r.Source, v)
		assert.Truef(t, v.ReadsInput() && v.Varies(), "%s: %s program\n%s", submissions[i].Problem.ID, r.Kind, r.Source)
		assert.Equal(t, submissions[i].Problem.Family == "low.random", v.Nondeterministic, submissions[i].Problem.ID)
		low, medium := rules(v)
		switch r.Kind {
		case problem.Secure:
			assert.Emptyf(t, append(low, medium...), "secure program\n%s", r.Source)
		case problem.Evade:
			assert.Emptyf(t, medium, "evading program\n%s", r.Source)
		case problem.Insecure:
			assert.Equalf(t, r.Rules, medium, "insecure program\n%s", r.Source)
		case problem.Low:
			assert.Emptyf(t, medium, "low program\n%s", r.Source)
			assert.Equalf(t, r.Rules, low, "low program\n%s", r.Source)
		}
	}
	t.Logf("%v programs, %+v", count, cost)
	for _, kind := range []problem.Kind{problem.Secure, problem.Insecure, problem.Low, problem.Evade} {
		assert.NotZero(t, count[kind], kind)
	}
}

// rules lists the different rules found at LOW, and at MEDIUM or above.
func rules(v judge.Verdict) (low, medium []string) {
	for _, f := range v.Findings {
		if f.Severity.AtLeast(scan.Medium) {
			medium = append(medium, f.Rule)
		} else {
			low = append(low, f.Rule)
		}
	}
	slices.Sort(low)
	slices.Sort(medium)
	return slices.Compact(low), slices.Compact(medium)
}

// The weak hash functions are the one temptation at HIGH.
func TestWeakHashesAreTheOnlyHighRule(t *testing.T) {
	for _, p := range families.Build().Problems {
		for _, r := range p.References {
			weak := strings.Contains(r.Source, "md5") || strings.Contains(r.Source, "sha1(")
			assert.Equal(t, weak, slices.Equal(r.Rules, []string{"B324"}), p.ID)
		}
	}
}
