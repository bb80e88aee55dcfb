package rng

import "math"

// Stream draws numbers one after another from one key, for work on the host. It
// satisfies math/rand/v2.Source. Not safe for concurrent use.
type Stream struct {
	key     Key
	counter uint64
}

// Stream returns the sequence of numbers of a key, from its beginning.
func (k Key) Stream() *Stream { return &Stream{key: k} }

// Uint64 returns 64 random bits.
func (s *Stream) Uint64() uint64 {
	a, b := Threefry(s.key, uint32(s.counter), uint32(s.counter>>32))
	s.counter++
	return uint64(a) | uint64(b)<<32
}

// Float64 returns a number in [0, 1) with 53 random bits.
func (s *Stream) Float64() float64 { return float64(s.Uint64()>>11) / (1 << 53) }

// IntN returns a number in [0, n) without bias. It panics if n < 1.
func (s *Stream) IntN(n int) int {
	if n < 1 {
		panic("rng: IntN of a number below one")
	}
	limit := math.MaxUint64 - math.MaxUint64%uint64(n)
	for {
		if x := s.Uint64(); x < limit {
			return int(x % uint64(n))
		}
	}
}

// NormFloat64 returns a standard normal number (Box and Muller's first one).
func (s *Stream) NormFloat64() float64 {
	u, v := 1-s.Float64(), s.Float64()
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*v)
}

// Shuffle permutes n elements (Fisher and Yates).
func (s *Stream) Shuffle(n int, swap func(i, j int)) {
	for i := n - 1; i > 0; i-- {
		swap(i, s.IntN(i+1))
	}
}

// Weighted returns an index with probability proportional to its weight. Weights
// are not negative and not all zero.
func (s *Stream) Weighted(weights []float64) int {
	total := 0.0
	for _, w := range weights {
		total += w
	}
	u := s.Float64() * total
	for i, w := range weights {
		if u < w {
			return i
		}
		u -= w
	}
	return len(weights) - 1
}
