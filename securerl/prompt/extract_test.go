package prompt_test

import (
	"fmt"
	"strings"
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
		{"a lone fence is no program", "```", "```"},
		{"an empty block is no program", "```python\n\n```\nprint(1)", "```python\n\n```\nprint(1)"},
		{"an empty block beside a full one", "```python\n```\n```\nx\n```", "x\n"},
		{"the fence that closes the prompt's is not an opening one", "print(1)\n```", "print(1)\n```"},
		{"two of equal length: the first", "```py\na\n```\n```py\nb\n```", "a\n"},
		{"Windows line ends stay", "```python\r\nx\r\n```\r\n", "x\r\n"},
		{"an indented fence keeps its indent", "1. so:\n   ```python\n   x\n   ```\n", "   x\n"},
		{"words after the language", "``` python title=a\nx\n```", "x\n"},
		{"backticks inside a line are no fence", "use ```x``` here\nprint(1)", "use ```x``` here\nprint(1)"},
		{"a main guard stays", "```python\ndef f(): print(1)\nif __name__ == '__main__':\n    f()\n```", "def f(): print(1)\nif __name__ == '__main__':\n    f()\n"},
		{"lines that look like chat stay", "print('Output: 1')\n# Sure, here you go", "print('Output: 1')\n# Sure, here you go"},
	} {
		p := prompt.Extract(tt.text)
		assert.Equal(t, tt.want, p.Source, tt.name)
		assert.Equal(t, tt.text != "", p.Found, tt.name)
	}
	assert.False(t, prompt.Extract(" \n\t").Found)
}

func TestExtractAfterAnOpenFence(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"closed", "print(1)\n```\nThis prints 1.\n```python\nprint('a longer example')\n```", "print(1)\n"},
		{"cut off", "print(1", "print(1"},
		{"closed at once", "```\n", ""},
	} {
		p := prompt.Open().Extract(tt.text)
		assert.Equal(t, prompt.Program{Source: tt.want, Fenced: true, Found: tt.want != ""}, p, tt.name)
	}
	for _, t2 := range []prompt.Template{prompt.Tiny(40), prompt.Comment(40), prompt.Instruction(), {Prefix: "```\nx\n```\n"}} {
		const text = "So:\n```py\nx\n```"
		assert.Equal(t, prompt.Extract(text), t2.Extract(text), t2.Name)
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
		assert.Equal(t, strings.TrimSpace(p.Source) != "", p.Found)
		if !p.Fenced {
			assert.Equal(t, text, p.Source)
		}
		open := prompt.Open().Extract(text)
		assert.True(t, open.Start == 0 && strings.HasPrefix(text, open.Source))
	})
}

func ExampleExtract() {
	p := prompt.Extract("Sure!\n```python\nprint(6 * 7)\n```\n")
	fmt.Printf("%q at byte %d\n", p.Source, p.Start)
	// Output: "print(6 * 7)\n" at byte 16
}
