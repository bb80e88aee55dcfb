//go:build xla

package engine

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWhatCUDAShowsToTheProcess(t *testing.T) {
	for _, c := range []struct {
		listed string
		want   int
	}{{"", 4}, {"2", 1}, {"0,3", 2}, {"-1", 0}, {"0,-1,2", 1}, {"GPU-8932f937,GPU-3dad94c7", 2}, {"0,1,2,3,4,5", 4}} {
		assert.Equal(t, c.want, visible(4, c.listed), c.listed)
	}
	assert.Equal(t, []int64{0, 1}, create("cuda", 2, 4)["visible_devices"])
	assert.Empty(t, create("cuda", 1, 1))
	assert.Equal(t, int64(3), create("cpu", 3, 0)["cpu_device_count"])
}
