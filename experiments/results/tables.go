package results

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"securecoderl/experiments/train"
	"securecoderl/securerl/eval"
	"securecoderl/securerl/figure"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/record"
	"securecoderl/securerl/report"
	"securecoderl/securerl/reward"
	"securecoderl/securerl/tokenizer"
)

// meanings explains every metric of the report: those of evaluation, then those of
// training.
func meanings() [][2]string {
	var list [][2]string
	for _, m := range eval.Metrics() {
		list = append(list, [2]string{m.Name, "share of programs: " + m.Meaning})
	}
	return append(list, train.Meanings...)
}

// limits are what a reader must know before quoting a number.
func limits(s train.Settings) []string {
	list := []string{
		"No finding is not the same as secure: on published programs with security tests, Bandit finds a quarter to two fifths of the vulnerable ones.",
		"Intervals resample problems (and seeds where there are several). They do not cover another base model or other settings.",
		"The best checkpoint is chosen on validation problems by the primary metric; the last one is not chosen at all. Both are shown.",
	}
	if s.Model.Folder == "" {
		list = append(list, "The problems are generated and small, and so is the model: nothing here says how a model of billions of parameters behaves.")
	}
	for _, key := range slices.Sorted(maps.Keys(s.Differs)) {
		list = append(list, fmt.Sprintf("Differs from the source in %s: %s.", key, s.Differs[key]))
	}
	if len(s.Seeds) < 5 {
		list = append(list, fmt.Sprintf("%d seed(s): every sentence speaks of these checkpoints, not of a method.", len(s.Seeds)))
	}
	return list
}

