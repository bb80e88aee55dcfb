package gonb_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/experiments/nb/gonb"
)

// session runs cells one after the other and returns the last program, without line marks.
func session(t *testing.T, cells ...string) string {
	t.Helper()
	var p gonb.Program
	for i, source := range cells {
		c, faults := gonb.TakeApart(source)
		require.Empty(t, faults)
		parsed, faults := gonb.Parse(fmt.Sprintf("nb cell %d", i+1), c.Go)
		require.Empty(t, faults, source)
		p = parsed.Over(p.Declarations)
	}
	source, _ := p.Write(map[string]string{"fmt": "fmt", "os": "os", "math/rand/v2": "rand", "crypto/rand": "rand", "math/rand": "rand"})
	var lines []string
	for line := range strings.Lines(source) {
		if !strings.HasPrefix(line, "//line") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.Join(lines[1:], "\n")
}

// What the kernel writes was read in goexec/parser.go and composer.go of v0.11.5.
func TestProgramIsTheKernels(t *testing.T) {
	const idle, start = "func main() { flag.Parse() }", "func main() { flag.Parse()"
	for _, tt := range []struct {
		what  string
		cells []string
		want  []string
	}{
		{"the last definition wins", []string{"func f() int { return 1 }", "func f() int { return 2 }"},
			[]string{`import "flag"`, "func f() int { return 2 }", idle}},
		{"main is forgotten", []string{"%%\nprintln(1)", "var x = 1"},
			[]string{`import "flag"`, "var x = 1", idle}},
		{"%main opens a main", []string{"%main\nprintln(1)"},
			[]string{`import "flag"`, start, "println(1)", "}"}},
		{"a main written out is kept", []string{"func main() { println(1) }"},
			[]string{"func main() { println(1) }"}},
		{"unused imports are dropped", []string{"import \"fmt\"\nimport \"os\"", "%%\nfmt.Println()"},
			[]string{`import "fmt"`, `import "flag"`, start, "fmt.Println()", "}"}},
		{"a variable hides a package", []string{"import \"fmt\"", "func f(fmt struct{ X int }) int { return fmt.X }"},
			[]string{`import "flag"`, "func f(fmt struct{ X int }) int { return fmt.X }", idle}},
		{"blank imports stay", []string{"import _ \"os\""},
			[]string{`import _ "os"`, `import "flag"`, idle}},
		{"the last word of the path tells imports apart", []string{"import \"math/rand\"", "import \"crypto/rand\"\nvar r = rand.Reader"},
			[]string{`import "crypto/rand"`, `import "flag"`, "var r = rand.Reader", idle}},
		{"the package's name decides, not its path", []string{"import \"math/rand/v2\"\nvar r = rand.Int()"},
			[]string{`import "math/rand/v2"`, `import "flag"`, "var r = rand.Int()", idle}},
		{"variables come in the order of names", []string{"var b, a int", "var (\n c = 1\n _ = c\n)"},
			[]string{`import "flag"`, "var _ = c", "var a int", "var b int", "var c = 1", idle}},
		{"a group is dropped together", []string{"func f() (int, int) { return 1, 2 }", "var a, b = f()", "var a = 3"},
			[]string{`import "flag"`, "var a = 3", "func f() (int, int) { return 1, 2 }", idle}},
		{"a group is dropped by any of its names", []string{"func f() (int, int) { return 1, 2 }", "var a, b = f()", "var b = 3"},
			[]string{`import "flag"`, "var b = 3", "func f() (int, int) { return 1, 2 }", idle}},
		{"names with a value each are single", []string{"var a, b int = 1, 2", "var a = 3"},
			[]string{`import "flag"`, "var a = 3", "var b int = 2", idle}},
		{"a constant block keeps its order", []string{"const (\n B = iota\n A\n)\nconst C, D = 1, 2"},
			[]string{`import "flag"`, "const (", "B = iota", "A", ")", "const (", "C = 1", "D = 2", ")", idle}},
		{"init_x becomes init", []string{"func init_a() {}\nfunc init_b() {}"},
			[]string{`import "flag"`, "func init() {}", "func init() {}", idle}},
		{"methods belong to their type", []string{"type T int\nfunc (t T) A() {}\nfunc (t *T) B() {}", "func (t *T) A() {}"},
			[]string{`import "flag"`, "type T int", "func (t *T) A() {}", "func (t *T) B() {}", idle}},
		{"directives above a function stay", []string{"// f does.\n//go:noinline\nfunc f() {}"},
			[]string{`import "flag"`, "// f does.", "//go:noinline", "func f() {}", idle}},
		{"package lines are the kernel's", []string{"package course\nvar x = 1"},
			[]string{`import "flag"`, "var x = 1", idle}},
		{"tests stay, and bring their package", []string{"%test\nfunc TestA(t *testing.T) {}", "var x = 1"},
			[]string{`import "flag"`, `import "testing"`, "var x = 1", "func TestA(t *testing.T) {}", idle}},
		{"dot imports stay, one for each path", []string{"import . \"fmt\"\nimport . \"os\""},
			[]string{`import . "fmt"`, `import . "os"`, `import "flag"`, idle}},
	} {
		assert.Equal(t, strings.Join(tt.want, "\n"), session(t, tt.cells...), tt.what)
	}
}

func TestMarksLeadToTheCell(t *testing.T) {
	c, faults := gonb.TakeApart("import \"fmt\"\n\n// f says hello.\nfunc f() {}\n%%\nf()\nfmt.Println()")
	require.Empty(t, faults)
	parsed, faults := gonb.Parse("a.ipynb cell 4", c.Go)
	require.Empty(t, faults)
	source, _ := parsed.Over(gonb.Declarations{}).Write(map[string]string{"fmt": "fmt"})
	assert.Contains(t, source, "//line a.ipynb cell 4:1\nimport \"fmt\"\n")
	assert.Contains(t, source, "//line a.ipynb cell 4:3\n// f says hello.\nfunc f() {}\n")
	assert.Contains(t, source, "//line a.ipynb cell 4:5\nfunc main() { flag.Parse()\nf()\nfmt.Println()\n}")
	assert.Equal(t, []gonb.Definition{{Name: "f", Line: 4, Lines: 1}}, parsed.Definitions)
}

func TestSyntaxErrorsHaveTheirLine(t *testing.T) {
	_, faults := gonb.Parse("x", "var a = 1\nvar b = = 2")
	require.NotEmpty(t, faults)
	assert.Equal(t, 2, faults[0].Line)
}

func TestMissingPackagesAreNamed(t *testing.T) {
	parsed, _ := gonb.Parse("x", "var a = math.Pi\nvar b = strings.ToUpper(c.d)\nvar c struct{ d string }")
	_, missing := parsed.Over(gonb.Declarations{}).Write(nil)
	assert.Equal(t, []string{"math", "strings"}, missing)
}

func TestTakeApart(t *testing.T) {
	for _, tt := range []struct {
		source string
		want   gonb.Code
	}{
		{"x", gonb.Code{Go: "x"}},
		{"", gonb.Code{Empty: true}},
		{" \n", gonb.Code{Go: " \n", Empty: true}},
		{"!ls -l \\\n  /\nx", gonb.Code{Go: "\n\nx", Shell: []string{"ls -l    /"}}},
		{"//gonb:%% -n 3\nx", gonb.Code{Go: "func main() { flag.Parse()\nx\n}", Args: []string{"-n", "3"}}},
		{"%args -n 3\nx", gonb.Code{Go: "\nx", Args: []string{"-n", "3"}}},
		{"%test\nx", gonb.Code{Go: "\nx", Test: true, Args: []string{}}},
		{" %test", gonb.Code{Go: " %test"}},
		{"%%bash\nls\n!x", gonb.Code{Empty: true, Shell: []string{"ls\n!x"}}},
	} {
		got, faults := gonb.TakeApart(tt.source)
		assert.Empty(t, faults, tt.source)
		if len(tt.want.Args) == 0 {
			got.Args, tt.want.Args = nil, nil
		}
		assert.Equal(t, tt.want, got, tt.source)
	}
}

func TestWhatIsNotRunIsAFault(t *testing.T) {
	for source, line := range map[string]int{
		"x\n%cd ..": 2, "%env A B": 1, "%goflags -race": 1, "%rm f": 1, "%reset": 1, "%wasm": 1, "%capture f": 1,
		"%%writefile f\nx": 1, "%%script awk": 1, "!*go mod tidy": 1, "x\n!*ls": 2,
	} {
		_, faults := gonb.TakeApart(source)
		require.Len(t, faults, 1, source)
		assert.Equal(t, line, faults[0].Line, source)
		assert.Contains(t, faults[0].Text, "is not run by nb", source)
	}
}

func ExampleProgram_Write() {
	var memory gonb.Declarations
	for _, source := range []string{"import \"fmt\"\nfunc f() int { return 1 }", "func f() int { return 2 }", "%%\nfmt.Println(f())"} {
		code, _ := gonb.TakeApart(source)
		cell, _ := gonb.Parse("01.ipynb cell", code.Go)
		program := cell.Over(memory)
		if memory = program.Declarations; !code.Empty && strings.HasPrefix(source, "%%") {
			text, _ := program.Write(map[string]string{"fmt": "fmt"})
			fmt.Println(text)
		}
	}
	// Output:
	// package main
	// //line 01.ipynb cell:1
	// import "fmt"
	// import "flag"
	// //line 01.ipynb cell:1
	// func f() int { return 2 }
	// //line 01.ipynb cell:1
	// func main() { flag.Parse()
	// fmt.Println(f())
	// }
}

// A cell that parses gives a program that parses, and every line keeps its number.
func FuzzCell(f *testing.F) {
	for _, s := range []string{"%%\nprintln(1)", "var a, b = 1, 2 // c\nconst (\n A, B = iota, iota\n C, D\n)", "%test\nfunc TestA(t *testing.T) {}",
		"import (\n . \"fmt\"\n _ \"os\"\n x `a/b`\n)", "type (\n T[P any] struct{}\n)\nfunc (t T[P]) m() {}", "/* a */ func f() {}", "!ls \\\n", "%%bash", "//line x:9\nvar a = 1", "package"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		code, _ := gonb.TakeApart(source)
		if !code.Empty || code.Go != "" {
			assert.GreaterOrEqual(t, strings.Count(code.Go, "\n"), strings.Count(source, "\n"))
		}
		cell, faults := gonb.Parse("nb cell 1", code.Go)
		if len(faults) > 0 {
			return
		}
		text, _ := cell.Over(gonb.Declarations{}).Write(nil)
		_, err := parser.ParseFile(token.NewFileSet(), "", text, parser.SkipObjectResolution)
		assert.NoError(t, err, text)
	})
}
