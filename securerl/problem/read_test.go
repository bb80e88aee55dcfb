package problem_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/securerl/problem"
)

func sample(t testing.TB) problem.Set {
	f, err := os.Open("../../testdata/codenet/sample.jsonl")
	require.NoError(t, err)
	defer func() { assert.NoError(t, f.Close()) }()
	set, err := problem.ReadStdin(f, "sample.jsonl")
	require.NoError(t, err)
	return set
}

func TestReadStdinReadsTheSample(t *testing.T) {
	set := sample(t)
	require.Len(t, set.Problems, 40)
	require.NoError(t, set.Validate())
	float := map[string]float64{}
	for _, p := range set.Problems {
		require.NotEmpty(t, p.References, p.ID)
		for _, r := range p.References {
			assert.Contains(t, []string{"MIT", "CC0-1.0"}, r.License, p.ID)
			assert.NotEmpty(t, r.Origin, p.ID)
		}
		if p.Compare == problem.Float {
			float[p.ID] = p.Epsilon
		} else {
			assert.Equal(t, problem.Lines, p.Compare)
		}
	}
	// As their statements say: 10^{-2} and 10^{-3}.
	assert.Len(t, float, 2)
	assert.InDelta(t, 1e-2, float["p02705"], 1e-15)
	assert.InDelta(t, 1e-3, float["p03135"], 1e-15)
}

