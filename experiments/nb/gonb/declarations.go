package gonb

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Declarations is what GoNB carries from cell to cell as source: for each name the last
// definition. Values are not carried, so a variable is computed again in every cell.
//
// The keys and the order of writing are GoNB's own (goexec/parser.go, composer.go),
// because they decide which definition wins and in which order variables are computed.
type Declarations struct {
	imports map[string]imported
	types   map[string]snippet
	consts  map[string]*constant
	vars    map[string]variable
	funcs   map[string]snippet // "Name" or "Receiver~Name"
}

// snippet is Go text with the place it comes from.
type snippet struct {
	text string
	mark string // "notebook.ipynb cell 4"
	line int
}

// imported is one import; name is empty where the cell gives none.
type imported struct {
	name, path string
	snippet
}

// variable is one name of a var declaration. Names that share one value belong to a
// group: the first carries the text, and redefining any removes all.
type variable struct {
	snippet
	group *[]string
}

// constant is one name of a const block. A block is written whole and in order, since
// iota and left-out values depend on it.
type constant struct {
	snippet
	head bool
	next *constant
}

// Definition is a function or type that a cell defines: where, and how many lines long.
type Definition struct {
	Name        string
	Line, Lines int
}

// Merged returns d with newer laid over it; neither is changed. The zero value is empty.
func (d Declarations) Merged(newer Declarations) Declarations {
	out := Declarations{over(d.imports, newer.imports), over(d.types, newer.types), over(d.consts, newer.consts), over(d.vars, nil), over(d.funcs, newer.funcs)}
	for name, v := range newer.vars {
		if old, ok := out.vars[name]; ok && old.group != nil && old.group != v.group {
			for _, other := range *old.group {
				delete(out.vars, other)
			}
		}
		out.vars[name] = v
	}
	return out
}

func over[V any](old, newer map[string]V) map[string]V {
	out := make(map[string]V, len(old)+len(newer))
	maps.Copy(out, old)
	maps.Copy(out, newer)
	return out
}

// Tests lists the tests of a cell in the kernel's sense, sorted.
func (d Declarations) Tests() []string {
	var names []string
	for name := range d.funcs {
		if strings.HasPrefix(name, "Test") && name != "TestMain" && !strings.Contains(name, "~") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Cell is what the Go text of one cell says.
type Cell struct {
	Declarations              // all but main
	Definitions  []Definition // its functions and types, without main
	main         *snippet
}

// Over returns the program that the kernel makes of the cell when it remembers the
// declarations before; the program's declarations are what it remembers next.
func (c Cell) Over(before Declarations) Program {
	return Program{Declarations: before.Merged(c.Declarations), main: c.main}
}

// reader turns the Go text of one cell into declarations.
type reader struct {
	mark string // see snippet
	src  string
	fset *token.FileSet
	out  Cell
}

// Parse reads the Go text of a cell. The mark names the cell in compile errors and stack
// traces; it holds no newline. Faults are syntax errors; with any the cell is empty.
func Parse(mark, golang string) (Cell, []Fault) {
	r := &reader{mark: mark, src: "package main\n" + golang + "\n", fset: token.NewFileSet()}
	r.out.Declarations = Declarations{}.Merged(Declarations{})
	tree, err := parser.ParseFile(r.fset, "", r.src, parser.ParseComments|parser.SkipObjectResolution)
	if list, ok := err.(scanner.ErrorList); ok {
		var faults []Fault
		for _, e := range list {
			faults = append(faults, Fault{Line: max(1, e.Pos.Line-1), Text: e.Msg})
		}
		return Cell{}, faults
	}
	for _, d := range tree.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			r.function(d)
		case *ast.GenDecl:
			r.general(d)
		}
	}
	if main, ok := r.out.funcs["main"]; ok {
		r.out.main = &main
		delete(r.out.funcs, "main")
	}
	return r.out, nil
}

