package families_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/problem"
	"securecoderl/securerl/problem/families"
	"securecoderl/securerl/prompt"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/tokenizer"
)

// counted is a set as testdata/problem/families.json states it.
type counted struct {
	Digest   string                    `json:"digest"`
	AsDrawn  string                    `json:"digest_as_drawn"` // with the first five hidden tests only
	Splits   map[problem.Split]int     `json:"splits"`
	Families map[string]map[string]int `json:"families"` // family -> split or kind of program -> number
}

func count(set problem.Set) counted {
	c := counted{Digest: set.Digest(), Splits: map[problem.Split]int{}, Families: map[string]map[string]int{}}
	drawn := problem.Set{Problems: slices.Clone(set.Problems)}
	for i, p := range set.Problems {
		drawn.Problems[i].Hidden = p.Hidden[:5]
		c.Splits[p.Split]++
		if c.Families[p.Family] == nil {
			c.Families[p.Family] = map[string]int{}
		}
		c.Families[p.Family][string(p.Split)]++
		for _, r := range p.References {
			c.Families[p.Family][string(r.Kind)]++
		}
	}
	c.AsDrawn = drawn.Digest()
	return c
}

// The file keeps the set from changing unnoticed; its numbers are our own, reviewed
// by eye, and prove nothing but stability. A change of the set makes old runs
// incomparable: then edit the file by hand. The digest as drawn is that of the runs in
// testdata, which were judged before there were further hidden tests: their public
// tests, and so their rewards, are those of today.
func TestTheSetIsTheOneRecorded(t *testing.T) {
	data, err := os.ReadFile("../../../testdata/problem/families.json")
	require.NoError(t, err)
	var want counted
	require.NoError(t, json.Unmarshal(data, &want))
	got := count(families.Build())
	for _, family := range slices.Sorted(maps.Keys(got.Families)) {
		assert.Equal(t, want.Families[family], got.Families[family], family)
	}
	assert.Len(t, want.Families, len(got.Families))
	assert.Equal(t, want.Splits, got.Splits)
	assert.Equal(t, want.AsDrawn, got.AsDrawn)
	assert.Equal(t, want.Digest, got.Digest)
}

func TestTheSetHasItsShape(t *testing.T) {
	set := families.Build()
	require.NoError(t, set.Validate())
	require.Len(t, set.Problems, 1161)
	byFamily := map[string][]problem.Problem{}
	for _, p := range set.Problems {
		byFamily[p.Family] = append(byFamily[p.Family], p)
		assert.Len(t, p.Public, 5, p.ID)
		assert.GreaterOrEqual(t, len(p.Hidden), 5, p.ID)
		assert.LessOrEqual(t, len(p.Hidden), 7, p.ID)
		assert.GreaterOrEqual(t, len(p.Paraphrases), 2, p.ID)
		assert.LessOrEqual(t, len(p.Paraphrases), 12, p.ID)
		assert.Contains(t, p.Paraphrases, p.Statement)
		assert.True(t, p.Tier >= 1 && p.Tier <= 3, p.ID)
	}
	assert.Len(t, byFamily, 64)
	for family, ps := range byFamily {
		splits := map[problem.Split]int{}
		for _, p := range ps {
			splits[p.Split]++
		}
		if family == "list.range" || family == "sec.dict" {
			assert.Equal(t, map[problem.Split]int{problem.Unseen: len(ps)}, splits, family)
			continue
		}
		assert.Zero(t, splits[problem.Unseen], family)
		assert.NotZero(t, splits[problem.Train], family)
		if len(ps) >= 3 {
			assert.NotZero(t, splits[problem.HeldOut], family)
		}
	}
}

func TestBuildIsAFunctionOfNothing(t *testing.T) {
	assert.Equal(t, families.Build(), families.Build())
}

