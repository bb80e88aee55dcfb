package pieces

// GPT2Pattern is the built-in expression of the ByteLevel pre-tokenizer.
const GPT2Pattern = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

// GPT2 is GPT2Pattern.
func GPT2(text string) int { return gpt2(text, false) }

// Digits is GPT2Pattern on the stretches between numbers, each number (\p{N}) being
// a piece of its own: the sequence Digits, ByteLevel of StarCoder2's file.
func Digits(text string) int { return gpt2(text, true) }

func gpt2(text string, digits bool) int {
	if n := contraction(text, false); n > 0 {
		return n
	}
	start := 0
	k, _, size := at(text, 0)
	if text[0] == ' ' && len(text) > 1 {
		next, _, width := at(text, 1)
		if next != space && (next != number || !digits) {
			k, start, size = next, 1, width
		}
	}
	switch k {
	case letter:
		return run(text, start+size, letter)
	case number:
		if digits {
			return size
		}
		return run(text, start+size, number)
	case space:
		end := spaces(text, 0, digits)
		return end
	}
	return symbols(text, start+size)
}

// spaces returns the end of the white space that starts at from: all of it at the
// end of the text, else all but the last character, which goes with what follows,
// unless it is the only one. A number that stands apart counts as an end.
func spaces(text string, from int, digits bool) int {
	end, last := from, from
	for end < len(text) {
		c, _, size := at(text, end)
		if c != space {
			if last > from && (c != number || !digits) {
				return last
			}
			break
		}
		last, end = end, end+size
	}
	return end
}
