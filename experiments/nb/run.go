package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	maxOutput  = 4 << 20         // bytes a cell may print
	shownLines = 40              // of a failed cell's output
	grace      = 2 * time.Second // for a cell's output to end after the cell
)

// errTimeout reports a notebook that ran longer than it may.
var errTimeout = errors.New("timeout")

// runner runs the steps of one notebook.
type runner struct {
	checkout
	out     io.Writer
	timeout time.Duration // for all cells of a notebook together, without compiling
}

// run compiles and runs a notebook and prints a line for each step. It returns what is
// wrong with the notebook; an error means that nothing can be said about it.
func (r runner) run(ctx context.Context, n notebook, steps []step, unknown missing) ([]problem, error) {
	bin, err := os.MkdirTemp("", "nb-")
	if err != nil {
		return nil, fmt.Errorf("nb: %w", err)
	}
	defer os.RemoveAll(bin)
	began := time.Now()
	if out, err := r.build(ctx, n, steps, bin); err != nil {
		found := complaints(out, map[string]missing{n.name(): unknown})
		if ctx.Err() != nil || len(found) == 0 {
			return nil, fmt.Errorf("nb: building the cells of %s: %w", n.path, err)
		}
		return found, nil
	}
	built := time.Since(began)
	limited, cancel := context.WithTimeoutCause(ctx, r.timeout, errTimeout)
	defer cancel()
	var found []problem
	total := time.Duration(0)
	for _, s := range steps {
		began := time.Now()
		fault, output := r.step(limited, n, s, bin)
		took := time.Since(began)
		total += took
		if ctx.Err() != nil {
			return found, fmt.Errorf("nb: %s %s: %w", n.path, s.where, ctx.Err())
		}
		fmt.Fprintf(r.out, "  %-22s %6.2f s  %s\n", s.where, took.Seconds(), verdict(s, fault))
		if fault != "" {
			found = append(found, problem{file: n.name(), where: s.where, text: fault + tail(output)})
		}
		if limited.Err() != nil {
			break
		}
	}
	fmt.Fprintf(r.out, "%s: cells %.1f s, compiled in %.1f s\n", n.name(), total.Seconds(), built.Seconds())
	return found, nil
}

func verdict(s step, fault string) string {
	switch {
	case fault != "":
		return "FAILED"
	case s.want == testFails:
		return "ok, fails on the stub"
	case s.want == fails:
		return "ok, fails as tagged"
	}
	return "ok"
}

// step runs a cell's shell lines and its program, as the kernel would. It returns what is
// wrong, or "", and what was printed.
func (r runner) step(ctx context.Context, n notebook, s step, bin string) (fault, output string) {
	for _, script := range s.code.Shell {
		printed, err := r.process(ctx, n, "/bin/bash", "-c", script)
		if output += printed; err != nil {
			return r.why(ctx, "the shell command "+fmt.Sprintf("%q", script)+" failed", err), output
		}
	}
	if s.code.Empty {
		return "", output
	}
	name, args := filepath.Join(bin, s.folder), s.code.Args
	if s.code.Test {
		name += ".test"
		args = append([]string{"-test.v", "-test.run=^(" + strings.Join(s.tests, "|") + ")$"}, args...)
	}
	printed, err := r.process(ctx, n, name, args...)
	output += printed
	return r.judge(ctx, s, printed, err), output
}

// judge compares the end of a program with what the step wants.
func (r runner) judge(ctx context.Context, s step, printed string, err error) string {
	var exit *exec.ExitError
	ended := err == nil || errors.As(err, &exit) && ctx.Err() == nil
	switch {
	case !ended:
		return r.why(ctx, "did not end by itself", err)
	case s.want == testFails && err == nil:
		return "the check passes before the exercise is done: it must fail on the stub"
	case s.want == testFails && !strings.Contains(printed, "--- FAIL: "):
		return fmt.Sprintf("the check did not run on the stub (%v)", err)
	case s.want == fails && err == nil:
		return "is tagged " + tagFails + " but does not fail"
	case s.want != passes:
		return ""
	case err != nil && strings.HasPrefix(s.where, "solution"):
		return fmt.Sprintf("the solution does not pass the check (%v)", err)
	case err != nil:
		return fmt.Sprintf("the cell fails (%v)", err)
	}
	for _, test := range s.tests {
		if s.code.Test && !strings.Contains(printed, "--- PASS: "+test+" (") {
			return test + " did not pass: it was skipped or not run"
		}
	}
	return ""
}

// why says in words how a process ended that had no proper end.
func (r runner) why(ctx context.Context, what string, err error) string {
	if errors.Is(context.Cause(ctx), errTimeout) {
		return fmt.Sprintf("was stopped: the cells of a notebook may take %v together (-timeout)", r.timeout)
	}
	return fmt.Sprintf("%s: %v", what, err)
}

var errOutput = fmt.Errorf("printed more than %d MB: a cell is read by people", maxOutput>>20)

// process runs one program in the notebook's folder, as the kernel does, without input.
func (r runner) process(ctx context.Context, n notebook, name string, args ...string) (string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = filepath.Dir(n.path), r.env, grace
	alone(cmd)
	out := &limited{full: func() { cancel(errOutput) }}
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	if errors.Is(context.Cause(ctx), errOutput) {
		err = errOutput
	}
	return out.kept.String(), err
}

// limited keeps the first maxOutput bytes and calls full when there are more. The buffer
// is not embedded: its ReadFrom would pass by Write, and with it the limit.
type limited struct {
	kept bytes.Buffer
	full func()
}

func (l *limited) Write(p []byte) (int, error) {
	if l.kept.Len()+len(p) > maxOutput {
		l.full()
		return len(p), nil
	}
	return l.kept.Write(p)
}

// tail is the end of what a failed cell printed, indented, safe to print.
func tail(output string) string {
	lines := strings.Split(strings.TrimSpace(readable(output)), "\n")
	if len(lines) > shownLines {
		lines = append([]string{"..."}, lines[len(lines)-shownLines:]...)
	}
	if len(lines) == 1 && lines[0] == "" {
		return ""
	}
	return "\n    " + strings.Join(lines, "\n    ")
}
