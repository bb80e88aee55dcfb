package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"securecoderl/securerl/chart"
)

// checkout is where cells are compiled: inside the module, so that they import it, and in
// a folder whose name begins with a dot, so that ./... does not see them.
type checkout struct {
	root string // folder of go.mod
	env  []string
}

// kernelFlags begin the flags of notebooks/.jupyter/kernels/gonb/start.sh, which ends them
// with what setup wrote to .venv/gotags: other flags would mean a second build of everything.
const kernelFlags = "-ldflags=-s -tags="

var errCheckout = errors.New("nb: no go.mod here or above: run nb inside the checkout")

// findCheckout walks up from dir to the module's root.
func findCheckout(dir string) (checkout, error) {
	abs, err := filepath.Abs(dir)
	for ; err == nil; abs = filepath.Dir(abs) {
		if _, missing := os.Stat(filepath.Join(abs, "go.mod")); missing == nil {
			return newCheckout(abs), nil
		}
		if abs == filepath.Dir(abs) {
			break
		}
	}
	return checkout{}, errors.Join(errCheckout, err)
}

// newCheckout sets the environment of compilers and cells to what the kernel gives them:
// its flags and programs, nothing fetched, all cells of one run behind one session
// (SECURERL_KERNEL), and no sign of a real kernel.
func newCheckout(root string) checkout {
	tags, err := os.ReadFile(filepath.Join(root, ".venv", "gotags"))
	if err != nil {
		tags = nil // not set up: cells that need a backend say so themselves
	}
	c := checkout{root: root}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "GONB_") {
			c.env = append(c.env, kv)
		}
	}
	c.env = append(c.env, "GOFLAGS="+kernelFlags+strings.TrimSpace(string(tags)), "GOPROXY=off", "GOWORK=off", "SECURERL_ROOT="+root,
		"SECURERL_KERNEL="+strconv.Itoa(os.Getpid()),
		"PATH="+filepath.Join(root, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	if runtime.GOARCH == "amd64" {
		c.env = append(c.env, "GOEXPERIMENT=simd")
	}
	return c
}

// work is the folder of one notebook's generated packages, relative to the root; the
// digest keeps notebooks of the same name apart.
func (c checkout) work(n notebook) string {
	abs, err := filepath.Abs(n.path)
	if err != nil {
		abs = n.path
	}
	digest := sha256.Sum256([]byte(abs))
	return fmt.Sprintf(".cache/nbcheck/%s-%x", strings.TrimSuffix(n.name(), ".ipynb"), digest[:4])
}

// kinds are the two halves of a notebook's folder: go build takes one, go test -c the other.
const (
	programs = "programs"
	tests    = "tests"
)

func (s step) kind() string {
	if s.code.Test {
		return tests
	}
	return programs
}

// missing remembers, by mark, which names look like packages nobody imported.
type missing map[string][]string

// write renders every step of a notebook as a package and removes what an earlier version
// left. Files that did not change are not touched.
func (c checkout) write(n notebook, steps []step, names map[string]string) (missing, error) {
	unknown := missing{}
	keep := map[string]bool{}
	for _, s := range steps {
		if s.code.Empty {
			continue
		}
		file := "main.go"
		if s.code.Test {
			file = "main_test.go"
		}
		source, lost := s.program.Write(names)
		unknown[s.where] = lost
		at := filepath.Join(c.root, c.work(n), s.kind(), s.folder, file)
		keep[at], keep[filepath.Dir(at)] = true, true
		if old, err := os.ReadFile(at); err == nil && string(old) == source {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return nil, fmt.Errorf("nb: %w", err)
		}
		if err := os.WriteFile(at, []byte(source), 0o644); err != nil {
			return nil, fmt.Errorf("nb: %w", err)
		}
	}
	old, err := filepath.Glob(filepath.Join(c.root, c.work(n), "*", "*"))
	for _, dir := range old {
		if !keep[dir] {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}
	return unknown, err
}

// packageNames asks the go command for the names of imported packages, once for all.
func (c checkout) packageNames(ctx context.Context, steps []step) (map[string]string, error) {
	paths := map[string]bool{}
	for _, s := range steps {
		for _, path := range s.program.Unnamed() {
			paths[path] = true
		}
	}
	names := map[string]string{}
	if len(paths) == 0 {
		return names, nil
	}
	out, err := c.command(ctx, append([]string{"list", "-e", "-f", "{{.ImportPath}} {{.Name}}", "--"}, slices.Sorted(maps.Keys(paths))...)...)
	if err != nil {
		return nil, fmt.Errorf("nb: go list: %w\n%s", err, chart.Visible(string(out)))
	}
	for line := range strings.Lines(string(out)) {
		path, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		names[path] = name
	}
	return names, nil
}

// command runs the go command in the root.
func (c checkout) command(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = c.root, c.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return out.Bytes(), err
}

// has tells whether a notebook has packages of a kind.
func has(steps []step, kind string) bool {
	return slices.ContainsFunc(steps, func(s step) bool { return s.kind() == kind && !s.code.Empty })
}

// build compiles all cells of a notebook into bin: one go command for programs, one for
// tests, since starting the go command costs more than most cells.
func (c checkout) build(ctx context.Context, n notebook, steps []step, bin string) ([]byte, error) {
	var all []byte
	for kind, verb := range map[string][]string{programs: {"build"}, tests: {"test", "-c"}} {
		if !has(steps, kind) {
			continue
		}
		out, err := c.command(ctx, append(verb, "-o", bin+string(filepath.Separator), "./"+c.work(n)+"/"+kind+"/...")...)
		all = append(all, out...)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

var position = regexp.MustCompile(`(?:[^\s:]*/)?([\w.-]+) ((?:solution of )?cell \d+):(\d+)(?::\d+)?`)

// readable rewrites the positions in a program's or compiler's output: "05-graded-rewards.ipynb cell 4 line 2".
func readable(output string) string {
	return chart.Visible(position.ReplaceAllString(output, "$1 $2 line $3"))
}

// complaints turns what the go command printed into problems, each once: a faulty
// definition is part of every later cell.
func complaints(output []byte, unknown map[string]missing) []problem {
	var found []problem
	seen, folder, known := map[string]bool{}, "", false
	for line := range strings.Lines(string(output)) {
		line = strings.TrimRight(line, "\r\n")
		at := position.FindStringSubmatchIndex(line)
		switch {
		case strings.HasPrefix(line, "# "): // names the package of the lines that follow
			folder = path.Base(strings.Trim(line, "# []"))
			continue
		case strings.TrimSpace(line) == "":
			continue
		case strings.HasPrefix(line, "\t") && len(found) > 0: // more about the line before
			if !known {
				found[len(found)-1].text += "; " + strings.TrimSpace(chart.Visible(line))
			}
			continue
		case at == nil:
			found = append(found, problem{file: "go", text: chart.Visible(line)})
			continue
		}
		file, where, text := line[at[2]:at[3]], line[at[4]:at[5]], strings.TrimPrefix(line[at[1]:], ": ")
		if name, ok := strings.CutPrefix(text, "undefined: "); ok && slices.Contains(unknown[file][where], name) {
			text += " (if it is a package, import it in a cell: nb does not guess imports)"
		}
		number, _ := strconv.Atoi(line[at[6]:at[7]])
		p := problem{file, where, number, chart.Visible(text)}
		if known = seen[p.String()]; known {
			continue
		}
		seen[p.String()] = true
		if strings.HasPrefix(folder, "s") && !strings.HasPrefix(where, "solution") {
			p.text = "with its solution: " + p.text
		}
		found = append(found, p)
	}
	return found
}
