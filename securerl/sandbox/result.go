package sandbox

import (
	"bytes"
	"regexp"
	"strconv"
	"syscall"
)

// classify turns the kernel's answer into an outcome.
func (r *Result) classify(status syscall.WaitStatus, late bool, l Limits) {
	r.Status, r.Signal = status.ExitStatus(), 0
	if status.Signaled() {
		r.Status, r.Signal = -1, int(status.Signal())
	}
	r.Exception, r.Line = lastException(r.Stderr)
	full := int64(len(r.Stdout)) >= l.Output // a flood of standard error is only cut
	// A program can send itself the signals of the processor limit: they count only
	// when time was used. The limit counts ticks and the usage what was really run: on
	// a busy virtual machine a fifth less was seen, so half must do.
	spent := r.Usage.CPU >= l.CPU/2
	switch {
	case late:
		r.Outcome = WallTimeout
	case spent && (r.Signal == int(syscall.SIGXCPU) || r.Signal == int(syscall.SIGKILL)):
		r.Outcome = CPUTimeout
	case full:
		r.Outcome = OutputLimit
	case r.Signal == int(syscall.SIGSYS):
		r.Outcome = Forbidden
	case r.Exception == "MemoryError" && (r.Status != 0 || r.Signal != 0):
		r.Outcome = OutOfMemory
	case r.Signal != 0:
		r.Outcome = Signal
	case r.Status != 0:
		r.Outcome = ExitStatus
	default:
		r.Outcome = OK
	}
}

var (
	exceptionLine = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_.]*)(:.*)?$`)
	programLine   = regexp.MustCompile(`^  File "main\.py", line (\d+)`)
)

// lastException reads the end of a traceback: the class in its last line, and the
// last line of the program that it names. A program can print what it likes there,
// so this is a hint for people, never a verdict.
func lastException(stderr []byte) (class string, line int) {
	const tail = 8 << 10
	if len(stderr) > tail {
		stderr = stderr[len(stderr)-tail:]
	}
	lines := bytes.Split(bytes.TrimRight(stderr, "\n"), []byte("\n"))
	traceback := false
	for _, l := range lines {
		if m := programLine.FindSubmatch(l); m != nil {
			line, _ = strconv.Atoi(string(m[1])) // digits
			traceback = true
		}
	}
	if !traceback {
		return "", 0
	}
	for i := len(lines) - 1; i >= 0; i-- {
		if m := exceptionLine.FindSubmatch(lines[i]); m != nil {
			return string(m[1]), line
		}
	}
	return "", line
}
