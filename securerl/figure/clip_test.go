package figure_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"securecoderl/securerl/figure"
)

// By hand, eps = 0.2: a good token gains nothing beyond 1.2; a bad one loses at least
// 0.8 however unlikely it has become, and all of its ratio above.
func TestTheClippedObjectiveBendsWhereItShould(t *testing.T) {
	f := figure.Clip(0.2)
	at := map[float64][2]float64{0: {0, -0.8}, 0.8: {0.8, -0.8}, 1: {1, -1}, 1.2: {1.2, -1.2}, 1.5: {1.2, -1.5}, 2: {1.2, -2}}
	for i, series := range []string{"A = +1", "A = -1"} {
		seen := 0
		for _, xy := range drawn(t, f, series) {
			if want, ok := at[xy[0].(float64)]; ok {
				assert.InDelta(t, want[i], xy[1], 1e-9, "ratio %v", xy[0])
				seen++
			}
		}
		assert.Equal(t, len(at), seen)
	}
}
