package corpus_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/experiments/train/corpus"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/rng"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.json")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// paper is a file in the form of the first paper, of n problems with so many tests; every
// seventh wants the same of all inputs.
func paper(t *testing.T, n, tests int) string {
	t.Helper()
	var rows []string
	for i := range n {
		var in, out []string
		for k := range tests {
			want := k
			if i%7 == 0 {
				want = 0
			}
			in, out = append(in, fmt.Sprintf(`"%d\n"`, k)), append(out, fmt.Sprintf(`"%d\n"`, want))
		}
		rows = append(rows, fmt.Sprintf(`{"prompt":"%s","problem_id":"p%d","num_tests":%d,"difficulty":"x","test_cases":{"inputs":[%s],"outputs":[%s]}}`,
			"task "+strings.Repeat("word ", i%10), i, tests, strings.Join(in, ","), strings.Join(out, ",")))
	}
	return write(t, fmt.Sprintf(`{"format_version":"2.0","count":%d,"max_tests_per_problem":%d,"prompts_with_tests":[%s]}`, n, tests, strings.Join(rows, ",")))
}

func TestAFileGetsSplitsAndHiddenTests(t *testing.T) {
	cut := corpus.Cut{Validation: 0.2, Test: 0.2, Hidden: 2}
	fits := func(p problem.Problem) bool {
		return !strings.Contains(p.Statement, "word word word word word word word word word")
	}
	set, report, err := corpus.Problems(paper(t, 200, 5), "", cut, fits)
	require.NoError(t, err)
	assert.Equal(t, len(set.Problems), report.Problems)
	assert.Equal(t, 29, report.LeftOut["whose tests cannot tell programs apart"]) // 0, 7, ..., 196
	assert.Equal(t, 17, report.LeftOut["whose prompt does not fit"])              // 9, 19, ..., 199 but 49, 119, 189
	assert.Equal(t, 200-29-17, report.Problems)
	for _, p := range set.Problems {
		assert.Len(t, p.Public, 3)
		assert.Len(t, p.Hidden, 2)
		assert.Equal(t, "3\n", p.Hidden[0].Stdin)
	}
	for _, split := range []problem.Split{problem.Validation, problem.HeldOut} {
		n := len(set.Split(split))
		assert.True(t, n > 15 && n < 50, "%d of 154 in %s, 31 expected", n, split)
	}
	// A set that grows keeps the splits of what it held.
	more, _, err := corpus.Problems(paper(t, 400, 5), "paper", cut, nil)
	require.NoError(t, err)
	for _, p := range set.Problems {
		q, ok := more.Find(p.ID)
		assert.True(t, ok)
		assert.Equal(t, p.Split, q.Split)
	}
}

func TestOneTestStaysPublic(t *testing.T) {
	set, report, err := corpus.Problems(paper(t, 300, 4), "", corpus.Cut{Validation: 0.3, Test: 0.3, Hidden: 9}, nil)
	require.Error(t, err, "one public test tells no two programs apart")
	assert.ErrorIs(t, err, corpus.ErrFile)
	assert.Empty(t, set.Problems)
	assert.Equal(t, 300, report.LeftOut["whose tests cannot tell programs apart"])
}

func TestFilesThatAreNone(t *testing.T) {
	for name, call := range map[string]func() error{
		"missing":      func() error { _, _, err := corpus.Problems("no.json", "", corpus.Cut{}, nil); return err },
		"unknown form": func() error { _, _, err := corpus.Problems(write(t, `{"a":1}`), "", corpus.Cut{}, nil); return err },
		"no splits": func() error {
			_, _, err := corpus.Problems(paper(t, 20, 5), "", corpus.Cut{Hidden: 2}, nil)
			return err
		},
		"rows missing": func() error { _, _, err := corpus.Rows("no.jsonl", 0); return err },
		"no JSON":      func() error { _, _, err := corpus.Rows(write(t, "{"), 0); return err },
		"no program":   func() error { _, _, err := corpus.Rows(write(t, `{"prompt":"x","completion":""}`), 0); return err },
		"all poor": func() error {
			_, _, err := corpus.Rows(write(t, `{"prompt":"x","completion":"y","reward":0.1}`), 0.5)
			return err
		},
	} {
		err := call()
		require.ErrorIs(t, err, corpus.ErrFile, name)
		assert.NotContains(t, err.Error(), "\n", name)
	}
}

func TestRowsAreChosenByTheirReward(t *testing.T) {
	rows, poor, err := corpus.Rows(write(t, `{"prompt_id":7,"prompt":"a","completion":"b","reward":0.4,"model":"m"}
{"prompt":"c","completion":"d"}
{"prompt_id":"z","prompt":"e","completion":"f","reward":0.9}`), 0.5)
	require.NoError(t, err)
	assert.Equal(t, 1, poor)
	assert.Equal(t, []corpus.Row{{ID: "2", Request: "c", Program: "d"}, {ID: "z", Request: "e", Program: "f"}}, rows)
}

func TestUniformDrawsEveryProblem(t *testing.T) {
	u := corpus.Uniform{{ID: "a"}, {ID: "b"}, {ID: "c"}}
	seen, s := map[string]int{}, rng.New(3).Stream()
	for range 300 {
		seen[u.Pick(s).ID]++
	}
	for _, p := range u {
		assert.InDelta(t, 100, seen[p.ID], 40)
	}
}

func ExampleProblems() {
	path := filepath.Join(os.TempDir(), "corpus-example.json")
	defer os.Remove(path)
	test := `{"inputs": ["1\n", "2\n", "3\n", "4\n"], "outputs": ["1\n", "4\n", "9\n", "16\n"]}`
	var rows []string
	for i := range 12 {
		rows = append(rows, fmt.Sprintf(`{"prompt": "Square %d.", "problem_id": "%d", "difficulty": "easy", "num_tests": 4, "test_cases": %s}`, i, i, test))
	}
	_ = os.WriteFile(path, []byte(`{"format_version": "2.0", "count": 12, "max_tests_per_problem": 4, "prompts_with_tests": [`+strings.Join(rows, ",")+`]}`), 0o600)
	set, report, err := corpus.Problems(path, "", corpus.Cut{Validation: 0.3, Test: 0.3, Hidden: 2}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report)
	fmt.Println(len(set.Problems[0].Public), "public,", len(set.Problems[0].Hidden), "hidden")
	// Output:
	// 12 problems
	// 2 public, 2 hidden
}
