package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend" // the pure-Go backend is always there
)

// ErrUnavailable reports a backend that cannot be opened here. The message says why
// and what to do.
var ErrUnavailable = errors.New("engine: backend not available")

// goConfig is the only safe setting of the pure-Go backend on few cores: its
// default deadlocks when as many large products wait as there are workers.
const goConfig = "go:parallelism=-1"

// Engine is an open compute backend.
type Engine struct {
	backend compute.Backend
	info    Info
	until   atomic.Pointer[context.Context] // see Until
}

// opener opens one backend; the XLA ones are registered by build tag.
type opener func() (compute.Backend, Info, error)

var openers = map[string]opener{"go": openGo}

// Open returns the backend that want names: "go", "xla:cpu", "xla:cuda", or "auto"
// (also ""), which takes $GOMLX_BACKEND if it is set and else the first of xla:cuda,
// xla:cpu and go that opens. A backend that is named never falls back to another.
// Info().Note says what was chosen and why. Errors wrap ErrUnavailable.
func Open(want string) (*Engine, error) {
	if want == "" || want == "auto" {
		want = os.Getenv("GOMLX_BACKEND")
	}
	if want != "" && want != "auto" {
		e, err := open(want)
		if err == nil {
			e.info.Note = e.info.Backend + ", as asked"
		}
		return e, err
	}
	var skipped []string
	for _, name := range []string{"xla:cuda", "xla:cpu", "go"} {
		e, err := open(name)
		if err == nil {
			e.info.Note = e.info.Backend
			if len(skipped) > 0 {
				e.info.Note += " (not used: " + strings.Join(skipped, "; ") + ")"
			}
			return e, nil
		}
		skipped = append(skipped, reason(err))
	}
	return nil, fmt.Errorf("%w: %s", ErrUnavailable, strings.Join(skipped, "; "))
}

// reason is the first line of an error without the sentinel's text.
func reason(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimPrefix(line, ErrUnavailable.Error()+": ")
}

func open(name string) (e *Engine, err error) {
	defer func() { // compute panics on names it does not know
		if r := recover(); r != nil {
			e, err = nil, fmt.Errorf("%w: %s: %v", ErrUnavailable, name, r)
		}
	}()
	short := name
	if strings.HasPrefix(name, "go:") {
		short = "go"
	}
	o, ok := openers[short]
	if !ok {
		if name == "xla:cpu" || name == "xla:cuda" {
			return nil, fmt.Errorf("%w: %s: this program was built without -tags xla (make setup says what is missing)", ErrUnavailable, name)
		}
		return nil, fmt.Errorf("%w: %q is unknown; there are auto, go, xla:cpu, xla:cuda", ErrUnavailable, name)
	}
	b, info, err := o()
	if err != nil {
		return nil, err
	}
	info.complete(short)
	return &Engine{backend: b, info: info}, nil
}

func openGo() (compute.Backend, Info, error) {
	b, err := silently(func() (compute.Backend, error) { return compute.NewWithConfig(goConfig) })
	if err != nil {
		return nil, Info{}, fmt.Errorf("%w: go: %v", ErrUnavailable, err)
	}
	return b, Info{Device: "CPU"}, nil
}

// silently runs f with standard output closed to it: the pure-Go backend announces
// its setting there, where a program's own output belongs.
func silently(f func() (compute.Backend, error)) (compute.Backend, error) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return f()
	}
	defer null.Close()
	old := os.Stdout
	os.Stdout = null
	defer func() { os.Stdout = old }()
	return f()
}

// Info describes the backend in use.
func (e *Engine) Info() Info { return e.info }

// IsGo tells whether the pure-Go backend is in use.
func (e *Engine) IsGo() bool { return e.info.Backend == "go" }

// Backend is the GoMLX backend itself.
func (e *Engine) Backend() compute.Backend { return e.backend }

// Close frees the backend. Trees and functions made with it must not be used again.
func (e *Engine) Close() { e.backend.Finalize() }
