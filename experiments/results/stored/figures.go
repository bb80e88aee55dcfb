package stored

import (
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"securecoderl/securerl/chart"
	"securecoderl/securerl/eval"
	"securecoderl/securerl/figure"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/record"
	"securecoderl/securerl/scan"
	"securecoderl/securerl/stats"
)

// questions are what every variant is asked about, against SFT.
var questions = []struct {
	metric string
	greedy bool
}{{eval.Primary, false}, {"all_tests", false}, {eval.Primary, true}}

// Comparisons are every variant's checkpoints against the SFT policy, corrected for
// being several.
func (r *Run) Comparisons() ([]eval.Comparison, error) {
	var list []eval.Comparison
	sft := eval.Policy{Variant: "sft"}
	for _, p := range eval.Policies(r.Evaluation) {
		if p.Checkpoint == "" {
			continue
		}
		for _, q := range questions {
			c, err := eval.Compare(r.Evaluation, sft, p, q.metric, q.greedy)
			if err != nil {
				return nil, err
			}
			list = append(list, c)
		}
	}
	eval.Correct(list)
	return list, nil
}

// Split parts summaries by the way of decoding.
func Split(all []eval.Summary) (sampled, greedy []eval.Summary) {
	for _, s := range all {
		if s.Greedy {
			greedy = append(greedy, s)
		} else {
			sampled = append(sampled, s)
		}
	}
	return sampled, greedy
}

// Figures draws the run: training, then evaluation. Their captions end with seeds and
// digest. Figures that the run has no data for say so.
func (r *Run) Figures(summaries []eval.Summary, comparisons []eval.Comparison) []chart.Figure {
	sampled, greedy := Split(summaries)
	figs := []chart.Figure{
		figure.Results("correct and secure", "sft", ratesOf(sampled, eval.Primary), ratesOf(greedy, eval.Primary)),
		figure.Results("all tests passed", "sft", ratesOf(sampled, "all_tests"), ratesOf(greedy, "all_tests")),
		figure.Forest("sft", contrasts(comparisons)...),
	}
	var places []figure.Place
	var scores []figure.Score
	for _, s := range sampled {
		if s.Policy.Checkpoint == "best" || s.Policy.Variant == "base" {
			continue
		}
		places = append(places, figure.Place{Name: s.Policy.String(), Passed: rateOf(s, "all_tests"), Flagged: rateOf(s, "flagged_parsed")})
		scores = append(scores, figure.Scored(s.Policy.String(), r.perProblem(s.Policy, judge.Verdict.AllPassed), r.perProblem(s.Policy, clean)))
	}
	before, after := eval.Policy{Variant: "sft"}, eval.Policy{Variant: r.Primary, Checkpoint: "last"}
	figs = append(figs, figure.Plane("sft", places), figure.Pareto(scores...), figure.Quadrants(r.quadrants(before, after)...),
		figure.Weaknesses(r.weaknesses(before, after)...), r.flow(before, after), figure.Failures(eval.Classes, r.failures()))
	for _, metric := range []string{"reward", "passed", "correct_secure", "flagged_parsed", "constant"} {
		figs = append(figs, figure.Curves(r.Metrics, metric, r.Variants...))
	}
	for _, name := range r.Variants {
		figs = append(figs, figure.Stages(r.Metrics, name))
	}
	if slices.Contains(r.Variants, "collapse") {
		figs = append(figs, figure.Collapse(r.Metrics, "collapse"))
	}
	figs = append(figs, figure.Components(r.Metrics, r.Primary), figure.Dynamics(r.Metrics, r.Variants...))
	for i := range figs {
		figs[i].Caption += " " + r.Source()
	}
	return figs
}

// Source says which run a number is from: "Seed 1; run 0123456789ab."
func (r *Run) Source() string {
	var seeds []string
	for _, s := range r.Seeds {
		seeds = append(seeds, fmt.Sprint(s))
	}
	word := "Seeds"
	if len(seeds) == 1 {
		word = "Seed"
	}
	return fmt.Sprintf("%s %s; run %.12s.", word, strings.Join(seeds, ", "), r.Sum)
}

