package reward

import (
	"errors"
	"fmt"
	"slices"

	"securecoderl/securerl/judge"
	"securecoderl/securerl/scan"
)

// Opinions says how two scanners' findings become one V.
type Opinions string

// The ways. A scanner that could not handle the source counts 1 in both.
const (
	Union     Opinions = "union"     // what either finds; where their bytes overlap, the first scanner's counts
	Consensus Opinions = "consensus" // what the first finds where the second finds something too
)

// NoOpinion is the gate of a verdict that lacks the second opinion its scheme needs.
const NoOpinion = "no-second-opinion"

// ErrOpinion reports verdicts that lack the second opinion a scheme needs.
var ErrOpinion = errors.New("reward: no second opinion")

// WithOpinion returns a built-in scheme that prices two scanners' findings. A verdict
// whose judge asked no second scanner (judge.Options.Second) has no price under it:
// every number of its score is NaN, which no log takes, and its gate is NoOpinion.
// Check says so beforehand.
func WithOpinion(name string, how Opinions) (Scheme, error) {
	if how != Union && how != Consensus {
		return nil, fmt.Errorf("%w: opinions become one by %s or %s, not %q", ErrScheme, Union, Consensus, how)
	}
	s, err := Named(name)
	if err != nil {
		return nil, err
	}
	own := s.(scheme) // Named returns nothing else
	own.opinion = how
	return own, nil
}

// Check returns ErrOpinion if a scheme needs second opinions that a verdict lacks.
// Programs without any text to price, empty and unparsable ones, need none.
func Check(s Scheme, verdicts ...judge.Verdict) error {
	for i, v := range verdicts {
		if slices.Contains(s.Price(v).Gates, NoOpinion) {
			return fmt.Errorf("%w: verdict %d of %d, for the scheme %s; give the judge a second scanner (judge.Options.Second)", ErrOpinion, i+1, len(verdicts), s.Name())
		}
	}
	return nil
}

// of is the verdict as both scanners see it.
func (o Opinions) of(v judge.Verdict) judge.Verdict {
	if o == "" {
		return v
	}
	second := v.Opinion.Findings
	own := v.Findings
	v.Findings = nil
	switch o {
	case Union:
		v.Findings = append(v.Findings, own...)
		for _, f := range second {
			if !touches(f, own) {
				v.Findings = append(v.Findings, f)
			}
		}
	case Consensus:
		for _, f := range own {
			if touches(f, second) {
				v.Findings = append(v.Findings, f)
			}
		}
	}
	if v.Status == scan.OK {
		v.Status = v.Opinion.Status
	}
	return v
}

// touches tells whether a finding shares a byte with one of a list.
func touches(f scan.Finding, list []scan.Finding) bool {
	return slices.ContainsFunc(list, func(g scan.Finding) bool { return f.Start < g.End && g.Start < f.End })
}
