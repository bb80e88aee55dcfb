package tokenizer

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// spacing says where a sentencepiece-style tokenizer puts a space mark in front.
type spacing uint8

const (
	byteLevel   spacing = iota // none: not sentencepiece style
	everywhere                 // before every stretch between added tokens
	unlessThere                // so, but not before a space
	firstOnly                  // before the text, if it begins with ordinary text and no space
	nowhere
)

// Encode turns a text into the tokens that the Hugging Face library gives without
// its template. Added tokens are recognised wherever the text spells them, so the
// text must be trusted. Text that is not UTF-8 is encoded byte by byte.
func (t *Tokenizer) Encode(text string) Encoding { return t.encode(text, Span{}, true) }

// EncodeOrdinary is Encode for foreign text: it never yields a control token,
// whatever the text spells, so a text cannot end its own prompt.
func (t *Tokenizer) EncodeOrdinary(text string) Encoding {
	return t.encode(text, Span{0, len(text)}, true)
}

// EncodeAround encodes before + foreign + after at one go. Control tokens are
// recognised in before and after only; one that reaches into foreign stays text.
func (t *Tokenizer) EncodeAround(before, foreign, after string) Encoding {
	return t.encode(before+foreign+after, Span{len(before), len(before) + len(foreign)}, true)
}

// EncodeContinuation is EncodeOrdinary for text that goes on after other text: no
// space mark is put before it. Decode gives the text back, byte for byte, unless
// the tokenizer brings it to form C. Byte-level tokenizers make no difference.
func (t *Tokenizer) EncodeContinuation(text string) Encoding {
	return t.encode(text, Span{0, len(text)}, false)
}

// Wrap puts the tokens of the file's template around an encoding, such as a first
// <s>. Their ranges are empty.
func (t *Tokenizer) Wrap(e Encoding) Encoding {
	end := 0
	if n := len(e.Spans); n > 0 {
		end = e.Spans[n-1].End
	}
	return Encoding{
		IDs:   slices.Concat(t.before, e.IDs, t.after),
		Spans: slices.Concat(make([]Span, len(t.before)), e.Spans, slices.Repeat([]Span{{end, end}}, len(t.after))),
	}
}

// encode encodes text; foreign is the range that may hold no control token, start
// says whether a space mark may be put in front.
func (t *Tokenizer) encode(text string, foreign Span, start bool) Encoding {
	e, _ := t.pool.Get().(*encoder)
	if e == nil {
		e = &encoder{t: t, words: map[string][]unit{}}
	}
	e.out = Encoding{IDs: make([]int32, 0, len(text)/3), Spans: make([]Span, 0, len(text)/3)}
	e.foreign, e.start = foreign, start
	e.view(text, 0, 0, nil)
	e.scan(&t.verbatim, func(from, to int) { e.section(text, from, to) })
	out := e.out
	e.out, e.text, e.changes = Encoding{}, "", nil
	t.pool.Put(e)
	return out
}

// encoder holds the result and the scratch space of one call.
type encoder struct {
	t       *Tokenizer
	out     Encoding
	foreign Span // in the caller's text
	start   bool

	// What is being cut: text, whose byte i stands for byte i+shift of the caller's text,
	// except where changes say otherwise. No range begins before floor.
	text         string
	shift, floor int
	changes      []change

	symbols []symbol
	queue   []candidate
	words   map[string][]unit
}

// view makes text, the form of the caller's bytes from floor on, what is cut next.
func (e *encoder) view(text string, shift, floor int, changes []change) {
	e.text, e.shift, e.floor, e.changes = text, shift, floor, changes
}

// span returns the caller's range of a range of e.text.
func (e *encoder) span(start, end int) Span {
	return Span{e.place(start), e.place(end)}
}

func (e *encoder) place(i int) int {
	if e.changes != nil {
		return e.shift + origin(e.changes, i)
	}
	return max(i+e.shift, e.floor)
}

func (e *encoder) token(id int32, s Span) {
	e.out.IDs = append(e.out.IDs, id)
	e.out.Spans = append(e.out.Spans, s)
}

