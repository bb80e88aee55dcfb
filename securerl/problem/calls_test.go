package problem_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/problem"
)

func TestReadMBPP(t *testing.T) {
	f, err := os.Open("../../testdata/call/mbpp.jsonl")
	require.NoError(t, err)
	defer func() { assert.NoError(t, f.Close()) }()
	set, err := problem.ReadMBPP(f, "mbpp.jsonl")
	require.ErrorIs(t, err, problem.ErrCallStyle)
	assert.NotErrorIs(t, err, problem.ErrFormat)
	assert.ErrorContains(t, err, "test_list: the tests make objects of the program's class Pair, which cannot leave its process")
	assert.ErrorContains(t, err, "mbpp.jsonl:37: test_list: the tests make objects of the program's class Node")
	require.Len(t, set.Problems, 35)
	require.NoError(t, set.Validate())
	p, ok := set.Find("mbpp/511")
	require.True(t, ok)
	assert.True(t, p.CallStyle())
	assert.Equal(t, []string{"find_Min_Sum"}, p.Entry)
	assert.Equal(t, problem.Test{Assert: "assert find_Min_Sum(12) == 7"}, p.Public[0])
	assert.Equal(t, "Write a python function to find minimum sum of factors of a given number. Your code should pass these tests:\n\n"+
		"assert find_Min_Sum(12) == 7\nassert find_Min_Sum(105) == 15\nassert find_Min_Sum(2) == 2\n", p.Statement)
	require.Len(t, p.References, 1)
	assert.Equal(t, "CC-BY-4.0", p.References[0].License)
	p, ok = set.Find("mbpp/713")
	require.True(t, ok)
	assert.Len(t, p.Public, 2, "its third test repeats the first")
}

func TestReadMBPPNamesFileLineAndKey(t *testing.T) {
	const good = `{"text":"t","code":"def f(x):\n  return g(x)\ndef g(x): return x","task_id":1,"test_setup_code":"import math","test_list":["assert f(1) == 1","assert g(2) == f(2)"],"challenge_test_list":["assert f(3) == 3"]}`
	set, err := problem.ReadMBPP(strings.NewReader(good), "f")
	require.NoError(t, err)
	p := set.Problems[0]
	assert.Equal(t, []string{"f", "g"}, p.Entry)
	assert.Equal(t, "import math", p.Setup)
	assert.Equal(t, []problem.Test{{Assert: "assert f(3) == 3"}}, p.Hidden)
	assert.NotContains(t, p.Statement, "f(3)", "hidden tests are not shown")
	for _, tt := range []struct{ old, with, want string }{
		{`"text":"t"`, `"text":""`, "f:2: text: must not be empty"},
		{`"code":`, `"cod":`, `f:2: unknown field "cod"`},
		{`"task_id":1`, `"task_id":null`, "f:2: task_id: must be a string, is null"},
		{`["assert f(3) == 3"]`, `[3]`, "f:2: challenge_test_list[0]: must be a string, is 3"},
		{`"assert f(1) == 1"`, `" "`, "f:2: test_list[0]: must not be empty"},
		{`["assert f(1) == 1","assert g(2) == f(2)"]`, `[]`, "f:2: test_list: must not be empty"},
		{`def f(x)`, `def h(x)`, ""},
		{`"def f(x):\n  return g(x)\ndef g(x): return x"`, `"x = 1"`, "f:2: test_list: calls no function that the code defines"},
	} {
		row := strings.ReplaceAll(good, tt.old, tt.with)
		require.NotEqual(t, good, row)
		_, err := problem.ReadMBPP(strings.NewReader(good+"\n"+row), "f")
		if tt.want == "" {
			assert.NoError(t, err, "some function is called")
			continue
		}
		assert.ErrorIs(t, err, problem.ErrFormat, tt.want)
		assert.ErrorContains(t, err, tt.want)
	}
}

// row is a row of HumanEval in its form, by hand.
func row(test string) string {
	return `{"task_id":"T/0","prompt":"import math\n\ndef f(x):\n    \"\"\"Doubles.\"\"\"\n","entry_point":"f","canonical_solution":"    return 2 * x\n","test":` + quote(test) + `}`
}

