package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/problem"
)

// written writes rows of the stdin form; each is the good one with something replaced.
func written(t *testing.T, replace ...[2]string) string {
	t.Helper()
	const good = `{"id": "ID", "statement": "Print twice n (ID).", "tests": [{"input": "1\n", "output": "2\n"}, {"input": "4\n", "output": "8\n"}],
		"extra_tests": [{"input": "0\n", "output": "0\n"}, {"input": "-7\n", "output": "-14\n"}], "solutions": [{"code": "print(2 * int(input()))"}]}`
	var rows []string
	for i, r := range append([][2]string{{"", ""}}, replace...) {
		row := strings.ReplaceAll(good, "\n", " ")
		require.Contains(t, row, r[0])
		row = strings.Replace(row, r[0], r[1], 1)
		rows = append(rows, strings.ReplaceAll(row, "ID", "p"+string(rune('0'+i))))
	}
	path := filepath.Join(t.TempDir(), "set.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(rows, "\n")), 0o644))
	return path
}

func examined(t *testing.T, s problemSet) (*doctor, string) {
	t.Helper()
	var out bytes.Buffer
	d := &doctor{out: &out}
	d.problems(context.Background(), s)
	return d, out.String()
}

func TestAGoodSetIsWell(t *testing.T) {
	d, out := examined(t, problemSet{path: written(t, [2]string{"code", "code"}), format: "auto"})
	assert.Zero(t, d.wrong, out)
	assert.Contains(t, out, "2 problems of the form stdin")
	assert.Contains(t, out, "2 reference programs of 2 problems (of 2), 8 tests: none crashes")
	assert.Contains(t, out, "mutants: 2 programs of 2 problems, ")
	assert.Contains(t, out, "2 of 2 problems share the text of a program inside the set")
	assert.Contains(t, out, "2 problems share a list of tests inside the set")
}

func TestFaultsOfASetAreNamed(t *testing.T) {
	d, out := examined(t, problemSet{path: written(t,
		[2]string{`"output": "8\n"`, `"output": "2\n"`},
		[2]string{`"input": "0\n"`, `"input": "1\n"`},
		[2]string{"print(2 * int(input()))", "print(1 // 0)"},
		[2]string{"print(2 * int(input()))", "print('\\\\n' + str(2 * int(input())))"},
		[2]string{"Print twice n", "An absolute error of a bit is allowed"},
		[2]string{"print(2 * int(input()))", "print("},
		[2]string{"print(2 * int(input()))", "print(2 * int(input()) + 1)"},
	)})
	for _, fault := range []string{
		"p1: all 2 public tests want the same output",
		"p2: hidden test 1 repeats a public input",
		"p3, program 1: test 1 ends as crashed ZeroDivisionError",
		"p4, program 1: fails test 1 under lines, passes under peer",
		"p5 speaks of an allowed error that no rule can read, and is compared as lines",
		"p6, program 1: is no program: '(' was never closed",
		"p7, program 1: fails test 1 under lines and under every other comparator",
		"p3: a reference program fails its own tests",
	} {
		assert.Contains(t, out, fault)
	}
	assert.Positive(t, d.wrong)
}

func TestFormatsAreReadByContentOrByName(t *testing.T) {
	set, err := problem.ReadStdin(strings.NewReader(`{"id": "a", "statement": "Print n.", "tests": [{"input": "1", "output": "1"}, {"input": "2", "output": "2"}]}`), "f")
	require.NoError(t, err)
	var paper bytes.Buffer
	require.NoError(t, problem.WritePaper(&paper, set))
	apps := `{"problem_id": 7, "question": "Print n.", "difficulty": "introductory", "input_output": "{\"inputs\": [\"1\", \"2\"], \"outputs\": [\"1\", \"2\"]}", "solutions": "[\"print(input())\"]"}`
	for content, want := range map[string]string{paper.String(): "paper", apps: "apps"} {
		path := filepath.Join(t.TempDir(), "set")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
		for _, format := range []string{"auto", want} {
			set, got, err := problemSet{path: path, format: format}.read()
			require.NoError(t, err)
			assert.Equal(t, want, got)
			assert.Len(t, set.Problems, 1)
		}
		for _, format := range []string{"stdin", "xml"} {
			_, _, err := problemSet{path: path, format: format}.read()
			assert.Error(t, err)
		}
	}
	for _, content := range []string{"", "[", "{}", "\xff"} {
		path := filepath.Join(t.TempDir(), "set")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
		d, out := examined(t, problemSet{path: path, format: "auto"})
		assert.Equal(t, 1, d.wrong, out)
	}
	d, _ := examined(t, problemSet{path: "nowhere"})
	assert.Equal(t, 1, d.wrong)
}

// What evaluation shares with training is a fault where it is the task itself, and a
// number where it is a program.
func TestLeaksBetweenSplits(t *testing.T) {
	one := func(id string, split problem.Split, statement, input, program string) problem.Problem {
		return problem.Problem{ID: id, Split: split, Statement: statement, Public: []problem.Test{{Stdin: input}}, References: []problem.Reference{{Source: program}}}
	}
	var out bytes.Buffer
	d := &doctor{out: &out, json: true}
	b := &bench{doctor: d, set: problem.Set{Problems: []problem.Problem{
		one("a", problem.Train, "Print n.", "1", "n = input()\nprint(n)"),
		one("b", problem.HeldOut, "print  N.", "2", "print(2)"),
		one("c", problem.Unseen, "Other.", "1", "print(3)"),
		one("d", problem.Validation, "Another.", "3", "x = input()  # a name\nprint( x )"),
		one("e", problem.HeldOut, "A fifth.", "4", "n = input()\nprint(n)"),
		one("f", problem.HeldOut, "A sixth.", "5", "print("),
	}}}
	require.NoError(t, b.open(context.Background()))
	b.leaks(context.Background())
	for _, end := range b.close {
		require.NoError(t, end())
	}
	require.NoError(t, d.end())
	var lines []line
	require.NoError(t, json.Unmarshal(out.Bytes(), &lines))
	assert.Equal(t, []line{
		{What: "no statement is shared between training and evaluation", Error: "1 faults"},
		{What: "one", Error: "b shares its statement with a"},
		{What: "no list of tests is shared between training and evaluation", Error: "1 faults"},
		{What: "one", Error: "c shares its tests with a"},
		{What: "1 of 5 problems share the text of a program between training and evaluation, 2 a program in normal form: give results with and without them", OK: true},
	}, lines)
	assert.Equal(t, 4, d.wrong)
}
