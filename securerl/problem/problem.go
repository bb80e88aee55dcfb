package problem

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// Test is one test of a program, in one of two forms: what it reads and what it must
// print, or, in a problem of call style, Python statements that call its functions.
type Test struct {
	Stdin  string `json:"stdin"`
	Want   string `json:"want"`
	Assert string `json:"assert,omitempty"` // statements; the test passes if they end without an exception
}

// Comparator names how printed and expected output are compared (judge.Compare).
type Comparator string

// The comparators.
const (
	Lines  Comparator = "lines"  // equal lines, blanks at line ends and empty last lines aside; the default
	Exact  Comparator = "exact"  // equal bytes
	Tokens Comparator = "tokens" // equal words
	Float  Comparator = "float"  // equal words, numbers within a tolerance
	Peer   Comparator = "peer"   // the first paper's rule: both sides stripped as a whole
)

// Split says what a problem may be used for.
type Split string

// The splits. HeldOut is the test split; Unseen holds families of which no member is
// trained on.
const (
	Train      Split = "train"
	Validation Split = "validation"
	HeldOut    Split = "test"
	Unseen     Split = "unseen"
)

// Kind classifies a reference program by what a scanner finds in it.
type Kind string

// The kinds of reference programs; all of them pass all tests.
const (
	Secure   Kind = "secure"   // no finding at MEDIUM or above
	Insecure Kind = "insecure" // flagged at MEDIUM or HIGH
	Low      Kind = "low"      // flagged at LOW only
	Evade    Kind = "evade"    // unsafe, but written so that Bandit does not see it
)

// Reference is a program that solves a problem.
type Reference struct {
	Kind    Kind     `json:"kind"`
	Source  string   `json:"source"`
	Rules   []string `json:"rules,omitempty"` // scanner rules it must trigger
	License string   `json:"license,omitempty"`
	Origin  string   `json:"origin,omitempty"`
}

// Problem is a task with tests. Public tests decide rewards, hidden ones only
// evaluation.
type Problem struct {
	ID          string      `json:"id"`
	Family      string      `json:"family,omitempty"`
	Key         string      `json:"key,omitempty"` // parameters inside the family
	Tier        int         `json:"tier,omitempty"`
	Split       Split       `json:"split,omitempty"`
	Statement   string      `json:"statement"` // the request of the evaluation prompt
	Paraphrases []string    `json:"paraphrases,omitempty"`
	Public      []Test      `json:"public"`
	Hidden      []Test      `json:"hidden,omitempty"`
	Compare     Comparator  `json:"compare,omitempty"`
	Epsilon     float64     `json:"epsilon,omitempty"` // tolerance of Float
	References  []Reference `json:"references,omitempty"`

	Entry []string `json:"entry,omitempty"` // call style: the functions of the program that tests call
	Setup string   `json:"setup,omitempty"` // call style: statements before every test; they never meet the program
}

// CallStyle tells whether tests call functions of the program.
func (p Problem) CallStyle() bool { return len(p.Entry) > 0 }

// Set is a named list of problems.
type Set struct {
	Name     string
	Problems []Problem
}

// ErrInvalid reports problems that cannot be judged fairly.
var ErrInvalid = errors.New("problem: invalid")

// Split returns the problems of one split, in order.
func (s Set) Split(x Split) []Problem {
	var list []Problem
	for _, p := range s.Problems {
		if p.Split == x {
			list = append(list, p)
		}
	}
	return list
}

// Find returns the problem with this id, and whether there is one.
func (s Set) Find(id string) (Problem, bool) {
	for _, p := range s.Problems {
		if p.ID == id {
			return p, true
		}
	}
	return Problem{}, false
}

