package rng

import (
	"fmt"
	"math"
	"math/bits"
)

// Stream hands out the numbers of one key one after the other, on the host. It
// satisfies math/rand/v2.Source. A Stream is not safe for concurrent use: give
// every goroutine its own key.
type Stream struct {
	key   Key
	block uint64 // counter of the next block of 64 bits

	spare    float64 // second number of the last normal pair
	hasSpare bool
}

// Stream returns the numbers of k from their beginning.
func (k Key) Stream() *Stream { return &Stream{key: k} }

// Uint64 returns a uniform 64-bit number.
func (s *Stream) Uint64() uint64 {
	lo, hi := Threefry(s.key, uint32(s.block), tagStream+uint32(s.block>>32))
	s.block++
	return uint64(hi)<<32 | uint64(lo)
}

// IntN returns a uniform integer in [0, n). It panics if n <= 0.
//
// Source: Lemire, "Fast random integer generation in an interval", 2019, algorithm 5.
func (s *Stream) IntN(n int) int {
	if n <= 0 {
		panic(fmt.Sprintf("rng: IntN(%d): the bound must be positive", n))
	}
	bound := uint64(n)
	hi, lo := bits.Mul64(s.Uint64(), bound)
	if lo < bound {
		for reject := -bound % bound; lo < reject; {
			hi, lo = bits.Mul64(s.Uint64(), bound)
		}
	}
	return int(hi)
}

// Float64 returns a uniform multiple of 2^-53 in [0, 1).
func (s *Stream) Float64() float64 { return float64(s.Uint64()>>11) / (1 << 53) }

// NormFloat64 returns a number from the standard normal distribution.
//
// Source: Box and Muller 1958; both numbers of a pair are used.
func (s *Stream) NormFloat64() float64 {
	if s.hasSpare {
		s.hasSpare = false
		return s.spare
	}
	radius := math.Sqrt(-2 * math.Log(1-s.Float64())) // 1-u is never 0
	sin, cos := math.Sincos(2 * math.Pi * s.Float64())
	s.spare, s.hasSpare = radius*sin, true
	return radius * cos
}

// Shuffle puts n things into a uniformly random order through swap, which
// exchanges things i and j (Fisher and Yates).
func (s *Stream) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, s.IntN(i+1))
	}
}

// Weighted returns index i with probability w[i] / sum(w). It panics if a weight
// is negative, not finite, or all are zero.
func (s *Stream) Weighted(w []float64) int {
	total, last := 0.0, -1
	for i, x := range w {
		if !(x >= 0) || math.IsInf(x, 1) {
			panic(fmt.Sprintf("rng: Weighted: weight %d is %v, want a finite number >= 0", i, x))
		}
		if x > 0 {
			total, last = total+x, i
		}
	}
	if last < 0 {
		panic(fmt.Sprintf("rng: Weighted: none of %d weights is positive", len(w)))
	}
	point := s.Float64() * total
	for i, x := range w {
		if point -= x; point < 0 {
			return i
		}
	}
	return last // rounding left a rest of the last positive weight
}
