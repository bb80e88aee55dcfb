package scan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/sandbox"
)

// fake stands for a worker. It answers the canary well unless told otherwise, and
// any other source with the steps, one after the other; the last one lasts.
type fake struct {
	steps  []func() ([]byte, error)
	canary func(n int) ([]byte, error)
	proofs int
	scans  int
	fresh  int
}

func (f *fake) Call(_ context.Context, request []byte) ([]byte, error) {
	if string(request) == "!"+canary {
		f.proofs++
		if f.canary != nil {
			return f.canary(f.proofs)
		}
		return healthy()
	}
	f.scans++
	return f.steps[min(f.scans, len(f.steps))-1]()
}

func (f *fake) Fresh() error { f.fresh++; return nil }
func (f *fake) Close() error { return nil }

func healthy() ([]byte, error) {
	return []byte(`{"status":"ok","compile_ok":true,"statements":2,"findings":[
		{"rule":"B403","severity":"LOW","start":0,"end":13},{"rule":"B307","severity":"MEDIUM","start":18,"end":31}]}`), nil
}

func answer(s string) func() ([]byte, error) { return func() ([]byte, error) { return []byte(s), nil } }
func fails(err error) func() ([]byte, error) { return func() ([]byte, error) { return nil, err } }

var (
	clean  = answer(`{"status":"ok","compile_ok":true,"statements":1,"findings":[],"cpu":0.5}`)
	crash  = fails(fmt.Errorf("%w: scanner", sandbox.ErrServerCrash))
	late   = fails(fmt.Errorf("%w: scanner", sandbox.ErrServerTimeout))
	gone   = fails(fmt.Errorf("%w: killed", sandbox.ErrWorker))
	plugin = answer(`{"status":"plugin","compile_ok":true,"statements":1,"fault":"B613: LookupError"}`)
	memory = answer(`{"status":"memory","compile_ok":true,"statements":1}`)
)

type steps = []func() ([]byte, error)

// A fault is a fact about the source only when a fresh worker with a passing canary
// shows the same fault again.
func TestAFaultIsAFactOnlyIfItComesBack(t *testing.T) {
	for _, tt := range []struct {
		name          string
		steps         steps
		status        Status // empty: ErrInfrastructure
		scans, proofs int
	}{
		{"no fault", steps{clean}, OK, 1, 0},
		{"crash twice", steps{crash, crash}, Crash, 2, 1},
		{"late twice", steps{late, late}, Timeout, 2, 1},
		{"a rule fails twice", steps{plugin, plugin}, Plugin, 2, 1},
		{"memory twice", steps{memory, memory}, Memory, 2, 1},
		{"crash once", steps{crash, clean}, OK, 2, 1},
		{"late once", steps{late, clean}, OK, 2, 1},
		{"crash, then late and late", steps{crash, late, late}, Timeout, 3, 2},
		{"every time another", steps{crash, late, crash, late}, "", 4, 3},
		{"killed once", steps{gone, clean}, OK, 2, 1},
		{"killed, then late and late", steps{gone, late, late}, Timeout, 3, 2},
		{"killed every time", steps{gone}, "", 4, 3},
		{"no sandbox any more", steps{fails(sandbox.ErrNoSandbox)}, "", 1, 0},
	} {
		f := &fake{steps: tt.steps}
		r, err := (&Scanner{server: f}).Scan(context.Background(), []byte("x = 1"))
		if tt.status == "" {
			assert.ErrorIs(t, err, ErrInfrastructure, tt.name)
			assert.Zero(t, r, tt.name)
		} else if assert.NoError(t, err, tt.name) {
			assert.Equal(t, tt.status, r.Status, tt.name)
		}
		assert.Equal(t, tt.scans, f.scans, tt.name)
		assert.Equal(t, tt.proofs, f.proofs, tt.name)
	}
}

