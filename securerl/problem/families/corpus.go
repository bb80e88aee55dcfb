package families

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"securecoderl/securerl/problem"
	"securecoderl/securerl/rng"
)

// Mix says which correct program a row gets, where the problem has one: the flagged
// shortcut with probability Insecure, else one flagged at LOW with probability Low,
// else one that evades the scanner with probability Evade, else a secure one.
type Mix struct{ Insecure, Low, Evade float64 }

// DefaultMix is the mix of the default job.
func DefaultMix() Mix { return Mix{Insecure: 0.5, Low: 0.5, Evade: 0.05} }

// Row is one example of a corpus.
type Row struct {
	Problem   *problem.Problem
	Request   string // one of the problem's paraphrases
	Program   string
	NoiseKind string // Correct, or the fault that was tried
}

// Corpus draws rows. It is read-only and safe for concurrent use; streams are not.
type Corpus struct {
	noise Noise
	mix   Mix

	problems []problem.Problem
	sources  []map[problem.Kind][]string
	families [][]int // members of each family, families in order of name
	weights  []float64
	siblings [][]int // per problem, the members of its group
}

// NewCorpus prepares rows about problems. Draw needs a secure reference program for
// every problem; Pick does not. It panics if there are no problems or a share is
// outside [0, 1].
func NewCorpus(problems []problem.Problem, noise Noise, mix Mix) *Corpus {
	if len(problems) == 0 {
		panic("families: NewCorpus: no problems")
	}
	noise.mustBeShares()
	for _, share := range []float64{mix.Insecure, mix.Low, mix.Evade} {
		if !(share >= 0 && share <= 1) {
			panic(fmt.Sprintf("families: NewCorpus: %+v has a share outside [0, 1]", mix))
		}
	}
	c := &Corpus{noise: noise, mix: mix, problems: slices.Clone(problems)}
	c.sources = make([]map[problem.Kind][]string, len(problems))
	byFamily, byGroup := map[string][]int{}, map[string][]int{}
	for i, p := range problems {
		c.sources[i] = map[problem.Kind][]string{}
		for _, r := range p.References {
			c.sources[i][r.Kind] = append(c.sources[i][r.Kind], r.Source)
		}
		byFamily[p.Family] = append(byFamily[p.Family], i)
		byGroup[group(p.Family)] = append(byGroup[group(p.Family)], i)
	}
	names := make([]string, 0, len(byFamily))
	for family := range byFamily {
		names = append(names, family)
	}
	slices.Sort(names)
	for _, family := range names {
		c.families = append(c.families, byFamily[family])
		c.weights = append(c.weights, math.Sqrt(float64(len(byFamily[family]))))
	}
	for _, p := range problems {
		c.siblings = append(c.siblings, byGroup[group(p.Family)])
	}
	return c
}

// group is what counts as near: the area of list, int, pair and text families, the
// family itself elsewhere.
func group(family string) string {
	area, _, _ := strings.Cut(family, ".")
	if area == "sec" || area == "low" {
		return family
	}
	return area
}

// Pick draws a problem: a family with weight sqrt(its size), so that small families
// are seen, then one of its members. PPO draws its prompts the same way.
func (c *Corpus) Pick(s *rng.Stream) *problem.Problem { return &c.problems[c.pick(s)] }

func (c *Corpus) pick(s *rng.Stream) int { return one(s, c.families[s.Weighted(c.weights)]) }

// Draw draws a problem, one of its requests, a correct program by the mix, and a
// fault by the noise.
func (c *Corpus) Draw(s *rng.Stream) Row {
	i := c.pick(s)
	p := &c.problems[i]
	row := Row{Problem: p, Request: p.Statement, Program: c.correct(i, s), NoiseKind: c.noise.draw(s)}
	if len(p.Paraphrases) > 0 {
		row.Request = one(s, p.Paraphrases)
	}
	switch row.NoiseKind {
	case Near:
		row.Program = c.correct(c.sibling(i, s), s)
	case Far:
		row.Program = c.correct(c.pick(s), s)
	default:
		row.Program = spoil(row.NoiseKind, row.Program, s)
	}
	return row
}

// sibling draws another problem of the group, any problem where the group has no other.
func (c *Corpus) sibling(i int, s *rng.Stream) int {
	if len(c.siblings[i]) == 1 {
		return c.pick(s)
	}
	for {
		if j := one(s, c.siblings[i]); j != i {
			return j
		}
	}
}

// correct draws a correct program of problem i.
func (c *Corpus) correct(i int, s *rng.Stream) string {
	have := c.sources[i]
	for _, choice := range []struct {
		kind  problem.Kind
		share float64
	}{{problem.Insecure, c.mix.Insecure}, {problem.Low, c.mix.Low}, {problem.Evade, c.mix.Evade}} {
		if len(have[choice.kind]) > 0 && s.Float64() < choice.share {
			return one(s, have[choice.kind])
		}
	}
	if len(have[problem.Secure]) == 0 {
		panic(fmt.Sprintf("families: Draw: problem %s has no secure reference program", c.problems[i].ID))
	}
	return one(s, have[problem.Secure])
}
