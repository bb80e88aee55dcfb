package families_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/securerl/problem"
	"securecoderl/securerl/problem/families"
	"securecoderl/securerl/rng"
)

// inBinomialBounds asserts that k of n agrees with probability p: at most 4.5
// standard deviations away (two-sided chance of a false alarm 7e-6; keys are fixed).
func inBinomialBounds(t *testing.T, p float64, k, n int, what string) {
	t.Helper()
	limit := 4.5*math.Sqrt(float64(n)*p*(1-p)) + 0.5
	assert.InDelta(t, p*float64(n), float64(k), limit, "%s: %d of %d, want share %.4f", what, k, n, p)
}

func train() []problem.Problem { return families.Build().Split(problem.Train) }

func TestNoiseSharesAreThoseAsked(t *testing.T) {
	const n = 20000
	for name, noise := range map[string]families.Noise{"base": families.BaseNoise(), "sft": families.SFTNoise(), "hard": families.HardNoise()} {
		corpus := families.NewCorpus(train(), noise, families.DefaultMix())
		stream := rng.New(1).Name(name).Stream()
		kinds := map[string]int{}
		for range n {
			kinds[corpus.Draw(stream).NoiseKind]++
		}
		correct := 1.0
		for i, kind := range families.NoiseKinds() {
			inBinomialBounds(t, noise.Shares()[i], kinds[kind], n, name+" "+kind)
			correct -= noise.Shares()[i]
		}
		inBinomialBounds(t, correct, kinds[families.Correct], n, name+" correct")
	}
}

// kindOf finds the kind of a correct program.
func kindOf(t *testing.T, row families.Row) problem.Kind {
	i := slices.IndexFunc(row.Problem.References, func(r problem.Reference) bool { return r.Source == row.Program })
	require.GreaterOrEqual(t, i, 0, "%s: %s", row.Problem.ID, row.Program)
	return row.Problem.References[i].Kind
}

func TestKindsOfCorrectProgramsFollowTheMix(t *testing.T) {
	const n = 8000
	for kind, mix := range map[problem.Kind]families.Mix{
		problem.Insecure: {Insecure: 0.3}, problem.Low: {Low: 0.6}, problem.Evade: {Evade: 0.2},
	} {
		corpus := families.NewCorpus(train(), families.Noise{}, mix)
		stream := rng.New(2).Name(string(kind)).Stream()
		able, drawn := 0, 0 // rows of problems that have such a program, and of them those that got one
		for range n {
			row := corpus.Draw(stream)
			assert.Equal(t, families.Correct, row.NoiseKind)
			assert.Contains(t, row.Problem.Paraphrases, row.Request)
			got := kindOf(t, row)
			if slices.ContainsFunc(row.Problem.References, func(r problem.Reference) bool { return r.Kind == kind }) {
				able++
			}
			if got == kind {
				drawn++
			} else {
				assert.Equal(t, problem.Secure, got)
			}
		}
		require.NotZero(t, able)
		inBinomialBounds(t, mix.Insecure+mix.Low+mix.Evade, drawn, able, string(kind))
	}
}

func TestFamiliesAreDrawnByTheRootOfTheirSize(t *testing.T) {
	const n = 40000
	problems := train()
	sizes := map[string]int{}
	for _, p := range problems {
		sizes[p.Family]++
	}
	total := 0.0
	for _, size := range sizes {
		total += math.Sqrt(float64(size))
	}
	corpus := families.NewCorpus(problems, families.Noise{}, families.DefaultMix())
	stream := rng.New(3).Stream()
	drawn, members := map[string]int{}, map[string]int{}
	for range n {
		p := corpus.Pick(stream)
		drawn[p.Family]++
		members[p.ID]++
	}
	for family, size := range sizes {
		inBinomialBounds(t, math.Sqrt(float64(size))/total, drawn[family], n, family)
	}
	for _, p := range problems {
		share := 1 / math.Sqrt(float64(sizes[p.Family])) / total
		inBinomialBounds(t, share, members[p.ID], n, p.ID)
	}
}

