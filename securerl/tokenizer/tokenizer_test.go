package tokenizer_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/securerl/tokenizer"
)

const data = "../../testdata/tokenizer/"

var specials = []string{"<pad>", "<s>", "<code>", "</s>"}

func Example() {
	texts := []string{"print(a)\n", "print(b)\n", "print(a + b)\n"}
	tok, err := tokenizer.Train(slices.Values(texts), 264, []string{"<pad>", "</s>"})
	if err != nil {
		panic(err)
	}
	e := tok.Encode("print(c)</s>")
	for i, id := range e.IDs {
		fmt.Printf("%d %q %v\n", id, tok.Bytes(id), e.Spans[i])
	}
	fmt.Printf("%q\n", tok.Decode(e.IDs))
	// Output:
	// 261 "print" {0 5}
	// 42 "(" {5 6}
	// 101 "c" {6 7}
	// 43 ")" {7 8}
	// 1 "</s>" {8 12}
	// "print(c)"
}

// lines reads a JSONL file of testdata.
func lines[T any](t testing.TB, path string) (rows []T) {
	f, err := os.Open(data + path)
	require.NoError(t, err)
	defer f.Close()
	for in := bufio.NewScanner(f); in.Scan(); {
		var row T
		require.NoError(t, json.Unmarshal(in.Bytes(), &row))
		rows = append(rows, row)
	}
	require.NotEmpty(t, rows)
	return rows
}

func load(t testing.TB, family string) *tokenizer.Tokenizer {
	tok, err := tokenizer.Load(data + family)
	require.NoError(t, err)
	return tok
}

func TestTrainMakesTheStoredFile(t *testing.T) {
	rows := lines[struct{ Text string }](t, "code/corpus.jsonl")
	want, err := os.ReadFile(data + "code/tokenizer.json")
	require.NoError(t, err)
	for _, order := range []func(){func() {}, func() { slices.Reverse(rows) }} {
		order()
		tok, err := tokenizer.Train(func(yield func(string) bool) {
			for _, r := range rows {
				if !yield(r.Text) {
					return
				}
			}
		}, 420, specials)
		require.NoError(t, err)
		assert.Equal(t, string(want), string(tok.JSON()))
		assert.Equal(t, 420, tok.VocabSize())
		for i, s := range specials {
			id, ok := tok.TokenID(s)
			assert.True(t, ok)
			assert.EqualValues(t, i, id)
		}
	}
	_, ok := load(t, "code").TokenID("print")
	assert.False(t, ok, "print is no added token")
}

