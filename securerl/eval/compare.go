package eval

import (
	"fmt"
	"slices"

	"securecoderl/securerl/record"
	"securecoderl/securerl/stats"
)

// Comparison is policy B against policy A on the same problems.
type Comparison struct {
	A, B       Policy
	Metric     string
	Greedy     bool
	Difference stats.Interval // B minus A
	Seeds      int
	Problems   int
	OnlyA      int     // greedy, one seed: problems that only A gets right
	OnlyB      int     // and that only B does
	P, Holm    float64 // McNemar's p, and corrected over the family; 1 where it does not apply
}

// methodSeeds is the least number of seeds for a sentence about a method.
const methodSeeds = 5

// Compare compares B with A on one metric over the problems both have. A policy with
// one seed, such as the base, stands against every seed of the other.
func Compare(rows []record.Row, a, b Policy, metric string, greedy bool) (Comparison, error) {
	i := slices.IndexFunc(Metrics(), func(m Metric) bool { return m.Name == metric })
	if i < 0 {
		return Comparison{}, fmt.Errorf("eval: no metric %q", metric)
	}
	m := Metrics()[i]
	rowsA, rowsB := Select(rows, a, greedy), Select(rows, b, greedy)
	shared := func(r record.Row, other []record.Row) bool {
		return slices.ContainsFunc(other, func(o record.Row) bool { return o.Problem == r.Problem })
	}
	keep := func(own, other []record.Row) []record.Row {
		return slices.DeleteFunc(slices.Clone(own), func(r record.Row) bool { return !shared(r, other) })
	}
	ca, cb := collect(keep(rowsA, rowsB), m), collect(keep(rowsB, rowsA), m)
	if len(ca.problems) == 0 {
		return Comparison{}, fmt.Errorf("eval: %s and %s have no problem in common", a, b)
	}
	seeds := max(len(ca.seeds), len(cb.seeds))
	if len(ca.seeds) > 1 && len(cb.seeds) > 1 && !slices.Equal(ca.seeds, cb.seeds) {
		return Comparison{}, fmt.Errorf("eval: %s has seeds %v, %s has %v", a, ca.seeds, b, cb.seeds)
	}
	c := Comparison{A: a, B: b, Metric: metric, Greedy: greedy, Seeds: seeds, Problems: len(ca.problems), P: 1, Holm: 1}
	c.Difference = bootstrap(seeds, len(ca.problems), func(s, p []int) float64 {
		return cb.ratio(clamp(s, len(cb.seeds)), p) - ca.ratio(clamp(s, len(ca.seeds)), p)
	})
	if greedy && m.Count && seeds == 1 {
		for p := range ca.problems {
			switch x, y := ca.num[0][p], cb.num[0][p]; {
			case x > y:
				c.OnlyA++
			case y > x:
				c.OnlyB++
			}
		}
		c.P = stats.McNemar(c.OnlyA, c.OnlyB)
		c.Holm = c.P
	}
	return c, nil
}

// clamp lets the only seed of a policy stand for all.
func clamp(seeds []int, n int) []int {
	if n > 1 {
		return seeds
	}
	return make([]int, len(seeds))
}

// Correct sets Holm's p over the greedy comparisons of a family.
func Correct(family []Comparison) {
	var at []int
	var ps []float64
	for i, c := range family {
		if c.Greedy && c.Seeds == 1 {
			at, ps = append(at, i), append(ps, c.P)
		}
	}
	for k, p := range stats.Holm(ps) {
		family[at[k]].Holm = p
	}
}

// Sentence says what a comparison shows and no more.
func (c Comparison) Sentence() string {
	how := "sampled"
	if c.Greedy {
		how = "greedy"
	}
	subject := fmt.Sprintf("this checkpoint of %s", c.B)
	if c.Seeds >= methodSeeds {
		subject = fmt.Sprintf("%s (a method, over %d seeds)", c.B, c.Seeds)
	} else if c.Seeds > 1 {
		subject = fmt.Sprintf("%s (%d seeds)", c.B, c.Seeds)
	}
	d := c.Difference
	shown := fmt.Sprintf("%+.1f points [%+.1f, %+.1f] (n = %d problems)", 100*d.Estimate, 100*d.Low, 100*d.High, c.Problems)
	verb := "is not told apart from"
	if d.Excludes(0) {
		verb = "improves on"
		if d.Estimate < 0 {
			verb = "is worse than"
		}
	}
	s := fmt.Sprintf("%s, %s: %s %s %s: %s", c.Metric, how, subject, verb, c.A, shown)
	if c.Greedy && c.Seeds == 1 {
		s += fmt.Sprintf("; McNemar %d against %d, p = %.3f, Holm %.3f", c.OnlyB, c.OnlyA, c.P, c.Holm)
	}
	return s
}
