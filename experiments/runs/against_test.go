package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/runlog"
)

// The stored run's table stands in the README, which make check holds to it.
func TestTwoPoliciesOfARunAgainstEachOther(t *testing.T) {
	const dir = "../../testdata/results"
	var b bytes.Buffer
	require.NoError(t, against(&b, dir, "sft", "simple last"))
	assert.Contains(t, b.String(), "| correct_secure | 2.6 [0.5, 4.7] | 11.5 [7.3, 16.1] | +8.9 [+5.2, +13.0] |")
	assert.Contains(t, b.String(), "| all_tests | 53.1 [43.2, 62.8] | 49.0 [39.2, 58.8] |", "greedy")
	assert.Contains(t, b.String(), "* correct_secure, sampled: this checkpoint of simple last improves on sft: +8.9 points [+5.2, +13.0] (n = 96 problems)")
	err := against(&b, dir, "sft", "critic last")
	require.ErrorIs(t, err, runlog.ErrRun)
	assert.Contains(t, err.Error(), "simple last", "it names what there is")
	assert.Error(t, against(&b, t.TempDir(), "sft", "base"))
	assert.ErrorIs(t, run([]string{"against", dir, "sft"}), errUsage)
}