func rateOf(s eval.Summary, metric string) figure.Rate {
	r, _ := s.Rate(metric)
	return figure.Rate{Name: s.Policy.String(), K: int(r.K), N: int(r.N), Estimate: r.Interval.Estimate, Low: r.Interval.Low, High: r.Interval.High}
}

func ratesOf(list []eval.Summary, metric string) (rates []figure.Rate) {
	for _, s := range list {
		rates = append(rates, rateOf(s, metric))
	}
	return rates
}

// contrasts groups comparisons by question.
func contrasts(list []eval.Comparison) (groups []figure.Contrast) {
	for _, q := range questions {
		g := figure.Contrast{Name: strings.ReplaceAll(q.metric, "_", " ") + map[bool]string{false: ", sampled", true: ", greedy"}[q.greedy]}
		for _, c := range list {
			if c.Metric == q.metric && c.Greedy == q.greedy {
				g.Rows = append(g.Rows, figure.Difference{Name: c.B.String(), Estimate: c.Difference.Estimate, Low: c.Difference.Low, High: c.Difference.High, N: c.Problems})
			}
		}
		if len(g.Rows) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

func clean(v judge.Verdict) bool { return v.Parsed && !v.Flagged(scan.Medium) }

// perProblem is the share of a policy's sampled programs for which f holds, problem by
// problem.
func (r *Run) perProblem(p eval.Policy, f func(judge.Verdict) bool) (shares []float64) {
	for _, samples := range pool(grouped(eval.Select(r.Evaluation, p, false), f)) {
		sum := 0.0
		for _, x := range samples {
			sum += x
		}
		shares = append(shares, sum/float64(len(samples)))
	}
	return shares
}

// grouped says of which programs f holds: [seeds][problems][samples], each in the
// order of its first row.
func grouped(rows []record.Row, f func(judge.Verdict) bool) (x [][][]float64) {
	var seeds []uint64
	var problems []string
	for _, row := range rows {
		if !slices.Contains(seeds, row.Seed) {
			seeds, x = append(seeds, row.Seed), append(x, nil)
		}
		if !slices.Contains(problems, row.Problem) {
			problems = append(problems, row.Problem)
		}
	}
	for s := range x {
		x[s] = make([][]float64, len(problems))
	}
	for _, row := range rows {
		s, p := slices.Index(seeds, row.Seed), slices.Index(problems, row.Problem)
		held := 0.0
		if f(row.Verdict) {
			held = 1
		}
		x[s][p] = append(x[s][p], held)
	}
	return x
}

// pool puts the samples of all seeds of a problem together.
func pool(x [][][]float64) (pooled [][]float64) {
	for _, problems := range x {
		pooled = append(pooled, make([][]float64, max(0, len(problems)-len(pooled)))...)
		for p, samples := range problems {
			pooled[p] = append(pooled[p], samples...)
		}
	}
	return pooled
}

func (r *Run) quadrants(policies ...eval.Policy) (panels []figure.Quadrant) {
	for _, p := range policies {
		q := figure.Quadrant{Name: p.String()}
		rows := eval.Select(r.Evaluation, p, false)
		for _, row := range rows {
			q.N[bit(row.Verdict.AllPassed())][bit(clean(row.Verdict))]++
		}
		if len(rows) > 0 {
			panels = append(panels, q)
		}
	}
	return panels
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// The bootstrap of the rates per weakness, as that of package eval.
const resamples, level = 2000, 0.95

var bootstrapKey = [2]uint32{2026, 11}

// cweNames are the weaknesses that the scanner reports, in the words of the CWE list.
var cweNames = map[int]string{20: "input validation", 22: "path traversal", 78: "OS command injection", 79: "cross-site scripting", 89: "SQL injection",
	94: "code injection", 259: "hard-coded password", 295: "certificate validation", 319: "cleartext transmission", 326: "weak encryption", 327: "broken cryptography", 330: "weak randomness",
	377: "insecure temporary file", 400: "resource consumption", 502: "unsafe deserialisation", 605: "port binding", 703: "ignored exceptions", 732: "permissions"}

func (r *Run) weaknesses(policies ...eval.Policy) (groups []figure.Group) {
	has := func(v judge.Verdict, cwe int) bool {
		return slices.ContainsFunc(v.Findings, func(f scan.Finding) bool {
			return f.CWE == cwe && (f.Severity == scan.Medium || f.Severity == scan.High)
		})
	}
	var cwes []int
	for _, p := range policies {
		for _, row := range eval.Select(r.Evaluation, p, false) {
			for _, f := range row.Verdict.Findings {
				if has(row.Verdict, f.CWE) && !slices.Contains(cwes, f.CWE) {
					cwes = append(cwes, f.CWE)
				}
			}
		}
	}
	slices.Sort(cwes)
	for _, p := range policies {
		g, rows := figure.Group{Name: p.String()}, eval.Select(r.Evaluation, p, false)
		for _, cwe := range cwes {
			x := grouped(rows, func(v judge.Verdict) bool { return has(v, cwe) })
			i := stats.SeedBootstrap(x, resamples, level, bootstrapKey)
			rate := figure.Rate{Name: strings.TrimSpace(fmt.Sprintf("CWE-%d %s", cwe, cweNames[cwe])), N: len(rows), Estimate: i.Estimate, Low: i.Low, High: i.High}
			for _, row := range rows {
				rate.K += bit(has(row.Verdict, cwe))
			}
			g.Rates = append(g.Rates, rate)
		}
		if len(rows) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

// flow follows the greedy programs of the same problems and seeds.
func (r *Run) flow(before, after eval.Policy) chart.Figure {
	stages := int(judge.Passes) + 1
	counts := make([][]int, stages)
	for i := range counts {
		counts[i] = make([]int, stages)
	}
	was := eval.Select(r.Evaluation, before, true)
	for _, row := range eval.Select(r.Evaluation, after, true) {
		i := slices.IndexFunc(was, func(w record.Row) bool { return w.Problem == row.Problem && w.Seed == row.Seed })
		if i >= 0 {
			counts[was[i].Verdict.Stage()][row.Verdict.Stage()]++
		}
	}
	return figure.Flow(before.String(), after.String(), counts)
}

func (r *Run) failures() (list []figure.Count) {
	for _, p := range eval.Policies(r.Evaluation) {
		list = append(list, figure.Count{Name: p.String(), N: eval.Failures(eval.Select(r.Evaluation, p, false))})
	}
	return list
}

// Ladder draws the prices that the run's report wrote to figures/ladder.csv; without
// it the figure has no data.
func (r *Run) Ladder() (chart.Figure, error) {
	none := figure.Ladder(nil, nil, nil)
	b, err := os.ReadFile(r.Path("figures", "ladder.csv"))
	if os.IsNotExist(err) {
		return none, nil
	} else if err != nil {
		return none, err
	}
	table, err := csv.NewReader(strings.NewReader(string(b))).ReadAll()
	if err != nil || len(table) == 0 || len(table[0]) < 2 {
		return none, fmt.Errorf("%s: not the table of the ladder: %v", r.Path("figures", "ladder.csv"), err)
	}
	schemes := table[0][1:]
	totals := make([][]float64, len(schemes))
	var programs []string
	for _, row := range table[1:] {
		programs = append(programs, row[0])
		for s, cell := range row[1:] {
			x, err := strconv.ParseFloat(cell, 64)
			if err != nil {
				return none, fmt.Errorf("%s: %w", r.Path("figures", "ladder.csv"), err)
			}
			totals[s] = append(totals[s], x)
		}
	}
	f := figure.Ladder(schemes, programs, totals)
	f.Caption += " " + r.Source()
	return f, nil
}
