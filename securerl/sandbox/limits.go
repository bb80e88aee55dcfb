package sandbox

import (
	"errors"
	"fmt"
	"time"
)

// Limits bound one program.
type Limits struct {
	CPU     time.Duration // processor time, in whole seconds (rounded up)
	Wall    time.Duration // real time, from fork to end
	Memory  int64         // bytes of address space
	Output  int64         // bytes of standard output, and of standard error
	Files   int           // open descriptors
	Threads int           // threads at a time; 0 = 256. Where a worker has no user namespace it is a wall thousands away
}

// DefaultLimits suit one test of a short program.
func DefaultLimits() Limits {
	return Limits{CPU: 2 * time.Second, Wall: 6 * time.Second, Memory: 512 << 20, Output: 1 << 20, Files: 32}
}

// Validate lists every fault at once.
func (l Limits) Validate() error {
	var errs []error
	for _, x := range []struct {
		name  string
		value int64
	}{{"CPU", int64(l.CPU)}, {"Wall", int64(l.Wall)}, {"Memory", l.Memory}, {"Output", l.Output}, {"Files", int64(l.Files)}} {
		if x.value <= 0 {
			errs = append(errs, fmt.Errorf("sandbox: limit %s must be positive, got %d", x.name, x.value))
		}
	}
	return errors.Join(errs...)
}

// cpuSeconds is the CPU limit as the kernel takes it.
func (l Limits) cpuSeconds() int { return int((l.CPU + time.Second - 1) / time.Second) }

// rlimits are the kernel's resource limits by their Python names. The processor limit
// is soft first (SIGXCPU) and hard a second later, for programs that ignore signals.
func (l Limits) rlimits() map[string]any {
	threads := l.Threads
	if threads <= 0 {
		threads = 256 // each costs the kernel memory and a process number, which no other limit counts
	}
	return map[string]any{
		"AS": l.Memory, "CPU": []int{l.cpuSeconds(), l.cpuSeconds() + 1}, "FSIZE": l.Output, "NOFILE": l.Files, "CORE": 0, "MEMLOCK": 0, "NPROC": threads,
	}
}

// Outcome says how a program ended. Every limit has its own.
type Outcome string

// The outcomes.
const (
	OK          Outcome = "ok"             // status 0
	ExitStatus  Outcome = "exit"           // another status
	Signal      Outcome = "signal"         // killed by a signal of its own making
	CPUTimeout  Outcome = "cpu_timeout"    // processor time used up
	WallTimeout Outcome = "wall_timeout"   // real time used up
	OutOfMemory Outcome = "memory"         // address space used up
	OutputLimit Outcome = "output_limit"   // wrote up to the limit
	Forbidden   Outcome = "forbidden_call" // a system call with no honest use
)

// Usage is what a run cost. It differs from run to run and is no fact about the
// program.
type Usage struct {
	CPU, Wall time.Duration
	MaxRSS    int64 // bytes
}

// Result is what happened, seen from outside.
type Result struct {
	Outcome        Outcome
	Status, Signal int
	Stdout, Stderr []byte // up to Limits.Output bytes each
	StdinRead      int64  // bytes of standard input that were taken
	Exception      string // class of the exception that ended a program: a hint from its own standard error
	Line           int    // line of the program where it was raised: a hint too
	Usage          Usage
}
