package stats

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"
)

// checkCounts panics if k is no number of successes in n trials.
func checkCounts(k, n int) {
	if k < 0 || k > n {
		panic(fmt.Sprintf("stats: %d successes in %d trials", k, n))
	}
}

// Wilson returns the score interval of k successes in n independent trials, at a
// confidence level such as 0.95. Without trials it is [0, 1].
//
// Source: Wilson 1927.
func Wilson(k, n int, level float64) Interval {
	checkCounts(k, n)
	if n == 0 {
		return Interval{High: 1}
	}
	z, size := twoSidedZ(level), float64(n)
	p := float64(k) / size
	spread := z * math.Sqrt(p*(1-p)/size+z*z/(4*size*size))
	i := Interval{Estimate: p, Low: (p + z*z/(2*size) - spread) / (1 + z*z/size), High: (p + z*z/(2*size) + spread) / (1 + z*z/size), N: n}
	if k == 0 {
		i.Low = 0 // exactly, without rounding
	}
	if k == n {
		i.High = 1
	}
	return i
}

// ClopperPearson returns the exact interval of k successes in n trials: it covers the
// truth at least as often as level says. Without trials it is [0, 1].
//
// Source: Clopper and Pearson 1934, as quantiles of beta distributions.
func ClopperPearson(k, n int, level float64) Interval {
	checkCounts(k, n)
	i := Interval{High: 1, N: n}
	if n == 0 {
		return i
	}
	tail := normalCDF(-twoSidedZ(level))
	i.Estimate = float64(k) / float64(n)
	if k > 0 {
		i.Low = mathext.InvRegIncBeta(float64(k), float64(n-k+1), tail)
	}
	if k < n {
		i.High = mathext.InvRegIncBeta(float64(k+1), float64(n-k), 1-tail)
	}
	return i
}

// PassAtK estimates the chance that at least one of k samples is correct, from c
// correct ones of n drawn. It panics unless 1 <= k <= n and 0 <= c <= n.
//
// Source: Chen et al. 2021, eq. 1 (arXiv:2107.03374).
func PassAtK(n, c, k int) float64 {
	checkCounts(c, n)
	if k < 1 || k > n {
		panic(fmt.Sprintf("stats: pass@%d of %d samples", k, n))
	}
	none := 1.0
	for i := n - c + 1; i <= n; i++ {
		none *= max(0, 1-float64(k)/float64(i)) // 0 when fewer than k are wrong
	}
	return 1 - none
}
