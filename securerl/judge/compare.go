package judge

import (
	"bytes"
	"math"
	"regexp"
	"strconv"
	"strings"

	"securecoderl/securerl/problem"
)

// Compare tells whether printed output is right, and else the first line that
// differs, counted from 1. It looks at bytes and takes time linear in them.
//
//	lines   CRLF is LF; blanks (space, tab, CR) at line ends and empty last lines do not count
//	exact   equal bytes
//	tokens  equal words, wherever the line breaks are
//	float   as lines, word by word; decimal numbers may differ by max(eps, eps |want|)
//	peer    the first paper's rule: both sides stripped as a whole, then equal
func Compare(mode problem.Comparator, eps float64, got, want []byte) (equal bool, firstDiff int) {
	switch mode {
	case problem.Exact:
		equal = bytes.Equal(got, want)
	case problem.Peer:
		equal = bytes.Equal(bytes.Trim(got, space), bytes.Trim(want, space))
	case problem.Tokens:
		equal = sameWords(words(got), words(want), bytes.Equal)
	case problem.Float:
		return sameLines(got, want, func(a, b []byte) bool {
			return sameWords(words(a), words(b), func(x, y []byte) bool { return sameNumber(x, y, eps) })
		})
	default:
		return sameLines(got, want, bytes.Equal)
	}
	if equal {
		return true, 0
	}
	_, line := sameLines(got, want, bytes.Equal)
	return false, max(1, line)
}

const (
	blanks = " \t\r"       // do not count at the end of a line
	space  = " \t\n\r\v\f" // separates words: the white space of ASCII, as bytes in Python have it
)

// lines splits output into lines without blanks at their ends and without empty
// lines at the end.
func lines(b []byte) [][]byte {
	list := bytes.Split(b, []byte("\n"))
	for i := range list {
		list[i] = bytes.TrimRight(list[i], blanks)
	}
	for len(list) > 0 && len(list[len(list)-1]) == 0 {
		list = list[:len(list)-1]
	}
	return list
}

func sameLines(got, want []byte, same func(a, b []byte) bool) (bool, int) {
	a, b := lines(got), lines(want)
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || !same(a[i], b[i]) {
			return false, i + 1
		}
	}
	return true, 0
}

func words(b []byte) [][]byte {
	return bytes.FieldsFunc(b, func(r rune) bool { return strings.ContainsRune(space, r) })
}

func sameWords(a, b [][]byte, same func(x, y []byte) bool) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !same(a[i], b[i]) {
			return false
		}
	}
	return true
}

var (
	integer = regexp.MustCompile(`^[+-]?[0-9]+$`)
	decimal = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?$`)
)

// longest is the number of digits from which whole numbers are no longer compared as
// numbers: the time must stay linear in the output.
const longest = 400

// sameNumber compares two words. Integers are equal as written numbers, not as
// doubles; nan, inf, hexadecimal and underscores are no numbers.
func sameNumber(got, want []byte, eps float64) bool {
	if bytes.Equal(got, want) {
		return true
	}
	if integer.Match(got) && integer.Match(want) {
		return max(len(got), len(want)) <= longest && bytes.Equal(plain(got), plain(want))
	}
	if !decimal.Match(got) || !decimal.Match(want) {
		return false
	}
	a, errA := strconv.ParseFloat(string(got), 64)
	b, errB := strconv.ParseFloat(string(want), 64)
	if errA != nil || errB != nil || math.IsInf(a, 0) || math.IsInf(b, 0) {
		return false
	}
	if eps <= 0 {
		eps = 1e-6
	}
	return math.Abs(a-b) <= math.Max(eps, eps*math.Abs(b))
}

// plain removes a plus and leading zeros; zero has no sign.
func plain(b []byte) []byte {
	sign := []byte{}
	if b[0] == '-' {
		sign = []byte("-")
	}
	digits := bytes.TrimLeft(bytes.TrimLeft(b, "+-"), "0")
	if len(digits) == 0 {
		return []byte("0")
	}
	return append(sign, digits...)
}
