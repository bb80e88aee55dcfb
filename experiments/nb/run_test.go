package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/chart"
)

const check = "%test\nfunc TestF(t *testing.T) {\n\tif f() != 1 {\n\t\tt.Error(\"f() is\", f())\n\t}\n}"

// findings are the lines of out that name the notebook made by save.
func findings(out string) []string {
	var found []string
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(line, "07-made.ipynb "); ok {
			found = append(found, strings.TrimSpace(rest))
		}
	}
	return found
}

func TestCheckNamesCellAndLine(t *testing.T) {
	root := module(t)
	path := save(t, root,
		code("import \"fmt\"\n\nvar a = 1"),
		cell{kind: "markdown", source: "text"},
		code("%%\nfmt.Println(a)\nfmt.Println(b)"),
		code("%%\nfmt.Printf(\"%d\", \"x\")"),
		code("func g() {\n\tmath.Abs(1)\n}"),
		code("%%\ng()"),
		code("func g() {}"),
		code("%test\nfunc TestG(t *testing.T) {\n\tt.Error(h())\n}"),
		code("func TestG(t *testing.T) {}"),
		code("func f() int { return 0 }"),
		code(check, tagCheck, tagFails),
		solution("func f() string { return \"1\" }"))
	out, err := nb(root, "check", path)
	require.ErrorIs(t, err, errFound)
	assert.ElementsMatch(t, []string{
		"cell 2 line 3: undefined: b",
		"cell 3 line 2: fmt.Printf format %d has arg \"x\" of wrong type string",
		"cell 4 line 2: undefined: math (if it is a package, import it in a cell: nb does not guess imports)",
		"cell 7 line 3: undefined: h",
		"cell 10 line 3: with its solution: invalid operation: f() != 1 (mismatched types string and untyped int)",
	}, findings(out), out)
}

func TestCheckNamesAnUnknownPackage(t *testing.T) {
	root := module(t)
	for _, verb := range []string{"check", "run"} {
		out, err := nb(root, verb, save(t, root, code("var a = 1"), code("import \"no/such/package\"\n\nvar p = 1")))
		require.ErrorIs(t, err, errFound)
		assert.Contains(t, out, "07-made.ipynb cell 2 line 1: package no/such/package is not in std", verb)
	}
}

// A cell that does not compile is named by run as well, and nothing runs.
func TestRunCompilesFirst(t *testing.T) {
	root := module(t)
	out, err := nb(root, "run", save(t, root, code("var a = 1"), code("var b = c\nvar d = g(1, 2)\n\nfunc g(a int) int { return a }"), code("var e = 1")))
	require.ErrorIs(t, err, errFound)
	assert.Equal(t, []string{"cell 2 line 1: undefined: c", "cell 2 line 2: too many arguments in call to g; have (number, number); want (int)"}, findings(out), out)
	assert.NotContains(t, out, "ok")
}

func TestRunNamesEveryCellThatIsWrong(t *testing.T) {
	root := module(t)
	path := save(t, root,
		code("import \"os\"\nimport \"fmt\""),
		code("%%\nfmt.Println(\"claim: 3 beats 2\")\nos.Exit(1)", tagCheck),
		code("%%\nvar none []int\nfmt.Println(none[1])"),
		code("!false", tagShell),
		code("%%bash\nexit 9", tagShell),
		code("!test -f 07-made.ipynb", tagShell),
		code("%%\nfmt.Println(1)", tagFails),
		code("%%\nos.Exit(3)", tagFails),
		code("%test\nfunc TestSkipped(t *testing.T) { t.Skip() }"),
		code("%test\nfunc TestFails(t *testing.T) { t.Error(\"no\") }"),
		code("func f() int { return 0 }"),
		code(check, tagCheck, tagFails),
		solution("func f() int { return 2 }"),
		code(check, tagCheck, tagFails),
		solution("func f() int { return 1 }"),
		code("func f() int { return 1 }"),
		code(check, tagCheck, tagFails),
		solution("func f() int { return 1 }"),
		code("var early = stop()\n\nfunc stop() int { os.Exit(1); return 0 }"),
		code(check, tagCheck, tagFails),
		solution("func f() int { return 1 }\n\nfunc stop() int { return 0 }"))
	out, err := nb(root, "run", path)
	require.ErrorIs(t, err, errFound)
	assert.Equal(t, []string{
		"cell 2: the cell fails (exit status 1)",
		"cell 3: the cell fails (exit status 2)",
		`cell 4: the shell command "false" failed: exit status 1`,
		`cell 5: the shell command "exit 9" failed: exit status 9`,
		"cell 7: is tagged raises-exception but does not fail",
		"cell 9: TestSkipped did not pass: it was skipped or not run",
		"cell 10: the cell fails (exit status 1)",
		"solution of cell 12: the solution does not pass the check (exit status 1)",
		"cell 15: the check passes before the exercise is done: it must fail on the stub",
		"cell 16: the cell fails (exit status 1)",
		"cell 17: the check did not run on the stub (exit status 1)",
	}, findings(out), out)
	assert.Contains(t, out, "    claim: 3 beats 2\n", "what a failed cell printed is shown")
	assert.Contains(t, out, "07-made.ipynb cell 3 line 3", "a panic leads to its line")
	assert.Contains(t, out, "07-made.ipynb cell 12 line 4: f() is 2", "a failed test leads to its line")
}

func TestLaterCellsGoOnWithTheStub(t *testing.T) {
	root := module(t)
	out, err := nb(root, "run", save(t, root,
		code("func f() int { return 0 }"), code(check, tagCheck, tagFails), solution("func f() int { return 1 }"),
		code("import \"os\"\n%%\nos.Exit(f())")))
	assert.NoError(t, err, out)
}

