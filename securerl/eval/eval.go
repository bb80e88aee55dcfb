package eval

import (
	"fmt"
	"slices"

	"securecoderl/securerl/record"
	"securecoderl/securerl/stats"
)

// The bootstrap of this package: resamples, level and key, the same everywhere so
// that a table is the same whenever it is made.
const (
	resamples = 2000
	level     = 0.95
)

var bootstrapKey = [2]uint32{2026, 11}

// Policy names what was evaluated.
type Policy struct {
	Variant    string `json:"variant"`
	Checkpoint string `json:"checkpoint,omitempty"` // best or last; empty for base and sft
}

// String is the policy's name in tables.
func (p Policy) String() string {
	if p.Checkpoint == "" {
		return p.Variant
	}
	return p.Variant + " " + p.Checkpoint
}

// Rate is a measured metric.
type Rate struct {
	Metric   string         `json:"metric"`
	Interval stats.Interval `json:"interval"` // estimate and 95 % interval
	K, N     float64        `json:"-"`        // numerator and denominator
}

// Summary is everything measured of one policy under one way of decoding.
type Summary struct {
	Policy   Policy   `json:"policy"`
	Greedy   bool     `json:"greedy"`
	Seeds    []uint64 `json:"seeds"`
	Problems int      `json:"problems"`
	Programs int      `json:"programs"`
	Rates    []Rate   `json:"rates"`
}

// Rate returns a metric by name.
func (s Summary) Rate(name string) (Rate, bool) {
	for _, r := range s.Rates {
		if r.Metric == name {
			return r, true
		}
	}
	return Rate{}, false
}

// cells holds numerator and denominator per seed and problem.
type cells struct {
	seeds    []uint64
	problems []string
	num, den [][]float64 // [seeds][problems]
}

func collect(rows []record.Row, m Metric) cells {
	var c cells
	for _, r := range rows {
		if !slices.Contains(c.seeds, r.Seed) {
			c.seeds = append(c.seeds, r.Seed)
		}
		if !slices.Contains(c.problems, r.Problem) {
			c.problems = append(c.problems, r.Problem)
		}
	}
	slices.Sort(c.seeds)
	slices.Sort(c.problems)
	for range c.seeds {
		c.num, c.den = append(c.num, make([]float64, len(c.problems))), append(c.den, make([]float64, len(c.problems)))
	}
	for _, r := range rows {
		s, _ := slices.BinarySearch(c.seeds, r.Seed)
		p, _ := slices.BinarySearch(c.problems, r.Problem)
		num, den := m.of(r)
		c.num[s][p] += num
		c.den[s][p] += den
	}
	return c
}

// ratio is the rate over drawn seeds and problems.
func (c cells) ratio(seeds, problems []int) float64 {
	num, den := 0.0, 0.0
	for _, s := range seeds {
		for _, p := range problems {
			num += c.num[s][p]
			den += c.den[s][p]
		}
	}
	if den == 0 {
		return 0
	}
	return num / den
}

// asked counts the problems that say anything: those with a denominator.
func (c cells) asked() int {
	n := 0
	for p := range c.problems {
		if slices.ContainsFunc(c.den, func(d []float64) bool { return d[p] > 0 }) {
			n++
		}
	}
	return n
}

func all(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// bootstrap resamples problems, and seeds where there are several, and returns the
// percentile interval of a statistic of both.
func bootstrap(seeds, problems int, statistic func(seeds, problems []int) float64) stats.Interval {
	draws := make([][]int, 0, resamples)
	for d := range stats.Draws(seeds, resamples, [2]uint32{bootstrapKey[0], bootstrapKey[1] + 1}) {
		draws = append(draws, slices.Clone(d))
	}
	values, at := make([]float64, 0, resamples), 0
	for d := range stats.Draws(problems, resamples, bootstrapKey) {
		values = append(values, statistic(draws[at], d))
		at++
	}
	slices.Sort(values)
	return stats.Interval{Estimate: statistic(all(seeds), all(problems)), Low: stats.Quantile(values, (1-level)/2), High: stats.Quantile(values, (1+level)/2), N: problems}
}

func measure(rows []record.Row, m Metric, greedy bool) Rate {
	c := collect(rows, m)
	r := Rate{Metric: m.Name}
	for s := range c.seeds {
		for p := range c.problems {
			r.K += c.num[s][p]
			r.N += c.den[s][p]
		}
	}
	switch {
	case greedy && m.Count && len(c.seeds) == 1:
		r.Interval = stats.Wilson(int(r.K), int(r.N), level)
	case m.Count && r.N > 0 && (r.K == 0 || r.K == r.N):
		// All agree, so every resample does: the bootstrap would claim certainty.
		n := c.asked()
		r.Interval = stats.Wilson(n*int(r.K/r.N), n, level)
	default:
		r.Interval = bootstrap(len(c.seeds), len(c.problems), c.ratio)
	}
	return r
}

// Select returns the evaluation rows of a policy, in their order.
func Select(rows []record.Row, p Policy, greedy bool) []record.Row {
	var list []record.Row
	for _, r := range rows {
		if r.Phase == "evaluation" && r.Variant == p.Variant && r.Checkpoint == p.Checkpoint && r.Greedy == greedy {
			list = append(list, r)
		}
	}
	return list
}

// Policies lists what the rows evaluate, in the order of their first row.
func Policies(rows []record.Row) []Policy {
	var list []Policy
	for _, r := range rows {
		if p := (Policy{r.Variant, r.Checkpoint}); r.Phase == "evaluation" && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}

// Without drops the rows of some problems, such as those that share a program with
// training.
func Without(rows []record.Row, problems []string) []record.Row {
	return slices.DeleteFunc(slices.Clone(rows), func(r record.Row) bool { return slices.Contains(problems, r.Problem) })
}

// Summarize measures every policy, sampled and greedy, on all metrics and under
// every scheme the rows were priced with.
func Summarize(rows []record.Row) []Summary {
	metrics := Metrics()
	if len(rows) > 0 {
		for _, s := range rows[0].Scores {
			metrics = append(metrics, RewardMetric(s.Scheme))
		}
	}
	var list []Summary
	for _, p := range Policies(rows) {
		for _, greedy := range []bool{false, true} {
			own := Select(rows, p, greedy)
			if len(own) == 0 {
				continue
			}
			c := collect(own, metrics[0])
			s := Summary{Policy: p, Greedy: greedy, Seeds: c.seeds, Problems: len(c.problems), Programs: len(own)}
			for _, m := range metrics {
				s.Rates = append(s.Rates, measure(own, m, greedy))
			}
			list = append(list, s)
		}
	}
	return list
}

// Failures counts the classes of a policy's programs, in the order of Classes.
func Failures(rows []record.Row) []int {
	counts := make([]int, len(Classes))
	for _, r := range rows {
		counts[slices.Index(Classes, Class(r.Verdict))]++
	}
	return counts
}

// Percent writes a rate as "12.3 [8.1, 17.0]", in percent.
func Percent(i stats.Interval) string {
	return fmt.Sprintf("%.1f [%.1f, %.1f]", 100*i.Estimate, 100*i.Low, 100*i.High)
}