func TestSaveAndLoad(t *testing.T) {
	tok, path := load(t, "gpt2"), filepath.Join(t.TempDir(), "tokenizer.json")
	require.NoError(t, tok.Save(path))
	again, err := tokenizer.Load(path)
	require.NoError(t, err)
	assert.Equal(t, tok.Digest(), again.Digest())
	assert.Len(t, tok.Digest(), 64)
	assert.Error(t, tok.Save(filepath.Join(path, "below a file")))
	_, err = tokenizer.Load(filepath.Join(t.TempDir(), "none.json"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestDecodeOfSpecialsAndUnknownIDs(t *testing.T) {
	tok := load(t, "code")
	e := tok.EncodeOrdinary("a 1")
	ids := append([]int32{1, -1}, e.IDs...)
	ids = append(ids, 3, 99999)
	assert.Equal(t, "a 1", tok.Decode(ids))
	spans := tok.Spans(ids)
	assert.Equal(t, tokenizer.Span{}, spans[0])
	assert.Equal(t, tokenizer.Span{Start: 3, End: 3}, spans[len(ids)-2])
	assert.Equal(t, "", tok.Bytes(-1))
	assert.Equal(t, "</s>", tok.Bytes(3))
}

func TestOrdinaryTextNeverBecomesSpecial(t *testing.T) {
	tok := load(t, "code")
	for _, text := range append(slices.Clone(specials), "a</s>b<s>", "<<s>>") {
		for _, id := range tok.EncodeOrdinary(text).IDs {
			assert.GreaterOrEqual(t, id, int32(len(specials)))
		}
		assert.Less(t, len(tok.Decode(tok.Encode(text).IDs)), len(text), "Encode sees the special in %q", text)
	}
}

// Half a million equal bytes are one piece: the merge must not be quadratic.
func TestLongPieces(t *testing.T) {
	for _, family := range []string{"gpt2", "code"} {
		tok := load(t, family)
		for _, unit := range []string{" ", "=", "ab", "\n ", "\t", "\xff"} {
			text := strings.Repeat(unit, 500_000/len(unit))
			require.True(t, tok.Decode(tok.EncodeOrdinary(text).IDs) == text, "%q", unit)
		}
	}
}

func TestTrainRefuses(t *testing.T) {
	for _, c := range []struct {
		name     string
		vocab    int
		specials []string
		message  string
	}{
		{"too small a vocabulary", 259, specials, "need 260"},
		{"an empty special", 300, []string{""}, "empty"},
		{"a special twice", 300, []string{"<s>", "<s>"}, "twice"},
		{"a special that is one byte", 300, []string{"!"}, "!"},
		{"a special that the decoder changes", 300, []string{"éé"}, "decoder"},
		{"a special that is no UTF-8", 300, []string{"\xff"}, "UTF-8"},
	} {
		_, err := tokenizer.Train(slices.Values([]string{"a"}), c.vocab, c.specials)
		assert.ErrorIs(t, err, tokenizer.ErrVocabulary, c.name)
		assert.ErrorContains(t, err, c.message, c.name)
	}
}

func TestTrainOnPoorTexts(t *testing.T) {
	tok, err := tokenizer.Train(slices.Values([]string{"ab", ""}), 1000, nil)
	require.NoError(t, err)
	assert.Equal(t, 257, tok.VocabSize(), "the only merge is a b")
	tok, err = tokenizer.Train(slices.Values([]string{"((()))", "((()))"}), 1000, []string{"(("})
	require.NoError(t, err)
	for id := range int32(tok.VocabSize()) {
		assert.False(t, id > 0 && tok.Bytes(id) == "((", "no merge may spell a special")
	}
}

func TestBothFormsOfMerges(t *testing.T) {
	good, err := os.ReadFile(data + "code/tokenizer.json")
	require.NoError(t, err)
	var file map[string]any
	require.NoError(t, json.Unmarshal(good, &file))
	model := file["model"].(map[string]any)
	for i, m := range model["merges"].([]any) {
		model["merges"].([]any)[i] = strings.Split(m.(string), " ")
	}
	pairs, err := json.Marshal(file)
	require.NoError(t, err)
	tok, err := tokenizer.Parse(pairs)
	require.NoError(t, err)
	assert.Equal(t, load(t, "code").Encode("print(int(input()))"), tok.Encode("print(int(input()))"))
}

func TestEncodeAnyBytes(t *testing.T) {
	for _, family := range families {
		tok := load(t, family)
		rapid.Check(t, func(t *rapid.T) {
			checkEncoding(t, tok, rapid.OneOf(rapid.String(), rapid.StringMatching(`([a-f'<>/s0-3 \n\t\r]|\x{3000}|\x{85}|\x{301}|\x{2581}|õ|</s>|<\|EOT\|>)*`),
				rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "text"))
		})
	}
}

func FuzzEncode(f *testing.F) {
	for _, seed := range []string{"", "print('</s>')\n\t\r\n  x", "\xff\xfe", "a\u3000b's 12", "<|endoftext|>", "e\u0301 \u2581\u2581 \uac00\u11a8", "õ<|EOT|>"} {
		f.Add(seed)
	}
	var toks []*tokenizer.Tokenizer
	for _, family := range families {
		toks = append(toks, load(f, family))
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, tok := range toks {
			checkEncoding(t, tok, text)
		}
	})
}

// What Parse accepts works.
func FuzzParse(f *testing.F) {
	for _, family := range families {
		f.Add(load(f, family).JSON())
	}
	f.Add([]byte(`{"version":"1.0","model":{"type":"BPE","vocab":{},"merges":[["a","b"]]},"decoder":{"type":"ByteLevel"}}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		tok, err := tokenizer.Parse(file)
		if err != nil {
			return
		}
		checkEncoding(t, tok, "for i in range(3):\n    print('</s>', i, 'é')")
		tok.Wrap(tok.Encode("x"))
		again, err := tokenizer.Parse(tok.JSON())
		require.NoError(t, err)
		assert.Equal(t, tok.Digest(), again.Digest())
	})
}

func FuzzParsePair(f *testing.F) {
	var letters strings.Builder
	for b := range 256 {
		fmt.Fprintf(&letters, "%q:%d,", string(load(f, "gpt2").Text([]int32{int32(b)}, true)), b)
	}
	f.Add([]byte(`{"a":0,"b":1,"ab":2}`), []byte("#version: 0.2\na b\n"), []byte(`{"eos_token":"ab","added_tokens_decoder":{"2":{"content":"ab"}}}`))
	f.Add([]byte("{"+strings.TrimSuffix(letters.String(), ",")+"}"), []byte(""), []byte(`{"tokenizer_class":"Qwen2Tokenizer"}`))
	f.Fuzz(func(t *testing.T, vocabulary, merges, config []byte) {
		if tok, err := tokenizer.ParsePair(vocabulary, merges, config); err == nil {
			checkEncoding(t, tok, "a b\n")
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	tok := load(b, "code")
	var text strings.Builder
	for _, r := range lines[struct{ Text string }](b, "code/corpus.jsonl") {
		text.WriteString(r.Text + "\n")
	}
	require.True(b, utf8.ValidString(text.String()))
	b.SetBytes(int64(text.Len()))
	tokens := 0
	for b.Loop() {
		tokens += len(tok.Encode(text.String()).IDs)
	}
	b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
}
