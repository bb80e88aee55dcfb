package call

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// deepest bounds how far values may lie inside each other; literal.py writes up to
// 100 levels, and an answer is a tuple around them.
const deepest = 110

// errText reports text that is no value as literal.py writes them.
var errText = errors.New("call: not a value")

// value is what scan knows of the value at the start of a text.
type value struct {
	text     []byte // all of it
	letter   byte
	body     []byte // of a str: its bytes
	items    []value
	hashable bool
}

// types are the types that may be named, as in literal.py.
var types = strings.Fields("int float complex bool str bytes bytearray list tuple dict set frozenset range object NoneType")

// scan checks the value at the start of a text, which may come from a hostile
// program: every length, every letter, what may be in a set or be a key. It returns
// the text after it. Items are kept down to the level keep.
func scan(b []byte, depth, keep int) (v value, rest []byte, err error) {
	if len(b) == 0 || depth > deepest {
		return v, nil, errText
	}
	v.letter, v.hashable, rest = b[0], true, b[1:]
	n, ok := 0, true
	switch v.letter {
	case 'N', 'T', 'F', 'E':
	case 'i':
		rest, ok = integer(rest)
	case 'f':
		rest, ok = hexadecimal(rest, 16)
	case 'c':
		rest, ok = hexadecimal(rest, 32)
	case 'r', 'm', 'x':
		return parts(v, b, depth)
	case 'o':
		if len(rest) == 0 || rest[0] != 'T' && rest[0] != 'F' {
			return v, nil, errText
		}
		if n, rest, ok = count(rest[1:]); ok && n <= len(rest) {
			ok, rest = utf8.Valid(rest[:n]), rest[n:]
		} else {
			ok = false
		}
	case 's', 'b', 'a', 'y':
		if n, rest, ok = count(rest); !ok || n > len(rest) {
			return v, nil, errText
		}
		v.body, rest, v.hashable = rest[:n], rest[n:], v.letter != 'a'
		ok = v.letter == 'b' || v.letter == 'a' || v.letter == 's' && validText(v.body) || v.letter == 'y' && slices.Contains(types, string(v.body))
	case 'l', 't', 'q', 'S', 'Z', 'g', 'h', 'd', 'k', 'v', 'e':
		if n, rest, ok = count(rest); ok {
			rest, err = v.contents(rest, n, depth, keep)
		}
	default:
		ok = false
	}
	if !ok || err != nil {
		return v, nil, errText
	}
	v.text = b[:len(b)-len(rest)]
	return v, rest, nil
}

// contents checks the n values (or pairs) inside a container.
func (v *value) contents(b []byte, n, depth, keep int) ([]byte, error) {
	table := bytes.IndexByte([]byte("dkve"), v.letter) >= 0
	v.hashable = bytes.IndexByte([]byte("tZgh"), v.letter) >= 0
	if table {
		n *= 2
	}
	if n > len(b) { // every value has a byte at least
		return nil, errText
	}
	for i := range n {
		x, rest, err := scan(b, depth+1, keep-1)
		if err != nil {
			return nil, err
		}
		if !x.hashable && (v.letter == 'S' || v.letter == 'Z' || table && i%2 == 0) {
			return nil, errText
		}
		if v.letter == 't' {
			v.hashable = v.hashable && x.hashable
		}
		if b = rest; keep > 0 {
			v.items = append(v.items, x)
		}
	}
	return b, nil
}

// parts checks the values that are written by others: a range and a fraction by
// ints, a decimal by a str.
func parts(v value, b []byte, depth int) (value, []byte, error) {
	rest := b[1:]
	want := map[byte]string{'r': "iii", 'm': "s", 'x': "ii"}[v.letter]
	for i := range len(want) {
		x, after, err := scan(rest, depth+1, 0)
		zero := string(x.text) == "i0;" && i == len(want)-1 // no step and no denominator is zero
		if err != nil || x.letter != want[i] || zero || x.letter == 's' && !decimal(x.body) {
			return v, nil, errText
		}
		rest = after
	}
	v.text = b[:len(b)-len(rest)]
	return v, rest, nil
}

// decimal tells whether a number is written as Python's Decimal writes it, within
// bounds that arithmetic with it can bear.
func decimal(b []byte) bool {
	s := string(bytes.TrimPrefix(b, []byte("-")))
	if s == "NaN" || s == "sNaN" || s == "Infinity" {
		return true
	}
	mantissa, exponent, scientific := bytes.Cut([]byte(s), []byte("E"))
	whole, part, dotted := bytes.Cut(mantissa, []byte("."))
	digits := func(b []byte) bool { return len(b) > 0 && len(bytes.Trim(b, "0123456789")) == 0 }
	if scientific && (len(exponent) > 6 || !digits(bytes.TrimLeft(exponent, "+-"))) {
		return false
	}
	return digits(whole) && (!dotted || digits(part))
}

