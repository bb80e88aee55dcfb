package results

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"securecoderl/experiments/results/stored"
	"securecoderl/experiments/train"
	"securecoderl/securerl/chart"
	"securecoderl/securerl/eval"
	"securecoderl/securerl/figure"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/record"
	"securecoderl/securerl/report"
	"securecoderl/securerl/reward"
)

// reporter writes the report of a finished run.
type reporter struct{ *train.Lab }

// Write makes figures/, report.md and report.html of a finished run.
func Write(ctx context.Context, lab *train.Lab) error {
	l := &reporter{lab}
	r, err := stored.Read(l.Run.Dir())
	if err != nil {
		return err
	}
	ladder, err := l.ladder(ctx)
	if err != nil {
		return err
	}
	in := report.Input{Title: "securerl: " + l.Run.Dir()[strings.LastIndex(l.Run.Dir(), "/")+1:], About: l.Settings.About, Facts: l.factTable(), Meanings: meanings(), Limits: limits(l.Settings)}
	summaries := eval.Summarize(r.Evaluation)
	sampled, greedy := stored.Split(summaries)
	comparisons, err := r.Comparisons()
	if err != nil {
		return err
	}
	in.Tables = append(in.Tables, resultTable("Results, sampled", "temperature 1", sampled), resultTable("Results, greedy", "one program per problem", greedy))
	shared := problem.SharedPrograms(l.Problems.Split(problem.Train), l.Problems.Split(problem.HeldOut))
	without, _ := stored.Split(eval.Summarize(eval.Without(r.Evaluation, shared)))
	all, dropped := problems(r.Evaluation, shared)
	in.Tables = append(in.Tables, resultTable("Results, sampled, without shared programs", fmt.Sprintf("%d of the %d test problems share a correct program text with training and are left out", dropped, all), without))
	in.Tables = append(in.Tables, rewardTable(sampled), failureTable(r.Evaluation), comparisonTable(comparisons), l.costTable())
	for _, c := range comparisons {
		if c.Metric == eval.Primary && !c.Greedy {
			in.Claims = append(in.Claims, c.Sentence())
		}
	}
	in.Figures = append(r.Figures(summaries, comparisons), ladder)
	if in.Examples, err = l.examples(r.Primary, r.Evaluation); err != nil {
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

// problems counts the problems of an evaluation and how many of them are among shared.
func problems(rows []record.Row, shared []string) (all, dropped int) {
	seen := map[string]bool{}
	for _, row := range rows {
		if !seen[row.Problem] && slices.Contains(shared, row.Problem) {
			dropped++
		}
		seen[row.Problem] = true
	}
	return len(seen), dropped
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
