package record_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/securerl/record"
	"securecoderl/securerl/reward"
)

func read(t require.TestingT, text string) (rows []record.Row, err error) {
	for r, err := range record.Read(strings.NewReader(text), "rows.jsonl") {
		if err != nil {
			return rows, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(t, "completion")) // byte-level tokens write any bytes
		r := record.Row{Phase: "ppo", Variant: "gated", Seed: 1, Problem: "p", Completion: text, Program: record.Program{End: len(text)},
			LogProbs: rapid.SliceOf(rapid.Float64Range(-30, 0)).Draw(t, "logprobs"), Scores: []reward.Score{{Scheme: "strict", Total: 1. / 3}}}
		line, err := r.Encode()
		require.NoError(t, err)
		assert.NotContains(t, string(line), "\n")
		rows, err := read(t, string(line)+"\n")
		require.NoError(t, err)
		require.Len(t, rows, 1)
		assert.Equal(t, text, rows[0].Completion)
		again, err := rows[0].Encode()
		require.NoError(t, err)
		assert.Equal(t, string(line), string(again))
		assert.Equal(t, 0.333333, rows[0].Scores[0].Total)
	})
}

// Log-probabilities under the model alone take no room where they are those of the law.
func TestPlainLogProbsAreStoredWhereTheyDiffer(t *testing.T) {
	r := record.Row{Problem: "p", LogProbs: []float64{-1, -2}, PlainLogProbs: []float64{-1, -2 + 1e-9}}
	line, err := r.Encode()
	require.NoError(t, err)
	assert.NotContains(t, string(line), "plain_logprobs")
	rows, err := read(t, string(line)+"\n")
	require.NoError(t, err)
	assert.Equal(t, []float64{-1, -2}, rows[0].Plain())

	r.PlainLogProbs = []float64{-1.5, -2}
	line, err = r.Encode()
	require.NoError(t, err)
	assert.Contains(t, string(line), `"logprobs":[-1,-2],"plain_logprobs":[-1.5,-2]`)
	rows, err = read(t, string(line)+"\n")
	require.NoError(t, err)
	assert.Equal(t, r.PlainLogProbs, rows[0].Plain())

	rows, err = read(t, `{"schema":2,"logprobs":[-1],"finish":"end"}`+"\n") // of a version that knew none
	require.NoError(t, err)
	assert.Equal(t, []float64{-1}, rows[0].Plain())
	assert.Equal(t, 2, rows[0].Rounded().Schema)
}

func TestFaultsNameFileAndLine(t *testing.T) {
	good, err := record.Row{Problem: "p"}.Encode()
	require.NoError(t, err)
	for _, tt := range []struct {
		line string
		want error
	}{
		{"{", record.ErrFormat},
		{`{"schema":99}`, record.ErrSchema},
		{`{"schema":1,"surprise":2}`, record.ErrFormat},
		{`{"schema":1,"completion":"ab","program":{"start":1,"end":3}}`, record.ErrFormat},
	} {
		rows, err := read(t, string(good)+"\n"+tt.line+"\n")
		assert.Len(t, rows, 1)
		assert.ErrorIs(t, err, tt.want)
		assert.ErrorContains(t, err, "rows.jsonl:2")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`{"schema":1,"completion":"ab","program":{"start":1,"end":2}}`)
	f.Fuzz(func(t *testing.T, line string) {
		rows, err := read(t, line)
		if err == nil {
			for _, r := range rows {
				_ = r.Source() // in range
			}
		}
	})
}

func ExampleRow_Encode() {
	line, _ := record.Row{Phase: "ppo", Variant: "gated", Seed: 1, Problem: "p1", Completion: "print(1)", Program: record.Program{End: 8}, LogProbs: []float64{-0.12345678}}.Encode()
	fmt.Println(strings.Contains(string(line), `"logprobs":[-0.123457]`))
	// Output: true
}
