package main

import (
	"fmt"
	"slices"
	"strings"

	"securecoderl/experiments/nb/gonb"
)

// problem is one finding; a run ends with status 1 if there is any.
type problem struct {
	file  string // the notebook's name
	where string // "cell 4", "solution of cell 7", or "" for the notebook as a whole
	line  int    // from 1 inside the cell; 0 for all of it
	text  string
}

func (p problem) String() string {
	at := p.file
	if p.where != "" {
		at += " " + p.where
	}
	if p.line > 0 {
		at += fmt.Sprintf(" line %d", p.line)
	}
	return at + ": " + p.text
}

// wish is what running a step must show.
type wish int

const (
	passes    wish = iota // status 0; every test of the cell passes
	fails                 // tagged raises-exception: any other status
	testFails             // an exercise as the reader finds it: a test runs and fails
)

// Tags that mean something here. A check with raises-exception belongs to an exercise,
// one without makes the claim of the notebook.
const (
	tagCheck    = "check"
	tagSolution = "solution"
	tagShell    = "shell"
	tagFails    = "raises-exception"
)

// step is one thing to run: a code cell, or an exercise's check with its solution.
type step struct {
	where   string // "cell 4", "solution of cell 7"
	folder  string // "c04", "s07": name of the generated package
	program gonb.Program
	code    gonb.Code
	tests   []string // the cell's own tests, as %test runs only these
	want    wish
	defs    []gonb.Definition // what the cell itself defines
}

// planner walks a notebook as Run All does.
type planner struct {
	name     string
	memory   gonb.Declarations
	steps    []step
	problems []problem
	open     *step // the check of an exercise that waits for its solution
}

// plan returns the steps of a notebook in order and what stands in their way: lines that
// are no Go, magics this program does not run, exercises that are not complete.
func plan(n notebook) ([]step, []problem) {
	p := &planner{name: n.name()}
	for _, c := range n.cells {
		switch {
		case c.kind == "code":
			p.cell(c)
		case c.kind == "markdown" && c.tagged(tagSolution):
			p.solution(c)
		}
	}
	p.unsolved()
	return p.steps, p.problems
}

func (p *planner) say(where, text string) {
	p.problems = append(p.problems, problem{file: p.name, where: where, text: text})
}

// faults reports what is wrong inside a cell and tells whether anything is.
func (p *planner) faults(where string, found []gonb.Fault) bool {
	for _, f := range found {
		p.problems = append(p.problems, problem{p.name, where, f.Line, f.Text})
	}
	return len(found) > 0
}

func (p *planner) unsolved() {
	if p.open != nil {
		p.say(p.open.where, "the exercise has no solution: a Markdown cell tagged solution must follow its check")
	}
	p.open = nil
}

func (p *planner) cell(c cell) {
	s := step{where: fmt.Sprintf("cell %d", c.number), folder: fmt.Sprintf("c%02d", c.number)}
	var faults []gonb.Fault
	s.code, faults = gonb.TakeApart(c.source)
	bad := p.faults(s.where, faults)
	if len(s.code.Shell) > 0 && !c.tagged(tagShell) {
		p.say(s.where, "runs a shell command, whose failure Jupyter does not show: use Go, or tag the cell "+tagShell)
	}
	parsed, faults := gonb.Parse(p.name+" "+s.where, s.code.Go)
	if p.faults(s.where, faults) || bad || s.code.Empty && len(s.code.Shell) == 0 {
		return
	}
	s.program = parsed.Over(p.memory)
	p.memory = s.program.Declarations
	s.defs, s.tests = parsed.Definitions, parsed.Tests()
	exercise := c.tagged(tagCheck) && c.tagged(tagFails)
	switch {
	case s.code.Test && len(s.tests) == 0:
		p.say(s.where, "%test without a func Test...: nothing would be tested")
	case exercise && !s.code.Test:
		p.say(s.where, "the check of an exercise must be a %test cell")
	case exercise:
		s.want = testFails
	case c.tagged(tagFails):
		s.want = fails
	}
	p.steps = append(p.steps, s)
	if s.want == testFails {
		p.unsolved()
		p.open = &s
	}
}

// solution makes the step that runs the last check with the fence laid over the stub. The
// kernel never sees the fence, so cells that follow go on with the stub.
func (p *planner) solution(c cell) {
	if p.open == nil {
		p.say("", fmt.Sprintf("the solution in the cell %q follows no check: tag a %%test cell %s and %s", c.id, tagCheck, tagFails))
		return
	}
	check := *p.open
	p.open = nil
	s := step{where: "solution of " + check.where, folder: "s" + check.folder[1:], tests: check.tests,
		code: gonb.Code{Test: true, Args: check.code.Args}}
	golang, err := fence(c.source)
	if err != nil {
		p.say(s.where, err.Error())
		return
	}
	parsed, faults := gonb.Parse(p.name+" "+s.where, golang)
	if p.faults(s.where, faults) {
		return
	}
	for _, name := range parsed.Tests() {
		if slices.Contains(check.tests, name) {
			p.say(s.where, "defines "+name+" itself: the check must stay as it is")
		}
	}
	s.defs, s.program = parsed.Definitions, parsed.Over(check.program.Declarations)
	p.steps = append(p.steps, s)
}

// fence returns the one Go fence of a solution, preceded by as many empty lines as stand
// before it, so that line numbers are those of the Markdown cell.
func fence(markdown string) (string, error) {
	lines := strings.Split(markdown, "\n")
	from := slices.Index(lines, "```go")
	switch {
	case from < 0 || slices.Contains(lines[from+1:], "```go"):
		return "", fmt.Errorf("needs exactly one ```go fence")
	case !strings.Contains(markdown, "<details>") || !strings.Contains(markdown, "<summary>") || !strings.Contains(markdown, "</details>"):
		return "", fmt.Errorf("must be folded: <details><summary>...</summary> ... </details>")
	}
	n := slices.Index(lines[from+1:], "```")
	if n < 0 {
		return "", fmt.Errorf("has a fence without end")
	}
	return strings.Repeat("\n", from+1) + strings.Join(lines[from+1:from+1+n], "\n"), nil
}
