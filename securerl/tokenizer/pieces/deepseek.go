package pieces

// DeepSeekPatterns are the expressions of DeepSeek-Coder's file, applied one after
// the other to the pieces of the one before; then every number stands alone.
var DeepSeekPatterns = [...]string{"[\r\n]", `\s?\p{L}+`, `\s?\p{P}+`, "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\U0000d7ff]+"}

// eastern tells whether the last of DeepSeekPatterns matches a character.
func eastern(r rune) bool { return r >= 0x800 && r <= 0x9FA5 || r >= 0xAC00 && r <= 0xD7FF }

// DeepSeek is the sequence of DeepSeekPatterns.
//
// A piece never goes on past a line break, a number, or a change between eastern
// and other characters, whatever expression made it, so the rest of a piece can
// be found without knowing where the piece began.
func DeepSeek(text string) int {
	k, r, size := at(text, 0)
	if r == '\r' || r == '\n' || k == number {
		return size
	}
	east, want := eastern(r), k
	if k == space {
		want = head(text, size)
		if want == other {
			return rest(text, 0, east)
		}
		if _, r, _ := at(text, size); eastern(r) != east {
			return size
		}
	}
	if want != letter && want != punct {
		return rest(text, 0, east)
	}
	for end := size; ; {
		if end >= len(text) {
			return end
		}
		c, r, width := at(text, end)
		if c != want || eastern(r) != east {
			return end
		}
		end += width
	}
}

// head returns the class of the run that a white space before text[i:] belongs to:
// letter, punct, or other if it belongs to none.
func head(text string, i int) class {
	if i < len(text) {
		if c, _, _ := at(text, i); c == letter || c == punct {
			return c
		}
	}
	return other
}

// rest returns the end of what no expression but the last one matches.
func rest(text string, from int, east bool) int {
	for end := from; ; {
		if end >= len(text) {
			return end
		}
		c, r, size := at(text, end)
		if r == '\r' || r == '\n' || c == letter || c == punct || c == number || eastern(r) != east {
			return end
		}
		if c == space && end > from && head(text, end+size) != other {
			return end
		}
		end += size
	}
}
