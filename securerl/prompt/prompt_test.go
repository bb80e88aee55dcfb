package prompt_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/securerl/problem"
	"securecoderl/securerl/prompt"
	"securecoderl/securerl/tokenizer"
)

var double = problem.Problem{ID: "double", Statement: "Read n; print 2 n."}

func bytesOnly(t testing.TB) *tokenizer.Tokenizer {
	tok, err := tokenizer.Train(slices.Values([]string{""}), 260, []string{"<pad>", "<s>", "<code>", "</s>"})
	require.NoError(t, err)
	return tok
}

func TestTinyIsBeginRequestCode(t *testing.T) {
	tok := bytesOnly(t)
	p, err := prompt.Tiny(40).Render(tok, double)
	require.NoError(t, err)
	assert.Equal(t, double.Statement, p.Text)
	assert.Equal(t, "double", p.ProblemID)
	require.Len(t, p.IDs, len(double.Statement)+2) // one token a byte
	assert.Equal(t, []int32{1, 2}, []int32{p.IDs[0], p.IDs[len(p.IDs)-1]})
	assert.Equal(t, double.Statement, tok.Decode(p.IDs))
}

func TestTemplatesOfText(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"comment", "# Read n; print 2 n.\n"},
		{"instruction", "### Instruction:\nComplete the following Python code:\n\nRead n; print 2 n.\n\n### Response:\n"},
		{"open", "### Instruction:\nComplete the following Python code:\n\nRead n; print 2 n.\n\n### Response:\n```python\n"},
	} {
		template, err := prompt.Named(tt.name, 200)
		require.NoError(t, err)
		p, err := template.Render(bytesOnly(t), double)
		require.NoError(t, err)
		assert.Equal(t, tt.want, p.Text)
		assert.Equal(t, tt.want, bytesOnly(t).Decode(p.IDs))

		p, err = template.With("</s>").Render(bytesOnly(t), double)
		require.NoError(t, err)
		assert.Equal(t, int32(3), p.IDs[0])
		assert.Equal(t, tt.want, p.Text)
	}
	_, err := prompt.Named("chat", 0)
	require.ErrorIs(t, err, prompt.ErrTemplate)
	assert.ErrorContains(t, err, "deepseek-coder")
}

func TestAPromptIsNeverCut(t *testing.T) {
	tok := bytesOnly(t)
	n := len(double.Statement) + 2
	_, err := prompt.Tiny(n).Render(tok, double)
	require.NoError(t, err)
	_, err = prompt.Tiny(n-1).Render(tok, double)
	require.ErrorIs(t, err, prompt.ErrTooLong)
	assert.EqualError(t, err, fmt.Sprintf("prompt: too long: problem double: %d tokens, at most %d fit", n, n-1))
	_, err = prompt.Tiny(0).RenderRequest(tok, "long", strings.Repeat("x", 5000))
	require.NoError(t, err)
}

func TestAMissingTokenIsNamed(t *testing.T) {
	tok, err := tokenizer.Train(slices.Values([]string{""}), 257, []string{"<s>"})
	require.NoError(t, err)
	_, err = prompt.Tiny(40).Render(tok, double)
	require.ErrorIs(t, err, prompt.ErrTemplate)
	assert.ErrorContains(t, err, `tiny: the tokenizer has no token "<code>"`)
}

// A request cannot spell its own end: special tokens in it are plain text.
func TestRequestsCannotSpeakInSpecialTokens(t *testing.T) {
	tok := bytesOnly(t)
	rapid.Check(t, func(t *rapid.T) {
		request := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"<s>", "<code>", "</s>", "<pad>", "print", "<", ">", "s"}), 1, 8).Draw(t, "parts"), "")
		p, err := prompt.Tiny(0).RenderRequest(tok, "x", request)
		require.NoError(t, err)
		for _, id := range p.IDs[1 : len(p.IDs)-1] {
			assert.GreaterOrEqual(t, id, int32(4))
		}
		assert.Equal(t, request, tok.Decode(p.IDs))
	})
}

func TestPad(t *testing.T) {
	in := [][]int32{{5}, {}, {6, 7, 8}}
	rows, err := prompt.Pad(in, 3, 9)
	require.NoError(t, err)
	assert.Equal(t, [][]int32{{5, 9, 9}, {9, 9, 9}, {6, 7, 8}}, rows)
	rows[2][0] = 1
	assert.Equal(t, int32(6), in[2][0], "the rows are copies")
	_, err = prompt.Pad(in, 2, 9)
	require.ErrorIs(t, err, prompt.ErrTooLong)
	assert.ErrorContains(t, err, "row 2 has 3 tokens, the width is 2")
}

func ExampleTemplate_Render() {
	tok, _ := tokenizer.Train(slices.Values([]string{"print print n"}), 270, []string{"<pad>", "<s>", "<code>", "</s>"})
	p, _ := prompt.Tiny(40).Render(tok, problem.Problem{ID: "p", Statement: "print n"})
	fmt.Println(p.IDs[0], len(p.IDs), p.IDs[len(p.IDs)-1])
	fmt.Printf("%q\n", prompt.Instruction().Suffix)
	// Output:
	// 1 4 2
	// "\n\n### Response:\n"
}
