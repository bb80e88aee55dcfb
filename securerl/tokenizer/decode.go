package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// Decode joins the bytes of the tokens; control tokens and unknown ids give none.
// Decode(a) + Decode(b) is Decode(a and b), and the bytes of EncodeContinuation's ids
// are its text. Ids that a model chose may join to something that is not UTF-8:
// nothing is replaced, so that Spans hold. See Text for the library's answer.
func (t *Tokenizer) Decode(ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(t.visible(id))
	}
	return b.String()
}

// Spans returns the byte range of each id in Decode(ids). Control tokens and
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

// visible is Bytes without the control tokens.
func (t *Tokenizer) visible(id int32) string {
	if k := t.token(id); !k.control {
		return k.bytes
	}
	return ""
}

// Text returns what the Hugging Face library decodes, with or without the tokens
// that the file marks as special: always UTF-8 (U+FFFD for what is none), and
// without the space that a sentencepiece-style tokenizer puts before a text.
func (t *Tokenizer) Text(ids []int32, specials bool) string {
	var b strings.Builder
	var held []byte // single bytes that have not become characters yet
	flush := func() {
		if utf8.Valid(held) {
			b.Write(held)
		} else {
			b.WriteString(strings.Repeat("\uFFFD", len(held)))
		}
		held = held[:0]
	}
	for _, id := range ids {
		k := t.token(id)
		if k.special && !specials {
			continue
		}
		if k.single {
			held = append(held, k.bytes...)
			continue
		}
		flush()
		b.WriteString(k.bytes)
	}
	flush()
	switch t.space {
	case byteLevel:
		return lossy(b.String())
	case nowhere:
		return b.String()
	}
	return strings.TrimPrefix(b.String(), " ")
}

// lossy replaces every longest part of s that is the beginning of a character, but
// no character, by one U+FFFD, and every other wrong byte by one.
// Source: The Unicode Standard 15.0, section 3.9, U+FFFD Substitution of Maximal Subparts.
func lossy(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r != utf8.RuneError || size > 1 {
			b.WriteString(s[i : i+size])
			i += size
			continue
		}
		b.WriteString("\uFFFD")
		i++
		for n := 1; i < len(s) && opens(s[i-n:i+1]); n++ {
			i++
		}
	}
	return b.String()
}

// opens tells whether s is the beginning of a longer character.
func opens(s string) bool {
	return !utf8.FullRuneInString(s)
}

// Stream decodes ids as they come. What it has returned in all is Decode of the ids
// so far, except for the bytes of a character that is not complete.
type Stream struct {
	t    *Tokenizer
	held string
}

// Stream returns a decoder for a text that has not begun.
func (t *Tokenizer) Stream() *Stream { return &Stream{t: t} }

// Next takes an id and returns the text that is certain now; it may be empty.
func (s *Stream) Next(id int32) string {
	text := s.held + s.t.visible(id)
	keep := 0
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if utf8.RuneStart(text[len(text)-n]) {
			if !utf8.FullRuneInString(text[len(text)-n:]) {
				keep = n
			}
			break
		}
	}
	s.held = text[len(text)-keep:]
	return text[:len(text)-keep]
}

// Rest returns the bytes of a last character that was never completed.
func (s *Stream) Rest() string {
	rest := s.held
	s.held = ""
	return rest
}
