package pieces

import (
	"sort"
	"unicode"
	"unicode/utf8"
)

// Cutter returns the length of the first piece of a text that is not empty.
type Cutter func(text string) int

// class is what the expressions ask of a character.
type class uint8

const (
	other class = iota
	letter
	number
	punct
	space
)

// ascii holds the classes of the characters below 0x80.
var ascii = func() (c [utf8.RuneSelf]class) {
	for r := range c {
		c[r] = classOf(rune(r))
	}
	return c
}()

// classOf looks a character up: letter is \p{L}, number \p{N}, punct \p{P} and space
// \s (White_Space).
func classOf(r rune) class {
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return number
	case unicode.IsSpace(r):
		return space
	case unicode.IsPunct(r):
		return punct
	}
	if r >= later[0].from {
		i := sort.Search(len(later), func(i int) bool { return later[i].to >= r })
		if i < len(later) && later[i].from <= r {
			return later[i].class
		}
	}
	return other
}

// at returns the class, the character and its length at a position of text.
func at(text string, i int) (class, rune, int) {
	if b := text[i]; b < utf8.RuneSelf {
		return ascii[b], rune(b), 1
	}
	r, size := utf8.DecodeRuneInString(text[i:])
	if r == utf8.RuneError && size == 1 {
		return other, -1, 1 // no UTF-8
	}
	return classOf(r), r, size
}

// run returns how far text[from:] stays in class k.
func run(text string, from int, k class) int {
	for from < len(text) {
		c, _, size := at(text, from)
		if c != k {
			break
		}
		from += size
	}
	return from
}

// symbols returns how far text[from:] is neither letter, number nor space.
func symbols(text string, from int) int {
	for from < len(text) {
		c, _, size := at(text, from)
		if c != other && c != punct {
			break
		}
		from += size
	}
	return from
}

// contraction returns the length of 's 't 're 've 'm 'll 'd at the start of text, or
// 0. Where fold is set, case does not matter, and ſ (U+017F) is an s.
func contraction(text string, fold bool) int {
	if len(text) < 2 || text[0] != '\'' {
		return 0
	}
	lower := func(i int) byte {
		if i >= len(text) {
			return 0
		}
		if c := text[i]; fold && 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return text[i]
	}
	switch a, b := lower(1), lower(2); {
	case a == 's' || a == 't' || a == 'm' || a == 'd':
		return 2
	case a == 'r' && b == 'e', a == 'v' && b == 'e', a == 'l' && b == 'l':
		return 3
	case fold && len(text) > 2 && text[1:3] == "ſ":
		return 3
	}
	return 0
}

// Whole takes the whole text as one piece.
func Whole(text string) int { return len(text) }

// Words cuts before every run of spaces, of which ▁ (U+2581) is one. Text of a
// sentencepiece model may be cut there if no token holds a space after something
// else.
func Words(text string) int {
	end := 0
	for end < len(text) && spaceMark(text[end:]) > 0 {
		end += spaceMark(text[end:])
	}
	for end < len(text) && spaceMark(text[end:]) == 0 {
		end++
	}
	return end
}

func spaceMark(text string) int {
	if text[0] == ' ' {
		return 1
	}
	if len(text) >= 3 && text[0] == 0xE2 && text[:3] == "▁" {
		return 3
	}
	return 0
}
