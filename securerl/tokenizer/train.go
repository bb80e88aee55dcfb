package tokenizer

import (
	"bytes"
	"cmp"
	"container/heap"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"unicode/utf8"

	"securecoderl/securerl/tokenizer/pieces"
)

// Train makes a tokenizer of at most vocab tokens: specials first, from id 0, then
// the 256 bytes, then merges. Texts are cut by pieces.Code; each merge joins the most
// frequent pair of neighbouring tokens, and of equally frequent pairs the one
// with the smaller ids, the left one first. Equal texts in any order give equal
// bytes of JSON. Texts too poor for vocab tokens give fewer: see VocabSize.
//
// Only the distinct pieces of the texts are held in memory. It returns
// ErrVocabulary if specials and bytes alone exceed vocab, or if a special is empty,
// listed twice, or cannot be told from ordinary text.
//
// Source: Sennrich, Haddow, Birch 2016 (arXiv:1508.07909), on bytes as in Radford et al. 2019.
func Train(texts iter.Seq[string], vocab int, specials []string) (*Tokenizer, error) {
	if least := 256 + len(specials); vocab < least {
		return nil, fmt.Errorf("%w: %d tokens, but %d specials and 256 bytes need %d", ErrVocabulary, vocab, len(specials), least)
	}
	for _, s := range specials {
		if !utf8.ValidString(s) {
			return nil, fmt.Errorf("%w: special %q is not UTF-8", ErrVocabulary, s)
		}
		if raw, ok := unspell(s); ok && raw != s {
			return nil, fmt.Errorf("%w: special %q is bytes in the byte-level alphabet, which a decoder makes of it", ErrVocabulary, s)
		}
	}
	counts := map[string]int{}
	for text := range texts {
		for from := 0; from < len(text); {
			n := pieces.Code(text[from:])
			counts[text[from:from+n]]++
			from += n
		}
	}
	tr := newTrainer(counts, specials)
	for len(tr.tokens) < vocab && tr.step() {
	}
	t, err := Parse(tr.document(specials))
	if err != nil {
		return nil, fmt.Errorf("%w: specials %q: %w", ErrVocabulary, specials, err)
	}
	return t, nil
}

// word is a distinct piece, as tokens, with the number of times it was seen.
type word struct {
	ids   []int32
	count int
}

// trainer counts pairs and updates the counts only where a merge was applied.
type trainer struct {
	tokens []string         // bytes by id; the specials' are empty
	ids    map[string]int32 // id by bytes
	banned map[string]bool  // bytes that would spell a special
	merges []pair
	words  []word
	counts map[pair]int
	where  map[pair][]int // words that hold the pair, perhaps no longer
	queue  pairHeap
	done   map[pair]bool // pairs among merges
}

func newTrainer(counts map[string]int, specials []string) *trainer {
	tr := &trainer{ids: map[string]int32{}, banned: map[string]bool{}, counts: map[pair]int{}, where: map[pair][]int{}, done: map[pair]bool{}}
	for _, s := range specials {
		tr.tokens = append(tr.tokens, "")
		if raw, ok := unspell(s); ok {
			tr.banned[raw] = true
		}
	}
	for b := range 256 {
		tr.add(string([]byte{byte(b)}))
	}
	for _, piece := range slices.Sorted(maps.Keys(counts)) {
		w := word{count: counts[piece]}
		for i := range len(piece) {
			w.ids = append(w.ids, tr.ids[piece[i:i+1]])
		}
		tr.words = append(tr.words, w)
		tr.count(len(tr.words)-1, 1, func(pair) bool { return true })
	}
	for p, n := range tr.counts {
		tr.queue = append(tr.queue, counted{p, n})
	}
	heap.Init(&tr.queue)
	return tr
}

func (tr *trainer) add(raw string) int32 {
	id := int32(len(tr.tokens))
	tr.tokens = append(tr.tokens, raw)
	tr.ids[raw] = id
	return id
}

// count adds sign times the count of word w to its pairs, and lists w under those
// that index asks for.
func (tr *trainer) count(w int, sign int, index func(pair) bool) {
	ids := tr.words[w].ids
	for i := range len(ids) - 1 {
		p := pairOf(ids[i], ids[i+1])
		tr.counts[p] += sign * tr.words[w].count
		if index(p) {
			tr.where[p] = append(tr.where[p], w)
		}
	}
}

