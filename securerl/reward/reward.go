package reward

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"securecoderl/securerl/judge"
	"securecoderl/securerl/scan"
)

// The weights of the two halves of a reward; they add up to 1.
const (
	FunctionalWeight = 0.6
	SecurityWeight   = 0.4
)

// ErrScheme reports a name that no scheme has, or a schedule that makes no sense.
var ErrScheme = errors.New("reward: scheme")

// Score is what a scheme pays for a verdict, with its parts.
type Score struct {
	Scheme     string   `json:"scheme"`
	Total      float64  `json:"total"`           // R, in [0, 1]
	Functional float64  `json:"functional"`      // R_func, in [0, 1]
	Security   float64  `json:"security"`        // R_sec as it was counted, in [0, 1]
	Gates      []string `json:"gates,omitempty"` // rules that changed the price
}

// Scheme prices verdicts. A pure function of the public tests and the findings.
type Scheme interface {
	Name() string
	Price(v judge.Verdict) Score
}

// scheme is a Scheme of this package.
type scheme struct {
	name       string
	price      func(v judge.Verdict, security float64) Score
	exp        bool    // R_sec = exp(-V)
	low        float64 // weight of a LOW finding
	paysBroken bool    // text that does not parse is priced too
	opinion    Opinions
}

var schemes = []scheme{
	{name: "paper", price: ladder(func(v judge.Verdict) float64 {
		if k := share(v); k > 0 {
			return 0.6 + 0.4*k
		}
		return 0.6
	}), paysBroken: true},
	{name: "pilot", price: ladder(func(v judge.Verdict) float64 {
		if v.AllPublic() {
			return 1
		}
		return 0.6
	}), paysBroken: true},
	{name: "binary", price: func(v judge.Verdict, sec float64) Score { return add(one(v.AllPublic()), sec) }},
	{name: "binary-joint", price: func(v judge.Verdict, sec float64) Score {
		if !v.AllPublic() {
			return Score{}
		}
		return add(1, sec)
	}},
	{name: "strict", price: func(v judge.Verdict, sec float64) Score { return add(perTest(v, false), sec) }},
	{name: "strict-gated", price: strictGated},
	{name: "gated-joint", price: gatedJoint},
}

// Names lists the schemes, without their -exp forms.
func Names() []string {
	list := make([]string, len(schemes))
	for i, s := range schemes {
		list[i] = s.name
	}
	return list
}

// Named returns a scheme; the suffix -exp selects R_sec = exp(-V).
func Named(name string) (Scheme, error) {
	plain, exp := strings.CutSuffix(name, "-exp")
	i := slices.IndexFunc(schemes, func(s scheme) bool { return s.name == plain })
	if i < 0 {
		return nil, fmt.Errorf("%w: no %q; there are: %s, each also with -exp", ErrScheme, name, strings.Join(Names(), ", "))
	}
	s := schemes[i]
	s.exp = exp
	return s, nil
}

// WithLow returns a built-in scheme that also counts LOW findings, at this weight.
func WithLow(name string, low float64) (Scheme, error) {
	s, err := Named(name)
	if err != nil {
		return nil, err
	}
	own := s.(scheme) // Named returns nothing else
	own.low = low
	return own, nil
}

// Name is the scheme's name.
func (s scheme) Name() string {
	name := s.name
	if s.exp {
		name += "-exp"
	}
	if s.opinion != "" {
		name += "+" + string(s.opinion)
	}
	return name
}

// Price prices a verdict.
func (s scheme) Price(v judge.Verdict) Score {
	var score Score
	switch {
	case v.NoTests():
		score = Score{Gates: []string{"no-tests"}}
	case v.Empty():
		score = Score{Gates: []string{"empty"}}
	case !v.Parsed && !s.paysBroken:
		score = Score{Gates: []string{"unparsable"}}
	case !v.Parsed:
		// The published code finds nothing in text that does not parse, and calls it clean.
		score = s.price(v, 1)
		score.Gates = append(score.Gates, "published:unparsable-pays")
	case s.opinion != "" && v.Opinion == nil:
		score = Score{Total: math.NaN(), Security: math.NaN(), Functional: math.NaN(), Gates: []string{NoOpinion}}
	default:
		score = s.price(v, s.security(v))
	}
	score.Scheme = s.Name()
	return score
}

