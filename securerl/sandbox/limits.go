package sandbox

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Limits bound one program. In a call of Run, zero means the sandbox's own; others
// count where they are narrower.
type Limits struct {
	CPU     time.Duration // processor time, all threads together; to the millisecond
	Wall    time.Duration // real time, from fork to end; to the millisecond
	Memory  int64         // bytes of address space
	Output  int64         // bytes of standard output, and of standard error
	Files   int           // open descriptors
	Threads int           // threads at a time; 0 = 256. In tier B it is a wall thousands away, see count_threads in zygote.py
}

// ErrLimits reports limits under which nothing can run.
var ErrLimits = errors.New("sandbox: limits")

// DefaultLimits suit one test of a short program.
func DefaultLimits() Limits {
	return Limits{CPU: 2 * time.Second, Wall: 6 * time.Second, Memory: 512 << 20, Output: 1 << 20, Files: 32}
}

// Validate lists every fault at once; each wraps ErrLimits.
func (l Limits) Validate() error {
	var errs []error
	for _, x := range []struct {
		name        string
		value, most int64
	}{
		{"CPU", int64(l.CPU), int64(forever)}, {"Wall", int64(l.Wall), int64(forever)},
		{"Memory", l.Memory, math.MaxInt64}, {"Output", l.Output, math.MaxInt64}, {"Files", int64(l.Files), maxFiles},
	} {
		if x.value <= 0 || x.value > x.most {
			errs = append(errs, fmt.Errorf("%w: %s must be positive and at most %d, got %d", ErrLimits, x.name, x.most, x.value))
		}
	}
	return errors.Join(append(errs, l.signs())...)
}

// forever is the longest time that is kept: poll(2) takes an int of milliseconds.
const forever = math.MaxInt32 / 2 * time.Millisecond

// maxFiles is the number of descriptors that a child closes before it runs a program.
const maxFiles = 256

// signs refuses negative limits, which no call may state.
func (l Limits) signs() error {
	if l.Threads < 0 || l.CPU < 0 || l.Wall < 0 || l.Memory < 0 || l.Output < 0 || l.Files < 0 {
		return fmt.Errorf("%w: negative: %+v", ErrLimits, l)
	}
	return nil
}

// Narrow are these limits, with others in their place where those are narrower.
func (l Limits) Narrow(by Limits) Limits {
	l.CPU, l.Wall = narrower(l.CPU, by.CPU), narrower(l.Wall, by.Wall)
	l.Memory, l.Output = narrower(l.Memory, by.Memory), narrower(l.Output, by.Output)
	l.Files, l.Threads = narrower(l.Files, by.Files), narrower(l.Threads, by.Threads)
	return l
}

// narrower is the smaller of two limits; zero is none.
func narrower[T int | int64 | time.Duration](own, wanted T) T {
	if wanted > 0 && (own == 0 || wanted < own) {
		return wanted
	}
	return own
}

// header is how a request tells the fork-server its limits (HEADER in zygote.py).
type header struct {
	Kind, Wall, CPU, Files, Threads uint32
	Memory, Output                  uint64
}

// milliseconds rounds up: a limit of a microsecond is not none.
func milliseconds(d time.Duration) uint32 {
	return uint32((d + time.Millisecond - 1) / time.Millisecond)
}

func (l Limits) header(kind uint32) header {
	return header{kind, milliseconds(l.Wall), milliseconds(l.CPU), uint32(l.Files), uint32(l.Threads), uint64(l.Memory), uint64(l.Output)}
}

// rlimits are those that every program of a fork-server starts with, by their Python
// names.
func (l Limits) rlimits() map[string]int64 {
	threads := int64(l.Threads)
	if threads == 0 {
		threads = 256 // each costs the kernel memory and a process number, which no other limit counts
	}
	return map[string]int64{"AS": l.Memory, "FSIZE": l.Output, "NOFILE": int64(l.Files), "NPROC": threads, "CORE": 0, "MEMLOCK": 0}
}