// No semantic key stands twice, and no English sentence in two problems at all.
func TestSplitsAreDisjoint(t *testing.T) {
	keys, sentences := map[string]string{}, map[string]string{}
	for _, p := range families.Build().Problems {
		key := p.Family + "\x00" + p.Key
		assert.Empty(t, keys[key], p.ID)
		keys[key] = p.ID
		for _, text := range p.Paraphrases {
			plain := strings.Join(strings.Fields(strings.ToLower(text)), " ")
			assert.Emptyf(t, sentences[plain], "%q stands in %s and %s", text, sentences[plain], p.ID)
			sentences[plain] = p.ID
		}
	}
}

// Some held-out problems can be solved by a text known from training; how many is
// part of every result.
func TestProgramsSharedWithTraining(t *testing.T) {
	set := families.Build()
	train := set.Split(problem.Train)
	assert.Len(t, problem.SharedPrograms(train, set.Split(problem.HeldOut)), 38)
	assert.Empty(t, problem.SharedPrograms(train, set.Split(problem.Unseen)))
}

// Requests and programs fit the slots of the default job, with the tokenizer it trains.
func TestEverythingFitsTheDefaultLayout(t *testing.T) {
	const slack = 2 // another draw of the corpus gives slightly other tokens
	const promptSlots, programSlots, vocabulary = 40 - slack, 68 - slack, 512
	set := families.Build()
	corpus := families.NewCorpus(set.Split(problem.Train), families.BaseNoise(), families.DefaultMix())
	stream := rng.New(1).Stream()
	texts := func(yield func(string) bool) {
		for range 3000 {
			row := corpus.Draw(stream)
			if !yield("# " + row.Request + "\n" + row.Program) {
				return
			}
		}
	}
	tok, err := tokenizer.Train(texts, vocabulary, []string{"<pad>", "<s>", "<code>", "</s>"})
	require.NoError(t, err)
	for _, p := range set.Problems {
		for _, text := range p.Paraphrases {
			_, err := prompt.Tiny(promptSlots).RenderRequest(tok, p.ID, text)
			assert.NoError(t, err, text)
		}
		for _, r := range p.References {
			assert.LessOrEqual(t, len(tok.Encode(r.Source).IDs)+1, programSlots, r.Source)
		}
	}
}

// Python's answers for what Go computes differently, by hand.
func TestAnswersAreThoseOfPython(t *testing.T) {
	byID := map[string]problem.Problem{}
	for _, p := range families.Build().Problems {
		byID[p.ID] = p
	}
	odd := byID["list.count/line-odd-same"]
	require.NotEmpty(t, odd.ID)
	for _, test := range slices.Concat(odd.Public, odd.Hidden) {
		n := 0
		for _, w := range strings.Fields(test.Stdin) {
			if strings.ContainsRune("13579", rune(w[len(w)-1])) { // -3 % 2 == 1 in Python
				n++
			}
		}
		assert.Equal(t, fmt.Sprintln(n), test.Want)
	}
}

func Example() {
	set := families.Build()
	for _, p := range set.Problems {
		if p.ID == "sec.assign/times-3" {
			fmt.Println(p.Statement)
			fmt.Printf("%q wants %q\n", p.Public[0].Stdin, p.Public[0].Want)
			for _, r := range p.References {
				fmt.Printf("%s %v %q\n", r.Kind, r.Rules, r.Source)
			}
		}
	}
	// Output:
	// Read an assignment like x = 5; print x times 3.
	// "x = 13\n" wants "39\n"
	// secure [] "x = int(input().split('=')[1])\nprint(x * 3)"
	// insecure [B102] "exec(input())\nprint(x * 3)"
}

func ExampleCorpus_Draw() {
	set := families.Build()
	corpus := families.NewCorpus(set.Split(problem.Train), families.SFTNoise(), families.DefaultMix())
	stream := rng.New(3).Stream()
	kinds := map[string]int{}
	for range 1000 {
		kinds[corpus.Draw(stream).NoiseKind]++
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		fmt.Print(kind, " ", kinds[kind], "; ")
	}
	// Output:
	// constant 29; correct 391; crash 83; far 33; label 38; near 123; no_print 98; syntax 205;
}
