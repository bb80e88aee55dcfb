package rng_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/securerl/rng"
)

var _ rand.Source = (*rng.Stream)(nil)

func Example() {
	run := rng.New(7).Name("ppo")
	for sample := range uint32(2) {
		s := run.Fold(3, 12, sample).Stream() // step 3, problem 12
		fmt.Println(s.IntN(100), s.IntN(100))
	}
	// Output:
	// 9 10
	// 71 97
}

type knownAnswer struct{ Key, Counter, Want [2]uint32 }

func knownAnswers(t *testing.T) []knownAnswer {
	data, err := os.ReadFile("../../testdata/rng/threefry2x32-20.json")
	require.NoError(t, err)
	var file struct{ Cases []knownAnswer }
	require.NoError(t, json.Unmarshal(data, &file))
	require.NotEmpty(t, file.Cases)
	return file.Cases
}

func TestThreefryGivesTheKnownAnswers(t *testing.T) {
	for _, c := range knownAnswers(t) {
		x0, x1 := rng.Threefry(rng.Key(c.Key), c.Counter[0], c.Counter[1])
		assert.Equal(t, c.Want, [2]uint32{x0, x1}, "key %x counter %x", c.Key, c.Counter)
	}
}

func TestFoldIsSequentialAndOrdered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rng.New(rapid.Uint64().Draw(t, "seed"))
		a, b := rapid.Uint32().Draw(t, "a"), rapid.Uint32().Draw(t, "b")
		assert.Equal(t, k.Fold(a).Fold(b), k.Fold(a, b))
		assert.Equal(t, k, k.Fold())
		if a != b {
			assert.NotEqual(t, k.Fold(a, b), k.Fold(b, a))
		}
	})
}

func TestKeysOfOneRunDiffer(t *testing.T) {
	root := rng.New(1)
	seen := map[rng.Key]string{root: "root"}
	add := func(k rng.Key, name string) {
		assert.Emptyf(t, seen[k], "%s has the key of %s", name, seen[k])
		seen[k] = name
	}
	for _, phase := range []string{"", "base", "sft", "ppo"} {
		for step := range uint32(20) {
			for sample := range uint32(20) {
				add(root.Name(phase).Fold(step, sample), fmt.Sprint(phase, step, sample))
			}
		}
	}
	add(rng.New(2), "another seed")
	add(rng.New(1<<32), "a seed above 32 bits")
}

func TestStreamIsReproducible(t *testing.T) {
	a, b := rng.New(5).Stream(), rng.New(5).Stream()
	for range 100 {
		assert.Equal(t, a.Uint64(), b.Uint64())
		assert.Equal(t, a.NormFloat64(), b.NormFloat64())
	}
	assert.NotEqual(t, a.Uint64(), rng.New(6).Stream().Uint64())
}

// The limits below are 4.5 standard errors of the quantity for a true uniform or
// normal source; the keys are fixed, so the test cannot flicker.
func TestStreamMoments(t *testing.T) {
	const n = 20000
	s := rng.New(11).Stream()
	var mean, normal, square float64
	counts := make([]float64, 7)
	for range n {
		u := s.Float64()
		assert.True(t, u >= 0 && u < 1)
		mean += u / n
		z := s.NormFloat64()
		normal += z / n
		square += z * z / n
		counts[s.IntN(7)]++
	}
	assert.InDelta(t, 0.5, mean, 4.5*math.Sqrt(1.0/12/n))
	assert.InDelta(t, 0, normal, 4.5*math.Sqrt(1.0/n))
	assert.InDelta(t, 1, square, 4.5*math.Sqrt(2.0/n))
	for _, c := range counts {
		assert.InDelta(t, n/7.0, c, 4.5*math.Sqrt(n*6.0/49))
	}
}

func TestIntNStaysInRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, math.MaxInt).Draw(t, "n")
		got := rng.New(rapid.Uint64().Draw(t, "seed")).Stream().IntN(n)
		assert.True(t, got >= 0 && got < n)
	})
	assert.Panics(t, func() { rng.New(1).Stream().IntN(0) })
}

func TestShuffleIsAPermutation(t *testing.T) {
	first := map[int]int{}
	for seed := range uint64(600) {
		xs := []int{0, 1, 2, 3, 4}
		rng.New(seed).Stream().Shuffle(len(xs), func(i, j int) { xs[i], xs[j] = xs[j], xs[i] })
		first[xs[0]]++
		assert.Equal(t, []int{0, 1, 2, 3, 4}, slices.Sorted(slices.Values(xs)))
	}
	for x := range 5 {
		assert.InDelta(t, 120, first[x], 4.5*math.Sqrt(600*0.2*0.8))
	}
}

func TestWeightedFollowsTheWeights(t *testing.T) {
	w := []float64{0, 1, 0, 3, 6, 0}
	counts := make([]float64, len(w))
	s := rng.New(3).Stream()
	for range 5000 {
		counts[s.Weighted(w)]++
	}
	for i, c := range counts {
		p := w[i] / 10
		assert.InDelta(t, 5000*p, c, 4.5*math.Sqrt(5000*p*(1-p)))
	}
	for _, bad := range [][]float64{nil, {0, 0}, {1, -1}, {math.NaN()}, {math.Inf(1), 1}} {
		assert.Panics(t, func() { s.Weighted(bad) }, "%v", bad)
	}
}

func BenchmarkThreefry(b *testing.B) {
	k := rng.New(1)
	var sum uint32
	for i := range uint32(b.N) {
		x0, x1 := rng.Threefry(k, i, 0)
		sum += x0 ^ x1
	}
	b.ReportMetric(float64(2*b.N)/b.Elapsed().Seconds(), "words/s")
	_ = sum
}
