package engine

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Func is a graph function compiled once per set of input shapes. It is safe for
// concurrent use.
type Func struct {
	e    *Engine
	name string
	exec *graph.Exec
	rows map[int]bool // inputs that the devices share; nil = runs on the first device

	mu      sync.Mutex
	shapes  map[string]bool
	compile time.Duration
}

// NewFunc makes a function from a graph builder. A panic of the builder comes back
// as an error of the first Call with those shapes.
func (e *Engine) NewFunc(name string, build func(in []*graph.Node) []*graph.Node) *Func {
	exec := graph.MustNewExec(e.backend, build).WithName(name).SetMaxCache(-1)
	return &Func{e: e, name: name, exec: exec, shapes: map[string]bool{}}
}

// Call runs the function. Inputs stay where they are and stay valid; weights that
// are passed again are not copied again. The caller owns the outputs. Errors name the
// function; ErrMemory says how much it asked for.
func (f *Func) Call(in ...*tensors.Tensor) ([]*tensors.Tensor, error) {
	if err := f.e.stopped(); err != nil {
		return nil, fmt.Errorf("engine: %s: %w", f.name, err)
	}
	args := make([]any, len(in))
	key := ""
	for i, t := range in {
		args[i] = t
		key += t.Shape().String()
	}
	f.mu.Lock()
	first := !f.shapes[key]
	f.shapes[key] = true
	f.mu.Unlock()
	start := time.Now()
	var out []*tensors.Tensor
	var err error
	if f.rows != nil {
		out, err = f.spread(in)
	} else {
		out, err = f.exec.Call(args...)
	}
	if err != nil {
		if err = Refusal(f.name, err); errors.Is(err, ErrMemory) {
			return nil, err
		}
		return nil, fmt.Errorf("engine: %s: %w", f.name, err)
	}
	if first {
		f.mu.Lock()
		f.compile += time.Since(start)
		f.mu.Unlock()
	}
	return out, nil
}

// CompileSeconds is the time of the first call per set of shapes, in seconds: a
// cost to report, compilation and one run each.
func (f *Func) CompileSeconds() float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.compile.Seconds()
}
