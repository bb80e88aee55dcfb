package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"securecoderl/experiments/results/stored"
	"securecoderl/securerl/eval"
	"securecoderl/securerl/runlog"
)

// against prints, for every metric, the rates of two policies of a run and the second
// against the first, by a bootstrap over seeds and problems; then what the primary
// metric allows to be said. Policies are named as in tables: "sft", "group last".
func against(w io.Writer, dir, first, second string) error {
	run, err := stored.Read(dir)
	if err != nil {
		return err
	}
	rows := run.Evaluation
	a, b := policyOf(first), policyOf(second)
	for _, p := range []eval.Policy{a, b} {
		if have := eval.Policies(rows); !slices.Contains(have, p) {
			return fmt.Errorf("%w: %s evaluates no %q; there are: %v", runlog.ErrRun, dir, p, have)
		}
	}
	var sentences []string
	for _, greedy := range []bool{false, true} {
		how := map[bool]string{false: "sampled", true: "greedy"}[greedy]
		fmt.Fprintf(w, "| %s | %s | %s | %s less %s |\n|---|---|---|---|\n", how, a, b, b, a)
		rates := map[eval.Policy]eval.Summary{}
		for _, s := range eval.Summarize(rows) {
			if s.Greedy == greedy {
				rates[s.Policy] = s
			}
		}
		for _, m := range eval.Metrics() {
			c, err := eval.Compare(rows, a, b, m.Name, greedy)
			if err != nil {
				return err
			}
			ra, _ := rates[a].Rate(m.Name)
			rb, _ := rates[b].Rate(m.Name)
			d := c.Difference
			fmt.Fprintf(w, "| %s | %s | %s | %+.1f [%+.1f, %+.1f] |\n", m.Name, eval.Percent(ra.Interval), eval.Percent(rb.Interval), 100*d.Estimate, 100*d.Low, 100*d.High)
			if m.Name == eval.Primary {
				sentences = append(sentences, c.Sentence())
			}
		}
		fmt.Fprintln(w)
	}
	_, err = fmt.Fprintf(w, "* %s\n", strings.Join(sentences, "\n* "))
	return err
}

// policyOf reads a policy's name.
func policyOf(name string) eval.Policy {
	variant, checkpoint, _ := strings.Cut(name, " ")
	return eval.Policy{Variant: variant, Checkpoint: checkpoint}
}
