package sandbox

import (
	"bytes"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

// Outcome says how a program ended. Every limit has its own.
type Outcome string

// The outcomes.
const (
	OK           Outcome = "ok"             // status 0
	ExitStatus   Outcome = "exit"           // another status
	Signal       Outcome = "signal"         // killed by a signal of its own making
	CPUTimeout   Outcome = "cpu_timeout"    // processor time used up
	WallTimeout  Outcome = "wall_timeout"   // real time used up
	OutOfMemory  Outcome = "memory"         // ended by a MemoryError: address space used up
	OutputLimit  Outcome = "output_limit"   // wrote up to the limit
	ProcessLimit Outcome = "process_limit"  // ended because it may not start another process or thread
	FileLimit    Outcome = "file_limit"     // ended because it has too many files open
	Forbidden    Outcome = "forbidden_call" // a system call with no honest use
)

// Usage is what a run cost. It differs from run to run and is no fact about the
// program.
type Usage struct {
	CPU, Wall time.Duration
	MaxRSS    int64 // bytes
}

// Result is what happened, seen from outside. Exception and Line are hints from the
// program's own standard error. They choose between the outcomes of programs that
// failed, and can make no failure a success.
type Result struct {
	Outcome        Outcome
	Status, Signal int
	Stdout, Stderr []byte // up to Limits.Output bytes each
	StdinRead      int64  // bytes of standard input that were taken
	Exception      string // class of the exception that ended the program
	Line           int    // line of the program where it was raised
	Usage          Usage
}

// clock says which clock ended a program (CLOCKS in zygote.py).
type clock uint32

const (
	wallClock clock = 1
	cpuClock  clock = 3
)

// classify turns the kernel's answer into an outcome.
func (r *Result) classify(status syscall.WaitStatus, struck clock, l Limits) {
	r.Status, r.Signal = status.ExitStatus(), 0
	if status.Signaled() {
		r.Status, r.Signal = -1, int(status.Signal())
	}
	var message []byte
	r.Exception, r.Line, message = lastException(r.Stderr)
	full := int64(len(r.Stdout)) >= l.Output // a flood of standard error is only cut
	failed := r.Status != 0 || r.Signal != 0
	// A program can send itself the signals of the processor limit: they count only
	// when time was used. The limit counts ticks and the usage what was really run: on
	// a busy virtual machine a fifth less was seen, so half must do.
	spent := r.Usage.CPU >= l.CPU/2
	switch {
	case struck == wallClock:
		r.Outcome = WallTimeout
	case struck == cpuClock, spent && (r.Signal == int(syscall.SIGXCPU) || r.Signal == int(syscall.SIGKILL)):
		r.Outcome = CPUTimeout
	case full:
		r.Outcome = OutputLimit
	case r.Signal == int(syscall.SIGSYS):
		r.Outcome = Forbidden
	case failed && r.Exception == "MemoryError":
		r.Outcome = OutOfMemory
	case failed && processLimit.Match(message):
		r.Outcome = ProcessLimit
	case failed && fileLimit.Match(message):
		r.Outcome = FileLimit
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

	// EAGAIN of a fork, and what threading says when it cannot start another.
	processLimit = regexp.MustCompile(`^(BlockingIOError: \[Errno 11\]|RuntimeError: can't start new thread|_thread\.error: can't start new thread)`)
	// EMFILE.
	fileLimit = regexp.MustCompile(`^OSError: \[Errno 24\]`)
)

// lastException reads the end of a traceback: the class in its last line, that line,
// and the last line of the program that it names. A program can print what it likes
// there, so this is a hint, never a verdict.
func lastException(stderr []byte) (class string, line int, message []byte) {
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
		return "", 0, nil
	}
	for i := len(lines) - 1; i >= 0; i-- {
		if m := exceptionLine.FindSubmatch(lines[i]); m != nil {
			return string(m[1]), line, lines[i]
		}
	}
	return "", line, nil
}
