package gonb

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"slices"
	"strings"
)

// Program is one cell as the whole Go program that the kernel makes of it.
type Program struct {
	Declarations
	main *snippet // nil: a main that does nothing, so that variables are still computed
}

// Unnamed lists the import paths whose package name the import does not tell.
func (p Program) Unnamed() []string {
	var paths []string
	for _, i := range p.imports {
		if i.name == "" {
			paths = append(paths, i.path)
		}
	}
	return paths
}

// Write returns the program's source and the names that look like packages nobody
// imported. names gives package names by import path. Imports that the program does not
// use are dropped, as goimports does for the kernel; flag and testing come by themselves,
// because the kernel's own lines (flag.Parse, %test) need them. No other import is guessed.
func (p Program) Write(names map[string]string) (source string, missing []string) {
	body := p.body()
	used := packagesUsed(body)
	var b strings.Builder
	b.WriteString("package main\n")
	have := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(p.imports)) {
		i := p.imports[key]
		name := i.name
		if name == "" {
			if name = names[i.path]; name == "" {
				name = path.Base(i.path) // an unknown package: the compiler says so where it is imported
				used[name] = true
			}
		}
		if have[name] = true; used[name] || name == "_" || name == "." {
			i.snippet.text = "import " + i.snippet.text
			b.WriteString(i.marked())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(used)) {
		switch {
		case have[name]:
		case name == "flag" || name == "testing":
			fmt.Fprintf(&b, "import %q\n", name)
		default:
			missing = append(missing, name)
		}
	}
	return b.String() + body, missing
}

// marked returns the snippet under a line mark, so that compilers and stack traces name
// the notebook's cell.
func (s snippet) marked() string { return fmt.Sprintf("//line %s:%d\n%s\n", s.mark, s.line, s.text) }

func (p Program) body() string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(p.types)) {
		b.WriteString(p.types[key].marked())
	}
	for _, key := range slices.Sorted(maps.Keys(p.consts)) {
		c := p.consts[key]
		if !c.head {
			continue
		}
		b.WriteString("const (\n")
		for ; c != nil; c = c.next {
			b.WriteString(c.marked())
		}
		b.WriteString(")\n")
	}
	for _, key := range slices.Sorted(maps.Keys(p.vars)) {
		if v := p.vars[key]; v.text != "" {
			v.text = "var " + v.text
			b.WriteString(v.marked())
		}
	}
	for _, key := range slices.Sorted(maps.Keys(p.funcs)) {
		b.WriteString(p.funcs[key].marked())
	}
	if p.main != nil {
		b.WriteString(p.main.marked())
	} else {
		b.WriteString("func main() { flag.Parse() }\n")
	}
	return b.String()
}

// packagesUsed returns the names before a dot that nothing in the text declares.
func packagesUsed(body string) map[string]bool {
	used := map[string]bool{}
	tree, err := parser.ParseFile(token.NewFileSet(), "", "package main\n"+body, 0)
	if tree == nil || err != nil && len(tree.Decls) == 0 {
		return used // the compiler will say what is wrong
	}
	free := map[*ast.Ident]bool{}
	for _, id := range tree.Unresolved {
		free[id] = true
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := s.X.(*ast.Ident); ok && free[id] {
				used[id.Name] = true
			}
		}
		return true
	})
	return used
}