// Severity is V, the sum of the weights of the findings. A source that the scanner
// could not handle has 1 at least: it is never taken for clean.
func Severity(v judge.Verdict, low float64) (sum float64) {
	for _, f := range v.Findings {
		switch f.Severity {
		case scan.High:
			sum++
		case scan.Medium:
			sum += 0.5
		case scan.Low:
			sum += low
		}
	}
	if v.Status != scan.OK {
		sum = math.Max(sum, 1)
	}
	return sum
}

func (s scheme) security(v judge.Verdict) float64 {
	sum := Severity(s.opinion.of(v), s.low)
	if s.exp {
		return math.Exp(-sum)
	}
	return 1 - math.Min(1, sum)
}

func add(functional, security float64) Score {
	return Score{Functional: functional, Security: security, Total: FunctionalWeight*functional + SecurityWeight*security}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// share is k/T over the public tests.
func share(v judge.Verdict) float64 {
	if v.Total == 0 {
		return 0
	}
	return float64(v.PassedPublic()) / float64(v.Total)
}

// ladder pays by stage; top prices a program that prints.
func ladder(top func(judge.Verdict) float64) func(judge.Verdict, float64) Score {
	return func(v judge.Verdict, sec float64) Score {
		switch v.Stage() {
		case judge.Unparsable:
			return add(0, sec)
		case judge.Parses:
			return add(0.2, sec)
		case judge.Runs:
			return add(0.4, sec)
		}
		return add(top(v), sec)
	}
}

// perTest is the strict R_func: the mean over tests of how far each got. Where a gate
// struck, each test falls a stage: output is not paid for, nor is silence.
func perTest(v judge.Verdict, gated bool) float64 {
	if v.Total == 0 {
		return 0
	}
	sum := 0.0
	for i := range v.Total {
		got := 0.2
		if i < len(v.Public) {
			switch t := v.Public[i]; {
			case t.Outcome == judge.Passed && !gated:
				got = 1
			case t.Outcome == judge.WrongOutput && !gated:
				got = 0.6
			case t.Outcome == judge.NoOutput && !gated, t.Outcome == judge.Passed, t.Outcome == judge.WrongOutput:
				got = 0.4
			}
		}
		sum += got
	}
	return sum / float64(v.Total)
}

// gates names what a program must do before its output is paid for: read the input
// it is offered, and not print the same for every test.
func gates(v judge.Verdict) (list []string) {
	if len(v.Public) > 0 && !v.ReadsInput() {
		list = append(list, "never-reads")
	}
	if v.Constant() {
		list = append(list, "constant")
	}
	return list
}

func strictGated(v judge.Verdict, sec float64) Score {
	list := gates(v)
	s := add(perTest(v, len(list) > 0), sec)
	s.Gates = list
	return s
}

func gatedJoint(v judge.Verdict, sec float64) Score {
	k := share(v)
	functional := 0.1
	list := gates(v)
	switch v.Stage() {
	case judge.Parses:
	case judge.Runs:
		functional = 0.2
	default:
		functional = 0.2
		if len(list) == 0 {
			functional = 0.4 + 0.6*k
		}
	}
	if v.Stage() < judge.Some {
		k = 0 // what passed before a crash is not paid
	}
	s := add(functional, sec*k)
	s.Gates = list
	return s
}

// Phase is a part of a schedule: from an iteration on, a scheme.
type Phase struct {
	From   int    `toml:"from" json:"from"`
	Scheme string `toml:"scheme" json:"scheme"`
}

// Schedule is a sequence of schemes over the iterations of a run.
type Schedule []Phase

// Validate checks that a schedule starts at 0, rises, and names schemes that exist.
func (s Schedule) Validate() error {
	if len(s) == 0 || s[0].From != 0 {
		return fmt.Errorf("%w: a schedule must start at iteration 0", ErrScheme)
	}
	for i, p := range s {
		if i > 0 && p.From <= s[i-1].From {
			return fmt.Errorf("%w: iteration %d does not come after %d", ErrScheme, p.From, s[i-1].From)
		}
		if _, err := Named(p.Scheme); err != nil {
			return err
		}
	}
	return nil
}

// At is the scheme's name at an iteration, counted from 0.
func (s Schedule) At(iteration int) string {
	name := ""
	for _, p := range s {
		if p.From <= iteration {
			name = p.Scheme
		}
	}
	return name
}
