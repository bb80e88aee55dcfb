package figure

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestLabelsKeepApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.SliceOfN(rapid.Float64Range(0, 200), 0, 12).Draw(t, "at")
		moved := apart(at, 12, 0, 200)
		slices.Sort(moved)
		for i, x := range moved {
			assert.True(t, x >= 0 && x <= 200)
			if i > 0 {
				assert.GreaterOrEqual(t, x-moved[i-1], 12-1e-5)
			}
		}
	})
	assert.Equal(t, []float64{50, 20, 62}, apart([]float64{50, 20, 51}, 12, 0, 200))
}

func TestAxesReachTheirValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOf(rapid.Float64Range(-1e4, 1e4)).Draw(t, "values")
		low, high, ticks := span(values)
		assert.Less(t, low, high)
		assert.LessOrEqual(t, (high-low)/ticks, 12.0)
		for _, x := range values {
			assert.True(t, low-1e-6 <= x && x <= high+1e-6, "%v in %v..%v", x, low, high)
		}
	})
	low, high, ticks := span([]float64{0.031})
	assert.Equal(t, []float64{0, 0.04, 0.01}, []float64{low, high, ticks})
}
