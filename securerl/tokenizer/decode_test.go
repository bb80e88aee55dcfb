package tokenizer_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/securerl/tokenizer"
)

// Ids as an untrained model draws them; the answers are the library's.
func TestTextOfAnyIDs(t *testing.T) {
	type row struct {
		Family  string
		IDs     []int32
		Decoded string
		Skip    string `json:"decoded_skip_special"`
	}
	replaced, toks := 0, map[string]*tokenizer.Tokenizer{}
	for _, family := range families {
		toks[family] = load(t, family)
	}
	for _, r := range lines[row](t, "decode.jsonl") {
		tok := toks[r.Family]
		assert.Equal(t, r.Decoded, tok.Text(r.IDs, true), "%s %v", r.Family, r.IDs)
		assert.Equal(t, r.Skip, tok.Text(r.IDs, false), "%s %v", r.Family, r.IDs)
		replaced += strings.Count(r.Decoded, "\uFFFD")
	}
	assert.Greater(t, replaced, 200, "most of it is no text")
}

// Decode joins, a stream never tears a character that becomes whole, and both say the
// same bytes.
func TestDecodeAndStreamOfAnyIDs(t *testing.T) {
	toks := map[string]*tokenizer.Tokenizer{}
	for _, family := range families {
		toks[family] = load(t, family)
	}
	rapid.Check(t, func(t *rapid.T) {
		tok := toks[rapid.SampledFrom(families).Draw(t, "family")]
		ids := rapid.SliceOf(rapid.Int32Range(-1, int32(tok.VocabSize()))).Draw(t, "ids")
		if rapid.Bool().Draw(t, "a text") {
			ids = tok.EncodeContinuation(rapid.String().Draw(t, "text")).IDs
		}
		cut := rapid.IntRange(0, len(ids)).Draw(t, "cut")
		whole := tok.Decode(ids)
		assert.Equal(t, whole, tok.Decode(ids[:cut])+tok.Decode(ids[cut:]))

		stream, got := tok.Stream(), ""
		for i, id := range ids {
			part := stream.Next(id)
			got += part
			assert.True(t, !utf8.ValidString(whole) || utf8.ValidString(part), "a torn character")
			sofar := tok.Decode(ids[:i+1])
			assert.True(t, strings.HasPrefix(sofar, got) && len(sofar)-len(got) < utf8.UTFMax, "late")
		}
		assert.Equal(t, whole, got+stream.Rest())
	})
}

func TestStreamWaitsForWholeCharacters(t *testing.T) {
	for _, family := range []string{"code", "llama"} {
		tok := load(t, family)
		ids := tok.EncodeContinuation("a😀b").IDs
		require.Len(t, ids, 6, family) // no merges of the four bytes
		stream := tok.Stream()
		var parts []string
		for _, id := range ids {
			parts = append(parts, stream.Next(id))
		}
		assert.Equal(t, []string{"a", "", "", "", "😀", "b"}, parts, family)
		for _, id := range ids[:3] {
			stream.Next(id)
		}
		assert.Equal(t, "\xf0\x9f", stream.Rest(), family)
		assert.Empty(t, stream.Rest(), family)
	}
}

// DeepSeek-Coder's file marks its end token as not special, and so does Phi-3's; both
// steer the model all the same, while runs of spaces and single bytes are text.
func TestControlTokens(t *testing.T) {
	control := func(tok *tokenizer.Tokenizer, name string) bool {
		id, ok := tok.TokenID(name)
		require.True(t, ok, name)
		return tok.Control(id)
	}
	deepseek := load(t, "deepseek")
	for name, want := range map[string]bool{"<|EOT|>": true, "<pad>": true, "<｜end▁of▁sentence｜>": true, "õ": false, "À": false} {
		assert.Equal(t, want, control(deepseek, name), name)
	}
	assert.True(t, control(published(t, "phi-3-mini"), "</s>"))
	neox := published(t, "gpt-neox-20b")
	assert.False(t, control(neox, "  "))
	assert.True(t, control(neox, "<|endoftext|>"))
	assert.Equal(t, neox.Encode("if x:\n        y"), neox.EncodeOrdinary("if x:\n        y"), "indentation is one token in foreign text too")
	assert.False(t, neox.Control(-1))

	// õ as a token stands for a byte that is no text; foreign text keeps its letter.
	assert.Equal(t, "õ", deepseek.Decode(deepseek.EncodeOrdinary("õ").IDs))
	assert.Equal(t, "\xf5", deepseek.Decode(deepseek.EncodeOrdinary("\xf5").IDs))
	assert.Equal(t, "\uFFFD", neox.Decode(neox.EncodeOrdinary("\xf5").IDs), "this vocabulary cannot say that byte")
}

func TestEncodeAround(t *testing.T) {
	tok := load(t, "code")
	e := tok.EncodeAround("<s>", "a</s>", "<code>")
	assert.Equal(t, int32(1), e.IDs[0])
	assert.Equal(t, int32(2), e.IDs[len(e.IDs)-1])
	assert.Equal(t, "a</s>", tok.Decode(e.IDs))
	for _, cut := range []struct{ before, foreign, after string }{{"<", "/s>", ""}, {"", "</", "s>"}, {"<s", ">", "a"}} {
		for _, id := range tok.EncodeAround(cut.before, cut.foreign, cut.after).IDs {
			assert.False(t, tok.Control(id), "%q is not all trusted", cut)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.StringMatching(`(</s>|<s>|<|a| )*`)
		before, after := part.Draw(t, "before"), part.Draw(t, "after")
		assert.Equal(t, tok.Encode(before+after), tok.EncodeAround(before, "", after))
	})
}

// A sentencepiece-style text has a space mark before it, a continuation has none.
func TestContinuation(t *testing.T) {
	tok := load(t, "llama")
	assert.Equal(t, " x", tok.Decode(tok.EncodeOrdinary("x").IDs))
	assert.Equal(t, "x", tok.Text(tok.EncodeOrdinary("x").IDs, true))
	assert.Equal(t, "x", tok.Decode(tok.EncodeContinuation("x").IDs))
	assert.Equal(t, "    return x", tok.Decode(tok.EncodeContinuation("    return x").IDs), "indentation survives")
	assert.Equal(t, tok.EncodeOrdinary("").IDs, tok.EncodeContinuation("").IDs)
}
