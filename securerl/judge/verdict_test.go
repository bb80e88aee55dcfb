package judge

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/securerl/scan"
)

var (
	right = TestResult{Outcome: Passed, Printed: true, Equal: true, StdinBytes: 2, StdinRead: 2, StdoutDigest: "a"}
	wrong = TestResult{Outcome: WrongOutput, Printed: true, StdinBytes: 2, StdinRead: 2, StdoutDigest: "b", FirstDiff: 1}
	mute  = TestResult{Outcome: NoOutput, StdinBytes: 2, StdinRead: 2, StdoutDigest: "e"}
	dead  = TestResult{Outcome: Crashed, Status: 1, Equal: true, Printed: true, StdinBytes: 2, StdoutDigest: "a"}
	after = TestResult{Outcome: Skipped, StdinBytes: 2}
)

func verdict(public ...TestResult) Verdict {
	return Verdict{Status: scan.OK, Parsed: true, Statements: 1, Total: len(public), Public: public}
}

func TestStagesAreReachedWithEveryTest(t *testing.T) {
	for _, tt := range []struct {
		v      Verdict
		stage  Stage
		passed int
	}{
		{Verdict{Status: scan.Syntax}, Unparsable, 0},
		{Verdict{Status: scan.OK, Parsed: true, Total: 2}, Parses, 0},
		{verdict(right, dead), Parses, 1},
		{verdict(dead, dead), Parses, 0},
		{verdict(right, after), Parses, 1},
		{verdict(right, mute), Runs, 1},
		{verdict(mute, mute), Runs, 0},
		{verdict(wrong, wrong), Prints, 0},
		{verdict(right, wrong), Some, 1},
		{verdict(right, right), Passes, 2},
	} {
		assert.Equal(t, tt.stage, tt.v.Stage(), "%+v", tt.v)
		assert.Equal(t, tt.passed, tt.v.PassedPublic())
		assert.Equal(t, tt.stage == Passes, tt.v.AllPublic())
	}
	assert.Equal(t, "unparsable parses runs prints some passes", fmt.Sprint(Unparsable, " ", Parses, " ", Runs, " ", Prints, " ", Some, " ", Passes))
}

func TestAllPassedNeedsHiddenTestsThatRan(t *testing.T) {
	v := verdict(right)
	assert.False(t, v.AllPassed(), "hidden tests not run")
	v.Hidden = []TestResult{right, wrong}
	assert.False(t, v.AllPassed())
	assert.Equal(t, 1, v.PassedHidden())
	v.Hidden = []TestResult{right, right}
	assert.True(t, v.AllPassed())
	v.Public, v.Total = nil, 0
	assert.False(t, v.AllPublic(), "no test is no proof")
	assert.False(t, v.AllPassed())
}

func TestFlaggedCountsSeverityAndScansThatDidNotEndWell(t *testing.T) {
	v := verdict(right)
	assert.False(t, v.Flagged(scan.Low))
	v.Findings = []scan.Finding{{Severity: scan.Medium}}
	assert.True(t, v.Flagged(scan.Low))
	assert.True(t, v.Flagged(scan.Medium))
	assert.False(t, v.Flagged(scan.High))
	for _, status := range []scan.Status{scan.TooDeep, scan.TooLarge, scan.Timeout, scan.Memory, scan.Crash, scan.Plugin, scan.Internal} {
		v = verdict(right)
		v.Status = status
		assert.True(t, v.Flagged(scan.High), status)
	}
	assert.False(t, Verdict{Status: scan.Syntax}.Flagged(scan.Low), "what does not parse is no program")
}

func TestWhatGatesAsk(t *testing.T) {
	blind := right
	blind.StdinRead = 0
	none := blind
	none.StdinBytes = 0
	assert.True(t, verdict(right, wrong).ReadsInput())
	assert.False(t, verdict(right, blind).ReadsInput())
	assert.True(t, verdict(right, none).ReadsInput(), "there was nothing to read")
	assert.False(t, Verdict{}.ReadsInput())
	assert.True(t, verdict(right, wrong).Varies())
	assert.False(t, verdict(right, right).Varies())
	assert.True(t, verdict(wrong, wrong).Constant())
	assert.False(t, verdict(right, right).Constant(), "where one answer is right for every test")
	assert.False(t, verdict(right, wrong).Constant())
	assert.False(t, verdict(mute, mute).Constant(), "printing nothing is no constant")
	assert.False(t, verdict(right).Constant(), "one test shows nothing")
	assert.True(t, Verdict{Parsed: true}.Empty())
	assert.False(t, Verdict{}.Empty())
	assert.False(t, verdict(right).Empty())
}

// Facts survive being written, and hold no clock.
func TestVerdictsSurviveJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := verdict(rapid.SliceOfN(rapid.SampledFrom([]TestResult{right, wrong, mute, dead, after}), 1, 5).Draw(t, "public")...)
		v.Truncated, v.Nondeterministic = rapid.Bool().Draw(t, "truncated"), rapid.Bool().Draw(t, "chance")
		v.Findings = []scan.Finding{{Rule: "B307", Severity: scan.Medium, Start: 1, End: 2, CWE: 78}}
		b, err := json.Marshal(v)
		require.NoError(t, err)
		var back Verdict
		require.NoError(t, json.Unmarshal(b, &back))
		assert.Equal(t, v, back)
	})
}

func TestCostsAdd(t *testing.T) {
	a := Cost{ScanCPU: 1, RunCPU: 2, Wall: 3 * time.Second, Forks: 4, Scans: 5, CacheHits: 6, Confirmed: 7, Confirming: 8}
	assert.Equal(t, Cost{2, 4, 6 * time.Second, 8, 10, 12, 14, 16}, a.Add(a))
}

func TestAProblemWithoutTestsIsAFactOfItsOwn(t *testing.T) {
	none := Verdict{Status: scan.OK, Parsed: true, Statements: 1}
	assert.True(t, none.NoTests())
	assert.False(t, none.AllPublic() || none.AllPassed())
	assert.Equal(t, Parses, none.Stage(), "it compiles; nothing else is known")
	assert.False(t, verdict(right).NoTests())
	assert.False(t, Verdict{Total: 2}.NoTests(), "not run is not untested")
}
