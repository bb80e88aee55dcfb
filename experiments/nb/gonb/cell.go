package gonb

import (
	"fmt"
	"slices"
	"strings"
)

// Fault is something in a cell that keeps it from being run.
type Fault struct {
	Line int // inside the cell, from 1
	Text string
}

// Code is the text of a code cell taken apart as GoNB does before it compiles: lines that
// begin with % are its own, lines that begin with ! belong to the shell, the rest is Go.
type Code struct {
	Go    string   // one line of Go for every line of the cell, so that numbers stay
	Test  bool     // %test: the cell becomes a _test.go file
	Args  []string // words after %%, %main, %args, %test: handed to the program
	Shell []string // scripts that run before the program, in order
	Empty bool     // nothing to compile
}

// TakeApart reads a cell's source. It returns faults with the line they stand on: what
// the kernel can do and this program does not, because a notebook that changes directory,
// flags or definitions behind the reader's back cannot be read from top to bottom.
func TakeApart(source string) (Code, []Fault) {
	lines := strings.Split(source, "\n")
	if first := trimmed(lines[0]); strings.HasPrefix(first, "%%") && first != "%%" && first[2] != ' ' && first[2] != '\t' {
		return wholeCell(first, lines[1:])
	}
	var (
		c      Code
		faults []Fault
		inMain bool
	)
	c.Empty = true
	for i := 0; i < len(lines); i++ {
		line := trimmed(lines[i])
		if len(line) < 2 || line[0] != '%' && line[0] != '!' {
			if strings.HasPrefix(line, "package") {
				lines[i] = "" // the kernel writes that line itself
			}
			c.Empty = c.Empty && strings.TrimSpace(lines[i]) == ""
			continue
		}
		at, command := i, line
		for lines[i] = ""; strings.HasSuffix(command, `\`) && i+1 < len(lines); lines[i] = "" {
			i++
			command = strings.TrimSuffix(command, `\`) + " " + trimmed(lines[i])
		}
		if command[0] == '!' {
			if strings.HasPrefix(command, "!*") {
				faults = append(faults, Fault{Line: at + 1, Text: "!* is not run by nb: it works in the kernel's own folder"})
			}
			c.Shell = append(c.Shell, strings.TrimSpace(command[1:]))
			continue
		}
		words := strings.Fields(command[1:])
		if len(words) == 0 {
			continue
		}
		switch words[0] {
		case "%", "main":
			lines[at] = "func main() { flag.Parse()"
			inMain, c.Empty = true, false
		case "test":
			c.Test, c.Empty = true, false
		case "args":
		default:
			faults = append(faults, Fault{Line: at + 1, Text: fmt.Sprintf("%%%s is not run by nb: a cell may use %%%%, %%main, %%args and %%test", words[0])})
		}
		c.Args = words[1:]
	}
	c.Go = strings.Join(lines, "\n")
	if inMain {
		c.Go += "\n}"
	}
	return c, faults
}

// wholeCell reads a cell whose first line gives all of it to another program.
func wholeCell(first string, rest []string) (Code, []Fault) {
	command := strings.Fields(first)[0]
	if !slices.Contains([]string{"%%bash", "%%sh"}, command) {
		return Code{Empty: true}, []Fault{{Line: 1, Text: command + " is not run by nb: a cell is Go or a shell script"}}
	}
	return Code{Empty: true, Shell: []string{strings.Join(rest, "\n")}}, nil
}

// trimmed drops the prefix that hides a special line from Go editors.
func trimmed(line string) string { return strings.TrimPrefix(line, "//gonb:") }
