package reward_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/judge"
	"securecoderl/securerl/reward"
	"securecoderl/securerl/scan"
)

// A program that passes, with a MEDIUM finding of the first scanner at bytes 0 to 10
// and findings of the second where told. Prices by hand: 0.6 + 0.4 (1 - V).
func TestTwoOpinionsBecomeOnePrice(t *testing.T) {
	at := func(start, end int) scan.Finding {
		return scan.Finding{Rule: "DUO104", Severity: scan.Medium, Start: start, End: end}
	}
	first := []scan.Finding{{Rule: "B307", Severity: scan.Medium, Start: 0, End: 10}}
	for _, tt := range []struct {
		name             string
		first, second    []scan.Finding
		status           scan.Status
		union, consensus float64
	}{
		{"both at one place", first, []scan.Finding{at(5, 12)}, scan.OK, 0.8, 0.8},
		{"side by side", first, []scan.Finding{at(10, 12)}, scan.OK, 0.6, 1},
		{"the first alone", first, nil, scan.OK, 0.8, 1},
		{"the second alone", nil, []scan.Finding{at(0, 3)}, scan.OK, 0.8, 1},
		{"neither", nil, nil, scan.OK, 1, 1},
		{"the second could not read it", nil, nil, scan.Timeout, 0.6, 0.6},
	} {
		v := judge.Verdict{Status: scan.OK, Parsed: true, Statements: 1, Total: 1, Findings: tt.first,
			Public: []judge.TestResult{{Outcome: judge.Passed, Printed: true}}, Opinion: &judge.Opinion{Status: tt.status, Findings: tt.second}}
		for how, want := range map[reward.Opinions]float64{reward.Union: tt.union, reward.Consensus: tt.consensus} {
			s, err := reward.WithOpinion("strict", how)
			require.NoError(t, err)
			assert.InDelta(t, want, s.Price(v).Total, 1e-12, "%s: %s", tt.name, how)
			assert.Equal(t, "strict+"+string(how), s.Price(v).Scheme)
			require.NoError(t, reward.Check(s, v))
		}
		assert.Equal(t, tt.first, v.Findings, "pricing changes nothing")
	}
}

// A second opinion that nobody gave is no opinion that all is well.
func TestAMissingOpinionHasNoPrice(t *testing.T) {
	v := judge.Verdict{Status: scan.OK, Parsed: true, Statements: 1, Total: 1, Public: []judge.TestResult{{Outcome: judge.Passed, Printed: true}}}
	for _, name := range reward.Names() {
		s, err := reward.WithOpinion(name, reward.Consensus)
		require.NoError(t, err)
		score := s.Price(v)
		assert.True(t, math.IsNaN(score.Total) && math.IsNaN(score.Security), name)
		assert.Equal(t, []string{reward.NoOpinion}, score.Gates)
		_, err = json.Marshal(score)
		assert.Error(t, err, "no log takes it")
		assert.ErrorIs(t, reward.Check(s, judge.Verdict{}, v), reward.ErrOpinion)
		assert.NoError(t, reward.Check(s, judge.Verdict{Total: 1}), "text that does not parse needs none")
		plain, err := reward.Named(name)
		require.NoError(t, err)
		assert.NoError(t, reward.Check(plain, v))
	}
	_, err := reward.WithOpinion("strict", "vote")
	assert.ErrorIs(t, err, reward.ErrScheme)
	_, err = reward.WithOpinion("none", reward.Union)
	assert.ErrorIs(t, err, reward.ErrScheme)
}
