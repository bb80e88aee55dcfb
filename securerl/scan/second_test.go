package scan_test

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
	"securecoderl/securerl/stats"
)

// second opens dlint; nil where it is not installed, which is said and has its cure.
func second(t *testing.T) *scan.Scanner {
	t.Helper()
	sb, err := sandbox.New(context.Background(), sandbox.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sb.Close()) })
	s, err := scan.New(context.Background(), sb, scan.Options{Set: scan.Dlint})
	if err != nil {
		require.ErrorIs(t, err, scan.ErrVersion)
		require.ErrorContains(t, err, "dlint 0.17.0 does not start")
		require.ErrorContains(t, err, "run make second")
		return nil
	}
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	assert.Equal(t, scan.DlintVersion, s.Info().Dlint)
	assert.Empty(t, s.Info().Bandit)
	return s
}

// The programs of dlint's own documentation, wrong and right by its own word.
func TestASecondOpinionIsDlints(t *testing.T) {
	s := second(t)
	if s == nil {
		return
	}
	f, err := os.Open("../../testdata/scan/dlint.jsonl")
	require.NoError(t, err)
	defer f.Close()
	rows, missed := 0, map[string]int{}
	for d := json.NewDecoder(f); d.More(); {
		var row struct {
			Rule                 string
			Problematic, Correct []string
		}
		require.NoError(t, d.Decode(&row))
		for i, source := range append(row.Problematic, row.Correct...) {
			r, err := s.Scan(context.Background(), []byte(source))
			require.NoError(t, err)
			if !r.ParseOK {
				continue // Python 2, or a fragment
			}
			rows++
			found := false
			for _, x := range r.Findings {
				found = found || x.Rule == row.Rule
				assert.Less(t, x.Start, x.End)
				assert.False(t, strings.ContainsAny(source[x.Start:x.Start+1], " \t\n"))
			}
			if want := i < len(row.Problematic); found != want {
				missed[row.Rule]++
			}
		}
	}
	assert.Greater(t, rows, 40)
	assert.Equal(t, dlintsOwnSlips, missed)
}

// Programs of the documentation that dlint itself, with its own visitor, answers
// otherwise: most lack the import they would be seen by (106, 134, 136, 137), two have
// constant arguments, which it flags all the same (104, 105), one is Python 2 (101).
var dlintsOwnSlips = map[string]int{"DUO101": 1, "DUO104": 1, "DUO105": 1, "DUO106": 1, "DUO134": 2, "DUO136": 1, "DUO137": 1}

func TestSourcesThatAttackASecondOpinionAreAnswered(t *testing.T) {
	s := second(t)
	if s == nil {
		return
	}
	f, err := os.Open("../../testdata/scan/hostile.jsonl")
	require.NoError(t, err)
	defer f.Close()
	for d := json.NewDecoder(f); d.More(); {
		var row struct {
			ID    string
			Parts [][2]any
		}
		require.NoError(t, d.Decode(&row))
		var source strings.Builder
		for _, p := range row.Parts {
			source.WriteString(strings.Repeat(p[0].(string), int(p[1].(float64))))
		}
		r, err := s.Scan(context.Background(), []byte(source.String()))
		require.NoError(t, err, row.ID)
		assert.NotContains(t, []scan.Status{scan.Internal, scan.Plugin, ""}, r.Status, "%s: %s", row.ID, r.Fault)
		next, err := s.Scan(context.Background(), []byte("eval(input())"))
		require.NoError(t, err, row.ID)
		assert.Len(t, next.Findings, 1, row.ID)
	}
}

// Counts and kappa by hand: observed agreement 0.7, expected 0.5 x 0.6 + 0.5 x 0.4.
func TestAgreementIsCohensKappa(t *testing.T) {
	first, second := make([]bool, 10), make([]bool, 10)
	for i := range 5 {
		first[i] = true
	}
	for _, i := range []int{0, 1, 2, 3, 5, 6} {
		second[i] = true
	}
	a, err := scan.Agree(first, second)
	require.NoError(t, err)
	assert.Equal(t, [4]int{4, 1, 2, 3}, [4]int{a.Both, a.OnlyFirst, a.OnlySecond, a.Neither})
	assert.InDelta(t, 0.4, a.Kappa.Estimate, 1e-12)
	assert.Contains(t, a.String(), "kappa 0.400 (95 % ")
	_, err = scan.Agree(first, second[1:])
	assert.ErrorIs(t, err, stats.ErrInput)
	_, err = scan.Agree(make([]bool, 3), make([]bool, 3))
	assert.ErrorIs(t, err, stats.ErrInput, "where nothing is marked, chance explains all")
}
