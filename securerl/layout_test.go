package securerl_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "securecoderl/"

// rooms gives every package its line. A package may import only from lower
// lines; experiments may import everything.
var rooms = [][]string{
	1: {"rng", "problem", "tokenizer", "tokenizer/pieces", "safetensors", "engine", "engine/enginetest", "sandbox", "sandbox/filter", "advantage", "stats", "runlog", "completion", "chart", "chart/ssr", "notebook/session"},
	2: {"scan", "call", "prompt", "optim", "problem/families", "law"},
	3: {"judge", "decoder", "decoder/checkpoint"},
	4: {"reward", "reward/rewardtest", "policy", "mutate", "sandbox/sandboxtest"},
	5: {"record", "sft", "ppo"},
	6: {"eval"},
	7: {"figure"},
	8: {"report", "notebook"},
}

// within lists the pairs of one line that belong together: a package and the
// part of it that stands in a folder of its own.
var within = map[string]string{"engine/enginetest": "engine", "chart/ssr": "chart", "reward/rewardtest": "reward", "sandbox": "sandbox/filter",
	"tokenizer": "tokenizer/pieces", "decoder/checkpoint": "decoder"}

type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-tags", "xla", "-json=ImportPath,Imports", "./...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); err == io.EOF {
			return all
		} else {
			require.NoError(t, err)
		}
		all = append(all, p)
	}
}

func line(pkg string) int {
	return slices.IndexFunc(rooms, func(line []string) bool { return slices.Contains(line, pkg) })
}

func TestImportsPointDownwards(t *testing.T) {
	for _, p := range packages(t) {
		from, ok := strings.CutPrefix(p.ImportPath, module+"securerl/")
		if !ok {
			continue
		}
		require.Positivef(t, line(from), "securerl/%s stands in no room: add it to the table above and to the README", from)
		for _, imp := range p.Imports {
			assert.Falsef(t, strings.HasPrefix(imp, module+"experiments"), "securerl/%s imports a program: %s", from, imp)
			to, ours := strings.CutPrefix(imp, module+"securerl/")
			if ours && within[from] != to {
				assert.Lessf(t, line(to), line(from), "securerl/%s (line %d) may not import securerl/%s (line %d)", from, line(from), to, line(to))
			}
		}
	}
}

func TestNoPackageIsACupboard(t *testing.T) {
	for _, p := range packages(t) {
		name := p.ImportPath[strings.LastIndex(p.ImportPath, "/")+1:]
		assert.NotContains(t, []string{"util", "utils", "common", "helpers", "types", "core"}, name, p.ImportPath)
	}
}

// goFiles yields every Go file of the library and the programs.
func goFiles(t *testing.T, visit func(path string, src []byte)) {
	t.Helper()
	for _, root := range []string{".", "../experiments"} {
		require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
				return err
			}
			src, err := os.ReadFile(path)
			if err == nil {
				visit(path, src)
			}
			return err
		}))
	}
}

func TestFilesAndFunctionsStayReadable(t *testing.T) {
	const fileLines, funcLines = 400, 60
	goFiles(t, func(path string, src []byte) {
		assert.LessOrEqualf(t, bytes.Count(src, []byte("\n")), fileLines, "%s is longer than %d lines: split it", path, fileLines)
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, src, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && !strings.HasSuffix(path, "_test.go") {
				n := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1
				assert.LessOrEqualf(t, n, funcLines, "%s: %s has %d lines: split it", path, fn.Name.Name, n)
			}
		}
	})
}

func TestPackagesStayReadable(t *testing.T) {
	const limit = 1300
	larger := map[string]int{
		"problem":               1500, // a reader for each published form
		"tokenizer":             2000, // reader, encoder, decoder and trainer of one file format share its tables
		"sandbox":               1600, // the fork-server, what is asked of it (Run, Serve, Compile) and its self-test
		"judge":                 1400, // two forms of tests, comparators, batches, cache
		"../experiments/doctor": 1650, // a file for each thing that is looked at
		"problem/families":      1800, // a table of problems: data in the form of code
		"decoder":               2050, // network, how it is computed, names, adapters and sampler of all families read each other's names
		"decoder/checkpoint":    1340, // folders, adapters and plans of all families
		"figure":                2300, // a file per picture; they share axes, widths and captions
		"../experiments/train":  3200, // the loops, their settings, credit, and where model and problems come from

		"../experiments/doctor/golden": 2450, // a file for each part of a folder; they share how numbers are compared
	}
	sizes := map[string]int{}
	goFiles(t, func(path string, src []byte) {
		if !strings.HasSuffix(path, "_test.go") {
			sizes[filepath.ToSlash(filepath.Dir(path))] += bytes.Count(src, []byte("\n"))
		}
	})
	for dir, n := range sizes {
		allowed := limit
		if more, ok := larger[dir]; ok {
			allowed = more
		}
		assert.LessOrEqualf(t, n, allowed, "package %s has %d lines: split it", dir, n)
	}
}

func TestEveryPackageHasItsPage(t *testing.T) {
	for _, lines := range rooms {
		for _, pkg := range lines {
			src, err := os.ReadFile(filepath.Join(pkg, "doc.go"))
			if assert.NoErrorf(t, err, "securerl/%s needs a doc.go: what goes in, what comes out, a drawing, sources", pkg) {
				assert.Contains(t, string(src), "// Package ", pkg)
			}
		}
	}
}
