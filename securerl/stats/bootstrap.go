package stats

import (
	"fmt"
	"iter"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// Distribution is a statistic on the data, on resamples of them, and with each unit
// left out once.
type Distribution struct {
	Estimate  float64
	Resamples []float64 // ascending
	Jackknife []float64 // [units]
}

// Draws yields lists of n unit numbers in [0, n), drawn with replacement. Equal keys
// give equal draws. A list is overwritten by the next.
func Draws(n, resamples int, key [2]uint32) iter.Seq[[]int] {
	source := rand.NewPCG(uint64(key[0])<<32|uint64(key[1]), 0x626f6f7473747261) // "bootstra"
	return func(yield func([]int) bool) {
		draw := make([]int, n)
		for range resamples {
			pick(draw, n, source)
			if !yield(draw) {
				return
			}
		}
	}
}

// pick fills draw with numbers in [0, n). Multiplying favours some numbers by less
// than n / 2^64, far below what any count of resamples could show.
func pick(draw []int, n int, source rand.Source) {
	for i := range draw {
		high, _ := bits.Mul64(source.Uint64(), uint64(n))
		draw[i] = int(high)
	}
}

// Bootstrap evaluates a statistic of n independent units. The statistic gets a list
// of unit numbers, with repetitions in resamples.
//
// Source: Efron 1979; Efron and Tibshirani 1993, chapters 6 and 11.
func Bootstrap(n int, draws iter.Seq[[]int], statistic func(units []int) float64) Distribution {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	d := Distribution{Estimate: statistic(all)}
	for draw := range draws {
		d.Resamples = append(d.Resamples, statistic(draw))
	}
	slices.Sort(d.Resamples)
	for i := range all {
		d.Jackknife = append(d.Jackknife, statistic(slices.Delete(slices.Clone(all), i, i+1)))
	}
	return d
}

// Quantile returns the p-quantile of ascending numbers, linear between neighbours.
//
// Source: Hyndman and Fan 1996, type 7.
func Quantile(ascending []float64, p float64) float64 {
	if len(ascending) == 0 {
		return math.NaN()
	}
	at := p * float64(len(ascending)-1)
	i := min(max(int(at), 0), len(ascending)-1)
	j := min(i+1, len(ascending)-1)
	return ascending[i] + (ascending[j]-ascending[i])*(at-float64(i))
}

// Percentile returns the interval between the quantiles (1 - level)/2 and
// (1 + level)/2 of the resamples.
func (d Distribution) Percentile(level float64) Interval {
	tail := normalCDF(-twoSidedZ(level))
	return d.between(tail, 1-tail)
}

func (d Distribution) between(low, high float64) Interval {
	return Interval{d.Estimate, Quantile(d.Resamples, low), Quantile(d.Resamples, high), len(d.Jackknife)}
}

// Basic returns the percentile interval mirrored at the estimate.
func (d Distribution) Basic(level float64) Interval {
	p := d.Percentile(level)
	p.Low, p.High = 2*d.Estimate-p.High, 2*d.Estimate-p.Low
	return p
}

// BCa returns the interval corrected for bias and for a spread that changes with the
// value. Where every resample lies on one side of the estimate, the correction has
// no meaning and the result is Percentile's.
//
// Source: Efron 1987; ties count as half below, as in scipy.
func (d Distribution) BCa(level float64) Interval {
	bias, acceleration := d.Bias(), d.Acceleration()
	if math.IsInf(bias, 0) || math.IsNaN(bias) {
		return d.Percentile(level)
	}
	z := twoSidedZ(level)
	adjusted := func(z float64) float64 {
		return normalCDF(bias + (bias+z)/(1-acceleration*(bias+z)))
	}
	return d.between(adjusted(-z), adjusted(z))
}

// Bias returns z0: the normal quantile of the share of resamples below the estimate.
func (d Distribution) Bias() float64 {
	below := 0.0
	for _, x := range d.Resamples {
		switch {
		case x < d.Estimate:
			below++
		case x == d.Estimate:
			below += 0.5
		}
	}
	return normalQuantile(below / float64(len(d.Resamples)))
}

// Acceleration returns a sixth of the skewness of the jackknife values; 0 where they
// are all equal.
func (d Distribution) Acceleration() float64 {
	centre := mean(d.Jackknife)
	square, cube := 0.0, 0.0
	for _, x := range d.Jackknife {
		u := centre - x
		square += u * u
		cube += u * u * u
	}
	if square == 0 {
		return 0
	}
	return cube / (6 * math.Pow(square, 1.5))
}

// StandardError returns the standard deviation of the resamples.
func (d Distribution) StandardError() float64 {
	centre, square := mean(d.Resamples), 0.0
	for _, x := range d.Resamples {
		square += (x - centre) * (x - centre)
	}
	return math.Sqrt(square / float64(len(d.Resamples)-1))
}

// ClusterBootstrap returns the mean over problems of each problem's mean, with the
// percentile interval over resampled problems.
//
// Shapes: x [problems][samples], every problem with at least one sample. Without
// problems the result is the zero Interval.
func ClusterBootstrap(x [][]float64, resamples int, level float64, key [2]uint32) Interval {
	return SeedBootstrap([][][]float64{x}, resamples, level, key)
}

// PairedBootstrap returns the mean over problems of mean(b[i]) - mean(a[i]), with the
// 95 % percentile interval over resampled problems: how much better b is than a.
//
// Shapes: a, b [problems][samples], the same problems in the same order; the numbers
// of samples may differ.
func PairedBootstrap(a, b [][]float64, resamples int, key [2]uint32) Interval {
	return PairedSeedBootstrap([][][]float64{a}, [][][]float64{b}, resamples, 0.95, key)
}

// SeedBootstrap is ClusterBootstrap over several training seeds. Seeds and problems
// are both resampled, the same problems for every seed of a resample, since all
// seeds are judged on the same problems. N is the number of problems.
//
// Shapes: x [seeds][problems][samples]; every seed has the same problems.
//
// Source: Owen 2007, the pigeonhole bootstrap (errs on the wide side).
func SeedBootstrap(x [][][]float64, resamples int, level float64, key [2]uint32) Interval {
	return crossed(cellMeans(x), resamples, level, key)
}

// PairedSeedBootstrap is PairedBootstrap over several seeds: a[s] and b[s] come from
// the same seed.
//
// Shapes: a, b [seeds][problems][samples], equal in seeds and problems.
func PairedSeedBootstrap(a, b [][][]float64, resamples int, level float64, key [2]uint32) Interval {
	before, after := cellMeans(a), cellMeans(b)
	if len(before) != len(after) {
		panic(fmt.Sprintf("stats: %d seeds against %d", len(before), len(after)))
	}
	for s := range after {
		if len(before[s]) != len(after[s]) {
			panic(fmt.Sprintf("stats: %d problems against %d", len(before[s]), len(after[s])))
		}
		for i := range after[s] {
			after[s][i] -= before[s][i]
		}
	}
	return crossed(after, resamples, level, key)
}

// cellMeans averages the samples of every seed and problem.
func cellMeans(x [][][]float64) [][]float64 {
	out := make([][]float64, len(x))
	for s, problems := range x {
		if len(problems) != len(x[0]) {
			panic(fmt.Sprintf("stats: seed %d has %d problems, the first has %d", s, len(problems), len(x[0])))
		}
		for i, samples := range problems {
			if len(samples) == 0 {
				panic(fmt.Sprintf("stats: problem %d of seed %d has no sample", i, s))
			}
			out[s] = append(out[s], mean(samples))
		}
	}
	return out
}

// crossed returns the mean of all cells [seeds][problems] with its percentile interval.
func crossed(cells [][]float64, resamples int, level float64, key [2]uint32) Interval {
	if len(cells) == 0 || len(cells[0]) == 0 {
		return Interval{}
	}
	seeds := rand.NewPCG(uint64(key[0])<<32|uint64(key[1]), 0x7365656473) // "seeds"
	chosen := make([]int, len(cells))
	problems := make([]float64, len(cells[0])) // mean over the chosen seeds
	average := func() {
		clear(problems)
		for _, s := range chosen {
			for i, x := range cells[s] {
				problems[i] += x / float64(len(chosen))
			}
		}
	}
	for s := range chosen {
		chosen[s] = s
	}
	average()
	d := Distribution{Estimate: mean(problems)}
	for draw := range Draws(len(problems), resamples, key) {
		if len(cells) > 1 {
			pick(chosen, len(cells), seeds)
			average()
		}
		total := 0.0
		for _, i := range draw {
			total += problems[i]
		}
		d.Resamples = append(d.Resamples, total/float64(len(draw)))
	}
	slices.Sort(d.Resamples)
	i := d.Percentile(level)
	i.N = len(problems)
	return i
}