func TestNoAnswerOfABrokenWorkerIsClean(t *testing.T) {
	for name, b := range map[string]string{
		"no JSON":              "all is well",
		"half of it":           `{"status":"ok","compile_ok":tr`,
		"nothing":              `{}`,
		"null":                 `null`,
		"an unknown status":    `{"status":"fine","compile_ok":true}`,
		"a fact of ours":       `{"status":"crash"}`,
		"clean, not compiled":  `{"status":"ok","findings":[]}`,
		"a span outside":       `{"status":"ok","compile_ok":true,"findings":[{"rule":"B1","severity":"LOW","start":0,"end":6}]}`,
		"an extra one outside": `{"status":"ok","compile_ok":true,"extra":[{"rule":"X001","severity":"LOW","start":0,"end":6}]}`,
		"a span turned round":  `{"status":"ok","compile_ok":true,"findings":[{"rule":"B1","severity":"LOW","start":3,"end":1}]}`,
		"no such severity":     `{"status":"ok","compile_ok":true,"findings":[{"rule":"B1","severity":"BAD","start":0,"end":1}]}`,
		"a finding of no rule": `{"status":"ok","compile_ok":true,"findings":[{"severity":"LOW","start":0,"end":1}]}`,
	} {
		r, err := (&Scanner{server: &fake{steps: steps{answer(b)}}}).Scan(context.Background(), []byte("x = 1"))
		assert.ErrorIs(t, err, ErrInfrastructure, name)
		assert.Zero(t, r, name)
	}
}

func TestTheCanaryIsAskedEvery64ScansAndStopsABlindScanner(t *testing.T) {
	f := &fake{steps: steps{clean}}
	s := &Scanner{server: f}
	for range 2 * canaryEvery {
		_, err := s.Scan(context.Background(), []byte("x = 1"))
		require.NoError(t, err)
	}
	assert.Equal(t, 2, f.proofs)
	for name, canary := range map[string]func(int) ([]byte, error){
		"blind":         func(int) ([]byte, error) { return clean() },
		"late":          func(int) ([]byte, error) { return late() },
		"killed twice":  func(int) ([]byte, error) { return gone() },
		"crashes twice": func(int) ([]byte, error) { return crash() },
	} {
		f.canary = canary
		s.scans = canaryEvery - 1
		_, err := s.Scan(context.Background(), []byte("x = 1"))
		assert.ErrorIs(t, err, ErrInfrastructure, name)
	}
	f.canary = func(n int) ([]byte, error) {
		if n%2 == 1 {
			return gone()
		}
		return healthy()
	}
	f.proofs, s.scans = 0, canaryEvery-1
	_, err := s.Scan(context.Background(), []byte("x = 1"))
	assert.NoError(t, err, "killed during the canary, well on the next worker")
}

func TestACanceledScanIsTheContextsError(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := (&Scanner{server: &fake{steps: steps{gone}}}).Scan(ctx, []byte("x = 1"))
	assert.ErrorIs(t, err, context.Canceled)
	assert.NotErrorIs(t, err, ErrInfrastructure)
}

func TestAReportsCostIsNoFact(t *testing.T) {
	r, err := (&Scanner{server: &fake{steps: steps{clean}}}).Scan(context.Background(), []byte("x = 1"))
	require.NoError(t, err)
	assert.EqualValues(t, 5e8, r.CPU)
	assert.Nil(t, r.Findings)
	b, err := json.Marshal(r)
	require.NoError(t, err)
	assert.JSONEq(t, `{"status":"ok","statements":1,"compile_ok":true,"parse_ok":true}`, string(b))
}

func TestAStartFailureNamesTheCure(t *testing.T) {
	missing := startError(fmt.Errorf("%w: tier A: ModuleNotFoundError: No module named 'bandit'", sandbox.ErrNoSandbox), "python3", Options{}.complete())
	assert.ErrorIs(t, missing, ErrVersion)
	assert.EqualError(t, missing, "scan: wrong Bandit or dlint: Bandit 1.9.4 does not start in python3 (ModuleNotFoundError: No module named 'bandit'); run make setup")
	other := startError(errors.New("no memory"), "python3", Options{}.complete())
	assert.ErrorIs(t, other, ErrInfrastructure)
	assert.NotErrorIs(t, other, ErrVersion)
}