// line is the line inside the cell, whatever //line comments the cell holds.
func (r *reader) line(p token.Pos) int { return r.fset.PositionFor(p, false).Line - 1 }

func (r *reader) text(n ast.Node) string {
	return r.src[r.fset.PositionFor(n.Pos(), false).Offset:r.fset.PositionFor(n.End(), false).Offset]
}

func (r *reader) snippet(n ast.Node, prefix string) snippet {
	return snippet{text: prefix + r.text(n), mark: r.mark, line: r.line(n.Pos())}
}

func (r *reader) measure(name string, n ast.Node) {
	from := r.line(n.Pos())
	r.out.Definitions = append(r.out.Definitions, Definition{Name: name, Line: from, Lines: r.line(n.End()) - from + 1})
}

func (r *reader) function(d *ast.FuncDecl) {
	key := d.Name.Name
	if d.Recv != nil && len(d.Recv.List) > 0 {
		receiver := "unknown" // GoNB's word for a generic type held by value
		switch t := d.Recv.List[0].Type.(type) {
		case *ast.Ident:
			receiver = t.Name
		case *ast.StarExpr:
			receiver = r.text(t.X)
		}
		key = receiver + "~" + key
	}
	s := r.snippet(d, "")
	if strings.HasPrefix(key, "init_") { // so that several cells can have an init
		s.text = strings.Replace(s.text, key, "init", 1)
	}
	if d.Doc != nil {
		s.text, s.line = r.text(d.Doc)+"\n"+s.text, r.line(d.Doc.Pos())
	}
	r.out.funcs[key] = s
	if key != "main" { // what a cell does is no definition
		r.measure(d.Name.Name, d)
	}
}

func (r *reader) general(d *ast.GenDecl) {
	var last *constant
	for i, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.ImportSpec:
			r.imported(spec)
		case *ast.TypeSpec:
			r.out.types[spec.Name.Name] = r.snippet(spec, "type ")
			r.measure(spec.Name.Name, spec)
		case *ast.ValueSpec:
			if d.Tok == token.CONST {
				last = r.constants(spec, last)
			} else {
				r.variables(spec, i)
			}
		}
	}
}

var lastWord = regexp.MustCompile(`\w+\s*$`)

func (r *reader) imported(spec *ast.ImportSpec) {
	i := imported{path: strings.Trim(spec.Path.Value, "\"`"), snippet: r.snippet(spec, "")}
	key := strings.TrimSpace(lastWord.FindString(i.path))
	if spec.Name != nil {
		i.name, key = spec.Name.Name, spec.Name.Name
	}
	if key == "." || key == "" {
		key += i.path
	}
	r.out.imports[key] = i
}

// value is the text of one of several names: each with its own value, or with none.
func (r *reader) value(spec *ast.ValueSpec, i int) snippet {
	s := r.snippet(spec.Names[i], "")
	if spec.Type != nil {
		s.text += " " + r.text(spec.Type)
	}
	if i < len(spec.Values) {
		s.text += " = " + r.text(spec.Values[i])
	}
	return s
}

func (r *reader) constants(spec *ast.ValueSpec, last *constant) *constant {
	for i, name := range spec.Names {
		c := &constant{snippet: r.value(spec, i), head: last == nil}
		if last != nil {
			last.next = c
		}
		r.out.consts[name.Name], last = c, c
	}
	return last
}

func (r *reader) variables(spec *ast.ValueSpec, nth int) {
	var group *[]string
	if len(spec.Values) == 1 {
		group = &[]string{}
	}
	for i, ident := range spec.Names {
		name := ident.Name
		if name == "_" { // each is a definition of its own
			name = fmt.Sprintf("_~%s %d %d %d", r.mark, r.line(spec.Pos()), nth, i)
		}
		v := variable{group: group}
		switch {
		case group == nil:
			v.snippet = r.value(spec, i)
		case i == 0:
			v.snippet = r.snippet(spec, "")
		}
		if group != nil {
			*group = append(*group, name)
		}
		r.out.vars[name] = v
	}
}
