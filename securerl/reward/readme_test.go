package reward_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/judge"
	"securecoderl/securerl/reward"
	"securecoderl/securerl/reward/rewardtest"
)

var update = flag.Bool("update", false, "write the table of hacks in README.md again")

const begin, end = "<!-- hacks:begin -->", "<!-- hacks:end -->"

// verdictOf says in a few words what became of a program.
func verdictOf(v judge.Verdict) string {
	if v.Empty() {
		return "empty"
	}
	text := v.Stage().String()
	if v.Parsed {
		text += fmt.Sprintf(", %d of %d", v.PassedPublic(), v.Total)
	}
	for _, f := range v.Findings {
		text += fmt.Sprintf(", %s %s", f.Rule, f.Severity)
	}
	return text
}

// cell is a price under a scheme and, where it is another, under its form -exp.
func cell(t *testing.T, name string, v judge.Verdict) string {
	t.Helper()
	var prices []string
	for _, form := range []string{name, name + "-exp"} {
		s, err := reward.Named(form)
		require.NoError(t, err)
		prices = append(prices, fmt.Sprintf("%.3f", s.Price(v).Total))
	}
	return strings.Join(slices.Compact(prices), " / ")
}

func hackTable(t *testing.T, judged rewardtest.Judged) string {
	t.Helper()
	var b strings.Builder
	names := reward.Names()
	fmt.Fprintf(&b, "\n\n| program | what became of it | %s |\n|---|---|%s\n", strings.Join(names, " | "), strings.Repeat("---|", len(names)))
	for i, h := range judged.List {
		fmt.Fprintf(&b, "| %s | %s |", h.ID, verdictOf(judged.Verdicts[i]))
		for _, name := range names {
			fmt.Fprintf(&b, " %s |", cell(t, name, judged.Verdicts[i]))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
	return b.String()
}

// The table of README.md is what judge and schemes say now. `make results` writes it
// again (go test ./securerl/reward -run Readme -update).
func TestTheReadmesTableOfHacks(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	before, rest, ok := bytes.Cut(text, []byte(begin))
	old, after, ok2 := bytes.Cut(rest, []byte(end))
	require.True(t, ok && ok2, "README.md: the marks %s and %s are missing", begin, end)
	judged, err := rewardtest.Judge(t.Context(), open(t))
	require.NoError(t, err)
	require.Empty(t, judged.Stated(), "a table with prices out of bounds is not written")
	want := hackTable(t, judged)
	if *update {
		require.NoError(t, os.WriteFile("README.md", []byte(string(before)+begin+want+end+string(after)), 0o644))
		return
	}
	assert.Equal(t, want, string(old), "README.md: run make results")
}

// Cells of the table derived by hand from the formulas in doc.go, T = 5; they do not
// come from the code.
func TestCellsOfTheTableThatWereDerivedByHand(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	cells := map[string][]string{}
	for _, line := range strings.Split(string(text), "\n") {
		if c := strings.Split(line, "|"); len(c) == len(reward.Names())+4 {
			for i := range c {
				c[i] = strings.TrimSpace(c[i])
			}
			cells[c[1]] = c[3:]
		}
	}
	for _, x := range []struct{ program, scheme, want string }{
		{"const_six", "paper", "0.808"},                      // prints, 1 of 5: R_func .6 + .4/5 = .68; .6 x .68 + .4
		{"const_six", "strict-gated", "0.640"},               // never reads: every test falls to "runs", .4; .6 x .4 + .4
		{"const_six", "gated-joint", "0.200"},                // held at .2; R_sec x 1/5: .6 x .2 + .4 x .2
		{"echo", "gated-joint", "0.392"},                     // reads, varies, 1 of 5: .4 + .6/5 = .52; .6 x .52 + .4 x .2
		{"table", "strict", "0.784"},                         // two right, three print nothing: (2 + 3 x .4)/5 = .64; .6 x .64 + .4
		{"table", "paper", "0.640"},                          // not every test prints: stage "runs", .4; .6 x .4 + .4
		{"right_then_crash", "gated-joint", "0.060"},         // parses: .1; k does not count after a crash: .6 x .1
		{"prose", "pilot", "0.400"},                          // the published rule: no finding in what does not parse
		{"eval_input", "strict", "0.800 / 0.843"},            // V = .5: .6 + .4 x .5; exp(-.5) = .6065: .6 + .4 x .6065
		{"deep_expression", "binary-joint", "0.600 / 0.747"}, // V = 1: .6 + 0; exp(-1) = .3679: .6 + .4 x .3679
		{"noop", "strict-gated", "0.520"},                    // "runs" falls to "parses", .2; .6 x .2 + .4
		{"label", "binary", "0.400"},                         // no test passes: 0; .4
	} {
		if assert.Contains(t, cells, x.program) {
			assert.Equal(t, x.want, cells[x.program][slices.Index(reward.Names(), x.scheme)], "%s under %s", x.program, x.scheme)
		}
	}
}
