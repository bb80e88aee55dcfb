package prompt_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"securecoderl/securerl/prompt"
)

func TestExtract(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"no fence: the text as it is", "n = int(input())\nprint(2 * n)\n", "n = int(input())\nprint(2 * n)\n"},
		{"prose around a fence", "Here you go:\n```python\nprint(1)\n```\nDone.", "print(1)\n"},
		{"the longest Python block", "```python\na\n```\n```python\nlonger\n```\n", "longer\n"},
		{"Python before an unmarked block", "```\nunmarked and long\n```\n```py\nx\n```", "x\n"},
		{"another language is not Python", "```bash\nls\n```\nprint(1)", "```bash\nls\n```\nprint(1)"},
		{"a fence that is never closed", "```python\nprint(1)\n", "print(1)\n"},
		{"a longer fence holds shorter ones", "````python\n'''\n```\n'''\n````", "'''\n```\n'''\n"},
		{"tildes", "~~~\nx\n~~~", "x\n"},
		{"empty", "", ""},
		{"a lone fence", "```", ""},
	} {
		assert.Equal(t, tt.want, prompt.Extract(tt.text).Source, tt.name)
	}
}

func FuzzExtract(f *testing.F) {
	for _, s := range []string{"", "print(1)", "a\n```python\nb\n```\nc", "```\n```\n```", "~~~py\r\nx", "``` ` ```\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p := prompt.Extract(text)
		// Extraction never invents code, and its offset points at the same bytes.
		assert.Equal(t, text[p.Start:p.Start+len(p.Source)], p.Source)
		assert.Equal(t, p, prompt.Extract(text))
		if !p.Fenced {
			assert.Equal(t, text, p.Source)
		}
	})
}

func ExampleExtract() {
	p := prompt.Extract("Sure!\n```python\nprint(6 * 7)\n```\n")
	fmt.Printf("%q at byte %d\n", p.Source, p.Start)
	// Output: "print(6 * 7)\n" at byte 16
}
