package judge_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/securerl/judge"
	"securecoderl/securerl/problem"
)

// comparisons reads a table of testdata/compare. The answers are those of the Python
// reference beside it.
func comparisons(t *testing.T, name string, check func(mode problem.Comparator, eps float64, got, want []byte, right bool, why string)) {
	f, err := os.Open("../../testdata/compare/" + name)
	require.NoError(t, err)
	defer f.Close()
	rows := 0
	for d := json.NewDecoder(f); d.More(); rows++ {
		var row struct {
			Actual, Expected   string
			Actual64           []byte `json:"actual_b64"`
			Expected64         []byte `json:"expected_b64"`
			Mode, Verdict, Why string
			Eps                float64
		}
		require.NoError(t, d.Decode(&row))
		mode := problem.Comparator(row.Mode)
		if mode == "strip" {
			mode = problem.Peer
		}
		require.Contains(t, []string{"AC", "WA"}, row.Verdict)
		check(mode, row.Eps, append([]byte(row.Actual), row.Actual64...), append([]byte(row.Expected), row.Expected64...), row.Verdict == "AC", row.Why)
	}
	assert.GreaterOrEqual(t, rows, 25)
}

func TestCompareGivesTheReferencesAnswers(t *testing.T) {
	for _, table := range []string{"compare.jsonl", "random.jsonl"} {
		comparisons(t, table, func(mode problem.Comparator, eps float64, got, want []byte, right bool, why string) {
			equal, line := judge.Compare(mode, eps, got, want)
			assert.Equal(t, right, equal, "%s %q for %q: %s", mode, got, want, why)
			assert.Equal(t, equal, line == 0)
		})
	}
}

var modes = []problem.Comparator{"", problem.Lines, problem.Exact, problem.Tokens, problem.Float, problem.Peer}

var outputs = rapid.Custom(func(t *rapid.T) []byte {
	return bytes.Join(rapid.SliceOfN(rapid.SampledFrom([][]byte{[]byte("a"), []byte("1"), []byte("-2.50"), []byte(" "), []byte("\t"), []byte("\n"), []byte("\r\n"), []byte("\xff")}), 0, 20).Draw(t, "parts"), nil)
})

func TestCompareIgnoresExactlyWhatItSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := outputs.Draw(t, "text")
		for _, mode := range modes {
			equal, line := judge.Compare(mode, 1e-6, text, text)
			assert.True(t, equal && line == 0, "%s: every text equals itself", mode)
		}
		padded := append(bytes.ReplaceAll(text, []byte("\n"), []byte(" \r\n")), "  \n\n"...)
		equal, _ := judge.Compare(problem.Lines, 0, padded, text)
		assert.True(t, equal, "blanks at line ends and empty last lines do not count")
		changed := append([]byte("x"), text...)
		for _, mode := range modes {
			equal, line := judge.Compare(mode, 1e-6, changed, text)
			assert.False(t, equal, mode)
			assert.Positive(t, line)
		}
	})
}

// Whoever passes a strict comparator passes the looser one, and sides may be changed.
func TestComparatorsAreOrderedAndSymmetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := outputs.Draw(t, "a"), outputs.Draw(t, "b")
		equal := map[problem.Comparator]bool{}
		for _, mode := range modes {
			left, _ := judge.Compare(mode, 1e-6, a, b)
			right, _ := judge.Compare(mode, 1e-6, b, a)
			assert.Equal(t, left, right, mode)
			equal[mode] = left
		}
		for _, order := range [][2]problem.Comparator{{problem.Exact, problem.Lines}, {problem.Exact, problem.Peer}, {problem.Lines, problem.Float}, {problem.Lines, problem.Tokens}, {problem.Peer, problem.Tokens}} {
			assert.True(t, !equal[order[0]] || equal[order[1]], "%s but not %s: %q %q", order[0], order[1], a, b)
		}
	})
}

func TestTheFirstDifferentLineIsNamed(t *testing.T) {
	for _, tt := range []struct {
		mode      problem.Comparator
		got, want string
		line      int
	}{
		{problem.Lines, "1\n2\n3\n", "1\n2\n4\n", 3},
		{problem.Lines, "1\n", "1\n2\n", 2},
		{problem.Lines, "", "1\n", 1},
		{problem.Lines, "1\n2\n", "1\n", 2},
		{problem.Float, "1.0\n2.5\n", "1\n2\n", 2},
		{problem.Exact, "1 \n", "1\n", 1},
		{problem.Tokens, "1\n2 3\n", "1\n2 4\n", 2},
	} {
		_, line := judge.Compare(tt.mode, 1e-6, []byte(tt.got), []byte(tt.want))
		assert.Equal(t, tt.line, line, "%s %q %q", tt.mode, tt.got, tt.want)
	}
}

func FuzzCompareIsTotal(f *testing.F) {
	f.Add([]byte("1.5\n"), []byte("1.5000001"), 1e-6)
	f.Add([]byte{0xff, 0, '\r'}, []byte("\v\f\n"), 0.0)
	f.Fuzz(func(t *testing.T, got, want []byte, eps float64) {
		for _, mode := range modes {
			equal, line := judge.Compare(mode, eps, got, want)
			assert.Equal(t, equal, line == 0)
		}
	})
}