func quote(s string) string {
	return `"` + strings.NewReplacer("\\", `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(s) + `"`
}

func TestReadHumanEvalSplitsItsCheck(t *testing.T) {
	const alias = "candidate = f\n"
	for name, tt := range map[string]struct {
		test  string
		want  []string
		setup string
	}{
		"asserts": {"METADATA = {\n    'author': 'x'\n}\n\ndef check(candidate):\n    # simple\n    assert candidate(1) == 2\n\n    assert candidate(2) == 4, 'second'  # why\n    assert True\n    assert candidate(1) == 2\n",
			[]string{"assert candidate(1) == 2\n", "assert candidate(2) == 4, 'second'  # why\n"}, "METADATA = {\n    'author': 'x'\n}\n"},
		"over lines": {"def check(candidate):\n    assert candidate([\n1,\n    2]) == \\\n        (3)\n    assert candidate('''\nassert x\n''') == \"a#'(\"\n",
			[]string{"assert candidate([\n1,\n    2]) == \\\n        (3)\n", "assert candidate('''\nassert x\n''') == \"a#'(\"\n"}, ""},
		"context": {"def check(candidate):\n    import random\n    x = candidate(3)\n    assert x == 6\n    y = 1\n    assert x > y\n",
			[]string{"import random\nx = candidate(3)\nassert x == 6\n", "import random\nx = candidate(3)\ny = 1\nassert x > y\n"}, ""},
		"loop": {"def check(candidate):\n    assert candidate(0) == 0\n    for i in range(9):\n        if i:\n            assert candidate(i) == 2 * i\n    else:\n        pass\n    assert candidate(9) == 18\n",
			[]string{"assert candidate(0) == 0\n", "for i in range(9):\n    if i:\n        assert candidate(i) == 2 * i\nelse:\n    pass\n", "assert candidate(9) == 18\n"}, ""},
		"exception": {"def check(candidate):\n    try:\n        candidate(-1)\n    except ValueError:\n        pass\n    else:\n        assert False\n",
			[]string{"try:\n    candidate(-1)\nexcept ValueError:\n    pass\nelse:\n    assert False\n"}, ""},
		"functions": {"import math\ndef near(a):\n    return math.fabs(a)\n\ndef check(candidate):\n\tdef twice(x):\n\t\tassert x\n\t\treturn 2 * x\n\n\tassert candidate(1) == twice(1)\n",
			[]string{"def twice(x):\n\tassert x\n\treturn 2 * x\nassert candidate(1) == twice(1)\n"}, "import math\ndef near(a):\n    return math.fabs(a)\n"},
	} {
		set, err := problem.ReadHumanEval(strings.NewReader(row(tt.test)), "f")
		require.NoError(t, err, name)
		p := set.Problems[0]
		var want []problem.Test
		for _, w := range tt.want {
			want = append(want, problem.Test{Assert: alias + w})
		}
		assert.Equal(t, want, p.Public, name)
		assert.Equal(t, p.Statement+tt.setup, p.Setup, name)
		assert.Equal(t, []string{"f"}, p.Entry)
		assert.Equal(t, p.Statement+"    return 2 * x\n", p.References[0].Source)
		assert.NoError(t, set.Validate(), name)
	}
	// What cannot be split with certainty is one test.
	for _, test := range []string{
		"def check(candidate):\n    if candidate(1) != 2:\n        return\n    assert candidate(2) == 4\n",
		"def check(candidate):\n    assert candidate(1) == 2\n  \tassert candidate(2) == 4\n",
		"def check(candidate):\n    assert candidate('''1) == 2\n",
	} {
		set, err := problem.ReadHumanEval(strings.NewReader(row(test)), "f")
		require.NoError(t, err)
		assert.Equal(t, []problem.Test{{Assert: test + "\n\ncheck(f)\n"}}, set.Problems[0].Public)
	}
}

func TestReadHumanEvalNamesFileLineAndKey(t *testing.T) {
	const check = "def check(candidate):\n    assert candidate(1) == 2\n"
	for _, tt := range []struct{ row, want string }{
		{row("def test():\n    pass\n"), "f:1: test: defines no check(candidate)"},
		{row("def check(candidate):\n    assert True\n"), "f:1: test: no assert depends on the candidate"},
		{row(""), "f:1: test: must not be empty"},
		{strings.Replace(row(check), `"entry_point":"f"`, `"entry_point":"f()"`, 1), `f:1: entry_point: "f()" is no name of a function`},
		{strings.Replace(row(check), `"T/0"`, `7`, 1), "f:1: task_id: is a JSON number, want string"},
		{strings.Replace(row(check), `"T/0"`, `""`, 1), "f:1: task_id: must not be empty"},
	} {
		_, err := problem.ReadHumanEval(strings.NewReader(tt.row), "f")
		assert.ErrorIs(t, err, problem.ErrFormat, tt.want)
		assert.ErrorContains(t, err, tt.want)
	}
	set, err := problem.ReadHumanEval(strings.NewReader(strings.Replace(row(check), `    \"\"\"Doubles.\"\"\"\n`, "", 1)), "f")
	require.NoError(t, err)
	assert.Equal(t, "import math\n\ndef f(x):\n    pass\n", set.Problems[0].Setup, "a prompt without a docstring is made whole")
}

func TestValidateKeepsTheFormsApart(t *testing.T) {
	good := problem.Problem{ID: "p", Statement: "s", Entry: []string{"f"}, Public: []problem.Test{{Assert: "assert f(1)"}, {Assert: "assert f(2)"}}, Hidden: []problem.Test{{Assert: "assert f(3)"}}}
	require.NoError(t, good.Validate())
	for want, change := range map[string]func(*problem.Problem){
		"public test 1 has an assert, but the problem names no entry": func(p *problem.Problem) { p.Entry = nil },
		`entry "f()" is no name of a function`:                        func(p *problem.Problem) { p.Entry = []string{"f()"} },
		"public test 2: a test of a problem with an entry":            func(p *problem.Problem) { p.Public = []problem.Test{p.Public[0], {Stdin: "1", Want: "2"}} },
		"hidden test 1: a test of a problem with an entry":            func(p *problem.Problem) { p.Hidden = []problem.Test{{Assert: "assert f(3)", Want: "2"}} },
		"hidden test 1 repeats a public input":                        func(p *problem.Problem) { p.Hidden = p.Public[:1] },
		"public test 2 repeats an input":                              func(p *problem.Problem) { p.Public = []problem.Test{p.Public[0], p.Public[0]} },
		`comparator "lines"`:                                          func(p *problem.Problem) { p.Compare = problem.Lines },
	} {
		p := good
		change(&p)
		err := p.Validate()
		assert.ErrorIs(t, err, problem.ErrInvalid, want)
		assert.ErrorContains(t, err, want)
	}
}

// Whatever the test text, nothing of it is lost or invented: every line of a test
// stands in the text.
func FuzzReadHumanEval(f *testing.F) {
	f.Add("def check(candidate):\n    x = [1,\n2]\n    assert candidate(x) == '''a\nb'''\n")
	f.Add("@a\ndef g():\n  pass\ndef check(candidate):\n\tassert candidate(1)\\\n == 2\n")
	f.Fuzz(func(t *testing.T, test string) {
		set, err := problem.ReadHumanEval(strings.NewReader(row(test)), "f")
		if err != nil {
			assert.ErrorIs(t, err, problem.ErrFormat)
			return
		}
		p := set.Problems[0]
		require.NotEmpty(t, p.Public)
		for _, x := range p.Public {
			for _, line := range strings.Split(strings.TrimSuffix(strings.TrimPrefix(x.Assert, "candidate = f\n"), "check(f)\n"), "\n") {
				assert.Contains(t, test, strings.TrimLeft(line, " \t"))
			}
		}
	})
}
