package tokenizer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
)

// ErrFormat reports a tokenizer.json that contradicts itself or cannot be read.
var ErrFormat = errors.New("tokenizer: malformed tokenizer.json")

// ErrUnsupported reports a well-formed tokenizer.json with a component that this
// package does not read. The message names it.
var ErrUnsupported = errors.New("tokenizer: unsupported component")

// ErrVocabulary reports a vocabulary that Train cannot make.
var ErrVocabulary = errors.New("tokenizer: impossible vocabulary")

// Span is the byte range [Start, End) of a token in a text. It may begin or end
// inside a character.
type Span struct{ Start, End int }

// Encoding is a text as tokens: Spans[i] is the range of IDs[i]. The spans lie
// end to end from 0 to the length of the text.
type Encoding struct {
	IDs   []int32
	Spans []Span
}

// Tokenizer is a byte-level BPE. It does not change after it was made and may be
// used from several goroutines.
type Tokenizer struct {
	json   []byte           // the whole file
	split  splitter         // cuts ordinary text into pieces, within which bytes are merged
	bytes  []string         // what an id stands for
	added  map[string]added // by content
	starts [256][]string    // contents of added tokens by first byte, longest first
	drop   []bool           // ids that Decode leaves out: the specials
	base   [256]int32       // id of every single byte
	merges map[pair]merge
}

type added struct {
	id      int32
	special bool
}

// Load reads a tokenizer.json. It returns ErrFormat or ErrUnsupported, with the
// path and the component, for a file that it cannot read exactly.
func Load(path string) (*Tokenizer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	t, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// Save writes the tokenizer.json.
func (t *Tokenizer) Save(path string) error {
	if err := os.WriteFile(path, t.json, 0o644); err != nil {
		return fmt.Errorf("tokenizer: %w", err)
	}
	return nil
}

// JSON returns the bytes of the tokenizer.json: those that were read, or those
// that Train made.
func (t *Tokenizer) JSON() []byte { return bytes.Clone(t.json) }

// Digest returns the SHA-256 of JSON in hexadecimal.
func (t *Tokenizer) Digest() string {
	sum := sha256.Sum256(t.json)
	return hex.EncodeToString(sum[:])
}

// VocabSize returns the number of tokens; ids run from 0 to VocabSize()-1.
func (t *Tokenizer) VocabSize() int { return len(t.bytes) }

// TokenID returns the id of an added token, such as "</s>".
func (t *Tokenizer) TokenID(special string) (int32, bool) {
	a, ok := t.added[special]
	return a.id, ok
}

// Bytes returns what an id stands for, a special's name included. An unknown id
// stands for nothing.
func (t *Tokenizer) Bytes(id int32) string {
	if id < 0 || int(id) >= len(t.bytes) {
		return ""
	}
	return t.bytes[id]
}

// Encode turns a text into tokens. Added tokens are recognised wherever the text
// spells them, the longest first, as the Hugging Face library does. Text that is
// not UTF-8 is encoded byte by byte.
func (t *Tokenizer) Encode(text string) Encoding {
	e := encoder{t: t}
	from := 0
	for at := 0; at < len(text); {
		content := t.addedAt(text[at:])
		if content == "" {
			at++
			continue
		}
		e.ordinary(text, from, at)
		e.token(t.added[content].id, at, at+len(content))
		at += len(content)
		from = at
	}
	e.ordinary(text, from, len(text))
	return e.out
}

// EncodeOrdinary is Encode for foreign text: it never yields an added token,
// whatever the text spells, so a text cannot end its own prompt.
func (t *Tokenizer) EncodeOrdinary(text string) Encoding {
	e := encoder{t: t}
	e.ordinary(text, 0, len(text))
	return e.out
}

// addedAt returns the longest added token that text begins with, or "".
func (t *Tokenizer) addedAt(text string) string {
	for _, content := range t.starts[text[0]] {
		if strings.HasPrefix(text, content) {
			return content
		}
	}
	return ""
}

// Decode joins the bytes of the tokens; special tokens and unknown ids give none.
// The bytes of EncodeOrdinary's ids are the text. Ids that a model chose may
// join to something that is not UTF-8: nothing is replaced, so that Spans hold.
func (t *Tokenizer) Decode(ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(t.visible(id))
	}
	return b.String()
}

// Spans returns the byte range of each id in Decode(ids). Special tokens and
// unknown ids have empty ranges.
func (t *Tokenizer) Spans(ids []int32) []Span {
	spans := make([]Span, len(ids))
	at := 0
	for i, id := range ids {
		spans[i].Start = at
		at += len(t.visible(id))
		spans[i].End = at
	}
	return spans
}

// visible is Bytes without the specials.
func (t *Tokenizer) visible(id int32) string {
	if id < 0 || int(id) >= len(t.bytes) || t.drop[id] {
		return ""
	}
	return t.bytes[id]
}
