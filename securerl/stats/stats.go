package stats

import "errors"

// ErrInput reports numbers outside the domain of a statistic.
var ErrInput = errors.New("stats: input out of range")

// Interval is an estimate with its confidence limits.
type Interval struct {
	Estimate float64 `json:"estimate"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	N        int     `json:"n"` // independent units behind it: trials, or clusters
}