func TestParaphrasesAreDrawnEvenly(t *testing.T) {
	const n = 3000
	problems := train()[:1]
	corpus := families.NewCorpus(problems, families.Noise{}, families.DefaultMix())
	stream := rng.New(4).Stream()
	requests := map[string]int{}
	for range n {
		requests[corpus.Draw(stream).Request]++
	}
	for _, text := range problems[0].Paraphrases {
		inBinomialBounds(t, 1/float64(len(problems[0].Paraphrases)), requests[text], n, text)
	}
}

// Every fault changes the program unless it cannot, near programs come from the
// group, and equal keys give equal rows.
func TestRowsAreFunctionsOfTheirKey(t *testing.T) {
	problems := train()
	corpus := families.NewCorpus(problems, families.HardNoise(), families.DefaultMix())
	rapid.Check(t, func(t *rapid.T) {
		key := rng.New(rapid.Uint64().Draw(t, "seed"))
		row, again := corpus.Draw(key.Stream()), corpus.Draw(key.Stream())
		assert.Equal(t, row, again)
		assert.NotEmpty(t, row.Request)
		isReference := slices.ContainsFunc(problems, func(p problem.Problem) bool {
			return slices.ContainsFunc(p.References, func(r problem.Reference) bool { return r.Source == row.Program })
		})
		switch row.NoiseKind {
		case families.Correct, families.Near, families.Far:
			assert.True(t, isReference, row.Program)
		case families.Label:
			assert.Contains(t, row.Program, "print('Answer:', ")
		case families.Constant:
			assert.False(t, isReference, row.Program)
			assert.LessOrEqual(t, strings.Count(row.Program, "\n"), 1)
		}
	})
}

func TestNearProgramsComeFromTheGroup(t *testing.T) {
	problems := train()
	corpus := families.NewCorpus(problems, families.Noise{Near: 1}, families.DefaultMix())
	stream := rng.New(5).Stream()
	area := func(family string) string {
		if head, _, _ := strings.Cut(family, "."); head != "sec" && head != "low" {
			return head
		}
		return family
	}
	alone := map[string]int{}
	for _, p := range problems {
		alone[area(p.Family)]++
	}
	for range 2000 {
		row := corpus.Draw(stream)
		if alone[area(row.Problem.Family)] == 1 {
			continue // no sibling: any problem
		}
		assert.True(t, slices.ContainsFunc(problems, func(p problem.Problem) bool {
			return p.ID != row.Problem.ID && area(p.Family) == area(row.Problem.Family) &&
				slices.ContainsFunc(p.References, func(r problem.Reference) bool { return r.Source == row.Program })
		}), row.Program)
	}
}

func TestBadSharesAreRefused(t *testing.T) {
	problems := train()
	for _, make := range []func(){
		func() { families.NewCorpus(nil, families.BaseNoise(), families.DefaultMix()) },
		func() { families.NewCorpus(problems, families.Noise{Syntax: 0.7, Far: 0.4}, families.DefaultMix()) },
		func() { families.NewCorpus(problems, families.Noise{Near: -0.1}, families.DefaultMix()) },
		func() { families.NewCorpus(problems, families.Noise{Near: math.NaN()}, families.DefaultMix()) },
		func() { families.NewCorpus(problems, families.BaseNoise(), families.Mix{Insecure: 1.5}) },
	} {
		assert.Panics(t, make)
	}
	without := families.NewCorpus([]problem.Problem{{ID: "x", Family: "f"}}, families.BaseNoise(), families.DefaultMix())
	assert.Equal(t, "x", without.Pick(rng.New(1).Stream()).ID)
	assert.Panics(t, func() { without.Draw(rng.New(1).Stream()) })
}

func BenchmarkDraw(b *testing.B) {
	corpus := families.NewCorpus(train(), families.SFTNoise(), families.DefaultMix())
	stream := rng.New(1).Stream()
	for b.Loop() {
		corpus.Draw(stream)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
