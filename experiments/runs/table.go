package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"securecoderl/experiments/results/stored"
	"securecoderl/securerl/eval"
)

const begin, end = "<!-- results:begin -->", "<!-- results:end -->"

// table puts the result table of a stored evaluation between the marks of a README,
// or fails if what stands there is another one.
func table(write bool, readme, dir string) error {
	text, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(text, []byte(begin))
	old, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		return fmt.Errorf("%s: the marks %s and %s are missing", readme, begin, end)
	}
	want, err := resultTable(dir)
	if err != nil {
		return err
	}
	if string(old) == want {
		return nil
	}
	if !write {
		return fmt.Errorf("%s: the result table is not that of %s; run make results", readme, dir)
	}
	return os.WriteFile(readme, []byte(string(before)+begin+want+end+string(after)), 0o644)
}

// columns of the README's table.
var columns = []struct {
	metric string
	greedy bool
}{{eval.Primary, false}, {"all_tests", false}, {"parses", false}, {"flagged_parsed", false}, {"constant", false}, {eval.Primary, true}, {"all_tests", true}}

func resultTable(dir string) (string, error) {
	run, err := stored.Read(dir)
	if err != nil {
		return "", err
	}
	rows, facts := run.Evaluation, run.Facts()
	if len(rows) == 0 {
		return "", fmt.Errorf("%s holds no evaluation", dir)
	}
	sampled, greedy := map[eval.Policy]eval.Summary{}, map[eval.Policy]eval.Summary{}
	for _, s := range eval.Summarize(rows) {
		if s.Greedy {
			greedy[s.Policy] = s
		} else {
			sampled[s.Policy] = s
		}
	}
	var b strings.Builder
	b.WriteString("\n\n| policy |")
	for _, c := range columns {
		fmt.Fprintf(&b, " %s%s |", c.metric, map[bool]string{true: ", greedy"}[c.greedy])
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(columns)) + "\n")
	policies := eval.Policies(rows)
	for _, p := range policies {
		fmt.Fprintf(&b, "| %s |", p)
		for _, c := range columns {
			s := sampled[p]
			if c.greedy {
				s = greedy[p]
			}
			r, _ := s.Rate(c.metric)
			fmt.Fprintf(&b, " %s |", eval.Percent(r.Interval))
		}
		b.WriteString("\n")
	}
	first := sampled[policies[0]]
	last := sampled[policies[len(policies)-1]]
	fmt.Fprintf(&b, "\nn = %d problems, %d samples each beside one greedy program; seeds %v; %v, backend %v.\n", first.Problems, first.Programs/first.Problems, last.Seeds, facts["started"], facts["backend"])
	for _, p := range policies {
		if p.Checkpoint == "last" {
			c, err := eval.Compare(rows, eval.Policy{Variant: "sft"}, p, eval.Primary, false)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "\n* %s", c.Sentence())
		}
	}
	b.WriteString("\n\n")
	return b.String(), nil
}
