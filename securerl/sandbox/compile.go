package sandbox

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"
)

//go:embed compile.py
var compileSource string

// ErrCompiler reports that nothing can be compiled here: no compiler, or no tier A.
var ErrCompiler = errors.New("sandbox: compiler")

// CompileOptions say how a C source is compiled.
type CompileOptions struct {
	CPU   time.Duration // processor time of each of the compiler's programs; 0 = 10 s
	Flags []string      // beside -O2 -static; nil = none. They are yours, never a model's
}

// Build is what a compiler made of a source.
type Build struct {
	OK       bool
	Program  Program // to be run, if OK
	Messages string  // what the compiler said, the first 16 KiB
}

// Compile makes a statically linked binary from a C source. A source may be hostile to
// its compiler too, so it runs confined, under a policy of its own: it may start
// programs of /usr and write below a /tmp of 64 MiB that nobody else sees, and all of
// it is gone at the end. A source that does not compile is a Build; ErrCompiler means
// that there is no compiler (gcc) or that the sandbox has only tier B, where processes
// that a compiler leaves behind could not be ended. Other errors are the machinery's.
func (s *Sandbox) Compile(ctx context.Context, source []byte, o CompileOptions) (b Build, err error) {
	if s.options.Tier != "A" {
		return b, fmt.Errorf("%w: needs tier A, this is tier %s", ErrCompiler, s.options.Tier)
	}
	if o.CPU == 0 {
		o.CPU = 10 * time.Second
	}
	sv, err := s.Serve(ctx, ServeOptions{Name: "compiler", Source: compileSource, CPU: o.CPU, RecycleAfter: 1, build: true})
	if err != nil {
		return b, err
	}
	defer func() { err = errors.Join(err, sv.Close()) }() // and with it all that was started
	request := strings.Join(append([]string{}, o.Flags...), "\x00") + "\n" + string(source)
	answer, err := sv.Call(ctx, []byte(request))
	if errors.Is(err, ErrServerTimeout) {
		return Build{Messages: "the compiler ran out of time"}, nil
	}
	if err != nil {
		return b, err
	}
	if len(answer) == 0 {
		return b, fmt.Errorf("%w: empty answer", ErrWorker)
	}
	switch answer[0] {
	case 'b':
		return Build{OK: true, Program: Binary(answer[1:])}, nil
	case 'm':
		return Build{Messages: string(answer[1:])}, nil
	case 'n':
		return b, fmt.Errorf("%w: gcc is missing (on Debian: apt-get install gcc libc6-dev)", ErrCompiler)
	}
	return b, fmt.Errorf("%w: answer %.40q", ErrWorker, answer)
}
