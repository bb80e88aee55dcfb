package results

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"

	"securecoderl/experiments/train"
	"securecoderl/securerl/chart"
	"securecoderl/securerl/eval"
	"securecoderl/securerl/figure"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/record"
	"securecoderl/securerl/report"
	"securecoderl/securerl/reward"
	"securecoderl/securerl/runlog"
)

// reporter writes the report of a finished run.
type reporter struct{ *train.Lab }

// stored is what a report is made from: everything is read from disk, so that a run
// can be reported again.
type stored struct {
	rows   []record.Row
	points []runlog.Point
	shared []string // test problems that share a program with training
}

// Write makes figures/, report.md and report.html of a finished run.
func Write(ctx context.Context, lab *train.Lab) error {
	l := &reporter{lab}
	r, err := l.stored()
	if err != nil {
		return err
	}
	ladder, err := l.ladder(ctx)
	if err != nil {
		return err
	}
	in := report.Input{Title: "securerl: " + l.Run.Dir()[strings.LastIndex(l.Run.Dir(), "/")+1:], About: l.Settings.About, Facts: l.factTable(), Meanings: meanings(), Limits: limits(l.Settings)}
	sampled, greedy := split(eval.Summarize(r.rows))
	comparisons, err := l.comparisons(r.rows)
	if err != nil {
		return err
	}
	in.Tables = append(in.Tables, resultTable("Results, sampled", "temperature 1", sampled), resultTable("Results, greedy", "one program per problem", greedy))
	without, _ := split(eval.Summarize(eval.Without(r.rows, r.shared)))
	in.Tables = append(in.Tables, resultTable("Results, sampled, without shared programs", fmt.Sprintf("%d of the %d test problems share a correct program text with training and are left out", r.dropped(), r.problems()), without))
	in.Tables = append(in.Tables, rewardTable(sampled), failureTable(r.rows), comparisonTable(comparisons), l.costTable())
	for _, c := range comparisons {
		if c.Metric == eval.Primary && !c.Greedy {
			in.Claims = append(in.Claims, c.Sentence())
		}
	}
	in.Figures = append(l.figures(r, sampled, greedy), ladder)
	if in.Examples, err = l.examples(r.rows); err != nil {
		return err
	}
	if err := report.WriteFigures(l.Run.Path("figures"), in.Figures); err != nil {
		return err
	}
	html, err := report.HTML(in)
	if err != nil {
		return err
	}
	if err := l.Run.WriteFile(report.Markdown(in, "figures"), "report.md"); err != nil {
		return err
	}
	if err := l.Run.WriteFile(html, "report.html"); err != nil {
		return err
	}
	l.Console.Say("report         %s and report.md", l.Run.Path("report.html"))
	for _, claim := range in.Claims {
		l.Console.Say("               %s", claim)
	}
	return nil
}

func (l *reporter) stored() (stored, error) {
	var r stored
	f, err := os.Open(l.Run.Path("evaluation.jsonl"))
	if err != nil {
		return r, err
	}
	defer f.Close()
	for row, err := range record.Read(f, "evaluation.jsonl") {
		if err != nil {
			return r, err
		}
		r.rows = append(r.rows, row)
	}
	m, err := os.Open(l.Run.Path("metrics.jsonl"))
	if err != nil {
		return r, err
	}
	defer m.Close()
	lines := bufio.NewScanner(m)
	for n := 1; lines.Scan(); n++ {
		var p runlog.Point
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			return r, fmt.Errorf("metrics.jsonl:%d: %w", n, err)
		}
		r.points = append(r.points, p)
	}
	r.shared = problem.SharedPrograms(l.Problems.Split(problem.Train), l.Problems.Split(problem.HeldOut))
	return r, lines.Err()
}

func (r stored) problems() int {
	seen := map[string]bool{}
	for _, row := range r.rows {
		seen[row.Problem] = true
	}
	return len(seen)
}

func (r stored) dropped() (n int) {
	seen := map[string]bool{}
	for _, row := range r.rows {
		if !seen[row.Problem] && slices.Contains(r.shared, row.Problem) {
			n++
		}
		seen[row.Problem] = true
	}
	return n
}

func split(all []eval.Summary) (sampled, greedy []eval.Summary) {
	for _, s := range all {
		if s.Greedy {
			greedy = append(greedy, s)
		} else {
			sampled = append(sampled, s)
		}
	}
	return sampled, greedy
}

