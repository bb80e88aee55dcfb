package golden

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"unicode/utf8"

	"securecoderl/securerl/tokenizer"
)

// Text is a text with the answers of a tokenizer. Fields that are absent are not compared.
type Text struct {
	Text    string   `json:"text"`
	IDs     []int32  `json:"ids"`
	Special []int32  `json:"ids_with_special"`
	Spans   [][2]int `json:"spans_byte"`
	Offsets [][2]int `json:"offsets_byte"` // as the tokenizers library counts them
	Decoded *string  `json:"decoded"`
	Skip    *string  `json:"decoded_skip_special"`
}

// Compare tells for each quantity whether tok answers as stated.
func (r Text) Compare(tok *tokenizer.Tokenizer, say func(quantity string, ok bool, format string, a ...any)) {
	e := tok.Encode(r.Text)
	say("ids", slices.Equal(e.IDs, r.IDs), "ids %v, not %v", e.IDs, r.IDs)
	if r.Special != nil {
		full := tok.Wrap(e).IDs
		say("ids with the template", slices.Equal(full, r.Special), "ids with the template %v, not %v", full, r.Special)
	}
	var spans [][2]int
	for _, s := range e.Spans {
		spans = append(spans, [2]int{s.Start, s.End})
	}
	if r.Spans != nil {
		say("byte ranges", slices.Equal(spans, r.Spans), "ranges %v, not %v", spans, r.Spans)
	}
	if r.Offsets != nil {
		at := r.offsets(spans)
		say("offsets, to whole characters", at < 0, "from token %d on: offsets %v, ranges %v", at, r.Offsets, spans)
	}
	for _, text := range []struct {
		want     *string
		specials bool
	}{{r.Decoded, true}, {r.Skip, false}} {
		if text.want != nil {
			got := tok.Text(r.IDs, text.specials)
			say("decoded texts", got == *text.want, "decoded to %q, not %q", got, *text.want)
		}
	}
}

// offsets returns the first token whose range does not agree with the library's offset,
// -1 if all do. An offset is the range widened to whole characters. Two differences are
// known and allowed: a token that covers no byte (the space mark that Llama puts in front)
// is given a character there; and where form C changed the text (no spans are stated), a
// changed character has the place of its first part, so that only beginnings agree, of
// tokens that begin a character.
func (r Text) offsets(spans [][2]int) int {
	if len(r.Offsets) != len(spans) {
		return min(len(r.Offsets), len(spans))
	}
	for i, s := range spans {
		start, end := s[0], s[1]
		for start > 0 && start < len(r.Text) && !utf8.RuneStart(r.Text[start]) {
			start--
		}
		for end < len(r.Text) && !utf8.RuneStart(r.Text[end]) {
			end++
		}
		o := r.Offsets[i]
		switch {
		case s[0] == s[1]:
		case r.Spans == nil:
			if (i == 0 || r.Offsets[i-1] != o) && o[0] != s[0] {
				return i
			}
		case o != [2]int{start, end}:
			return i
		}
	}
	return -1
}

// tokenizer compares a tokenizer on its texts.
func (p *part) tokenizer() {
	path := p.path("vectors.jsonl")
	b, err := os.ReadFile(path)
	if err != nil {
		panic(fault{fmt.Errorf("%w: %w", ErrFolder, err)})
	}
	tok, err := tokenizer.Load(filepath.Dir(path))
	must(err)
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, len(b)+1)
	n := 0
	for lines.Scan() {
		n++
		var r Text
		err := json.Unmarshal(lines.Bytes(), &r)
		need(err == nil && r.IDs != nil, path, fmt.Sprintf("line %d", n), "holds no text with ids: %v", err)
		r.Compare(tok, func(quantity string, ok bool, format string, a ...any) {
			p.equal(quantity, ok, "%.60q: "+format, append([]any{r.Text}, a...)...)
		})
	}
	need(n > 0, path, "the text", "is empty")
}
