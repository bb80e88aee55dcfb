package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"weak"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/distributed"
	_ "github.com/gomlx/compute/gobackend" // the pure-Go backend is always there
	"github.com/gomlx/gomlx/core/tensors"
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
	mesh    *distributed.DeviceMesh // nil = one device
	copies  copies
	until   atomic.Pointer[context.Context] // see Until
}

// Option is a rare choice on opening.
type Option func(*choice)

type choice struct{ devices int }

// WithDevices asks for so many devices, over which functions may be spread (Func.Spread):
// of xla:cuda the first GPUs that are visible, of xla:cpu logical ones that share the
// processor, which is how such code is tested. The default is 1. More than there are, or
// more than one of the pure-Go backend, is ErrUnavailable.
func WithDevices(n int) Option { return func(c *choice) { c.devices = n } }

// opener opens one backend with a number of devices; the XLA ones are registered by
// build tag.
type opener func(devices int) (compute.Backend, Info, error)

var openers = map[string]opener{"go": openGo}

// Open returns the backend that want names: "go", "xla:cpu", "xla:cuda", or "auto"
// (also ""), which takes $GOMLX_BACKEND if it is set and else the first of xla:cuda,
// xla:cpu and go that opens. A backend that is named never falls back to another.
// Info().Note says what was chosen and why. Errors wrap ErrUnavailable.
func Open(want string, options ...Option) (*Engine, error) {
	c := choice{devices: 1}
	for _, o := range options {
		o(&c)
	}
	if c.devices < 1 {
		return nil, fmt.Errorf("%w: the number of devices must be positive, got %d", ErrUnavailable, c.devices)
	}
	if want == "" || want == "auto" {
		want = os.Getenv("GOMLX_BACKEND")
	}
	if want != "" && want != "auto" {
		e, err := open(want, c.devices)
		if err == nil {
			e.info.Note = e.info.where() + ", as asked"
		}
		return e, err
	}
	var skipped []string
	for _, name := range []string{"xla:cuda", "xla:cpu", "go"} {
		e, err := open(name, c.devices)
		if err == nil {
			e.info.Note = e.info.where()
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

func open(name string, devices int) (e *Engine, err error) {
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
	m, err := mesh(devices)
	if err != nil {
		return nil, fmt.Errorf("%w: %d devices: %w", ErrUnavailable, devices, err)
	}
	b, info, err := o(devices)
	if err != nil {
		return nil, err
	}
	info.complete(short)
	info.Devices = devices
	return &Engine{backend: b, info: info, mesh: m, copies: copies{of: map[weak.Pointer[tensors.Tensor]][]*tensors.Tensor{}}}, nil
}

func openGo(devices int) (compute.Backend, Info, error) {
	if devices > 1 {
		return nil, Info{}, fmt.Errorf("%w: go has one device, not %d; xla:cpu and xla:cuda have more", ErrUnavailable, devices)
	}
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
func (e *Engine) Close() {
	e.copies.mu.Lock()
	defer e.copies.mu.Unlock()
	_ = e.copies.sweep(true) // what cannot be freed now goes with the backend
	e.backend.Finalize()
}
