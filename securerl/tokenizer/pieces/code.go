package pieces

// CodePattern cuts text for the tokenizers that are trained here: a line break with
// the indentation after it, a word, one digit, a run of other characters (each with
// one space before it), spaces, and other ASCII white space. It names every class
// by its bytes, since engines disagree about what \s means, and it matches at
// every position of every text.
const CodePattern = `\n *| ?[A-Za-z_]+| ?[0-9]| ?[^\t-\r A-Za-z0-9_]+| +|[\t\x0b-\r]+`

type byteClass uint8

const (
	otherByte byteClass = iota
	wordByte
	digitByte
	spaceByte
	controlByte // \t \v \f \r; \n too, though it is looked at first
)

var byteClasses = func() (c [256]byteClass) {
	for b := range c {
		switch {
		case b == ' ':
			c[b] = spaceByte
		case b >= '\t' && b <= '\r':
			c[b] = controlByte
		case b >= '0' && b <= '9':
			c[b] = digitByte
		case b == '_' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z':
			c[b] = wordByte
		}
	}
	return c
}()

func runOfBytes(text string, from int, k byteClass) int {
	for from < len(text) && byteClasses[text[from]] == k {
		from++
	}
	return from
}

// Code is CodePattern.
func Code(text string) int {
	if text[0] == '\n' {
		return runOfBytes(text, 1, spaceByte)
	}
	start := 0
	if text[0] == ' ' && len(text) > 1 {
		start = 1
	}
	switch k := byteClasses[text[start]]; k {
	case wordByte, otherByte:
		return runOfBytes(text, start, k)
	case digitByte:
		return start + 1
	}
	if text[0] == ' ' {
		return runOfBytes(text, 0, spaceByte)
	}
	end := 1
	for end < len(text) && text[end] != '\n' && byteClasses[text[end]] == controlByte {
		end++
	}
	return end
}