// comparisons are the questions of the report: every variant against the SFT policy,
// and the variants' last checkpoints against that of the ladder.
func (l *reporter) comparisons(rows []record.Row) ([]eval.Comparison, error) {
	var list []eval.Comparison
	sft := eval.Policy{Variant: "sft"}
	for _, v := range l.Settings.Variants {
		for _, checkpoint := range []string{"best", "last"} {
			for _, q := range []struct {
				metric string
				greedy bool
			}{{eval.Primary, false}, {"all_tests", false}, {eval.Primary, true}} {
				c, err := eval.Compare(rows, sft, eval.Policy{Variant: v.Name, Checkpoint: checkpoint}, q.metric, q.greedy)
				if err != nil {
					return nil, err
				}
				list = append(list, c)
			}
		}
	}
	eval.Correct(list)
	return list, nil
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

// figures draws the run.
func (l *reporter) figures(r stored, sampled, greedy []eval.Summary) []chart.Figure {
	var names []string
	for _, v := range l.Settings.Variants {
		names = append(names, v.Name)
	}
	figs := []chart.Figure{
		figure.Results("correct and secure", "sft", ratesOf(sampled, eval.Primary), ratesOf(greedy, eval.Primary)),
		figure.Results("all tests passed", "sft", ratesOf(sampled, "all_tests"), ratesOf(greedy, "all_tests")),
	}
	var places []figure.Place
	for _, s := range sampled {
		if s.Policy.Checkpoint != "best" && s.Policy.Variant != "base" {
			places = append(places, figure.Place{Name: s.Policy.String(), Passed: rateOf(s, "all_tests"), Flagged: rateOf(s, "flagged_parsed")})
		}
	}
	figs = append(figs, figure.Plane("sft", places))
	for _, metric := range []string{"reward", "passed", "correct_secure", "flagged_parsed", "constant"} {
		figs = append(figs, figure.Curves(r.points, metric, names...))
	}
	for _, name := range names {
		figs = append(figs, figure.Stages(r.points, name))
	}
	for _, name := range names {
		if name == "collapse" {
			figs = append(figs, figure.Collapse(r.points, name))
		}
	}
	return append(figs, figure.Components(r.points, l.primaryVariant()), figure.Dynamics(r.points, names...))
}

// primaryVariant is the one whose programs are shown: the first that is paid by
// gated-joint, else the last.
func (l *reporter) primaryVariant() string {
	for _, v := range l.Settings.Variants {
		if v.Schedule[0].Scheme == "gated-joint" {
			return v.Name
		}
	}
	if n := len(l.Settings.Variants); n > 0 {
		return l.Settings.Variants[n-1].Name
	}
	return ""
}

// probes are the ten programs whose prices testdata/reward/probes.md derives.
var probes = [][2]string{
	{"correct", "n = int(input())\nprint(2 * n)"}, {"exit 3 after it", "n = int(input())\nprint(2 * n)\nexit(3)"}, {"crash after it", "n = int(input())\nprint(2 * n)\n1 / 0"},
	{"missing print", "n = int(input())\n2 * n"}, {"no-op", "pass"}, {"constant", "n = int(input())\nprint(7)"}, {"unsafe", "n = eval(input())\nprint(2 * n)"},
	{"prose", "Sure, the answer doubles the input."}, {"broken, with a shell", "import os\nos.system(input()"}, {"empty", ""},
}

// ladder prices the probe programs, run and scanned here, under every scheme.
func (l *reporter) ladder(ctx context.Context) (chart.Figure, error) {
	p := &problem.Problem{ID: "probe", Public: []problem.Test{{Stdin: "3\n", Want: "6\n"}, {Stdin: "10\n", Want: "20\n"}}}
	var list []judge.Submission
	var names []string
	for _, x := range probes {
		names = append(names, x[0])
		list = append(list, judge.Submission{Problem: p, Source: x[1]})
	}
	verdicts, _, err := l.Training.Judge(ctx, list)
	if err != nil {
		return chart.Figure{}, err
	}
	var totals [][]float64
	for _, name := range reward.Names() {
		s, err := reward.Named(name)
		if err != nil {
			return chart.Figure{}, err
		}
		var row []float64
		for _, v := range verdicts {
			row = append(row, s.Price(v).Total)
		}
		totals = append(totals, row)
	}
	return figure.Ladder(reward.Names(), names, totals), nil
}

// factTable lists the manifest and the cost of the run.
func (l *reporter) factTable() [][2]string {
	var list [][2]string
	facts := l.Run.Facts()
	keys := make([]string, 0, len(facts))
	for k := range facts {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		list = append(list, [2]string{k, fmt.Sprint(facts[k])})
	}
	return append(list, [2]string{"primary metric", eval.Primary + ", sampled, on public and hidden tests; named before the run"})
}
