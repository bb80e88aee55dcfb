package stats

import (
	"fmt"
	"math"
)

// McNemar returns the exact two-sided p value of two policies on the same problems: b
// problems that only the first solves, c that only the second does. It is 1 when
// they never differ.
//
// Source: McNemar 1947; exact form, a sign test of b against c.
func McNemar(b, c int) float64 {
	checkCounts(b, b+c)
	if b+c == 0 {
		return 1
	}
	return min(1, 2*binomialCDF(min(b, c), b+c, 0.5))
}

// McNemarMidP is McNemar with half the chance of the observed split, which is less
// conservative.
//
// Source: Fagerland, Lydersen, Laake 2013.
func McNemarMidP(b, c int) float64 {
	checkCounts(b, b+c)
	if b+c == 0 {
		return 1
	}
	k := min(b, c)
	return min(1, 2*binomialCDF(k, b+c, 0.5)-binomial(b+c, 0.5)[k])
}

// FisherResult is what Fisher says of a 2 x 2 table.
type FisherResult struct {
	OddsRatio float64 // a d / (b c); +Inf or NaN where b c is 0
	TwoSided  float64 // p values
	Less      float64 // of an odds ratio below 1
	Greater   float64 // of one above 1
}

// Fisher returns the exact test of the table
//
//	a b
//	c d
//
// of two groups (rows) that succeed or fail (columns). Use McNemar where both
// groups had the same problems. The two-sided p adds up all tables that are at most
// as likely as this one, up to a relative 1e-7 of rounding.
//
// Source: Fisher 1935.
func Fisher(a, b, c, d int) FisherResult {
	if min(a, b, c, d) < 0 {
		panic(fmt.Sprintf("stats: a table of %d %d %d %d", a, b, c, d))
	}
	row, column, total := a+b, a+c, a+b+c+d
	low, high := max(0, row+column-total), min(row, column)
	mode := min(max(int(float64(row+1)*float64(column+1)/float64(total+2)), low), high)
	chance := fromMode(low, high, mode, func(k int) float64 {
		return float64(row-k) * float64(column-k) / (float64(k+1) * float64(total-row-column+k+1))
	})
	r := FisherResult{OddsRatio: float64(a) * float64(d) / (float64(b) * float64(c))}
	for i, p := range chance {
		if p <= chance[a-low]*(1+1e-7) {
			r.TwoSided += p
		}
		if low+i <= a {
			r.Less += p
		}
		if low+i >= a {
			r.Greater += p
		}
	}
	r.TwoSided, r.Less, r.Greater = min(1, r.TwoSided), min(1, r.Less), min(1, r.Greater)
	return r
}

// Weight says how much a disagreement of two categories counts in Kappa.
type Weight int

// The usual weights: all the same, by distance, by squared distance.
const (
	Unweighted Weight = iota
	Linear
	Quadratic
)

// agreement is 1 for equal categories and falls to 0 for the most distant.
func (w Weight) agreement(i, j, categories int) float64 {
	distance := math.Abs(float64(i-j)) / float64(categories-1)
	switch {
	case i == j:
		return 1
	case w == Linear:
		return 1 - distance
	case w == Quadratic:
		return 1 - distance*distance
	}
	return 0
}

// Kappa returns Cohen's kappa of two raters with its normal interval, unclipped.
// table[i][j] counts what the first rater put into category i and the second into j.
// It returns ErrInput unless the table is square, of at least two categories, with no
// negative count, and chance agreement is below 1.
//
// Source: Cohen 1960, 1968; variance of Fleiss, Cohen, Everitt 1969, as in statsmodels.
func Kappa(table [][]int, weight Weight, level float64) (Interval, error) {
	size, total := len(table), 0
	if size < 2 {
		return Interval{}, fmt.Errorf("%w: kappa of %d categories", ErrInput, size)
	}
	row, column := make([]float64, size), make([]float64, size)
	for i := range table {
		if len(table[i]) != size {
			return Interval{}, fmt.Errorf("%w: kappa: row %d has %d of %d columns", ErrInput, i, len(table[i]), size)
		}
		for j, n := range table[i] {
			if n < 0 {
				return Interval{}, fmt.Errorf("%w: kappa: count %d at row %d, column %d", ErrInput, n, i, j)
			}
			row[i] += float64(n)
			column[j] += float64(n)
			total += n
		}
	}
	observed, expected := 0.0, 0.0
	rowMean, columnMean := make([]float64, size), make([]float64, size)
	for i := range size {
		for j := range size {
			w := weight.agreement(i, j, size)
			observed += w * float64(table[i][j]) / float64(total)
			expected += w * row[i] * column[j] / float64(total) / float64(total)
			rowMean[i] += w * column[j] / float64(total)
			columnMean[j] += w * row[i] / float64(total)
		}
	}
	if !(expected < 1) {
		return Interval{}, fmt.Errorf("%w: kappa: %d items with chance agreement %v", ErrInput, total, expected)
	}
	kappa := (observed - expected) / (1 - expected)
	variance := -math.Pow(kappa-expected*(1-kappa), 2)
	for i := range size {
		for j := range size {
			u := weight.agreement(i, j, size) - (rowMean[i]+columnMean[j])*(1-kappa)
			variance += float64(table[i][j]) / float64(total) * u * u
		}
	}
	spread := twoSidedZ(level) * math.Sqrt(max(0, variance)/float64(total)) / (1 - expected)
	return Interval{kappa, kappa - spread, kappa + spread, total}, nil
}
