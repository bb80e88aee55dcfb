package tokenizer

import "strings"

// The byte-level alphabet writes every byte as one printable character, so that a
// vocabulary is plain text: printable Latin-1 stands for itself, the other 68 bytes
// for U+0100 upwards. Source: Radford et al. 2019 (GPT-2), encoder.py, bytes_to_unicode.
var (
	byteToRune [256]rune
	runeToByte = map[rune]byte{}
)

func init() {
	next := rune(0x100)
	for b := range byteToRune {
		r := rune(b)
		if r < '!' || r > '~' && r < 0xA1 || r == 0xAD {
			r, next = next, next+1
		}
		byteToRune[b] = r
		runeToByte[r] = byte(b)
	}
}

// spell writes bytes in the alphabet.
func spell(raw string) string {
	var b strings.Builder
	for i := range len(raw) {
		b.WriteRune(byteToRune[raw[i]])
	}
	return b.String()
}

// unspell reads bytes from the alphabet; false if a character is not in it.
func unspell(token string) (string, bool) {
	raw := make([]byte, 0, len(token))
	for _, r := range token {
		b, ok := runeToByte[r]
		if !ok {
			return "", false
		}
		raw = append(raw, b)
	}
	return string(raw), true
}
