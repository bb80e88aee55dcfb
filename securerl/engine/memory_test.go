package engine

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFreeMemoryIsWhatTheSystemSays(t *testing.T) {
	free, err := parseKernel("MemTotal:       24576000 kB\nMemFree:          123456 kB\nMemAvailable:   20480000 kB\n", "MemAvailable")
	require.NoError(t, err)
	assert.EqualValues(t, 20480000*1024, free)
	free, err = parseGPU("143771\n143771\n")
	require.NoError(t, err)
	assert.EqualValues(t, 143771*1024*1024, free)
	for _, text := range []string{"", "MemFree: 12 kB\n", "MemAvailable: much kB\n"} {
		_, err = parseKernel(text, "MemAvailable")
		assert.ErrorIs(t, err, ErrUnavailable)
	}
	for _, text := range []string{"", "[N/A]\n"} {
		_, err = parseGPU(text)
		assert.ErrorIs(t, err, ErrUnavailable)
	}
	e, err := Open("go")
	require.NoError(t, err)
	defer e.Close()
	free, err = e.FreeMemory()
	require.NoError(t, err)
	assert.Positive(t, free)
	total, err := e.TotalMemory()
	require.NoError(t, err)
	assert.Less(t, free, total)
	peak := e.PeakMemory()
	assert.Greater(t, peak.Process, int64(1<<20))
	assert.Less(t, peak.Process, total)
	assert.Zero(t, peak.Device)
}
