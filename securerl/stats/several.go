package stats

import (
	"cmp"
	"math"
	"slices"
)

// order returns the positions of ps from the smallest to the largest.
func order(ps []float64) []int {
	at := make([]int, len(ps))
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at, func(i, j int) int { return cmp.Compare(ps[i], ps[j]) })
	return at
}

// Holm adjusts p values for being several: rejecting where the adjusted value is at
// most alpha keeps the chance of any false rejection at most alpha.
//
// Source: Holm 1979.
func Holm(ps []float64) []float64 {
	out, largest := make([]float64, len(ps)), 0.0
	for rank, i := range order(ps) {
		largest = max(largest, min(1, float64(len(ps)-rank)*ps[i]))
		out[i] = largest
	}
	return out
}

// BenjaminiHochberg adjusts p values so that rejecting at alpha keeps the expected
// share of false ones among the rejections at most alpha.
//
// Source: Benjamini and Hochberg 1995.
func BenjaminiHochberg(ps []float64) []float64 {
	out, least := make([]float64, len(ps)), 1.0
	at := order(ps)
	for rank := len(ps); rank > 0; rank-- {
		i := at[rank-1]
		least = min(least, ps[i]*float64(len(ps))/float64(rank))
		out[i] = least
	}
	return out
}

// MinimumDetectable returns the smallest difference of two paired rates that McNemar's
// test at alpha finds with the given power, when the policies disagree on a share
// discordant of n problems. False means that even a difference as large as
// discordant would not be found.
//
// It solves n d^2 = (z_a sqrt(discordant) + z_b sqrt(discordant - d^2))^2 for d.
//
// Source: Connor 1987, eq. 2.
func MinimumDetectable(n int, discordant, alpha, power float64) (float64, bool) {
	size, za, zb := float64(n), twoSidedZ(1-alpha), normalQuantile(power)
	inside := size + zb*zb - za*za
	if inside < 0 {
		return 0, false
	}
	d := math.Sqrt(discordant) * (za*math.Sqrt(size) + zb*math.Sqrt(inside)) / (size + zb*zb)
	return d, d > 0 && d <= discordant
}

// McNemarPower returns the chance that the exact two-sided McNemar test at alpha finds
// a difference of two paired rates on n problems, of which a share discordant in
// (0, 1) differs. The difference is at most discordant.
func McNemarPower(n int, discordant, difference, alpha float64) float64 {
	first := (discordant + difference) / (2 * discordant)
	power := 0.0
	for m, weight := range binomial(n, discordant) {
		if m == 0 || weight < 1e-18 {
			continue
		}
		for b, chance := range binomial(m, first) {
			if McNemar(b, m-b) <= alpha {
				power += weight * chance
			}
		}
	}
	return power
}
