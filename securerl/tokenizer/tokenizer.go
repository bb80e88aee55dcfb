package tokenizer

import (
	"errors"
	"iter"
)

// ErrFormat reports a tokenizer.json that contradicts itself or cannot be read.
var ErrFormat = errors.New("tokenizer: malformed tokenizer.json")

// ErrUnsupported reports a well-formed tokenizer.json with a component that this
// package does not read. The message names it.
var ErrUnsupported = errors.New("tokenizer: unsupported component")

// Span is the byte range [Start, End) of a token in a text.
type Span struct{ Start, End int }

// Encoding is a text as tokens: Spans[i] is the range of IDs[i].
type Encoding struct {
	IDs   []int32
	Spans []Span
}

// Tokenizer is a byte-level BPE. It does not change after it was made and may be
// used from several goroutines.
type Tokenizer struct {
	json []byte // the whole file
}

// Load reads a tokenizer.json.
func Load(path string) (*Tokenizer, error) { return nil, ErrFormat }

// Parse reads the bytes of a tokenizer.json.
func Parse(data []byte) (*Tokenizer, error) { return nil, ErrFormat }

// Save writes the tokenizer.json.
func (t *Tokenizer) Save(path string) error { return nil }

// JSON returns the bytes of the tokenizer.json: those that were read, or those
// that Train made.
func (t *Tokenizer) JSON() []byte { return t.json }

// Encode turns a text into tokens. Added tokens (such as "</s>") are recognised
// wherever they stand in the text, as the Hugging Face library does.
func (t *Tokenizer) Encode(text string) Encoding { return Encoding{} }

// EncodeOrdinary is Encode for foreign text: it never yields a special token,
// whatever the text spells.
func (t *Tokenizer) EncodeOrdinary(text string) Encoding { return Encoding{} }

// Decode joins the bytes of the tokens; special tokens and unknown ids give none.
func (t *Tokenizer) Decode(ids []int32) string { return "" }

// Spans returns the byte range of each id in Decode(ids). Specials have empty ones.
func (t *Tokenizer) Spans(ids []int32) []Span { return nil }

// Bytes returns the bytes that an id stands for, those of a special's name
// included; nil for an unknown id.
func (t *Tokenizer) Bytes(id int32) []byte { return nil }

// TokenID returns the id of an added token.
func (t *Tokenizer) TokenID(special string) (int32, bool) { return 0, false }

// VocabSize returns one more than the largest id.
func (t *Tokenizer) VocabSize() int { return 0 }

// Digest returns the SHA-256 of JSON in hexadecimal.
func (t *Tokenizer) Digest() string { return "" }

// Train makes a tokenizer of at most vocab tokens from texts: specials first,
// then the 256 bytes, then merges.
func Train(texts iter.Seq[string], vocab int, specials []string) (*Tokenizer, error) {
	return nil, ErrFormat
}