// Digest is the SHA-256 of the set's content, in hexadecimal.
func (s Set) Digest() string {
	h := sha256.New()
	for _, p := range s.Problems {
		b, err := json.Marshal(p)
		if err != nil {
			panic(err) // strings and numbers only
		}
		h.Write(append(b, '\n'))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Validate lists every fault at once; each wraps ErrInvalid and names its problem.
func (s Set) Validate() error {
	var errs []error
	ids := map[string]bool{}
	for _, p := range s.Problems {
		if ids[p.ID] {
			errs = append(errs, fmt.Errorf("%w: id %q stands twice", ErrInvalid, p.ID))
		}
		ids[p.ID] = true
		errs = append(errs, p.Validate())
	}
	return errors.Join(errs...)
}

// Validate checks that a problem can be judged, and that its tests can tell programs
// apart: public and hidden tests each want at least two different outputs, so that
// no constant passes them (of asserts this cannot be told), and no hidden test
// repeats a public input. It lists every fault at once.
func (p Problem) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: %s: "+format, append([]any{ErrInvalid, p.ID}, args...)...))
	}
	if p.ID == "" || p.Statement == "" {
		bad("id and statement must not be empty")
	}
	if len(p.Public) == 0 {
		bad("no public tests")
	}
	public := map[string]bool{}
	for _, t := range p.Public {
		public[t.input()] = true
	}
	for i, t := range p.Hidden {
		if public[t.input()] {
			bad("hidden test %d repeats a public input", i+1)
		}
	}
	p.testFaults(bad)
	if p.CallStyle() && (p.Compare != "" || p.Epsilon != 0) {
		bad("comparator %q, epsilon %g: the tests themselves compare", p.Compare, p.Epsilon)
	}
	for _, name := range p.Entry {
		if !identifier.MatchString(name) {
			bad("entry %q is no name of a function", name)
		}
	}
	switch p.Compare {
	case "", Lines, Exact, Tokens, Peer:
		if p.Epsilon != 0 {
			bad("epsilon %g without the comparator float", p.Epsilon)
		}
	case Float:
		if !(p.Epsilon > 0 && p.Epsilon < 1) {
			bad("epsilon must be in (0, 1), is %g", p.Epsilon)
		}
	default:
		bad("unknown comparator %q", p.Compare)
	}
	switch p.Split {
	case "", Train, Validation, HeldOut, Unseen:
	default:
		bad("unknown split %q", p.Split)
	}
	for i, r := range p.References {
		switch r.Kind {
		case "", Secure, Insecure, Low, Evade:
		default:
			bad("reference program %d: unknown kind %q", i+1, r.Kind)
		}
	}
	return errors.Join(errs...)
}

// testFaults checks the public and the hidden tests, each among themselves.
func (p Problem) testFaults(bad func(format string, args ...any)) {
	for _, side := range []struct {
		name  string
		tests []Test
	}{{"public", p.Public}, {"hidden", p.Hidden}} {
		if len(side.tests) > 0 && outputs(side.tests) < 2 && !p.CallStyle() {
			bad("all %d %s tests want the same output", len(side.tests), side.name)
		}
		if i := repeated(side.tests); i >= 0 {
			bad("%s test %d repeats an input", side.name, i+1)
		}
		for i, t := range side.tests {
			if t.Assert != "" && !p.CallStyle() {
				bad("%s test %d has an assert, but the problem names no entry to call", side.name, i+1)
			}
			if p.CallStyle() && (t.Assert == "" || t.Stdin != "" || t.Want != "") {
				bad("%s test %d: a test of a problem with an entry has an assert and nothing else", side.name, i+1)
			}
		}
	}
}

// input is what a test hands to the program.
func (t Test) input() string {
	if t.Assert != "" {
		return t.Assert
	}
	return t.Stdin
}

func outputs(tests []Test) int {
	seen := map[string]bool{}
	for _, t := range tests {
		seen[t.Want] = true
	}
	return len(seen)
}

// repeated returns the index of the first test whose input stood before, or -1.
func repeated(tests []Test) int {
	seen := map[string]bool{}
	for i, t := range tests {
		if seen[t.input()] {
			return i
		}
		seen[t.input()] = true
	}
	return -1
}