func TestRunStopsAtTheTimeout(t *testing.T) {
	root := module(t)
	path := save(t, root, code("import \"time\"\nimport \"os/exec\""), code("%%\nexec.Command(\"sleep\", \"60\").Run()"), code("%%\ntime.Sleep(time.Minute)"))
	out, err := nb(root, "run", "-timeout", "1s", path)
	require.ErrorIs(t, err, errFound)
	assert.Equal(t, []string{"cell 2: was stopped: the cells of a notebook may take 1s together (-timeout)"}, findings(out), out)
}

func TestRunRefusesEndlessOutput(t *testing.T) {
	root := module(t)
	out, err := nb(root, "run", "-timeout", "30s", save(t, root, code("%%\nfor { println(\"much\") }")))
	require.ErrorIs(t, err, errFound)
	assert.Contains(t, out, "printed more than 4 MB")
}

func TestCellsRunAsTheKernelRunsThem(t *testing.T) {
	t.Setenv("GONB_PIPE", "/tmp/pipe")
	root := module(t)
	require.NoError(t, os.Mkdir(filepath.Join(root, ".venv"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, ".venv", "gotags"), []byte("one,two\n"), 0o644))
	source := `%% -n 3
for _, k := range []string{"GONB_PIPE", "SECURERL_KERNEL", "SECURERL_ROOT", "GOFLAGS", "GOPROXY"} {
	fmt.Printf("%s=%q\n", k, os.Getenv(k))
}
dir, _ := os.Getwd()
b, _ := io.ReadAll(os.Stdin)
fmt.Println(dir, len(b), os.Args[1:])
os.Exit(1)`
	path := save(t, root, code("import (\n\"fmt\"\n\"io\"\n\"os\"\n)\nvar n = flag.Int(\"n\", 0, \"\")"), code(source))
	out, err := nb(root, "run", path)
	require.ErrorIs(t, err, errFound)
	assert.Contains(t, out, `GONB_PIPE=""`)
	assert.Contains(t, out, fmt.Sprintf(`SECURERL_KERNEL="%d"`, os.Getpid()))
	assert.Contains(t, out, fmt.Sprintf("SECURERL_ROOT=%q", root))
	assert.Contains(t, out, `GOFLAGS="-ldflags=-s -tags=one,two"`)
	assert.Contains(t, out, `GOPROXY="off"`)
	assert.Contains(t, out, root+" 0 [-n 3]")
}

func TestTheKernelHasTheSameFlags(t *testing.T) {
	script, err := os.ReadFile("../../notebooks/.jupyter/kernels/gonb/start.sh")
	require.NoError(t, err)
	assert.Contains(t, string(script), `GOFLAGS="`+kernelFlags+`$(cat "$root/.venv/gotags")"`)
	assert.Contains(t, string(script), "GOEXPERIMENT=simd")
	assert.Contains(t, string(script), "GOPROXY=off")
}

// A claim that does not hold any more and a solution that is wrong must be found; the
// cell is named.
func TestASpoiltNotebookFails(t *testing.T) {
	for _, tt := range []struct{ what, old, replacement, want string }{
		{"a changed claim", "first(0.5); got != 0.25", "first(0.5); got != 0.26", "cell 3: the cell fails (exit status 1)"},
		{"a spoilt solution", "lambda * fade", "0.6 * fade", "solution of cell 5: the solution does not pass the check"},
	} {
		path := variant(t, tt.old, tt.replacement)
		ours, err := findCheckout(".")
		require.NoError(t, err)
		t.Cleanup(func() { _ = os.RemoveAll(filepath.Join(ours.root, ours.work(notebook{path: path}))) })
		out, err := nb(".", "run", path)
		assert.ErrorIs(t, err, errFound, tt.what)
		require.Len(t, findings(out), 1, out)
		assert.Contains(t, findings(out)[0], tt.want)
	}
}

// Whatever a cell prints or a notebook holds, nothing that acts on a terminal comes out.
func TestHostileTextStaysText(t *testing.T) {
	f, err := os.Open("../../testdata/hostile-text/hostile.jsonl")
	require.NoError(t, err)
	defer f.Close()
	root := module(t)
	first, prints := "import \"os\"\nimport \"fmt\"\nimport \"strings\"", "%%\n"
	var text, comments []cell
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var row struct{ Text string }
		require.NoError(t, json.Unmarshal(lines.Bytes(), &row))
		// on one line each, since only the last lines of an output are shown
		prints += fmt.Sprintf("fmt.Println(strings.ReplaceAll(t%02d, \"\\n\", \" \"))\n", len(text))
		first += fmt.Sprintf("\nvar t%02d = %s", len(text), strconv.QuoteToASCII(row.Text))
		text = append(text, cell{kind: "markdown", source: row.Text, tags: []string{row.Text}})
		comments = append(comments, code("// "+row.Text))
	}
	require.NotEmpty(t, text)
	path := save(t, root, append(comments, text...)...)
	for _, verb := range []string{"diff", "check", "run"} {
		out, err := nb(root, verb, path)
		assert.ErrorIs(t, err, errFound)
		assert.Equal(t, chart.Visible(out), out, verb)
	}
	out, err := nb(root, "run", save(t, root, append(text, code(first), code(prints+"os.Exit(1)"))...))
	assert.ErrorIs(t, err, errFound)
	assert.Regexp(t, `\\[xu][0-9a-f]{2}`, out, "what the cell printed is shown, written out")
	assert.Equal(t, chart.Visible(out), out)
}