// step applies the best merge; false if no pair is left.
func (tr *trainer) step() bool {
	for len(tr.queue) > 0 {
		c := heap.Pop(&tr.queue).(counted)
		if n := tr.counts[c.pair]; n != c.count {
			if n > 0 {
				heap.Push(&tr.queue, counted{c.pair, n}) // the count has changed since
			}
			continue
		}
		raw := tr.tokens[c.left()] + tr.tokens[c.right()]
		if tr.banned[raw] {
			continue
		}
		id, known := tr.ids[raw] // two ways to one string share its id
		if !known {
			id = tr.add(raw)
		}
		if !tr.done[c.pair] { // a later merge can bring a pair back when strings share an id
			tr.merges = append(tr.merges, c.pair)
			tr.done[c.pair] = true
		}
		tr.apply(c.pair, id)
		return true
	}
	return false
}

// apply replaces the pair by id in every word that holds it.
func (tr *trainer) apply(p pair, id int32) {
	changed := map[pair]bool{}
	for _, w := range tr.where[p] {
		joined := join(tr.words[w].ids, p, id)
		if len(joined) == len(tr.words[w].ids) {
			continue
		}
		tr.count(w, -1, func(pair) bool { return false })
		tr.words[w].ids = joined
		tr.count(w, 1, func(q pair) bool {
			fresh := q.left() == id || q.right() == id
			if fresh {
				changed[q] = true
			}
			return fresh
		})
	}
	delete(tr.where, p)
	delete(tr.counts, p)
	for q := range changed {
		heap.Push(&tr.queue, counted{q, tr.counts[q]})
	}
}

// join returns ids with every p, from the left, replaced by id.
func join(ids []int32, p pair, id int32) []int32 {
	out := make([]int32, 0, len(ids))
	for i := 0; i < len(ids); i++ {
		if i+1 < len(ids) && pairOf(ids[i], ids[i+1]) == p {
			out = append(out, id)
			i++
		} else {
			out = append(out, ids[i])
		}
	}
	return out
}

type counted struct {
	pair
	count int
}

// pairHeap puts the most frequent pair first, then the smaller one.
type pairHeap []counted

func (h pairHeap) Len() int      { return len(h) }
func (h pairHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h pairHeap) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[j].count, h[i].count), cmp.Compare(h[i].pair, h[j].pair)) < 0
}
func (h *pairHeap) Push(x any) { *h = append(*h, x.(counted)) }
func (h *pairHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}

// document writes a tokenizer.json that the Hugging Face library reads. Merges are
// in the "a b" form, which every version of it understands.
func (tr *trainer) document(specials []string) []byte {
	var b bytes.Buffer
	b.WriteString("{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[")
	for i, s := range specials {
		fmt.Fprintf(&b, "%s\n {\"id\":%d,\"content\":%s,\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true}", comma(i), i, quote(s))
	}
	fmt.Fprintf(&b, "],\n\"normalizer\":null,\n\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[\n"+
		" {\"type\":\"Split\",\"pattern\":{\"Regex\":%s},\"behavior\":\"Isolated\",\"invert\":false},\n"+
		" {\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":false}]},\n", quote(pieces.CodePattern))
	b.WriteString("\"post_processor\":null,\n\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":false},\n" +
		"\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null," +
		"\"fuse_unk\":false,\"byte_fallback\":false,\"ignore_merges\":false,\n\"vocab\":{")
	for id, raw := range tr.tokens {
		token := spell(raw)
		if id < len(specials) {
			token = specials[id]
		}
		fmt.Fprintf(&b, "%s%s:%d", comma(id), quote(token), id)
	}
	b.WriteString("},\n\"merges\":[")
	for i, p := range tr.merges {
		fmt.Fprintf(&b, "%s%s", comma(i), quote(spell(tr.tokens[p.left()])+" "+spell(tr.tokens[p.right()])))
	}
	b.WriteString("]}}\n")
	return b.Bytes()
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

// quote writes a JSON string without escaping <, > and &.
func quote(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}
