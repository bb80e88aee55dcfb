package tokenizer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// splitter returns the length of the first piece of a text that is not empty. It
// is at least 1, so that the pieces cover every text.
type splitter func(text string) int

// Pattern cuts text for the tokenizers that Train makes: a line break with the
// indentation after it, a word, one digit, a run of other characters (each with one
// space before it), spaces, and other ASCII white space. It names every class
// by its bytes, since engines disagree about what \s means, and it matches at
// every position of every text.
const Pattern = `\n *| ?[A-Za-z_]+| ?[0-9]| ?[^\t-\r A-Za-z0-9_]+| +|[\t\x0b-\r]+`

type class uint8

const (
	other class = iota
	letter
	digit
	space
	control // \t \v \f \r; \n too, though it is looked at first
)

var classes = func() (c [256]class) {
	for b := range c {
		switch {
		case b == ' ':
			c[b] = space
		case b >= '\t' && b <= '\r':
			c[b] = control
		case b >= '0' && b <= '9':
			c[b] = digit
		case b == '_' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z':
			c[b] = letter
		}
	}
	return c
}()

// run returns how far text[from:] stays in class k.
func run(text string, from int, k class) int {
	for from < len(text) && classes[text[from]] == k {
		from++
	}
	return from
}

// splitCode is Pattern written by hand.
func splitCode(text string) int {
	if text[0] == '\n' {
		return run(text, 1, space)
	}
	start := 0
	if text[0] == ' ' && len(text) > 1 {
		start = 1
	}
	switch k := classes[text[start]]; k {
	case letter, other:
		return run(text, start, k)
	case digit:
		return start + 1
	}
	if text[0] == ' ' {
		return run(text, 0, space)
	}
	end := 1
	for end < len(text) && text[end] != '\n' && classes[text[end]] == control {
		end++
	}
	return end
}

// gpt2Pattern is what splitGPT2 does, for an engine with look-ahead and a Unicode
// \s. It is the built-in expression of the ByteLevel pre-tokenizer.
const gpt2Pattern = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

// kind is the class of a rune in gpt2Pattern.
func kind(r rune) class {
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return digit
	case unicode.IsSpace(r):
		return space
	}
	return other
}

// splitGPT2 is gpt2Pattern written by hand. A byte that is no UTF-8 counts as
// "other".
func splitGPT2(text string) int {
	if text[0] == '\'' {
		for _, suffix := range []string{"s", "t", "re", "ve", "m", "ll", "d"} {
			if strings.HasPrefix(text[1:], suffix) {
				return 1 + len(suffix)
			}
		}
	}
	start := 0
	if text[0] == ' ' && len(text) > 1 {
		start = 1
	}
	r, _ := utf8.DecodeRuneInString(text[start:])
	want := kind(r)
	if want == space {
		start = 0
	}
	end, last := start, start // last: where the last rune of the run begins
	for end < len(text) {
		r, size := utf8.DecodeRuneInString(text[end:])
		if kind(r) != want {
			break
		}
		last, end = end, end+size
	}
	if want == space && end < len(text) && last > 0 {
		return last // the last white space goes with what follows
	}
	return end
}
