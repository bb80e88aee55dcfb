package stats

import (
	"cmp"
	"math"
	"slices"
)

// Zeros says what Wilcoxon does with differences of 0.
type Zeros int

// The usual treatments of zeros.
const (
	DropZeros  Zeros = iota // Wilcoxon 1945
	PrattZeros              // rank them, then drop them (Pratt 1959)
	SplitZeros              // half of their ranks to either sign
)

// Wilcoxon returns the signed-rank statistic (the smaller of the two rank sums) and
// the two-sided p value of its normal approximation, for the differences of pairs.
// Without a difference that counts, p is 1. corrected moves the statistic half a
// step towards its mean.
//
// Source: Wilcoxon 1945; ties as in scipy.
func Wilcoxon(differences []float64, zeros Zeros, corrected bool) (statistic, p float64) {
	var sizes, kept []float64
	for _, d := range differences {
		if d != 0 || zeros != DropZeros {
			sizes, kept = append(sizes, math.Abs(d)), append(kept, d)
		}
	}
	ranks, ties := rank(sizes)
	plus, minus, zero, zeroSum := 0.0, 0.0, 0.0, 0.0
	for i, d := range kept {
		switch {
		case d > 0:
			plus += ranks[i]
		case d < 0:
			minus += ranks[i]
		default:
			zero++
			zeroSum += ranks[i]
		}
	}
	n := float64(len(kept))
	centre, spread := n*(n+1)/4, n*(n+1)*(2*n+1)
	switch zeros {
	case SplitZeros:
		plus, minus = plus+zeroSum/2, minus+zeroSum/2
	case PrattZeros:
		centre -= zero * (zero + 1) / 4
		spread -= zero * (zero + 1) * (2*zero + 1)
		if zero > 0 {
			ties -= zero*zero*zero - zero // zeros, the smallest, are one tie that no longer counts
		}
	}
	statistic = min(plus, minus)
	distance := centre - statistic
	if corrected {
		distance = max(0, distance-0.5)
	}
	spread = math.Sqrt((spread - ties/2) / 24)
	if !(spread > 0) {
		return statistic, 1
	}
	return statistic, 2 * normalCDF(-distance/spread)
}

// WilcoxonExact returns the same statistic with its exact two-sided p value. The
// differences must be free of zeros and ties; otherwise it returns ErrInput.
func WilcoxonExact(differences []float64) (statistic, p float64, err error) {
	sizes := make([]float64, len(differences))
	for i, d := range differences {
		sizes[i] = math.Abs(d)
	}
	ranks, ties := rank(sizes)
	if ties > 0 || slices.Contains(sizes, 0) {
		return 0, 0, ErrInput
	}
	plus := 0.0
	for i, d := range differences {
		if d > 0 {
			plus += ranks[i]
		}
	}
	n := len(differences)
	ways := make([]float64, n*(n+1)/2+1) // chance of every rank sum, signs being fair coins
	ways[0] = 1
	for r := 1; r <= n; r++ {
		for s := len(ways) - 1; s >= 0; s-- {
			ways[s] /= 2
			if s >= r {
				ways[s] += ways[s-r] / 2
			}
		}
	}
	statistic = min(plus, float64(len(ways)-1)-plus)
	return statistic, min(1, 2*sum(ways[:int(statistic)+1])), nil
}

// rank returns the rank of every number, ties sharing the mean of theirs, and the sum
// of t^3 - t over the sizes t of all ties.
func rank(xs []float64) (ranks []float64, ties float64) {
	at := order(xs)
	ranks = make([]float64, len(xs))
	for i := 0; i < len(at); {
		j := i
		for j < len(at) && xs[at[j]] == xs[at[i]] {
			j++
		}
		for _, k := range at[i:j] {
			ranks[k] = float64(i+j+1) / 2
		}
		t := float64(j - i)
		ties += t*t*t - t
		i = j
	}
	return ranks, ties
}

// Pearson returns the linear correlation of pairs, NaN where one side is constant.
//
// Shapes: x, y [N].
func Pearson(x, y []float64) float64 {
	mx, my := mean(x), mean(y)
	var xy, xx, yy float64
	for i := range x {
		xy += (x[i] - mx) * (y[i] - my)
		xx += (x[i] - mx) * (x[i] - mx)
		yy += (y[i] - my) * (y[i] - my)
	}
	return xy / math.Sqrt(xx*yy)
}

// Spearman returns the correlation of the ranks of pairs.
//
// Shapes: x, y [N]. Source: Spearman 1904.
func Spearman(x, y []float64) float64 {
	rx, _ := rank(x)
	ry, _ := rank(y)
	return Pearson(rx, ry)
}

// Kendall returns Kendall's tau-b of pairs: how many pairs of pairs agree in their
// order less how many disagree, as a share, corrected for ties.
//
// Shapes: x, y [N]. Source: Kendall 1945.
func Kendall(x, y []float64) float64 {
	var agree, untiedX, untiedY float64
	for i := range x {
		for j := range i {
			a, b := float64(cmp.Compare(x[i], x[j])), float64(cmp.Compare(y[i], y[j]))
			agree += a * b
			untiedX += a * a
			untiedY += b * b
		}
	}
	return agree / math.Sqrt(untiedX*untiedY)
}
