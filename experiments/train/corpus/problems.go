package corpus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"securecoderl/securerl/problem"
	"securecoderl/securerl/problem/families"
	"securecoderl/securerl/rng"
)

// ErrFile reports a file that cannot be read as what it should hold.
var ErrFile = errors.New("corpus: file")

// Generated is the name of the generated teaching problems.
const Generated = "families"

var readers = map[string]func(io.Reader, string) (problem.Set, error){"stdin": problem.ReadStdin, "paper": problem.ReadPaper, "apps": problem.ReadAPPS,
	"mbpp": problem.ReadMBPP, "humaneval": problem.ReadHumanEval}

// Formats names the forms of problem files.
func Formats() []string { return []string{"stdin", "paper", "apps", "mbpp", "humaneval"} }

// Open reads a problem file, or builds the generated problems. format is one of
// Formats, or auto (also ""), which looks at the keys of the first row; it comes back.
// What the file has besides problems that can be judged is in the error, which wraps
// problem.ErrCallStyle if that is all that is wrong.
func Open(path, format string) (set problem.Set, form string, err error) {
	if path == Generated {
		return families.Build(), Generated, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return problem.Set{}, format, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if form = format; form == "" || form == "auto" {
		form = guess(b)
	}
	read := readers[form]
	if read == nil {
		return problem.Set{}, form, fmt.Errorf("%w: %s: format %q is none of %s", ErrFile, path, format, strings.Join(Formats(), ", "))
	}
	set, err = read(bytes.NewReader(b), path)
	return set, form, err
}

// guess names the format by the keys of the first JSON value.
func guess(b []byte) string {
	var keys map[string]json.RawMessage
	if json.NewDecoder(bytes.NewReader(b)).Decode(&keys) != nil {
		return ""
	}
	for _, x := range [][2]string{{"prompts_with_tests", "paper"}, {"question", "apps"}, {"statement", "stdin"}, {"test_list", "mbpp"}, {"entry_point", "humaneval"}} {
		if keys[x[0]] != nil {
			return x[1]
		}
	}
	return ""
}

// Cut says how a set without splits or hidden tests gets them. Shares are in [0, 1).
type Cut struct {
	Validation, Test float64 // shares of the problems
	Hidden           int     // of each problem's tests, the last; both parts must want two different outputs
}

// Report counts what a file held.
type Report struct {
	Problems int
	LeftOut  map[string]int // by reason
}

// String names the reasons in alphabetical order.
func (r Report) String() string {
	text := fmt.Sprintf("%d problems", r.Problems)
	var reasons []string
	for why, n := range r.LeftOut {
		reasons = append(reasons, fmt.Sprintf("%d %s", n, why))
	}
	if len(reasons) > 0 {
		slices.Sort(reasons)
		text += "; left out: " + strings.Join(reasons, ", ")
	}
	return text
}

// Problems reads a set to train on. fits, which may be nil, tells whether the policy can
// be asked for a problem at all. Problems that cannot be judged fairly, call functions
// or do not fit are left out and counted. It returns ErrFile if none is left to train
// on, or to evaluate with.
func Problems(path, format string, cut Cut, fits func(problem.Problem) bool) (problem.Set, Report, error) {
	set, form, err := Open(path, format)
	r := Report{LeftOut: map[string]int{}}
	if form == Generated || err != nil && !errors.Is(err, problem.ErrCallStyle) {
		r.Problems = len(set.Problems)
		return set, r, err
	}
	kept := set.Problems[:0:0]
	seen := map[string]bool{}
	for _, p := range set.Problems {
		cut.apply(&p)
		switch {
		case seen[p.ID]:
			r.LeftOut["with an id that stood before"]++
		case p.CallStyle():
			r.LeftOut["that call functions"]++
		case p.Validate() != nil:
			r.LeftOut["whose tests cannot tell programs apart"]++
		case fits != nil && !fits(p):
			r.LeftOut["whose prompt does not fit"]++
		default:
			kept = append(kept, p)
		}
		seen[p.ID] = true
	}
	if err != nil {
		r.LeftOut["with function calls that cannot be judged"] = strings.Count(err.Error(), "\n") + 1
	}
	set.Problems, r.Problems = kept, len(kept)
	for _, split := range []problem.Split{problem.Train, problem.Validation, problem.HeldOut} {
		if len(set.Split(split)) == 0 {
			return set, r, fmt.Errorf("%w: %s leaves no problem in split %s (%s)", ErrFile, path, split, r)
		}
	}
	return set, r, nil
}

func (c Cut) apply(p *problem.Problem) {
	if p.Split == "" {
		switch at := rng.New(0).Name("split").Name(p.ID).Stream().Float64(); {
		case at < c.Test:
			p.Split = problem.HeldOut
		case at < c.Test+c.Validation:
			p.Split = problem.Validation
		default:
			p.Split = problem.Train
		}
	}
	if n := min(c.Hidden, len(p.Public)-1); n > 0 && len(p.Hidden) == 0 {
		at := len(p.Public) - n
		p.Public, p.Hidden = p.Public[:at:at], p.Public[at:]
	}
}

// Picker draws problems.
type Picker interface {
	Pick(*rng.Stream) *problem.Problem
}

// Uniform draws every problem with the same probability.
type Uniform []problem.Problem

// Pick draws one.
func (u Uniform) Pick(s *rng.Stream) *problem.Problem { return &u[s.IntN(len(u))] }
