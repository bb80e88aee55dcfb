package tokenizer

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"securecoderl/securerl/tokenizer/pieces"
)

// cutAll cuts a text into its pieces.
func cutAll(text string) (out []string) {
	for text != "" {
		n := pieces.Code(text)
		out = append(out, text[:n])
		text = text[n:]
	}
	return out
}

// naiveMerge joins the lowest-ranked pair, the leftmost of equals, until none is left.
func naiveMerge(t *Tokenizer, piece string) []int32 {
	var ids []int32
	for i := range len(piece) {
		ids = append(ids, t.base[piece[i]])
	}
	for {
		best, at := merge{rank: math.MaxInt32}, -1
		for i := range len(ids) - 1 {
			if m, ok := t.merges[pairOf(ids[i], ids[i+1])]; ok && m.rank < best.rank {
				best, at = m, i
			}
		}
		if at < 0 {
			return ids
		}
		ids = slices.Replace(ids, at, at+2, best.id)
	}
}

// naiveTrain counts all pairs anew for every merge.
func naiveTrain(texts []string, vocab int, specials []string) [][2]string {
	tokens, ids := slices.Clone(specials), map[string]int32{}
	for b := range 256 {
		ids[string([]byte{byte(b)})] = int32(len(tokens))
		tokens = append(tokens, string([]byte{byte(b)}))
	}
	var words [][]int32
	for _, text := range texts {
		for _, p := range cutAll(text) {
			var w []int32
			for i := range len(p) {
				w = append(w, ids[p[i:i+1]])
			}
			words = append(words, w)
		}
	}
	var merges [][2]string
	for len(tokens) < vocab {
		counts := map[pair]int{}
		for _, w := range words {
			for i := range len(w) - 1 {
				counts[pairOf(w[i], w[i+1])]++
			}
		}
		var best pair
		most := 0
		for p, n := range counts {
			if !slices.Contains(specials, tokens[p.left()]+tokens[p.right()]) && (n > most || n == most && p < best) {
				best, most = p, n
			}
		}
		if most == 0 {
			return merges
		}
		parts := [2]string{tokens[best.left()], tokens[best.right()]}
		id, known := ids[parts[0]+parts[1]]
		if !known {
			id = int32(len(tokens))
			ids[parts[0]+parts[1]] = id
			tokens = append(tokens, parts[0]+parts[1])
		}
		if !slices.Contains(merges, parts) {
			merges = append(merges, parts)
		}
		for i, w := range words {
			words[i] = join(w, best, id)
		}
	}
	return merges
}

func TestTrainAndMergeAgainstNaiveOnes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.StringMatching(`[abc<>. é]{0,30}`), 0, 8).Draw(t, "texts")
		specials := []string{"<>", "<a", "..."}
		vocab := rapid.IntRange(259, 330).Draw(t, "vocab")
		tok, err := Train(slices.Values(texts), vocab, specials)
		require.NoError(t, err)
		var file document
		require.NoError(t, json.Unmarshal(tok.JSON(), &file))
		var got [][2]string
		for _, m := range file.Model.Merges {
			left, _ := unspell(m[0])
			right, _ := unspell(m[1])
			got = append(got, [2]string{left, right})
		}
		assert.Equal(t, naiveTrain(texts, vocab, specials), got)

		probe := rapid.StringMatching(`[abc<>. é]{1,40}`).Draw(t, "probe")
		var want []int32
		for _, p := range cutAll(probe) {
			want = append(want, naiveMerge(tok, p)...)
		}
		assert.Equal(t, want, tok.EncodeOrdinary(probe).IDs)
	})
}

func TestAlphabetIsOneToOne(t *testing.T) {
	assert.Len(t, runeToByte, 256)
	for b := range 256 {
		raw, ok := unspell(spell(string([]byte{byte(b)})))
		assert.True(t, ok)
		assert.Equal(t, string([]byte{byte(b)}), raw)
	}
	assert.Equal(t, "ĠaĊ", spell(" a\n")) // as in every GPT-2 vocabulary
}

// On stretches of at most 30 marks, compose is what golang.org/x/text makes of them;
// beyond that it is compared with the library (testdata/tokenizer/forms.json).
func TestRewriteIsFormC(t *testing.T) {
	for text, want := range map[string]string{ // by hand: a mark of the same class stands between a and its accent
		"e\u0301a\u0305\u0301": "\u00e9a\u0305\u0301", "e\u0301a\u0327\u0301": "\u00e9\u00e1\u0327", "\u0301e\u0301": "\u0301\u00e9"} {
		form, _ := rewrite(text, true, false)
		assert.Equal(t, want, form)
	}
	letters := rapid.SampledFrom([]rune("aeo \u0301\u0305\u0327\u0323\u0307\u0344\u212b\u1100\u1161\u11a8\uac00\u09c7\u09be\u0f71\u0f72\u0f74é\u1e9b"))
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOfN(rapid.OneOf(letters, rapid.Rune()), 0, 20).Draw(t, "text"))
		form, changes := rewrite(text, true, false)
		assert.Equal(t, norm.NFC.String(text), form)
		at, was := 0, 0
		for _, c := range changes { // what is between the changes is the same
			assert.Equal(t, text[was:c.was.Start], form[at:c.form.Start])
			assert.NotEqual(t, text[c.was.Start:c.was.End], form[c.form.Start:c.form.End])
			at, was = c.form.End, c.was.End
		}
		assert.Equal(t, text[was:], form[at:])
		last := 0
		for i := range len(form) + 1 {
			o := i
			if changes != nil {
				o = origin(changes, i)
			}
			assert.GreaterOrEqual(t, o, last)
			last = o
		}
		assert.Equal(t, len(text), last)
	})
}
