package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each row breaks one rule of the good notebook and says how diff names it.
func TestEveryRuleOfFormCanFail(t *testing.T) {
	long := strings.Repeat("\n\t_ = 0", 14)
	for _, tt := range []struct{ what, old, replacement, want string }{
		{"25 lines are too many when they are 26", "fmt.Println(\"credit", strings.Repeat("\n", 25) + "fmt.Println(\"credit", "cell 2: has 27 lines, at most 25"},
		{"a long function", "\treturn 0 // your turn", long + "\n\treturn 0", "cell 4 line 2: fade has 18 lines, at most 15"},
		{"a long type", "// fade is", "type wide struct {" + strings.Repeat("\n\tint", 1) + strings.Repeat("\n", 14) + "}\n\n// fade is", "cell 4 line 1: wide has 16 lines"},
		{"a long function in a solution", "\treturn lambda * fade", long + "\n\treturn lambda * fade", "solution of cell 5 line 4: fade has 21 lines"},
		{"no heading", "# Credit", "Credit", "first cell: lacks a heading"},
		{"no question", "first token?", "first token.", "first cell: lacks the question"},
		{"no minutes", "2 minutes", "Soon done", "first cell: lacks how many minutes"},
		{"no prerequisites", "Prerequisites", "Needs", "first cell: lacks its prerequisites"},
		{"too many bytes", "With $", strings.Repeat("much text ", 6000) + "With $", "must stay under 60000"},
		{"a shell line", "%%\nfmt.Println(\"credit", "!ls\n%%\nfmt.Println(\"credit", "cell 2: runs a shell command"},
		{"a shell cell", "%%\nfmt.Println(\"credit", "%%bash\nfmt.Println(\"credit", "cell 2: runs a shell command"},
		{"a magic", "%%\nfmt.Println(\"credit", "%cd ..\n%%\nfmt.Println(\"credit", "cell 2 line 1: %cd is not run by nb"},
		{"a syntax error", "return 0 // your turn", "return 0 +", "cell 4 line 4: expected operand"},
		{"a solution without fence", "```go", "```python", "solution of cell 5: needs exactly one ```go fence"},
		{"a solution with two fences", "```go", "```go\n```\n```go", "solution of cell 5: needs exactly one ```go fence"},
		{"a fence without end", "```\n\n</details>", "\n</details>", "solution of cell 5: has a fence without end"},
		{"a solution that is not folded", "<details>", "", "solution of cell 5: must be folded"},
		{"a syntax error in a solution", "return 1\n", "return 1 +\n", "solution of cell 5 line 7: expected operand"},
		{"a solution that brings its own check", "func fade(lambda float64, n int) float64 {\n\tif", "func TestFade(t *testing.T) {}\nfunc fade(lambda float64, n int) float64 {\n\tif", "solution of cell 5: defines TestFade itself"},
		{"a check that is no test", "%test\n", "", "cell 5: the check of an exercise must be a %test cell"},
		{"a check without a test", "func TestFade(", "func Fade(", "cell 5: %test without a func Test"},
	} {
		out, err := nb(".", "diff", variant(t, tt.old, tt.replacement))
		assert.ErrorIs(t, err, errFound, tt.what)
		assert.Contains(t, out, "07-made.ipynb", tt.what)
		assert.Contains(t, out, tt.want, tt.what)
	}
}

func TestTheLimitsThemselvesAreAllowed(t *testing.T) {
	for old, replacement := range map[string]string{
		"fmt.Println(\"credit":    strings.Repeat("\n", 23) + "fmt.Println(\"credit", // 25 lines
		"\treturn 0 // your turn": strings.Repeat("\t_ = 0\n", 12) + "\treturn 0",    // 15 lines
	} {
		out, err := nb(".", "diff", variant(t, old, replacement))
		assert.NoError(t, err, out)
	}
}

func TestRulesThatConcernSeveralCells(t *testing.T) {
	first := cell{kind: "markdown", source: "# A\n\nWhat? 1 minute. Prerequisites: none."}
	claim, stub := code("%%\nprintln(1)", tagCheck), code("func f() int { return 0 }")
	check := code("%test\nfunc TestF(t *testing.T) {}", tagCheck, tagFails)
	answer := solution("func f() int { return 1 }")
	for _, tt := range []struct {
		want  string
		cells []cell
	}{
		{"", []cell{first, claim, stub, check, answer}},
		{"must begin with a Markdown cell", []cell{claim, stub, check, answer}},
		{"must begin with a Markdown cell", nil},
		{"has no cell tagged check", []cell{first, stub, check, answer}},
		{"has no exercise", []cell{first, claim}},
		{"cell 3: the exercise has no solution", []cell{first, claim, stub, check}},
		{"cell 3: the exercise has no solution", []cell{first, claim, stub, check, check, answer}},
		{`the solution in the cell "x2" follows no check`, []cell{first, claim, answer}},
		{`the solution in the cell "x5" follows no check`, []cell{first, claim, stub, check, answer, answer}},
		{"has 26 code cells, at most 25", append([]cell{first, claim, stub, check, answer}, make26(code("var x int"))...)},
	} {
		out, err := nb(".", "diff", save(t, t.TempDir(), tt.cells...))
		if tt.want == "" {
			assert.NoError(t, err, out)
			continue
		}
		assert.ErrorIs(t, err, errFound, tt.want)
		assert.Contains(t, out, tt.want)
	}
}

// make26 returns what is missing to 26 code cells after three.
func make26(c cell) []cell {
	cells := make([]cell, 23)
	for i := range cells {
		cells[i] = c
	}
	return cells
}

func TestNamesOfFiles(t *testing.T) {
	raw, err := os.ReadFile(good)
	require.NoError(t, err)
	for name, ok := range map[string]bool{"05-graded-rewards.ipynb": true, "5-a.ipynb": false, "05_a.ipynb": false, "05-A.ipynb": false, "05-.ipynb": false, "05-a b.ipynb": false} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, raw, 0o644))
		out, err := nb(".", "diff", path)
		if ok {
			assert.NoError(t, err, out)
		} else {
			assert.Contains(t, out, "the file's name must be", name)
		}
	}
}
