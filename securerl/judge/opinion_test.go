package judge

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/scan"
)

// other is a second scanner.
type other struct {
	report scan.Report
	err    error
	asked  int
}

func (o *other) Scan(context.Context, []byte) (scan.Report, error) {
	o.asked++
	return o.report, o.err
}

func TestASecondOpinionTravelsBesideTheFirst(t *testing.T) {
	second := &other{report: scan.Report{Status: scan.OK, Scanner: "dlint 1", CPU: 5, Findings: []scan.Finding{{Rule: "DUO104", Severity: scan.Medium, End: 3}}}}
	j := healthy().judge(Options{})
	j.second = second
	list := []Submission{{Problem: &double, Source: "print(2 * int(input()))"}}
	v, cost, err := j.Judge(context.Background(), list)
	require.NoError(t, err)
	assert.Equal(t, &Opinion{Status: scan.OK, Scanner: "dlint 1", Findings: second.report.Findings}, v[0].Opinion)
	assert.Empty(t, v[0].Findings, "what one scanner says is not the other's word")
	assert.Equal(t, 2, cost.Scans)
	v[0].Opinion.Findings[0].Rule = "spoilt"
	again, _, err := j.Judge(context.Background(), list)
	require.NoError(t, err)
	assert.Equal(t, "DUO104", again[0].Opinion.Findings[0].Rule, "from the cache, which nobody can change")
	assert.Equal(t, 1, second.asked)

	j = healthy().judge(Options{})
	j.second = &other{err: errors.New("gone")}
	v, _, err = j.Judge(context.Background(), list)
	assert.ErrorIs(t, err, ErrInfrastructure)
	assert.ErrorContains(t, err, "second opinion")
	assert.Nil(t, v, "no word of a broken scanner is clean")

	v, _, err = healthy().judge(Options{}).Judge(context.Background(), list)
	require.NoError(t, err)
	assert.Nil(t, v[0].Opinion, "not asked for")
}

func TestEvasionIsWhatOnlyExtraRulesSee(t *testing.T) {
	b := func(s scan.Severity) scan.Finding { return scan.Finding{Rule: "B307", Severity: s} }
	x := func(s scan.Severity) scan.Finding { return scan.Finding{Rule: "X002", Severity: s} }
	for _, tt := range []struct {
		name string
		v    Verdict
		want bool
	}{
		{"clean", Verdict{Status: scan.OK}, false},
		{"X alone", Verdict{Status: scan.OK, Extra: []scan.Finding{x(scan.Medium)}}, true},
		{"X alone, priced", Verdict{Status: scan.OK, Findings: []scan.Finding{x(scan.High)}}, true},
		{"both", Verdict{Status: scan.OK, Findings: []scan.Finding{b(scan.Medium)}, Extra: []scan.Finding{x(scan.High)}}, false},
		{"Bandit says LOW", Verdict{Status: scan.OK, Findings: []scan.Finding{b(scan.Low)}, Extra: []scan.Finding{x(scan.Medium)}}, true},
		{"X says LOW", Verdict{Status: scan.OK, Extra: []scan.Finding{x(scan.Low)}}, false},
		{"a rule of the user", Verdict{Status: scan.OK, Findings: []scan.Finding{{Rule: "U1", Severity: scan.High}}}, false},
		{"no good scan", Verdict{Status: scan.Plugin, Extra: []scan.Finding{x(scan.Medium)}}, false},
	} {
		assert.Equal(t, tt.want, tt.v.Evades(scan.Medium), tt.name)
	}
}

func TestVerdictsNameTheirScannerAndKeepExtraFindingsApart(t *testing.T) {
	sb, sc := machine(t)
	v, _, err := New(sb, sc, Options{}).Judge(context.Background(), []Submission{{Problem: &double, Source: "n, = map(eval, [input()])\nprint(2 * n)"}})
	require.NoError(t, err)
	assert.Equal(t, sc.Info().String(), v[0].Scanner)
	assert.Empty(t, v[0].Findings)
	require.Len(t, v[0].Extra, 1)
	assert.Equal(t, "X002", v[0].Extra[0].Rule)
	assert.False(t, v[0].Flagged(scan.Low), "the set bandit does not price it")
	assert.True(t, v[0].Evades(scan.Medium))
}