func resultTable(title, note string, list []eval.Summary) report.Table {
	columns := []string{"policy", "n programs"}
	t := report.Table{Title: title, Note: note + "; percent with 95 % intervals; bootstrap over problems, Wilson where there is one program per problem, and over the problems where all programs agree"}
	metrics := eval.Metrics()
	for _, m := range metrics {
		columns = append(columns, m.Name)
	}
	t.Columns = columns
	for _, s := range list {
		row := []string{s.Policy.String(), fmt.Sprint(s.Programs)}
		for _, m := range metrics {
			r, _ := s.Rate(m.Name)
			if m.Name == "length" {
				row = append(row, fmt.Sprintf("%.1f", r.Interval.Estimate))
				continue
			}
			row = append(row, eval.Percent(r.Interval))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func rewardTable(list []eval.Summary) report.Table {
	t := report.Table{Title: "Mean reward under every scheme, sampled", Note: "the same programs, priced anew: a scheme may rank policies in another order than the tests do", Columns: append([]string{"policy"}, reward.Names()...)}
	for _, s := range list {
		row := []string{s.Policy.String()}
		for _, name := range reward.Names() {
			r, _ := s.Rate(eval.RewardMetric(name).Name)
			row = append(row, fmt.Sprintf("%.3f", r.Interval.Estimate))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func failureTable(rows []record.Row) report.Table {
	t := report.Table{Title: "What became of the programs, sampled", Note: "counts; a program is in the first class that fits", Columns: append([]string{"policy"}, eval.Classes...)}
	for _, p := range eval.Policies(rows) {
		row := []string{p.String()}
		for _, n := range eval.Failures(eval.Select(rows, p, false)) {
			row = append(row, fmt.Sprint(n))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func comparisonTable(list []eval.Comparison) report.Table {
	t := report.Table{Title: "Differences from SFT", Note: "paired over problems, in points; McNemar's p on greedy results, Holm over this table",
		Columns: []string{"policy", "metric", "decoding", "difference", "low", "high", "excludes 0", "p", "Holm p"}}
	for _, c := range list {
		decoding, p, holm := "sampled", "", ""
		if c.Greedy {
			decoding, p, holm = "greedy", fmt.Sprintf("%.3f", c.P), fmt.Sprintf("%.3f", c.Holm)
		}
		t.Rows = append(t.Rows, []string{c.B.String(), c.Metric, decoding, fmt.Sprintf("%+.1f", 100*c.Difference.Estimate), fmt.Sprintf("%+.1f", 100*c.Difference.Low),
			fmt.Sprintf("%+.1f", 100*c.Difference.High), fmt.Sprint(c.Difference.Excludes(0)), p, holm})
	}
	return t
}

// costTable sums timings.jsonl.
func (l *reporter) costTable() report.Table {
	t := report.Table{Title: "Costs", Note: "wall seconds of the parts of PPO, summed over iterations; times are not part of the result", Columns: []string{"variant", "sample", "judge", "score", "update", "validate", "judged programs' CPU", "forks", "cache hits"}}
	f, err := os.Open(l.Run.Path("timings.jsonl"))
	if err != nil {
		return t
	}
	defer f.Close()
	sums, order := map[string]*train.Timing{}, []string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var x train.Timing
		if json.Unmarshal(lines.Bytes(), &x) != nil || x.Phase != "ppo" {
			continue
		}
		s := sums[x.Variant]
		if s == nil {
			s = &train.Timing{Seconds: map[string]float64{}}
			sums[x.Variant], order = s, append(order, x.Variant)
		}
		for k, v := range x.Seconds {
			s.Seconds[k] += v
		}
		s.RunCPU += x.RunCPU
		s.Forks += x.Forks
		s.CacheHits += x.CacheHits
	}
	for _, name := range order {
		s := sums[name]
		row := []string{name}
		for _, part := range []string{"sample", "judge", "score", "update", "validate"} {
			row = append(row, fmt.Sprintf("%.1f", s.Seconds[part]))
		}
		t.Rows = append(t.Rows, append(row, fmt.Sprintf("%.1f", s.RunCPU), fmt.Sprint(s.Forks), fmt.Sprint(s.CacheHits)))
	}
	return t
}

// examples are five test problems with the program before PPO and after: the first
// ones whose outcome on the primary metric changed, then any.
func (l *reporter) examples(name string, rows []record.Row) ([]report.Example, error) {
	tok, err := l.Tokenizer()
	if err != nil {
		return nil, err
	}
	before, after := eval.Select(rows, eval.Policy{Variant: "sft"}, false), eval.Select(rows, eval.Policy{Variant: name, Checkpoint: "best"}, false)
	scheme, err := reward.Named("gated-joint")
	if err != nil {
		return nil, err
	}
	good := func(r record.Row) bool { return r.Verdict.AllPassed() && !r.Verdict.Flagged("MEDIUM") }
	var list []report.Example
	for _, wantChange := range []bool{true, false} {
		for i := range min(len(before), len(after)) {
			a, b := before[i], after[i]
			if len(list) == 5 || a.Seed != b.Seed || a.Problem != b.Problem || a.Sample != 0 || (good(a) != good(b)) != wantChange {
				continue
			}
			first, err := shown(tok, "SFT", a, scheme)
			if err != nil {
				return nil, err
			}
			second, err := shown(tok, name+" best", b, scheme)
			if err != nil {
				return nil, err
			}
			list = append(list, report.Example{Title: a.Problem, Problem: a.Prompt, Before: first, After: second})
		}
	}
	return list, nil
}

// shown is a program with its verdict, price and token credit: the terminal score at
// its last token and the token-level security reward where it stands.
func shown(tok *tokenizer.Tokenizer, label string, r record.Row, scheme reward.Scheme) (report.Program, error) {
	score := scheme.Price(r.Verdict)
	tokens := tok.Spans(r.IDs)
	spans := make([]reward.Span, len(tokens))
	for i, s := range tokens {
		spans[i] = reward.Span(s)
	}
	r.Rewards = reward.PerToken(score, spans, reward.TokenOptions{})
	for i, x := range reward.TokenSecurity(r.Verdict, r.Source(), spans, r.Program.Start, 1) {
		r.Rewards[i] += x
	}
	p := report.Program{Label: label, Source: r.Completion, Verdict: describe(r.Verdict), Price: fmt.Sprintf("%.3f under %s", score.Total, score.Scheme)}
	credit, err := figure.CreditMap(label, r, fit(tokens, len(r.Completion)))
	if err != nil {
		return p, err
	}
	p.Credit = credit.SVG
	return p, nil
}

// fit keeps spans inside a text whose bytes were not all valid UTF-8 and were
// replaced when it was stored.
func fit(spans []tokenizer.Span, length int) []tokenizer.Span {
	for i := range spans {
		spans[i].Start, spans[i].End = min(spans[i].Start, length), min(spans[i].End, length)
	}
	return spans
}

// describe says in words what the judge found.
func describe(v judge.Verdict) string {
	parts := []string{fmt.Sprintf("%s; %d of %d public and %d of %d hidden tests", v.Stage(), v.PassedPublic(), v.Total, v.PassedHidden(), len(v.Hidden))}
	if v.SyntaxError != "" {
		parts = append(parts, fmt.Sprintf("line %d: %s", v.SyntaxLine, v.SyntaxError))
	}
	for _, f := range v.Findings {
		parts = append(parts, fmt.Sprintf("%s %s in line %d (CWE-%d)", f.Rule, f.Severity, f.Line, f.CWE))
	}
	return strings.Join(parts, "; ")
}
