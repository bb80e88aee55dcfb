package mutate

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"securecoderl/securerl/sandbox"
)

//go:embed mutator.py
var mutatorSource string

// ErrSource reports a program that cannot be mutated: Python does not compile it, or it
// is nested too deeply.
var ErrSource = errors.New("mutate: no program")

// ErrInfrastructure reports that the machinery failed; nothing follows about a program.
var ErrInfrastructure = errors.New("mutate: machinery failed")

// Mutant is a program with one change.
type Mutant struct {
	Operator string `json:"operator"` // kind of the change, such as relational
	Line     int    `json:"line"`     // of the original, from 1
	Start    int    `json:"start"`    // bytes [Start, End) of the original are replaced
	End      int    `json:"end"`
	New      string `json:"new"`    // what stands there instead
	Old      string `json:"old"`    // what stood there
	Source   string `json:"source"` // the whole mutant
}

// String is the change in one line.
func (m Mutant) String() string {
	return fmt.Sprintf("%s, line %d: %q becomes %q", m.Operator, m.Line, m.Old, m.New)
}

// Mutator makes mutants in a confined process. It is safe for concurrent use.
type Mutator struct{ server *sandbox.Server }

// processor is the time that one program may take to be mutated. Every mutant is parsed
// again, so the time grows with the square of the program's length.
const processor = 20 * time.Second

// New starts a mutator with the tier and interpreter of the sandbox.
func New(ctx context.Context, sb *sandbox.Sandbox) (*Mutator, error) {
	server, err := sb.Serve(ctx, sandbox.ServeOptions{Name: "mutator", Source: mutatorSource, CPU: processor})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInfrastructure, err)
	}
	return &Mutator{server}, nil
}

// Close ends the mutator.
func (m *Mutator) Close() error { return m.server.Close() }

type answer struct {
	Error   string
	Normal  string
	Mutants []Mutant
}

func (m *Mutator) ask(ctx context.Context, what, source string) (answer, error) {
	b, err := m.server.Call(ctx, []byte(what+source))
	switch {
	case ctx.Err() != nil:
		return answer{}, ctx.Err()
	case errors.Is(err, sandbox.ErrServerTimeout), errors.Is(err, sandbox.ErrServerCrash):
		return answer{}, fmt.Errorf("%w: %w", ErrSource, err)
	case err != nil:
		return answer{}, fmt.Errorf("%w: %w", ErrInfrastructure, err)
	}
	var a answer
	if err := json.Unmarshal(b, &a); err != nil {
		return answer{}, fmt.Errorf("%w: answer: %v", ErrInfrastructure, err)
	}
	if a.Error != "" {
		return answer{}, fmt.Errorf("%w: %s", ErrSource, a.Error)
	}
	return a, nil
}

// Mutants returns the mutants of a program, in the order of its syntax tree: at most
// 5,000, the same at every call. Errors: ErrSource, ErrInfrastructure.
func (m *Mutator) Mutants(ctx context.Context, source string) ([]Mutant, error) {
	a, err := m.ask(ctx, "m", source)
	if err != nil {
		return nil, err
	}
	plain := source
	if len(source) >= 3 && source[:3] == "\ufeff" { // the mutator drops it as the sandbox does
		plain = source[3:]
	}
	for i := range a.Mutants {
		x := &a.Mutants[i]
		if x.Start < 0 || x.Start > x.End || x.End > len(plain) {
			return nil, fmt.Errorf("%w: bytes [%d, %d) of a source of %d", ErrInfrastructure, x.Start, x.End, len(plain))
		}
		x.Old, x.Source = plain[x.Start:x.End], plain[:x.Start]+x.New+plain[x.End:]
	}
	return a.Mutants, nil
}

// Normal returns a digest of a program in which layout, comments, docstrings and the
// names that it gives to its own things do not count. Errors: ErrSource, ErrInfrastructure.
func (m *Mutator) Normal(ctx context.Context, source string) (string, error) {
	a, err := m.ask(ctx, "n", source)
	return a.Normal, err
}