// section encodes text[from:to], which holds no verbatim added token.
func (e *encoder) section(text string, from, to int) {
	part := text[from:to]
	switch t := e.t; {
	case t.nfc || t.gaps:
		form, changes := rewrite(part, t.nfc, t.gaps)
		e.view(form, from, from, changes)
	case e.marked(part, from):
		e.view(" "+part, from-1, from, nil)
	default:
		e.view(part, from, from, nil)
	}
	e.scan(&e.t.composed, e.ordinary)
	e.view(text, 0, 0, nil)
}

// marked tells whether a space mark comes before a section.
func (e *encoder) marked(part string, from int) bool {
	if !e.start {
		return false
	}
	there := part[0] == ' ' || strings.HasPrefix(part, mark)
	switch e.t.space {
	case everywhere:
		return true
	case unlessThere:
		return !there
	case firstOnly:
		return !there && from == 0
	}
	return false
}

// ordinary encodes e.text[from:to], which holds no added token.
func (e *encoder) ordinary(from, to int) {
	for from < to {
		n := e.t.cut(e.text[from:to])
		e.piece(e.text[from:from+n], from)
		from += n
	}
}

// scan gives the added tokens of a matcher in e.text their ids, and what is between
// them to rest.
func (e *encoder) scan(m *matcher, rest func(from, to int)) {
	text, from := e.text, 0
	if m.any {
		for at := 0; at < len(text); {
			a := e.match(m, at)
			if a == nil {
				at++
				continue
			}
			start, end := at, at+len(a.content)
			at = end
			if a.lstrip {
				start = max(from, len(strings.TrimRightFunc(text[:start], unicode.IsSpace)))
			}
			if a.rstrip {
				end = len(text) - len(strings.TrimLeftFunc(text[end:], unicode.IsSpace))
			}
			if from < start {
				rest(from, start)
			}
			e.token(a.id, e.span(start, end))
			from, at = end, end
		}
	}
	if from < len(text) {
		rest(from, len(text))
	}
}

// match returns the longest token of m that e.text holds at a position, or nil.
func (e *encoder) match(m *matcher, at int) *added {
	list := m.starts[e.text[at]]
	if list == nil || !strings.HasPrefix(e.text[at:], list.common) {
		return nil
	}
	for _, a := range list.longest {
		if !strings.HasPrefix(e.text[at:], a.content) {
			continue
		}
		if !a.foreign {
			if s := e.span(at, at+len(a.content)); s.End > e.foreign.Start && s.Start < e.foreign.End {
				continue
			}
		}
		return a
	}
	return nil
}

// matcher finds added tokens, of those that begin at one byte the longest.
type matcher struct {
	any    bool
	starts [256]*startsWith
}

// startsWith holds the tokens that begin with one byte; common is what all of them
// begin with.
type startsWith struct {
	common  string
	longest []*added
}

func (m *matcher) add(a *added) {
	m.any = true
	list := m.starts[a.content[0]]
	if list == nil {
		list = &startsWith{common: a.content}
		m.starts[a.content[0]] = list
	}
	n := 0
	for n < len(list.common) && n < len(a.content) && list.common[n] == a.content[n] {
		n++
	}
	list.common = list.common[:n]
	list.longest = append(list.longest, a)
	slices.SortFunc(list.longest, func(x, y *added) int {
		return cmp.Or(len(y.content)-len(x.content), cmp.Compare(x.content, y.content))
	})
}

// spell makes the symbols of a piece: its bytes, or its characters where the
// tokenizer has tokens for them.
func (e *encoder) spell(piece string) {
	e.symbols = e.symbols[:0]
	add := func(id int32, start, end int) {
		at := int32(len(e.symbols))
		e.symbols = append(e.symbols, symbol{id: id, start: int32(start), end: int32(end), prev: at - 1, next: at + 1})
	}
	for i := 0; i < len(piece); {
		size := 1
		if e.t.space != byteLevel {
			var r rune
			if r, size = utf8.DecodeRuneInString(piece[i:]); r == ' ' {
				r = '▁'
			}
			if id, ok := e.t.runes[r]; ok && (r != utf8.RuneError || size > 1) {
				add(id, i, i+size)
				i += size
				continue
			}
		}
		for end := i + size; i < end; i++ {
			add(e.t.base[piece[i]], i, i+1)
		}
	}
	e.symbols[len(e.symbols)-1].next = -1
}
