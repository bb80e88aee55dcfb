package pieces

import (
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
)

// The numbers are how many characters the library's engine takes for a letter, a
// number, punctuation and white space (tokenizers 0.23.3, every code point asked).
func TestClassesAreTheLibrarys(t *testing.T) {
	count := map[class]int{}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r < 0xD800 || r > 0xDFFF {
			count[classOf(r)]++
		}
	}
	for class, want := range map[class]int{letter: 141028, number: 1911, punct: 855, space: 25} {
		if unicode.Version == "15.0.0" {
			assert.Equal(t, want, count[class])
		}
		assert.GreaterOrEqual(t, count[class], want)
	}
	last := rune(0)
	for _, l := range later {
		assert.Less(t, last, l.from, "in order")
		assert.LessOrEqual(t, l.from, l.to)
		last = l.to
	}
}
