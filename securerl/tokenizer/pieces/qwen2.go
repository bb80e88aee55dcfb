package pieces

// Qwen2Pattern is the expression of Qwen2's file: numbers stand alone.
const Qwen2Pattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

// Llama3Pattern is the expression of Llama 3's file: up to three numbers together.
const Llama3Pattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

// Qwen2 is Qwen2Pattern.
func Qwen2(text string) int { return qwen2(text, 1) }

// Llama3 is Llama3Pattern.
func Llama3(text string) int { return qwen2(text, 3) }

func qwen2(text string, numbers int) int {
	if n := contraction(text, true); n > 0 {
		return n
	}
	k, r, size := at(text, 0)
	switch {
	case k == letter:
		return run(text, size, letter)
	case k == number:
		end := size
		for n := 1; n < numbers && end < len(text); n++ {
			c, _, width := at(text, end)
			if c != number {
				break
			}
			end += width
		}
		return end
	case size < len(text) && r != '\r' && r != '\n':
		if next, _, width := at(text, size); next == letter {
			return run(text, size+width, letter)
		}
	}
	start := 0
	if text[0] == ' ' && len(text) > 1 {
		start = 1
	}
	if end := symbols(text, start); end > start {
		for end < len(text) && (text[end] == '\r' || text[end] == '\n') {
			end++
		}
		return end
	}
	// White space: up to its last line break, or else as GPT2 takes it.
	broken := 0
	for end := 0; end < len(text); {
		c, r, size := at(text, end)
		if c != space {
			break
		}
		end += size
		if r == '\r' || r == '\n' {
			broken = end
		}
	}
	if broken > 0 {
		return broken
	}
	return spaces(text, 0, false)
}
