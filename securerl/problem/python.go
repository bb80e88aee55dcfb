package problem

import (
	"regexp"
	"strings"
)

// statement is a Python statement with all that is indented below it, its own
// indentation removed.
type statement struct {
	text  string
	lines []string // its logical lines, without indentation
}

// has tells whether one of its logical lines begins with one of these words.
func (s statement) has(words ...string) bool {
	for _, l := range s.lines {
		for _, w := range words {
			if rest, ok := strings.CutPrefix(l, w); ok && (rest == "" || !wordByte(rest[0])) {
				return true
			}
		}
	}
	return false
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= 0x80
}

// logical is a line as Python counts: until its brackets and strings are closed.
type logical struct {
	indent string
	text   string // without indentation, with its line end
}

// goesOn matches a line that belongs to the statement before it.
var goesOn = regexp.MustCompile(`^(else|elif|except|finally)\b`)

// statements splits Python text that compiles into the statements of its outermost
// level. ok is false where the text cannot be split with certainty.
func statements(src string) (list []statement, ok bool) {
	lines, ok := logicalLines(src)
	if !ok || len(lines) == 0 {
		return nil, ok
	}
	base := lines[0].indent
	decorated := false
	for _, l := range lines {
		inner := len(l.indent) > len(base) && strings.HasPrefix(l.indent, base)
		if !inner && l.indent != base {
			return nil, false
		}
		if !inner && !goesOn.MatchString(l.text) && !decorated {
			list = append(list, statement{})
		}
		decorated = !inner && strings.HasPrefix(l.text, "@")
		if len(list) == 0 {
			return nil, false
		}
		s := &list[len(list)-1]
		s.text += strings.TrimPrefix(l.indent, base) + l.text
		s.lines = append(s.lines, l.text)
	}
	return list, true
}

// logicalLines splits text into logical lines; blank ones and those of nothing but a
// comment are left out.
func logicalLines(src string) (list []logical, ok bool) {
	for len(src) > 0 {
		n, closed := lineEnd(src)
		if !closed {
			return nil, false
		}
		line := src[:n]
		src = src[n:]
		text := strings.TrimLeft(line, " \t")
		if bare := strings.TrimSpace(text); bare == "" || bare[0] == '#' {
			continue
		}
		if !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		list = append(list, logical{indent: line[:len(line)-len(strings.TrimLeft(line, " \t"))], text: text})
	}
	return list, true
}

// lineEnd is the length of the first logical line.
func lineEnd(s string) (n int, closed bool) {
	depth := 0
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '#':
			if end := strings.IndexByte(s[i:], '\n'); end >= 0 {
				i += end
			} else {
				i = len(s)
			}
		case c == '\\' && i+1 < len(s):
			i += 2
			if s[i-1] == '\r' && i < len(s) && s[i] == '\n' {
				i++
			}
		case c == '"' || c == '\'':
			end := stringEnd(s[i:])
			if end < 0 {
				return 0, false
			}
			i += end
		case strings.IndexByte("([{", c) >= 0:
			depth++
			i++
		case strings.IndexByte(")]}", c) >= 0:
			depth--
			i++
		case c == '\n' && depth == 0:
			return i + 1, true
		default:
			i++
		}
	}
	return len(s), depth == 0
}

// stringEnd is the length of the string literal that s begins with, or -1. In raw
// strings too a backslash keeps the next quote from ending it.
func stringEnd(s string) int {
	quote := s[:1]
	if strings.HasPrefix(s, strings.Repeat(quote, 3)) {
		quote = s[:3]
	}
	for i := len(quote); i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case strings.HasPrefix(s[i:], quote):
			return i + len(quote)
		case s[i] == '\n' && len(quote) == 1:
			return -1
		}
	}
	return -1
}
