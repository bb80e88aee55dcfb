package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// Options describe the sandbox to be made.
type Options struct {
	Python       string   // interpreter; empty = FindPython
	Tier         string   // "A", "B" or "auto" (also empty): A, else B
	Workers      int      // programs that run at the same time; 0 = one per processor
	Limits       Limits   // of every program; zero = DefaultLimits
	Preload      []string // modules imported once, before programs; nil = a set that short programs use
	RecycleAfter int      // programs per fork-server; 0 = 2000

	// UnsafeNoSandbox runs programs with limits but unconfined where neither tier works:
	// they can read and write what you can, and reach the network. Never as root.
	UnsafeNoSandbox bool
}

// preload makes imports of short programs free.
var preload = []string{"math", "re", "json", "random", "collections", "itertools", "functools", "heapq", "bisect", "string", "decimal", "fractions",
	"hashlib", "copy", "pickle", "tempfile", "xml.etree.ElementTree", "ast", "operator", "datetime", "secrets", "statistics", "threading", "traceback"}

// Preloaded are the modules that a fork-server has imported unless Options say others.
func Preloaded() []string { return slices.Clone(preload) }

// Info says how programs are confined; it belongs into every run's manifest.
type Info struct {
	Tier          string  `json:"tier"`
	Python        string  `json:"-"` // a path of this machine
	PythonVersion string  `json:"python"`
	Kernel        string  `json:"kernel"`
	LandlockABI   int     `json:"landlock_abi"`
	Probes        []Probe `json:"probes"`
	Note          string  `json:"note,omitempty"` // why not a stronger tier or the interpreter asked for
}

// unconfined is the name of no tier.
const unconfined = "none"

// Sandbox runs untrusted programs. It is safe for concurrent use.
type Sandbox struct {
	python  interpreter // runs the programs
	asked   interpreter // the one that was asked for; runs the servers where it can
	options Options
	info    Info

	idle   chan *zygote // nil entries are workers to be started
	mu     sync.Mutex
	closed bool
}

// New starts a sandbox and tries to break out of it: a tier counts only if every
// probe of the self-test is refused. Errors: ErrNoSandbox, ErrPython, ErrLimits.
func New(ctx context.Context, o Options) (*Sandbox, error) {
	if o.UnsafeNoSandbox && os.Geteuid() == 0 {
		return nil, fmt.Errorf("%w: UnsafeNoSandbox is refused to root; run as an ordinary user", ErrNoSandbox)
	}
	if err := o.complete(); err != nil {
		return nil, err
	}
	asked, err := inspect(ctx, o.Python)
	if err != nil {
		return nil, err
	}
	tiers := []string{"A", "B"}
	if o.Tier == "A" || o.Tier == "B" {
		tiers = []string{o.Tier}
	}
	if o.UnsafeNoSandbox {
		tiers = append(tiers, unconfined)
	}
	var refusals []error
	for _, tier := range tiers {
		for python := range candidates(ctx, asked) {
			s, err := open(ctx, python, o, tier)
			if err == nil {
				s.asked = asked
				if len(refusals) > 0 {
					s.info.Note = errors.Join(refusals...).Error()
				}
				return s, nil
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			refusals = append(refusals, fmt.Errorf("Python %s: %w", python.version(), err))
		}
	}
	return nil, fmt.Errorf("%w\ncure: a kernel of 5.13 or newer with Landlock, or unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1; in containers, a seccomp profile that allows them)%s",
		errors.Join(refusals...), rootHint(o.Python))
}

// complete fills what was left open.
func (o *Options) complete() error {
	if o.Python == "" {
		p, err := FindPython()
		if err != nil {
			return err
		}
		o.Python = p
	}
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits()
	}
	switch o.Tier {
	case "", "auto", "A", "B":
	default:
		return fmt.Errorf("%w: no tier %q; there are A, B and auto", ErrNoSandbox, o.Tier)
	}
	if o.Workers <= 0 {
		o.Workers = runtime.NumCPU()
	}
	if o.RecycleAfter == 0 {
		o.RecycleAfter = 2000
	}
	if o.Preload == nil {
		o.Preload = preload
	}
	return o.Limits.Validate()
}

// rootHint explains the one case that surprises: root drops its privileges, and the
// interpreter lies where only root can read.
func rootHint(python string) string {
	if os.Geteuid() != 0 {
		return ""
	}
	return fmt.Sprintf("; as root, tier B also needs an interpreter that other users can read (%s)", python)
}

func open(ctx context.Context, python interpreter, o Options, tier string) (*Sandbox, error) {
	o.Tier = tier
	s := &Sandbox{python: python, options: o, idle: make(chan *zygote, o.Workers)}
	z, err := startZygote(python, s.zygoteOptions())
	if errors.Is(err, ErrWorker) {
		err = fmt.Errorf("%w: %w", ErrNoSandbox, err)
	}
	if err != nil {
		return nil, err
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return nil, err
	}
	s.info = Info{Tier: tier, Python: python.Path, PythonVersion: python.version(), Kernel: unix.ByteSliceToString(name.Release[:]), LandlockABI: z.landlock}
	s.idle <- z
	for range o.Workers - 1 {
		s.idle <- nil
	}
	if s.info.Probes, err = s.selfTest(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Sandbox) zygoteOptions() zygoteOptions {
	return zygoteOptions{Tier: s.options.Tier, Readable: s.python.readable(nil), Path: s.python.Paths, Preload: s.options.Preload, Limits: s.options.Limits.rlimits()}
}

// Info says how programs are confined.
func (s *Sandbox) Info() Info { return s.info }

// Limits are the limits every program runs under, unless Run is given narrower ones.
func (s *Sandbox) Limits() Limits { return s.options.Limits }

// Workers is how many programs run at the same time.
func (s *Sandbox) Workers() int { return s.options.Workers }

// ErrClosed reports a use after Close.
var ErrClosed = errors.New("sandbox: closed")

// Run executes one program on one input, under the sandbox's limits or narrower ones.
// What the program does is a Result; an error means that the machinery failed
// (ErrWorker), that ctx ended, or that nothing can be run so (ErrProgram, ErrLimits),
// and says nothing about the program's worth. It waits for a free worker.
func (s *Sandbox) Run(ctx context.Context, p Program, stdin []byte, l Limits) (Result, error) {
	kind, err := p.kind()
	if err == nil {
		err = l.signs()
	}
	if err != nil {
		return Result{}, err
	}
	z, err := s.take(ctx)
	if err != nil {
		return Result{}, err
	}
	r, err := z.run(ctx, kind, p.image, stdin, s.options.Limits.Narrow(l))
	z.runs++
	if err != nil || z.runs >= s.options.RecycleAfter {
		z.close()
		z = nil
	}
	s.put(z)
	if ctx.Err() != nil {
		return Result{}, ctx.Err()
	}
	return r, err
}

func (s *Sandbox) take(ctx context.Context) (*zygote, error) {
	var z *zygote
	var open bool
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case z, open = <-s.idle:
		if !open {
			return nil, ErrClosed
		}
	}
	if z != nil {
		return z, nil
	}
	z, err := startZygote(s.python, s.zygoteOptions())
	if err != nil {
		s.put(nil)
		return nil, fmt.Errorf("%w: restart: %w", ErrWorker, err)
	}
	return z, nil
}

func (s *Sandbox) put(z *zygote) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		if z != nil {
			z.close()
		}
		return
	}
	s.idle <- z
}

// Close ends all workers. Programs that still run end with them.
func (s *Sandbox) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	close(s.idle)
	for z := range s.idle {
		if z != nil {
			z.close()
		}
	}
	return nil
}
