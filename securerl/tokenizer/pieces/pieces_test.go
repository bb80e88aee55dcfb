package pieces_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/securerl/tokenizer/pieces"
)

func Example() {
	for text := "if x == 12:\n\treturn"; text != ""; {
		n := pieces.Qwen2(text)
		fmt.Printf("%q ", text[:n])
		text = text[n:]
	}
	// Output: "if" " x" " ==" " " "1" "2" ":\n" "\treturn"
}

func all(cut pieces.Cutter, text string) (out []string) {
	for text != "" {
		n := cut(text)
		out = append(out, text[:n])
		text = text[n:]
	}
	return out
}

// snippets draws texts in which the borders of pieces are dense.
func snippets() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[ab_0'. \n\t\v\f\r\x1c\x{85}\x{a0}\x{3000}é½]*`),
		rapid.StringMatching(`('s|'re|'t|'ll|'S|'RE|'\x{17f}|'|s|  |\n|\r\n|\x{a0}|1|٣|-)*`),
		rapid.StringMatching(`[a=(\[+ \n\x{3000}\x{2003}1二中ア。、한〇²ि़é\x{301}]*`),
		rapid.StringMatching(`( |\x{2581}|a|\n|\x{2580})*`),
		rapid.String(),
	)
}

// split cuts every piece at the matches of an expression, as the library's Split does
// with the behaviour Isolated.
func split(t require.TestingT, expression string, in []string) (out []string) {
	re := regexp2.MustCompile(expression)
	for _, piece := range in {
		found, err := re.FindAllStringIndex(piece, -1) // in bytes
		require.NoError(t, err)
		at := 0
		for _, m := range found {
			if m[0] > at {
				out = append(out, piece[at:m[0]])
			}
			out = append(out, piece[m[0]:m[1]])
			at = m[1]
		}
		if at < len(piece) {
			out = append(out, piece[at:])
		}
	}
	return out
}

// Each cutter is compared with its expressions, run one after the other by an engine
// that has look-ahead. The engine does not know that ſ is an s.
func TestCuttersAreTheirExpressions(t *testing.T) {
	folded := func(p string) string { return strings.Replace(p, "(?i:'s|", "(?i:'s|'ſ|", 1) }
	for name, c := range map[string]struct {
		cut         pieces.Cutter
		expressions []string
	}{
		"gpt2":     {pieces.GPT2, []string{pieces.GPT2Pattern}},
		"digits":   {pieces.Digits, []string{`\p{N}`, pieces.GPT2Pattern}},
		"qwen2":    {pieces.Qwen2, []string{folded(pieces.Qwen2Pattern)}},
		"llama3":   {pieces.Llama3, []string{folded(pieces.Llama3Pattern)}},
		"deepseek": {pieces.DeepSeek, append(pieces.DeepSeekPatterns[:], `\p{N}`)},
		"words":    {pieces.Words, []string{`[ ▁]+[^ ▁]*`}},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				text := snippets().Draw(t, "text")
				if !utf8.ValidString(text) {
					return
				}
				var want []string
				if text != "" {
					want = []string{text}
				}
				for _, e := range c.expressions {
					want = split(t, e, want)
				}
				assert.Equal(t, want, all(c.cut, text))
			})
		})
	}
}

func TestCodeIsItsExpression(t *testing.T) {
	expression := regexp.MustCompile(pieces.CodePattern)
	rapid.Check(t, func(t *rapid.T) {
		text := snippets().Draw(t, "text")
		var want []string
		if text != "" {
			want = expression.FindAllString(text, -1)
		}
		assert.Equal(t, strings.Join(want, ""), text, "the expression covers every text")
		assert.Equal(t, want, all(pieces.Code, text))
	})
}

func FuzzCoverEveryText(f *testing.F) {
	for _, seed := range []string{"a", " \xff\xe2\x96", "\xe2\x96\x81", "'S'ſ12½\r\n \u3000", "\xf5 \xc0a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, cut := range []pieces.Cutter{pieces.Code, pieces.GPT2, pieces.Digits, pieces.Qwen2, pieces.Llama3, pieces.DeepSeek, pieces.Words, pieces.Whole} {
			for rest := text; rest != ""; {
				n := cut(rest)
				require.Positive(t, n)
				require.LessOrEqual(t, n, len(rest))
				rest = rest[n:]
			}
		}
	})
}

// A text that is one long piece, or has a long run before every cut, must not cost
// a scan of the rest for each cut.
func TestLongRuns(t *testing.T) {
	for _, unit := range []string{" ", "\n", "a", "(", "1", "'", "é", "\u3000", "\u0301", " 1", "  \u3000", "▁"} {
		text := strings.Repeat(unit, 300_000)
		for _, cut := range []pieces.Cutter{pieces.Code, pieces.GPT2, pieces.Digits, pieces.Qwen2, pieces.Llama3, pieces.DeepSeek, pieces.Words} {
			for rest := text; rest != ""; {
				rest = rest[cut(rest):]
			}
		}
	}
}
