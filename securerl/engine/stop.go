package engine

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
)

// ErrMemory reports a device that has not the memory that was asked for. The error is a
// *MemoryError. Only XLA says so: the pure-Go backend takes its memory from the Go
// runtime, which ends the process instead, so that a plan made beforehand
// (checkpoint.Plan) is the only guard there.
var ErrMemory = errors.New("engine: out of memory")

// MemoryError is a refusal of memory. Nothing was changed: inputs keep their values and
// the engine can be used on.
type MemoryError struct {
	Func  string // what asked: the name of a function, or what was loaded
	Bytes int64  // how many; 0 = the device did not say
	Err   error  // its own words
}

func (e *MemoryError) Error() string {
	if e.Bytes == 0 {
		return fmt.Sprintf("%v: %s: %v", ErrMemory, e.Func, e.Err)
	}
	return fmt.Sprintf("%v: %s asked for %.2f GB in one piece", ErrMemory, e.Func, float64(e.Bytes)/1e9)
}

// Unwrap makes it ErrMemory too.
func (e *MemoryError) Unwrap() []error { return []error{ErrMemory, e.Err} }

// What PJRT says under code 8, RESOURCE_EXHAUSTED: "Out of memory allocating 1024 bytes."
// on the CPU, "Out of memory while trying to allocate 1.50GiB." on a GPU.
var (
	refused = regexp.MustCompile(`(?i)out of memory|RESOURCE_EXHAUSTED|PJRT error \(code=8\)`)
	asked   = regexp.MustCompile(`(?i)(?:allocating|allocate)\s+([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?)(i?B|bytes)`)
)

// Refusal returns err as a *MemoryError of what if it is a device's refusal of memory, and
// as it is otherwise. Func.Call does so itself.
func Refusal(what string, err error) error {
	if err == nil || errors.Is(err, ErrMemory) || !refused.MatchString(err.Error()) {
		return err
	}
	m := &MemoryError{Func: what, Err: err}
	if found := asked.FindStringSubmatch(err.Error()); found != nil {
		n, parseErr := strconv.ParseFloat(found[1], 64)
		if parseErr == nil {
			unit := map[string]float64{"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
			m.Bytes = int64(n * unit[found[2]])
		}
	}
	return m
}

// Until lets work on this engine be stopped between its calls: once ctx has ended, Func.Call
// returns its cause and computes nothing. A call that has begun is not interrupted, so the
// longest wait is one execution of a graph, or its compilation. Every loop that calls
// functions, over micro-batches or chunks of rows, ends this way with its inputs as they
// were.
func (e *Engine) Until(ctx context.Context) { e.until.Store(&ctx) }

// stopped is the cause of the context's end, nil while work may go on.
func (e *Engine) stopped() error {
	if ctx := e.until.Load(); ctx != nil {
		return context.Cause(*ctx)
	}
	return nil
}
