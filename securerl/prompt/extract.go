package prompt

import "strings"

// Program is the code found in a completion.
type Program struct {
	Source string
	Start  int  // byte offset in the completion: Source == completion[Start:Start+len(Source)]
	Fenced bool // taken out of a Markdown fence
	Found  bool // Source is more than blanks
}

// Extract takes the program out of a completion: the longest fenced block marked as
// Python, else the longest without a mark, else the whole text. A fence that is
// never closed runs to the end; a block of blanks counts as none. Nothing is
// repaired: not the indent of an indented fence, not a program cut off.
func Extract(completion string) Program {
	var best Program
	bestRank := -1
	for at := 0; at < len(completion); {
		open, fence, info, ok := nextFence(completion, at)
		if !ok {
			break
		}
		end, after, _ := closing(completion, open, fence)
		block := part(completion, open, end, true)
		if r := rank(info); block.Found && (r > bestRank || r == bestRank && r >= 0 && len(block.Source) > len(best.Source)) {
			best, bestRank = block, r
		}
		at = after
	}
	if bestRank >= 0 {
		return best
	}
	return part(completion, 0, len(completion), false)
}

// Extract takes the program out of a completion of this template. Where the prompt
// ends inside an open fence, the program runs from the first byte to the fence that
// closes it; elsewhere it is Extract's.
func (t Template) Extract(completion string) Program {
	text := t.Prefix + t.Suffix
	for at := 0; at < len(text); {
		open, fence, _, ok := nextFence(text, at)
		if !ok {
			break
		}
		var closed bool
		if _, at, closed = closing(text, open, fence); !closed {
			end, _, _ := closing(completion, 0, fence)
			return part(completion, 0, end, true)
		}
	}
	return Extract(completion)
}

func part(completion string, start, end int, fenced bool) Program {
	source := completion[start:end]
	return Program{Source: source, Start: start, Fenced: fenced, Found: strings.TrimSpace(source) != ""}
}

// rank orders blocks by the mark of their fence; -1 is another language.
func rank(info string) int {
	switch language, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(info)), " "); language {
	case "python", "py", "python3":
		return 1
	case "":
		return 0
	}
	return -1
}

// nextFence finds a line that opens a fence of at least three backticks or tildes,
// and where its content begins.
func nextFence(s string, at int) (content int, fence, info string, ok bool) {
	for at < len(s) {
		end, next := lineEnd(s, at)
		line := strings.TrimLeft(s[at:end], " ")
		if f := fenceOf(line); f != "" {
			return next, f, line[len(f):], true
		}
		at = next
	}
	return 0, "", "", false
}

// closing finds the end of a block, where the text after its fence begins, and
// whether there is such a fence.
func closing(s string, at int, fence string) (end, after int, closed bool) {
	for at < len(s) {
		stop, next := lineEnd(s, at)
		line := strings.TrimSpace(s[at:stop])
		if f := fenceOf(line); len(f) >= len(fence) && f != "" && f[0] == fence[0] && len(f) == len(line) {
			return at, next, true
		}
		at = next
	}
	return len(s), len(s), false
}

func fenceOf(line string) string {
	for _, c := range "`~" {
		n := len(line) - len(strings.TrimLeft(line, string(c)))
		if n >= 3 && (c != '`' || !strings.Contains(line[n:], "`")) {
			return line[:n]
		}
	}
	return ""
}

func lineEnd(s string, at int) (end, next int) {
	if i := strings.IndexByte(s[at:], '\n'); i >= 0 {
		return at + i, at + i + 1
	}
	return len(s), len(s)
}
