package stats

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"
)

// ErrInput reports numbers outside the domain of a statistic.
var ErrInput = errors.New("stats: input out of range")

// Interval is an estimate with its confidence limits.
type Interval struct {
	Estimate float64 `json:"estimate"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	N        int     `json:"n"` // independent units behind it: trials, or problems
}

// Excludes tells whether x lies outside the interval. "Improves" may be said of a
// difference only where the interval excludes 0.
func (i Interval) Excludes(x float64) bool { return i.N > 0 && (x < i.Low || x > i.High) }

// normalQuantile is the inverse of the standard normal distribution.
func normalQuantile(p float64) float64 { return mathext.NormalQuantile(p) }

// normalCDF is the standard normal distribution.
func normalCDF(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

// twoSidedZ is the z that a standard normal exceeds in size with chance 1 - level.
func twoSidedZ(level float64) float64 {
	if !(level > 0 && level < 1) {
		panic(fmt.Sprintf("stats: confidence level %v, want a number in (0, 1)", level))
	}
	return normalQuantile((1 + level) / 2)
}

// binomialCDF is the chance of at most k successes in n trials of chance p.
func binomialCDF(k, n int, p float64) float64 {
	if k >= n {
		return 1
	}
	return mathext.RegIncBeta(float64(n-k), float64(k+1), 1-p)
}

// binomial returns the chances of 0..n successes in n trials of chance p.
func binomial(n int, p float64) []float64 {
	mode := min(int(float64(n+1)*p), n)
	odds := p / (1 - p)
	return fromMode(0, n, mode, func(k int) float64 { return odds * float64(n-k) / float64(k+1) })
}

// fromMode returns the chances of low..high of a distribution with one mode, from the
// ratios chance(k+1)/chance(k). Starting at the mode nothing overflows, and each
// chance keeps its relative precision.
func fromMode(low, high, mode int, ratio func(k int) float64) []float64 {
	w := make([]float64, high-low+1)
	w[mode-low] = 1
	for k := mode; k < high; k++ {
		w[k+1-low] = w[k-low] * ratio(k)
	}
	for k := mode; k > low; k-- {
		w[k-1-low] = w[k-low] / ratio(k-1)
	}
	total := sum(w)
	for i := range w {
		w[i] /= total
	}
	return w
}

func sum(xs []float64) (total float64) {
	for _, x := range xs {
		total += x
	}
	return total
}

func mean(xs []float64) float64 { return sum(xs) / float64(len(xs)) }
