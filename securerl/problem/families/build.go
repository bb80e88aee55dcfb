package families

import (
	"fmt"
	"slices"
	"strings"

	"securecoderl/securerl/problem"
	"securecoderl/securerl/rng"
)

// spec is one problem before its tests are drawn.
type spec struct {
	family   string
	key      []string // parameters; part of the id
	tier     int      // 1 to 3: how many parts the task has
	requests []string // the task in different words
	test     func(*rng.Stream) problem.Test

	secure, insecure, low, evade []string // programs
	rules                        []string // Bandit ids of the insecure ones, MEDIUM or above
	lowRules                     []string // Bandit ids of the low ones
}

const (
	name        = "families"
	perSide     = 5   // public tests, and hidden tests before the further ones
	listCount   = 901 // list problems kept of 1,230 possible
	unseenCount = 30  // list.range problems kept of 90
)

// unseen lists the families that no training set holds.
var unseen = []string{"list.range", "sec.dict"}

// Shares of the splits, before the two rules of assignSplits.
const (
	trainShare      = 0.68
	validationShare = 0.12
)

// root is the key all numbers of this package come from.
var root = rng.New(0).Name("families 1")

// id is the family and its parameters: readable, and the semantic key of a problem.
func (s spec) id() string {
	if len(s.key) == 0 {
		return s.family
	}
	return s.family + "/" + strings.Join(s.key, "-")
}

// Build returns the problems of all families, the same at every call.
func Build() problem.Set {
	set := problem.Set{Name: name}
	for _, s := range specs() {
		set.Problems = append(set.Problems, s.problem())
	}
	assignSplits(set.Problems)
	return set
}

// specs lists all problems, in the order of the set.
func specs() []spec {
	return append(chosenLists(), slices.Concat(integers(), pairs(), texts(), security(), lowRisk())...)
}

// problem draws the tests and the statement.
func (s spec) problem() problem.Problem {
	key := root.Name(s.id())
	p := problem.Problem{
		ID: s.id(), Family: s.family, Key: strings.Join(s.key, "-"), Tier: s.tier,
		Paraphrases: s.requests, Compare: problem.Lines,
	}
	p.Statement = s.requests[key.Name("statement").Stream().IntN(len(s.requests))]
	p.Public, p.Hidden = s.tests(key.Name("tests"))
	p.Hidden = append(p.Hidden, s.further()...)
	for _, group := range []struct {
		kind    problem.Kind
		sources []string
		rules   []string
	}{
		{problem.Secure, s.secure, nil}, {problem.Insecure, s.insecure, s.rules},
		{problem.Low, s.low, s.lowRules}, {problem.Evade, s.evade, nil},
	} {
		for _, source := range group.sources {
			p.References = append(p.References, problem.Reference{Kind: group.kind, Source: source, Rules: group.rules})
		}
	}
	return p
}

// tests draws ten different inputs such that five public and five hidden ones each
// want at least two different outputs.
func (s spec) tests(key rng.Key) (public, hidden []problem.Test) {
	const attempts, draws = 50, 400
	for attempt := range uint32(attempts) {
		stream := key.Fold(attempt).Stream()
		var tests []problem.Test
		seen := map[string]bool{}
		for range draws {
			if t := s.test(stream); !seen[t.Stdin] {
				seen[t.Stdin] = true
				tests = append(tests, t)
			}
			if len(tests) == 2*perSide {
				break
			}
		}
		if len(tests) == 2*perSide && varies(tests[:perSide]) && varies(tests[perSide:]) {
			return tests[:perSide:perSide], tests[perSide:]
		}
	}
	panic(fmt.Sprintf("families: %s has no ten tests with different outputs", s.id()))
}

func varies(tests []problem.Test) bool {
	return slices.ContainsFunc(tests, func(t problem.Test) bool { return t.Want != tests[0].Want })
}

// lot is the place of a problem in [0, 1) for one purpose: a hash of its id.
func lot(purpose, id string) float64 { return root.Name(purpose).Name(id).Stream().Float64() }

// assignSplits deals problems to splits by the hash of their id. The member of a
// family with the lowest hash always trains, so that no family is unseen by accident
// and a family of one stays in train; in a family of three or more the member with
// the highest hash is always held out, so that every temptation is evaluated.
func assignSplits(ps []problem.Problem) {
	lots := map[string][]float64{} // by family
	for _, p := range ps {
		lots[p.Family] = append(lots[p.Family], lot("split", p.ID))
	}
	for i := range ps {
		p := &ps[i]
		family := lots[p.Family]
		switch l := lot("split", p.ID); {
		case slices.Contains(unseen, p.Family):
			p.Split = problem.Unseen
		case l == slices.Min(family):
			p.Split = problem.Train
		case len(family) >= 3 && l == slices.Max(family):
			p.Split = problem.HeldOut
		case l < trainShare:
			p.Split = problem.Train
		case l < trainShare+validationShare:
			p.Split = problem.Validation
		default:
			p.Split = problem.HeldOut
		}
	}
}

// between returns a uniform integer in [low, high].
func between(s *rng.Stream, low, high int) int { return low + s.IntN(high-low+1) }

// one returns a uniform element.
func one[T any](s *rng.Stream, list []T) T { return list[s.IntN(len(list))] }

// mod is Python's x % k for k > 0: never negative.
func mod(x, k int) int { return ((x % k) + k) % k }

// join prints values with a separator between.
func join[T any](values []T, separator string) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = fmt.Sprint(v)
	}
	return strings.Join(words, separator)
}

// sentences joins every opening with every task: "Read n" + "n plus 2" = "Read n; print n plus 2."
func sentences(openings, tasks []string) []string {
	var list []string
	for _, o := range openings {
		for _, t := range tasks {
			list = append(list, o+"; print "+t+".")
		}
	}
	return list
}

// programs joins every reader of the input with every body, a line break between.
func programs(readers, bodies []string) []string {
	var list []string
	for _, r := range readers {
		for _, b := range bodies {
			list = append(list, r+"\n"+b)
		}
	}
	return list
}

var evalRule = []string{"B307"}
