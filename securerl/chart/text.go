package chart

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible writes out what a reader would not see or what would act on the reader's
// screen: control characters (all but newline and tab), marks that turn the direction
// of text, letters without width, and bytes that are no UTF-8. The result is valid
// UTF-8 and holds none of them.
func Visible(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n' || r == '\t':
			b.WriteRune(r)
		case r < 0x80 && unicode.IsControl(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case hidden(r) && r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		case hidden(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		i += n
	}
	return b.String()
}

// hidden tells whether a letter is unseen or no letter at all: C1 controls, format
// characters (bidirectional marks, joiners, tags), line and paragraph separators,
// fillers that look like nothing, private letters and non-characters.
func hidden(r rune) bool {
	switch {
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Noncharacter_Code_Point, unicode.Variation_Selector):
		return true
	case r == 0x115F || r == 0x1160 || r == 0x3164 || r == 0xFFA0: // Hangul fillers
		return true
	}
	return false
}

// CSV returns the table behind the figure. A cell that a spreadsheet would take for a
// formula begins with an apostrophe instead; numbers stay numbers.
func (f Figure) CSV() []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	for _, row := range append([][]string{f.Columns}, f.Rows...) {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = Cell(c)
		}
		_ = w.Write(cells) // a bytes.Buffer cannot fail
	}
	w.Flush()
	return b.Bytes()
}

// Cell disarms one cell of a CSV file.
func Cell(s string) string {
	s = Visible(s)
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return s
	}
	// Programs strip blanks first, so those do not hide the sign.
	if t := strings.TrimLeft(s, " \t\n\u00a0"); t != "" && strings.ContainsRune("=+-@|%\uff1d\uff0b\uff0d\uff20", firstRune(t)) || s != strings.TrimLeft(s, "\t\n") {
		return "'" + s
	}
	return s
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// Number writes x with the digits that matter in tables: at most six after the point.
func Number(x float64) string {
	return strconv.FormatFloat(x, 'f', -1, 64)
}

// Short cuts a name to n letters, in one line.
func Short(s string, n int) string {
	letters := []rune(Visible(strings.Join(strings.Fields(s), " ")))
	if len(letters) > n {
		return string(letters[:n-1]) + "\u2026"
	}
	return string(letters)
}

// Wrap breaks a text between words into lines of at most n letters. A word that is
// longer keeps a line to itself.
func Wrap(s string, n int) string {
	var b strings.Builder
	at := 0
	for i, word := range strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' }) {
		size := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+size > n:
			b.WriteByte('\n')
			at = 0
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += size
	}
	return b.String()
}

// Slug makes a file name of a text: small letters, digits and single hyphens.
func Slug(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= 40 {
			break
		}
	}
	if s := strings.Trim(b.String(), "-"); s != "" {
		return s
	}
	return "unnamed"
}
