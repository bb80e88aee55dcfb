package policy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
	"securecoderl/securerl/policy"
)

// The sampler runs on the first device, scoring on all three, which share 33 rows.
func TestScoresOfSeveralDevicesAreTheSamplersNumbers(t *testing.T) {
	enginetest.Devices(t, []int{3}, func(t *testing.T, e *engine.Engine) {
		p := small(t, e)
		ts, err := policy.Collect(p.Rollout(t.Context(), prompts(t, p), 20, plain, key))
		require.NoError(t, err)
		scores, err := p.LogProbs(t.Context(), p.Adapter, ts, plain.Temperature)
		require.NoError(t, err)
		gap, err := policy.Compare(ts, scores, policy.GapLimit)
		require.NoError(t, err)
		assert.Positive(t, gap.Largest, "two computations of 40 programs agree to the last bit: were they two?")
	})
}
