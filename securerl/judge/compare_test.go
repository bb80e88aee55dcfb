package judge_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/securerl/judge"
	"securecoderl/securerl/problem"
)

// testdata/compare/compare.jsonl was made with the 40-line reference beside it in
// the project's design notes, in Python.
func TestCompareGivesTheReferencesAnswers(t *testing.T) {
	f, err := os.Open("../../testdata/compare/compare.jsonl")
	require.NoError(t, err)
	defer f.Close()
	for d := json.NewDecoder(f); d.More(); {
		var row struct {
			Actual, Expected string
			Base64           string `json:"actual_b64"`
			Repeat           int    `json:"repeat_actual"`
			Mode             string
			Eps              float64
			Verdict          string
			Why              string
		}
		require.NoError(t, d.Decode(&row))
		got := []byte(row.Actual)
		if row.Base64 != "" {
			got, err = base64.StdEncoding.DecodeString(row.Base64)
			require.NoError(t, err)
		}
		if row.Repeat > 0 {
			got = bytes.Repeat(got, row.Repeat)
		}
		if row.Verdict == "OLE" {
			continue // the sandbox cuts output before it is compared; see TestEveryLimitHasItsOutcome
		}
		mode := problem.Comparator(row.Mode)
		if mode == "strip" {
			mode = problem.Peer
		}
		equal, line := judge.Compare(mode, row.Eps, got, []byte(row.Expected))
		assert.Equal(t, row.Verdict == "AC", equal, "%s: %s", row.Why, row.Actual)
		assert.Equal(t, equal, line == 0)
	}
}

func TestCompareIgnoresExactlyWhatItSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.SampledFrom([]byte("ab 1.5\n\t")), 0, 40).Draw(t, "text")
		for _, mode := range []problem.Comparator{problem.Lines, problem.Exact, problem.Tokens, problem.Float, problem.Peer} {
			equal, _ := judge.Compare(mode, 1e-6, text, text)
			assert.True(t, equal, mode)
		}
		padded := append(bytes.ReplaceAll(text, []byte("\n"), []byte(" \r\n")), "  \n\n"...)
		equal, _ := judge.Compare(problem.Lines, 0, padded, text)
		assert.True(t, equal, "blanks at line ends and empty last lines do not count")
		changed := append([]byte("x"), text...)
		equal, line := judge.Compare(problem.Lines, 0, changed, text)
		assert.False(t, equal)
		assert.Positive(t, line)
	})
}
