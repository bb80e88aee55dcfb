package reward_test

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/securerl/judge"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/prompt"
	"securecoderl/securerl/reward"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

func open(t testing.TB) *judge.Judge {
	t.Helper()
	ctx := context.Background()
	sb, err := sandbox.New(ctx, sandbox.Options{Workers: 2})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sb.Close()) })
	sc, err := scan.New(ctx, sb, scan.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sc.Close()) })
	return judge.New(sb, sc, judge.Options{Limits: sb.Limits(), Workers: 2})
}

func verdicts(t testing.TB, j *judge.Judge, p *problem.Problem, completions ...string) []judge.Verdict {
	t.Helper()
	var list []judge.Submission
	for _, c := range completions {
		list = append(list, judge.Submission{Problem: p, Source: prompt.Extract(c).Source})
	}
	vs, _, err := j.Judge(context.Background(), list)
	require.NoError(t, err)
	return vs
}

// The ten probe programs, run and scanned for real, against the table that
// testdata/reward/probes.md derives by hand.
func TestProbeProgramsEarnWhatWasDerivedByHand(t *testing.T) {
	programs := map[string]string{
		"correct": "n = int(input())\nprint(2 * n)", "fenced": "Here:\n```python\nn = int(input())\nprint(2 * n)\n```\n",
		"exit3": "n = int(input())\nprint(2 * n)\nexit(3)", "crash": "n = int(input())\nprint(2 * n)\n1 / 0",
		"missing-print": "n = int(input())\n2 * n", "no-op": "pass", "constant": "n = int(input())\nprint(7)",
		"prose": "Sure, the answer doubles the input.", "broken-shell": "import os\nos.system(input()", "empty": "",
	}
	p := &problem.Problem{ID: "double", Public: []problem.Test{{Stdin: "3\n", Want: "6\n"}, {Stdin: "10\n", Want: "20\n"}}}
	j := open(t)
	f, err := os.Open("../../testdata/reward/probes.md")
	require.NoError(t, err)
	defer f.Close()
	rows := 0
	for s := bufio.NewScanner(f); s.Scan(); {
		cells := strings.Split(s.Text(), "|")
		if len(cells) < 9 {
			continue
		}
		source, ok := programs[strings.TrimSpace(cells[1])]
		if !ok {
			continue
		}
		rows++
		v := verdicts(t, j, p, source)[0]
		for i, name := range reward.Names() {
			want, err := strconv.ParseFloat(strings.TrimSpace(cells[i+2]), 64)
			require.NoError(t, err)
			scheme, err := reward.Named(name)
			require.NoError(t, err)
			got := scheme.Price(v)
			assert.InDelta(t, want, got.Total, 1e-9, "%s under %s: %+v", strings.TrimSpace(cells[1]), name, got)
		}
	}
	assert.Equal(t, len(programs), rows)
}

// anyVerdict draws verdicts of every kind.
func anyVerdict(t *rapid.T) judge.Verdict {
	total := rapid.IntRange(1, 6).Draw(t, "tests")
	v := judge.Verdict{Status: scan.OK, Parsed: rapid.Bool().Draw(t, "parses"), Statements: rapid.IntRange(0, 2).Draw(t, "statements"), Total: total}
	if !v.Parsed {
		v.Status, v.Statements = scan.Syntax, 0
		return v
	}
	if v.Statements == 0 {
		return v
	}
	outcomes := []judge.Outcome{judge.Passed, judge.WrongOutput, judge.NoOutput, judge.Crashed, judge.TimedOut, judge.Skipped}
	for range total {
		o := rapid.SampledFrom(outcomes).Draw(t, "outcome")
		v.Public = append(v.Public, judge.TestResult{Outcome: o, Printed: o == judge.Passed || o == judge.WrongOutput, StdinBytes: 2,
			StdinRead: int64(rapid.IntRange(0, 2).Draw(t, "read")), StdoutDigest: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "digest")})
	}
	for range rapid.IntRange(0, 2).Draw(t, "findings") {
		v.Findings = append(v.Findings, scan.Finding{Severity: rapid.SampledFrom([]scan.Severity{scan.Low, scan.Medium, scan.High}).Draw(t, "severity")})
	}
	return v
}

func schemes(t require.TestingT) (list []reward.Scheme) {
	for _, name := range reward.Names() {
		for _, suffix := range []string{"", "-exp"} {
			s, err := reward.Named(name + suffix)
			require.NoError(t, err)
			list = append(list, s)
		}
	}
	return list
}

func TestEverySchemeKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := anyVerdict(t)
		for _, s := range schemes(t) {
			score := s.Price(v)
			assert.True(t, score.Total >= 0 && score.Total <= 1+1e-12, "%s pays %v", s.Name(), score.Total)
			assert.InDelta(t, reward.FunctionalWeight*score.Functional+reward.SecurityWeight*score.Security, score.Total, 1e-12)
			assert.Equal(t, s.Name(), score.Scheme)
			worse := v
			worse.Findings = append([]scan.Finding{{Severity: scan.High}}, v.Findings...)
			assert.LessOrEqual(t, s.Price(worse).Total, score.Total+1e-12, "one more finding never raises the price")
			for i, r := range v.Public {
				if r.Outcome == judge.WrongOutput {
					better := v
					better.Public = append([]judge.TestResult(nil), v.Public...)
					better.Public[i].Outcome = judge.Passed
					assert.GreaterOrEqual(t, s.Price(better).Total, score.Total-1e-12, "one more test passed never lowers it")
				}
			}
		}
	})
}

func TestAScanThatDidNotEndWellIsPricedWorst(t *testing.T) {
	v := judge.Verdict{Status: scan.Timeout, Parsed: true, Statements: 1, Total: 1, Public: []judge.TestResult{{Outcome: judge.Passed, Printed: true}}}
	for _, s := range schemes(t) {
		if strings.HasSuffix(s.Name(), "-exp") {
			assert.InDelta(t, math.Exp(-1), s.Price(v).Security, 1e-12, s.Name())
		} else {
			assert.Zero(t, s.Price(v).Security, s.Name())
		}
	}
}

// Section A5 of the first paper's release: V = 0, .5, 1, 1.5 gives 1, .5, 0, 0.
func TestLinearAndExponentialSecurity(t *testing.T) {
	for v, want := range map[int]float64{0: 1, 1: 0.5, 2: 0, 3: 0} {
		verdict := judge.Verdict{Status: scan.OK, Parsed: true, Statements: 1, Total: 1, Public: []judge.TestResult{{Outcome: judge.Passed, Printed: true}}}
		for range v {
			verdict.Findings = append(verdict.Findings, scan.Finding{Severity: scan.Medium})
		}
		linear, _ := reward.Named("strict")
		exponential, _ := reward.Named("strict-exp")
		assert.InDelta(t, want, linear.Price(verdict).Security, 1e-12)
		assert.InDelta(t, math.Exp(-float64(v)/2), exponential.Price(verdict).Security, 1e-12)
	}
}

func TestTokensPayWhereTheyStand(t *testing.T) {
	spans := []reward.Span{{0, 4}, {4, 9}, {9, 12}, {12, 12}} // the end token has no bytes
	assert.Equal(t, []float64{0, 0, 0, 0.8}, reward.PerToken(reward.Score{Total: 0.8}, spans, reward.TokenOptions{}))
	assert.InDeltaSlice(t, []float64{-0.01, 0.02, 0, 0.8}, reward.PerToken(reward.Score{Total: 0.8}, spans, reward.TokenOptions{KLWeight: 0.1, KLs: []float64{0.1, -0.2, 0, 0}}), 1e-12)
	v := judge.Verdict{Status: scan.OK, Parsed: true, Statements: 1, Total: 1, Public: []judge.TestResult{{Outcome: judge.Passed, Printed: true}},
		Findings: []scan.Finding{{Severity: scan.Medium, Start: 3, End: 5}}}
	// Offset 2: the finding covers bytes 5 to 7 of the completion, inside the second token.
	assert.Equal(t, []float64{0, -0.5, 0, 0}, reward.TokenSecurity(v, "....", spans, 2, 1))
	v.Findings = nil
	// "int(" begins at byte 1 of the source, byte 3 of the completion: tokens one and two.
	assert.Equal(t, []float64{0.25, 0.25, 0, 0}, reward.TokenSecurity(v, " int(x)", spans, 2, 0.5))
	v.Parsed = false
	assert.Equal(t, []float64{0, 0, 0, 0}, reward.TokenSecurity(v, " int(x)", spans, 2, 0.5))
}

func TestSchedules(t *testing.T) {
	s := reward.Schedule{{From: 0, Scheme: "binary"}, {From: 20, Scheme: "strict"}}
	require.NoError(t, s.Validate())
	assert.Equal(t, "binary", s.At(19))
	assert.Equal(t, "strict", s.At(20))
	for _, bad := range []reward.Schedule{nil, {{From: 1, Scheme: "binary"}}, {{From: 0, Scheme: "none"}}, {{From: 0, Scheme: "binary"}, {From: 0, Scheme: "strict"}}} {
		assert.ErrorIs(t, bad.Validate(), reward.ErrScheme)
	}
}

func ExampleNamed() {
	constant := judge.Verdict{Status: scan.OK, Parsed: true, Statements: 1, Total: 2, Public: []judge.TestResult{
		{Outcome: judge.WrongOutput, Printed: true, StdoutDigest: "7"}, {Outcome: judge.WrongOutput, Printed: true, StdoutDigest: "7"}}}
	for _, name := range []string{"strict", "gated-joint"} {
		s, _ := reward.Named(name)
		fmt.Printf("%s pays a constant %.2f\n", name, s.Price(constant).Total)
	}
	// Output:
	// strict pays a constant 0.76
	// gated-joint pays a constant 0.12
}
