package tokenizer

import (
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// change is a stretch of text that form C wrote otherwise.
type change struct{ form, was Span }

// rewrite brings text to the form that is cut and lists what it changed; nil = nothing.
// With nfc that is Unicode form C. With gaps the bytes that never occur in UTF-8, for
// which such a vocabulary has no token, become U+FFFD.
//
// norm.NFC is not used on whole texts: it breaks runs of more than 30 combining
// marks by a joiner of its own (Unicode's Stream-Safe form), which is not form C
// and not what the Hugging Face library does.
func rewrite(text string, nfc, gaps bool) (string, []change) {
	if (!nfc || norm.NFC.IsNormalString(text)) && (!gaps || strings.IndexFunc(text, isWrong) < 0) {
		return text, nil
	}
	var b strings.Builder
	var changes []change
	for at := 0; at < len(text); {
		_, size := utf8.DecodeRuneInString(text[at:])
		end := at + size
		for end < len(text) && !boundary(text[end:]) {
			_, size := utf8.DecodeRuneInString(text[end:])
			end += size
		}
		start := b.Len()
		form := text[at:end]
		switch r, size := utf8.DecodeRuneInString(form); {
		case r == utf8.RuneError && size == 1:
			if gaps && isLoneByte(form) {
				form = "\uFFFD"
			}
		case nfc:
			form = compose(form)
		}
		b.WriteString(form)
		if form != text[at:end] {
			changes = append(changes, change{Span{start, b.Len()}, Span{at, end}})
		}
		at = end
	}
	if changes == nil {
		return text, nil
	}
	return b.String(), changes
}

// boundary tells whether the character that text begins with never joins the one
// before it.
func boundary(text string) bool {
	if r, size := utf8.DecodeRuneInString(text); r == utf8.RuneError && size == 1 {
		return true
	}
	return norm.NFC.PropertiesString(text).BoundaryBefore()
}

// isWrong tells whether a text may hold a byte that is no UTF-8 here.
func isWrong(r rune) bool { return r == utf8.RuneError }

// compose is the canonical composition of a stretch without inner boundaries.
// Source: The Unicode Standard 15.0, section 3.11, D108 to D117.
func compose(text string) string {
	var rs []rune
	for _, r := range text {
		rs = append(rs, []rune(norm.NFD.String(string(r)))...)
	}
	class := func(r rune) uint8 { return norm.NFD.PropertiesString(string(r)).CCC() }
	for from := 0; from < len(rs); from++ { // order each run of marks
		to := from
		for to < len(rs) && class(rs[to]) != 0 {
			to++
		}
		slices.SortStableFunc(rs[from:to], func(a, b rune) int { return int(class(a)) - int(class(b)) })
		from = to
	}
	var out []rune
	starter, last := -1, uint8(0) // last: class of what was kept after the starter
	for _, r := range rs {
		k := class(r)
		if starter >= 0 && (len(out) == starter+1 || last < k) {
			if one := []rune(norm.NFC.String(string([]rune{out[starter], r}))); len(one) == 1 {
				out[starter] = one[0]
				continue
			}
		}
		if k == 0 {
			starter = len(out)
		}
		out, last = append(out, r), k
	}
	return string(out)
}

// origin returns the place in the unchanged text of a place in form C. Inside a
// stretch that was changed it is the stretch's end, so that its first token has all
// of it.
func origin(changes []change, i int) int {
	k := sort.Search(len(changes), func(k int) bool { return changes[k].form.Start >= i })
	if k == 0 {
		return i
	}
	c := changes[k-1]
	return c.was.End + max(0, i-c.form.End)
}
