package completion

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrStop reports a stop string that cannot be one.
var ErrStop = errors.New("completion: stop string")

// Stops are strings that end a completion where they first stand in its text. They are
// looked for in bytes, wherever tokens begin and end. A nil *Stops has none.
type Stops struct {
	list  []string
	after [][]int32 // per string: how many of its bytes still match after n matched and the next did not
}

// NewStops prepares stop strings. Errors wrap ErrStop: an empty string, which would end
// every completion before it begins, and one that is no UTF-8, which no text holds.
func NewStops(list []string) (*Stops, error) {
	if len(list) == 0 {
		return nil, nil
	}
	s := &Stops{list: list}
	for i, text := range list {
		switch {
		case text == "":
			return nil, fmt.Errorf("%w: number %d of %d is empty; leave it out", ErrStop, i+1, len(list))
		case !utf8.ValidString(text):
			return nil, fmt.Errorf("%w: number %d of %d, %q, is not valid UTF-8", ErrStop, i+1, len(list), text)
		}
		s.after = append(s.after, borders(text))
	}
	return s, nil
}

// borders returns, for every n up to len(text), the length of the longest proper
// beginning of text[:n] that is its end too.
// Source: Knuth, Morris and Pratt 1977, SIAM J. Comput. 6(2), section 2.
func borders(text string) []int32 {
	b := make([]int32, len(text)+1)
	for n, k := 1, int32(0); n < len(text); n++ {
		for k > 0 && text[n] != text[k] {
			k = b[k]
		}
		if text[n] == text[k] {
			k++
		}
		b[n+1] = k
	}
	return b
}

// Matcher looks for stop strings in one text, as it comes. Work per byte does not grow
// with the text.
type Matcher struct {
	stops   *Stops
	matched []int32 // per string, how many of its bytes the text ends with
	read    int
	start   int
}

// Matcher returns a matcher for a text that has not begun.
func (s *Stops) Matcher() *Matcher {
	m := &Matcher{stops: s, start: -1}
	if s != nil {
		m.matched = make([]int32, len(s.list))
	}
	return m
}

// Next takes the next bytes of the text and tells whether a stop string was met, in
// them or before. Bytes after the first one met are not looked at.
func (m *Matcher) Next(text string) bool {
	for i := 0; i < len(text) && m.start < 0 && m.stops != nil; i++ {
		m.read++
		for k, stop := range m.stops.list {
			n := m.matched[k]
			for n > 0 && stop[n] != text[i] {
				n = m.stops.after[k][n]
			}
			if stop[n] == text[i] {
				n++
			}
			m.matched[k] = n
			if start := m.read - len(stop); int(n) == len(stop) && (m.start < 0 || start < m.start) {
				m.start = start
			}
		}
	}
	return m.start >= 0
}

// Start is where the stop string that was met begins, in bytes of the text; -1 = none was
// met. Of several that end at the same byte it is the longest. Which it is depends on the
// text alone, not on how it came in pieces.
func (m *Matcher) Start() int { return m.start }
