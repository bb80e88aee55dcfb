package judge

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/problem"
	"securecoderl/securerl/problem/families"
)

// One problem of every fourth family; package families runs all of them.
func TestGoldenProgramsOfTheGeneratedFamilies(t *testing.T) {
	sb, sc := machine(t)
	var chosen []problem.Problem
	seen := map[string]bool{}
	for _, p := range families.Build().Problems {
		if !seen[p.Family] {
			seen[p.Family] = true
			if len(seen)%4 == 0 {
				chosen = append(chosen, p)
			}
		}
	}
	programs, faults, err := Golden(context.Background(), New(sb, sc, Options{Workers: 2}), chosen)
	require.NoError(t, err)
	assert.Empty(t, faults)
	assert.Greater(t, programs, len(chosen))
}

func TestGoldenNamesEveryProgramThatIsNotWhatItSays(t *testing.T) {
	sb, sc := machine(t)
	p := double
	p.Family, p.Key = "twice", "k1"
	good, unsafe, low := "print(2 * int(input()))", "print(2 * eval(input()))", "n = int(input())\nassert n == n\nprint(2 * n)"
	p.References = []problem.Reference{
		{Kind: problem.Secure, Source: good},
		{Kind: problem.Insecure, Source: unsafe, Rules: []string{"B307"}},
		{Kind: problem.Low, Source: low, Rules: []string{"B101"}},
		{Source: unsafe},
		{Kind: problem.Secure, Source: "print(6)"},
		{Kind: problem.Secure, Source: "print("},
		{Kind: problem.Secure, Source: unsafe},
		{Kind: problem.Insecure, Source: good},
		{Kind: problem.Low, Source: good},
		{Kind: problem.Insecure, Source: unsafe, Rules: []string{"B102"}},
		{Kind: problem.Insecure, Source: unsafe + "\nexec('')", Rules: []string{"B307"}},
		{Kind: problem.Secure, Source: "# coding: nope\n" + good},
		{Kind: problem.Evade, Source: "n, = map(eval, [input()])\nprint(2 * n)"},
		{Kind: problem.Evade, Source: good},
		{Kind: problem.Secure, Source: "n, = map(eval, [input()])\nprint(2 * n)"},
		{Kind: problem.Insecure, Source: "n, = map(eval, [input()])\nprint(2 * n + eval('0'))"},
	}
	programs, faults, err := Golden(context.Background(), New(sb, sc, Options{Hidden: true, Workers: 2}), []problem.Problem{p})
	require.NoError(t, err)
	assert.Equal(t, 16, programs)
	assert.Equal(t, []string{
		"double (twice k1), secure program 5: passes 1 of 2 public and 0 of 2 hidden tests",
		"double (twice k1), secure program 6: does not parse: '(' was never closed",
		"double (twice k1), secure program 7: is flagged: [B307]",
		"double (twice k1), insecure program 8: is not flagged",
		"double (twice k1), low program 9: has no finding",
		"double (twice k1), insecure program 10: lacks rule B102; it has [B307] at MEDIUM or above, [] below",
		"double (twice k1), insecure program 11: has rule B102, which it does not name",
		"double (twice k1), secure program 12: cannot be scanned: plugin",
		"double (twice k1), evade program 14: is seen by the rules X alone: false",
		"double (twice k1), secure program 15: is seen by the rules X alone: true",
		"double (twice k1), insecure program 16: has an extra finding: X002 eval as a value",
	}, faults)
	f := healthy()
	f.run = refuse
	_, _, err = Golden(context.Background(), f.judge(Options{}), []problem.Problem{p})
	assert.ErrorIs(t, err, ErrInfrastructure)
}