func TestReadStdinNamesFileLineAndKey(t *testing.T) {
	const good = `{"id":"a","statement":"s","tests":[{"input":"1","output":"2"}]}`
	for _, tt := range []struct{ row, want string }{
		{`{`, "f:2: the JSON value is cut off"},
		{`[1]`, "f:2: is a JSON array"},
		{`{"id":1}`, "f:2: id: is a JSON number, want string"},
		{`{"id":"b","statment":"s"}`, `f:2: unknown field "statment"`},
		{`{"id":"","statement":"s","tests":[{"input":"1","output":"2"}]}`, "f:2: id: must not be empty"},
		{`{"id":"b","statement":"s","tests":[]}`, "f:2: tests: must not be empty"},
		{`{"id":"b","statement":"s","tests":[{"input":null,"output":"2"}]}`, "f:2: tests[0].input: must be a string, is null"},
		{`{"id":"b","statement":"s","tests":[{"input":"1","output":2}]}`, "f:2: tests[0].output: must be a string, is 2"},
		{`{"id":"b","statement":"s","tests":[{"input":"1","output":"2"}],"extra_tests":[{"input":"1"}]}`, "f:2: extra_tests[0].output: must be a string, is missing"},
		{good + "{}", "f:2: text after the JSON value"},
		{"{\"id\":\"\xff\"}", "f:2: not UTF-8"},
	} {
		_, err := problem.ReadStdin(strings.NewReader(good+"\n"+tt.row+"\n"), "f")
		require.ErrorIs(t, err, problem.ErrFormat, tt.row)
		assert.ErrorContains(t, err, tt.want)
		var e *problem.FormatError
		require.ErrorAs(t, err, &e)
		assert.Equal(t, 2, e.Line)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("disk gone") }

func TestAFailedReadIsNoShortSet(t *testing.T) {
	_, err := problem.ReadStdin(broken{}, "f")
	assert.EqualError(t, err, "f:1: disk gone")
	_, err = problem.ReadPaper(broken{}, "f")
	assert.EqualError(t, err, "f:1: disk gone")
}

func paperOf(t testing.TB, s problem.Set) []byte {
	var b bytes.Buffer
	require.NoError(t, problem.WritePaper(&b, s))
	return b.Bytes()
}

// One file by hand, in the form of the release's notes (spec A6).
const paperFile = `{
 "count": 2,
 "max_tests_per_problem": 5,
 "format_version": "2.0",
 "prompts_with_tests": [
  {"prompt": "def solve_0a1b2():\n    \"\"\"\nDouble n.\n    \"\"\"\n", "test_cases": {"inputs": ["1\n", "2\n"], "outputs": ["2\n", "4\n"]}, "problem_id": "apps_plus_0", "difficulty": "introductory", "num_tests": 2},
  {"prompt": "Half n, error at most 1e-6.", "test_cases": {"inputs": ["1\n", "3\n"], "outputs": ["0.5\n", "1.5\n"]}, "problem_id": 17, "difficulty": "interview", "num_tests": 2}
 ]
}
`

func TestReadPaper(t *testing.T) {
	set, err := problem.ReadPaper(strings.NewReader(paperFile), "prompts.json")
	require.NoError(t, err)
	require.NoError(t, set.Validate())
	assert.Equal(t, problem.Problem{ID: "apps_plus_0", Family: "introductory", Statement: "def solve_0a1b2():\n    \"\"\"\nDouble n.\n    \"\"\"\n",
		Public: tests("1\n", "2\n", "2\n", "4\n"), Compare: problem.Lines}, set.Problems[0])
	assert.Equal(t, "17", set.Problems[1].ID)
	assert.Equal(t, problem.Float, set.Problems[1].Compare)
}

func TestReadPaperRefuses(t *testing.T) {
	for _, tt := range []struct{ old, with, want string }{
		{`"2.0"`, `"1.0"`, `f:1: format_version: "1.0", want "2.0"`},
		{`"count": 2`, `"count": 3`, "f:1: count: says 3, there are 2 prompts"},
		{`"1\n", "3\n"`, `"1\n", null`, "f:7: prompts_with_tests[1].test_cases.inputs[1]: must be a string, is null"},
		{`"1\n", "3\n"`, `"1\n"`, "f:7: prompts_with_tests[1].test_cases.inputs: 1 inputs but 2 outputs"},
		{`"1\n", "3\n"`, `"1\n", 3`, "f:7: prompts_with_tests[1].test_cases.inputs[1]: must be a string, is 3"},
		{`"difficulty": "interview", "num_tests": 2`, `"difficulty": "interview", "num_tests": 1`, "f:7: prompts_with_tests[1].num_tests: says 1, there are 2 tests"},
		{`"max_tests_per_problem": 5`, `"max_tests_per_problem": 1`, "f:6: prompts_with_tests[0].test_cases: 2 tests, max_tests_per_problem says 1"},
		{`"problem_id": 17`, `"problem_id": 1.5`, "f:7: prompts_with_tests[1].problem_id: must be a string, is 1.5"},
		{`"problem_id": 17`, `"id": 17`, `f:7: prompts_with_tests[1]: unknown field "id"`},
		{`"prompt": "Half n, error at most 1e-6."`, `"prompt": ""`, "f:7: prompts_with_tests[1].prompt: must not be empty"},
	} {
		require.Equal(t, 1, strings.Count(paperFile, tt.old), tt.old)
		_, err := problem.ReadPaper(strings.NewReader(strings.Replace(paperFile, tt.old, tt.with, 1)), "f")
		require.ErrorIs(t, err, problem.ErrFormat)
		assert.EqualError(t, err, tt.want)
	}
}

// The paper's tool dropped None from inputs and outputs separately and made text of
// lists. Here the item is named, and the others are kept.
func TestReadPaperNamesFunctionCalls(t *testing.T) {
	file := strings.Replace(paperFile, `["1\n", "3\n"]`, `[[1, 2], [3]]`, 1)
	set, err := problem.ReadPaper(strings.NewReader(file), "f")
	require.ErrorIs(t, err, problem.ErrCallStyle)
	assert.NotErrorIs(t, err, problem.ErrFormat)
	assert.ErrorContains(t, err, "f:7: prompts_with_tests[1].test_cases.inputs[0]: ")
	require.Len(t, set.Problems, 1)
	assert.Equal(t, "apps_plus_0", set.Problems[0].ID)
}

func TestPaperRoundTrip(t *testing.T) {
	set := sample(t)
	first := paperOf(t, set)
	again, err := problem.ReadPaper(bytes.NewReader(first), "f")
	require.NoError(t, err)
	for i, p := range again.Problems {
		assert.Equal(t, set.Problems[i].ID, p.ID)
		assert.Equal(t, set.Problems[i].Public, p.Public)
		assert.Contains(t, p.Statement, "def solve_")
	}
	assert.Equal(t, string(first), string(paperOf(t, again)), "a stub is not wrapped again")
	assert.Equal(t, string(first), string(paperOf(t, set)), "equal sets give equal bytes")
}

func TestPaperRoundTripKeepsPairs(t *testing.T) {
	text := rapid.StringOf(rapid.RuneFrom([]rune("ab \n\t\"\\0é\u2028<'")))
	rapid.Check(t, func(t *rapid.T) {
		p := problem.Problem{ID: "p", Family: text.Draw(t, "family"), Statement: "s" + text.Draw(t, "statement")}
		for range rapid.IntRange(1, 6).Draw(t, "n") {
			p.Public = append(p.Public, problem.Test{Stdin: text.Draw(t, "in"), Want: text.Draw(t, "out")})
		}
		var b bytes.Buffer
		require.NoError(t, problem.WritePaper(&b, problem.Set{Problems: []problem.Problem{p}}))
		got, err := problem.ReadPaper(&b, "f")
		require.NoError(t, err)
		assert.Equal(t, p.Public, got.Problems[0].Public)
		assert.Equal(t, p.Family, got.Problems[0].Family)
		assert.Equal(t, problem.Stub(p.Statement), got.Problems[0].Statement)
		assert.Equal(t, got.Problems[0].Statement, problem.Stub(got.Problems[0].Statement))
	})
}

func TestStub(t *testing.T) {
	// 5 hexadecimal digits of SHA-256("Print n."), by sha256sum.
	assert.Equal(t, "def solve_9401f():\n    \"\"\"\nPrint n.\n    \"\"\"\n", problem.Stub("Print n."))
	assert.Contains(t, problem.Stub(`\frac{1}{n}`), "r\"\"\"\n\\frac{1}{n}\n")
	assert.Contains(t, problem.Stub(`say """hi"""`), "'''\nsay \"\"\"hi\"\"\"\n    '''\n")
	assert.Contains(t, problem.Stub(`""" and '''`), "\"\"\"\n"+`\"\"\" and '''`+"\n    \"\"\"\n")
	for _, already := range []string{
		"def f(n):\n    \"\"\"Print n.\"\"\"\n", "import math\n\ndef f(n: int) -> int:\n    r'''x'''\n",
	} {
		assert.Equal(t, already, problem.Stub(already))
	}
}

const appsRows = `{"id": 3, "question": "Double n.", "inputs": ["1\n","2\n","3\n","4\n","5\n","6\n"], "outputs": ["2\n","4\n","6\n","8\n","10\n","12\n"], "difficulty": "introductory"}
{"problem_id": 4, "question": "Half n.", "solutions": "[\"print(int(input()) // 2)\"]", "input_output": "{\"inputs\": [\"2\\n\"], \"outputs\": [\"1\\n\"]}", "difficulty": "interview", "url": "u", "starter_code": ""}
{"problem_id": 5, "question": "Is it prime?", "solutions": "", "input_output": "{\"fn_name\": \"is_prime\", \"inputs\": [[1], [2]], \"outputs\": [[false], [true]]}", "difficulty": "interview"}
{"id": "x", "question": "Lists.", "inputs": [["a", "b"]], "outputs": ["c"]}
`

func TestReadAPPS(t *testing.T) {
	set, err := problem.ReadAPPS(strings.NewReader(appsRows), "apps.jsonl")
	require.ErrorIs(t, err, problem.ErrCallStyle)
	assert.NotErrorIs(t, err, problem.ErrFormat)
	assert.EqualError(t, err, `apps.jsonl:3: input_output.fn_name: is_prime: the tests are function calls, which a stdin judge cannot run
apps.jsonl:4: inputs[0]: a list or object where text is expected: the tests are function calls, which a stdin judge cannot run`)
	require.Len(t, set.Problems, 2)
	assert.Equal(t, "3", set.Problems[0].ID)
	assert.Len(t, set.Problems[0].Public, 5)
	assert.Equal(t, tests("6\n", "12\n"), set.Problems[0].Hidden)
	assert.Equal(t, problem.Problem{ID: "4", Family: "interview", Statement: "Half n.", Public: tests("2\n", "1\n"), Compare: problem.Lines,
		References: []problem.Reference{{Source: "print(int(input()) // 2)", Origin: "APPS 4"}}}, set.Problems[1])

	for _, tt := range []struct{ row, want string }{
		{`{"id": 1, "inputs": ["a"], "outputs": ["b"]}`, "f:1: question: must not be empty"},
		{`{"question": "q", "inputs": ["a"], "outputs": ["b"]}`, "f:1: problem_id: must be a string, is missing"},
		{`{"id": 1, "question": "q"}`, "f:1: inputs: no tests: such a row cannot be judged"},
		{`{"id": 1, "question": "q", "inputs": ["a", null], "outputs": ["b", "c"]}`, "f:1: inputs[1]: must be a string, is null"},
		{`{"id": 1, "question": "q", "inputs": ["a"], "input_output": "{}"}`, "f:1: input_output: stands beside inputs or outputs; only one can hold the tests"},
		{`{"id": 1, "question": "q", "input_output": "{\"inputs\": 1}"}`, "f:1: input_output.inputs: is a JSON number, want []json.RawMessage"},
		{`{"id": 1, "question": "q", "input_output": "{"}`, "f:1: input_output: the JSON value is cut off"},
	} {
		_, err := problem.ReadAPPS(strings.NewReader(tt.row), "f")
		require.ErrorIs(t, err, problem.ErrFormat)
		assert.EqualError(t, err, tt.want)
	}
}

func TestReadAPPSFolder(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	fsys := fstest.MapFS{
		"0001/question.txt":      file("Double n."),
		"0001/input_output.json": file(`{"inputs": ["1\n"], "outputs": ["2\n"]}`),
		"0001/metadata.json":     file(`{"difficulty": "interview", "url": "u"}`),
		"0001/solutions.json":    file(`["print(2 * int(input()))"]`),
		"0002/question.txt":      file("Is it prime?"),
		"0002/input_output.json": file(`{"fn_name": "is_prime", "inputs": [[1]], "outputs": [[false]]}`),
		"README":                 file("not a problem"),
	}
	set, err := problem.ReadAPPSFolder(fsys, "train")
	assert.EqualError(t, err, "train/0002/input_output.json:1: input_output.fn_name: is_prime: the tests are function calls, which a stdin judge cannot run")
	require.Len(t, set.Problems, 1)
	assert.Equal(t, problem.Problem{ID: "0001", Family: "interview", Statement: "Double n.", Public: tests("1\n", "2\n"), Compare: problem.Lines,
		References: []problem.Reference{{Source: "print(2 * int(input()))", Origin: "APPS 0001"}}}, set.Problems[0])

	delete(fsys, "0001/input_output.json")
	_, err = problem.ReadAPPSFolder(fsys, "train")
	require.ErrorIs(t, err, problem.ErrFormat)
	assert.ErrorContains(t, err, "train/0001:1: input_output.json: ")
}

// Whatever the bytes: no panic, an error is typed, and what is read can be written
// and read again without a shifted pair.
func FuzzReaders(f *testing.F) {
	f.Add([]byte(paperFile))
	f.Add([]byte(appsRows))
	f.Add([]byte(`{"id":"a","statement":"s","tests":[{"input":"1","output":"2"}]}`))
	f.Add([]byte(`{"count":1,"max_tests_per_problem":1,"format_version":"2.0","prompts_with_tests":[{"prompt":"p","test_cases":{"inputs":["\ud800"],"outputs":[""]},"problem_id":"x","num_tests":1}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for name, read := range map[string]func() (problem.Set, error){
			"stdin": func() (problem.Set, error) { return problem.ReadStdin(bytes.NewReader(data), "f") },
			"paper": func() (problem.Set, error) { return problem.ReadPaper(bytes.NewReader(data), "f") },
			"apps":  func() (problem.Set, error) { return problem.ReadAPPS(bytes.NewReader(data), "f") },
		} {
			set, err := read()
			var e *problem.FormatError
			if err != nil {
				require.ErrorAs(t, err, &e, name)
				require.Positive(t, e.Line)
			}
			for _, p := range set.Problems {
				require.NotEmpty(t, p.ID)
				require.NotEmpty(t, p.Statement)
				require.NotEmpty(t, p.Public)
			}
			var b bytes.Buffer
			require.NoError(t, problem.WritePaper(&b, set))
			again, err := problem.ReadPaper(&b, "f")
			require.NoError(t, err)
			for i, p := range set.Problems {
				require.Equal(t, p.Public, again.Problems[i].Public)
			}
		}
	})
}

func BenchmarkReadStdin(b *testing.B) {
	data, err := os.ReadFile("../../testdata/codenet/sample.jsonl")
	require.NoError(b, err)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := problem.ReadStdin(bytes.NewReader(data), "f"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(40*b.N)/b.Elapsed().Seconds(), "problems/s")
}

func TestProblemsSurviveJSON(t *testing.T) {
	for _, p := range sample(t).Problems {
		b, err := json.Marshal(p)
		require.NoError(t, err)
		var got problem.Problem
		require.NoError(t, json.Unmarshal(b, &got))
		assert.Equal(t, p, got)
	}
}
