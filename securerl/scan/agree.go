package scan

import (
	"fmt"

	"securecoderl/securerl/stats"
)

// Agreement is how far two scanners agree on which sources of a set are flagged.
type Agreement struct {
	Both, OnlyFirst, OnlySecond, Neither int
	Kappa                                stats.Interval // Cohen's, with its 95 % interval
}

// Agree compares two scanners' marks on the same sources. It returns stats.ErrInput
// unless there are as many of the one as of the other, at least one of each kind: where
// both mark everything, or nothing, chance explains all.
func Agree(first, second []bool) (Agreement, error) {
	if len(first) != len(second) {
		return Agreement{}, fmt.Errorf("scan: agreement: %w: %d and %d marks", stats.ErrInput, len(first), len(second))
	}
	var a Agreement
	for i := range first {
		switch {
		case first[i] && second[i]:
			a.Both++
		case first[i]:
			a.OnlyFirst++
		case second[i]:
			a.OnlySecond++
		default:
			a.Neither++
		}
	}
	var err error
	if a.Kappa, err = stats.Kappa([][]int{{a.Neither, a.OnlySecond}, {a.OnlyFirst, a.Both}}, stats.Unweighted, 0.95); err != nil {
		return Agreement{}, fmt.Errorf("scan: agreement: %w", err)
	}
	return a, nil
}

// String is the agreement in a sentence.
func (a Agreement) String() string {
	return fmt.Sprintf("kappa %.3f (95 %% %.3f to %.3f) on %d sources: both flag %d, only the first %d, only the second %d",
		a.Kappa.Estimate, a.Kappa.Low, a.Kappa.High, a.Both+a.OnlyFirst+a.OnlySecond+a.Neither, a.Both, a.OnlyFirst, a.OnlySecond)
}