// count reads the number before a colon.
func count(b []byte) (n int, rest []byte, ok bool) {
	digits, rest, found := bytes.Cut(b[:min(len(b), 10)], []byte(":"))
	n, err := strconv.Atoi(string(digits))
	if !found || err != nil || n < 0 || strconv.Itoa(n) != string(digits) {
		return 0, nil, false
	}
	return n, b[len(b[:min(len(b), 10)])-len(rest):], true
}

func hexadecimal(b []byte, n int) (rest []byte, ok bool) {
	if len(b) < n {
		return nil, false
	}
	return b[n:], len(bytes.Trim(b[:n], "0123456789abcdef")) == 0
}

func integer(b []byte) (rest []byte, ok bool) {
	digits, rest, found := bytes.Cut(b, []byte(";"))
	digits = bytes.TrimPrefix(digits, []byte("-"))
	return rest, found && len(digits) > 0 && len(bytes.Trim(digits, "0123456789abcdef")) == 0
}

// validText tells whether bytes are UTF-8 as Python writes it with surrogatepass:
// lone surrogates, which Go does not know, are fine.
func validText(b []byte) bool {
	for len(b) > 0 {
		if len(b) > 2 && b[0] == 0xed && b[1] >= 0xa0 && b[1] <= 0xbf && b[2]&0xc0 == 0x80 {
			b = b[3:]
			continue
		}
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			return false
		}
		b = b[n:]
	}
	return true
}

// answer is what a program's process says of one call. None of it is proven.
type answer struct {
	text      []byte // as the evaluator reads it
	returned  []byte // the value, if it returned one
	exception string // class, if it raised one
	line      int    // of the program, where it was raised
	called    bool   // false: the program ended, or has no such function, before the call
}

// mark ends the answer at the end of standard output.
const mark = "\x00answer\x00"

// parse finds the answer at the end of what a program wrote. ok is false where none
// stands there.
func parse(stdout []byte) (a answer, ok bool) {
	b, found := bytes.CutSuffix(stdout, []byte(mark))
	if !found || len(b) < 8 {
		return a, false
	}
	n, err := strconv.ParseUint(string(b[len(b)-8:]), 16, 32)
	if b = b[:len(b)-8]; err != nil || n > uint64(len(b)) {
		return a, false
	}
	a.text = b[len(b)-int(n):]
	v, rest, err := scan(a.text, 0, 1)
	if err != nil || len(rest) > 0 || v.letter != 't' || len(v.items) < 2 || v.items[0].letter != 's' {
		return a, false
	}
	items := v.items[1:]
	kinds := make([]byte, len(items))
	for i, x := range items {
		kinds[i] = x.letter
	}
	switch what := string(v.items[0].body); {
	case what == "missing" && string(kinds) == "d":
		a.exception = "NameError"
	case what == "returned" && len(items) == 2 && kinds[1] == 'd':
		a.returned, a.called = items[0].text, true
	case what == "raised" && len(items) == 6 && (kinds[0] == 'T' || kinds[0] == 'F') && string(kinds[1:]) == "ssitd":
		a.called, a.exception = kinds[0] == 'T', className(items[1].body)
		line, err := strconv.ParseUint(string(bytes.Trim(items[3].text, "i;")), 16, 31)
		if a.line = int(line); err != nil {
			return a, false
		}
	default:
		return a, false
	}
	return a, true
}

// className keeps a class name that is one; a program may call a class anything.
func className(b []byte) string {
	name := func(r rune) bool {
		return r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
	}
	if len(b) == 0 || len(b) > 100 || bytes.IndexFunc(b, func(r rune) bool { return !name(r) }) >= 0 {
		return "Exception"
	}
	return string(b)
}

// frame puts its length before each part, as literal.py's frames reads them.
func frame(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(p))), p...)
	}
	return b
}

// unframe takes bytes apart again.
func unframe(b []byte) (parts [][]byte, ok bool) {
	for len(b) > 0 {
		if len(b) < 4 {
			return nil, false
		}
		n := binary.LittleEndian.Uint32(b)
		if b = b[4:]; uint64(n) > uint64(len(b)) {
			return nil, false
		}
		parts, b = append(parts, b[:n]), b[n:]
	}
	return parts, true
}
