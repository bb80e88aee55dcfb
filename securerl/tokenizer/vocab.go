package tokenizer

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"securecoderl/securerl/tokenizer/pieces"
)

// readAdded reads the added tokens.
func (t *Tokenizer) readAdded(d document) error {
	t.added = map[string]*added{}
	eats, blank := "", ""
	for _, a := range d.AddedTokens {
		switch _, twice := t.added[a.Content]; {
		case twice || a.Content == "":
			return malformed("added token %q is empty or listed twice", a.Content)
		case a.SingleWord:
			return unsupported("single_word of added token", a.Content)
		case a.Normalized && t.space != byteLevel:
			return unsupported("normalized of a sentencepiece-style tokenizer's added token", a.Content)
		case a.Normalized && t.nfc && !norm.NFC.IsNormalString(a.Content):
			return unsupported("normalized added token that is not in form C:", a.Content)
		}
		x := &added{id: a.ID, content: a.Content, lstrip: a.LStrip, rstrip: a.RStrip}
		x.foreign = !a.Special && isBlank(a.Content)
		t.added[a.Content] = x
		if a.Normalized {
			t.composed.add(x)
		} else {
			t.verbatim.add(x)
		}
		if a.RStrip {
			eats = a.Content
		}
		if first, _ := utf8.DecodeRuneInString(a.Content); unicode.IsSpace(first) {
			blank = a.Content
		}
	}
	if eats != "" && blank != "" {
		return unsupported("rstrip of added token", fmt.Sprintf("%q beside added token %q, which it could eat", eats, blank))
	}
	return nil
}

func isBlank(s string) bool { return strings.TrimSpace(s) == "" }

// isLoneByte tells whether s is one byte that never occurs in UTF-8.
func isLoneByte(s string) bool {
	return len(s) == 1 && (s[0] == 0xC0 || s[0] == 0xC1 || s[0] >= 0xF5)
}

// meaning returns the bytes of a token that a file spells so.
func (t *Tokenizer) meaning(name string) string {
	if t.space == byteLevel {
		if raw, ok := unspell(name); ok {
			return raw
		}
		return name
	}
	if b, ok := fallback(name); ok {
		return string([]byte{b})
	}
	return strings.ReplaceAll(name, mark, " ")
}

// fallback reads the name of a single byte, such as <0x0A>.
func fallback(name string) (b byte, ok bool) {
	if len(name) != 6 || name[:3] != "<0x" || name[5] != '>' {
		return 0, false
	}
	n, err := strconv.ParseUint(name[3:5], 16, 8)
	return byte(n), err == nil
}

// readVocab gives every id its bytes. The ids of vocabulary and added tokens
// together must be 0, 1, 2, ... without a gap.
func (t *Tokenizer) readVocab(d document) error {
	all := d.Model.Vocab
	size := len(all)
	for _, a := range d.AddedTokens {
		id, ok := all[a.Content]
		if ok && id != a.ID {
			return malformed("added token %q has id %d, but %d in the vocabulary", a.Content, a.ID, id)
		}
		if !ok {
			if int(a.ID) != size { // the library would give it that id, whatever the file says
				return malformed("added token %q has id %d; those that are not in the vocabulary go on from it in order, which gives %d", a.Content, a.ID, size)
			}
			size++
		}
	}
	t.tokens = make([]token, size)
	set := func(id int32, name string) error {
		if id < 0 || int(id) >= size || t.tokens[id].bytes != "" {
			return malformed("id %d of %q: the ids of %d tokens must be 0 to %d, each once", id, name, size, size-1)
		}
		t.tokens[id].bytes = t.meaning(name)
		if t.space != byteLevel {
			_, t.tokens[id].single = fallback(name)
		}
		return nil
	}
	for _, a := range d.AddedTokens {
		if err := set(a.ID, a.Content); err != nil {
			return err
		}
		t.tokens[a.ID].special = a.Special
		t.tokens[a.ID].control = a.Special || !isBlank(a.Content) && !isLoneByte(t.meaning(a.Content))
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if _, ok := t.added[name]; ok {
			continue
		}
		if _, ok := unspell(name); name == "" || t.space == byteLevel && !ok {
			return malformed("token %q is not written in the byte-level alphabet", name)
		}
		if err := set(all[name], name); err != nil {
			return err
		}
	}
	return nil
}

// readMerges reads the ids of the single bytes and characters, and the merges.
func (t *Tokenizer) readMerges(d document) error {
	all := d.Model.Vocab
	for b := range t.base {
		name := string(byteToRune[b])
		if t.space != byteLevel {
			name = fmt.Sprintf("<0x%02X>", b)
		}
		id, ok := all[name]
		if a, clash := t.added[name]; clash {
			id, ok = a.id, !t.tokens[a.id].control
		}
		if !ok && t.space == byteLevel && isLoneByte(string([]byte{byte(b)})) {
			t.gaps = true
		} else if !ok {
			return malformed("byte 0x%02x needs a token %q of its own", b, name)
		}
		t.base[b] = id
	}
	if t.space != byteLevel {
		if err := t.readCharacters(d.Model); err != nil {
			return err
		}
	} else if d.Model.IgnoreMerges {
		t.whole = map[string]int32{}
		for _, id := range all {
			if !t.tokens[id].control {
				t.whole[t.tokens[id].bytes] = id
			}
		}
	}
	t.merges = make(map[pair]merge, len(d.Model.Merges))
	for rank, m := range d.Model.Merges {
		left, okLeft := all[m[0]]
		right, okRight := all[m[1]]
		id, ok := all[m[0]+m[1]]
		if !okLeft || !okRight || !ok {
			return malformed("merge %d of %.80q and %.80q: they or their union are not in the vocabulary", rank, m[0], m[1])
		}
		if _, special := t.added[m[0]+m[1]]; special {
			return unsupported("merge that makes an added token:", m[0]+m[1])
		}
		p := pairOf(left, right)
		if _, twice := t.merges[p]; twice {
			return malformed("merge %d of %.80q and %.80q is listed twice", rank, m[0], m[1])
		}
		t.merges[p] = merge{rank: int32(rank), id: id}
	}
	return nil
}

// readCharacters prepares a sentencepiece-style tokenizer: the tokens of single
// characters, and where its text may be cut.
func (t *Tokenizer) readCharacters(m model) error {
	if m.IgnoreMerges {
		return unsupported("model with byte_fallback and", "ignore_merges")
	}
	t.runes, t.cut = map[rune]int32{}, pieces.Words
	for name, id := range m.Vocab {
		if _, ok := t.added[name]; ok {
			continue
		}
		if r, size := utf8.DecodeRuneInString(name); size == len(name) {
			t.runes[r] = id
		}
		if strings.Contains(strings.TrimLeft(name, mark), mark) {
			t.cut = pieces.Whole // a merge may reach over the beginning of a word
		}
	}
	if _, ok := t.runes['▁']; !ok {
		return malformed("a sentencepiece-style vocabulary needs the token %q", mark)
	}
	return nil
}
