package tokenizer_test

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/tokenizer"
)

// families are the small tokenizers of testdata: ours and one in the shape of each
// published family.
var families = []string{"code", "gpt2", "starcoder2", "deepseek", "llama", "qwen2"}

type vector struct {
	Text    string
	IDs     []int32
	Special []int32  `json:"ids_with_special"` // absent where equal to IDs
	Spans   [][2]int `json:"spans_byte"`       // null where the text was brought to form C
	Offsets [][2]int `json:"offsets_byte"`     // the library's, absent where equal to Spans
	Decoded string
	Skip    *string `json:"decoded_skip_special"` // absent where equal to Decoded
}

// The answers are those of the Hugging Face tokenizers library.
func TestVectors(t *testing.T) {
	for _, family := range families {
		tok := load(t, family)
		rows := lines[vector](t, family+"/vectors.jsonl")
		for _, v := range rows {
			e := tok.Encode(v.Text)
			require.Equal(t, v.IDs, append([]int32{}, e.IDs...), "%s %q", family, v.Text)
			checkSpans(t, family, v, e.Spans)
			if v.Special == nil {
				v.Special = v.IDs
			}
			assert.Equal(t, v.Special, append([]int32{}, tok.Wrap(e).IDs...), "%s %q", family, v.Text)
			if v.Skip == nil {
				v.Skip = &v.Decoded
			}
			assert.Equal(t, v.Decoded, tok.Text(e.IDs, true), "%s %q", family, v.Text)
			assert.Equal(t, *v.Skip, tok.Text(e.IDs, false), "%s %q", family, v.Text)
			checkEncoding(t, tok, v.Text)
		}
		assert.GreaterOrEqual(t, len(rows), 120, family)
	}
}

func checkSpans(t *testing.T, family string, v vector, got []tokenizer.Span) {
	spans := [][2]int{}
	for _, s := range got {
		spans = append(spans, [2]int{s.Start, s.End})
	}
	if v.Spans != nil {
		require.Equal(t, v.Spans, spans, "%s %q", family, v.Text)
		return
	}
	// Where form C changed the text, the library gives a changed character the place
	// of its first part only; ours cover the text. They begin at the same place
	// unless the token begins inside the changed character.
	for i, o := range v.Offsets {
		if got[i].Start < got[i].End && (i == 0 || v.Offsets[i-1] != o) {
			assert.Equal(t, o[0], got[i].Start, "%s %q token %d", family, v.Text, i)
		}
	}
}

// checkEncoding states what holds for every text and every tokenizer.
func checkEncoding(t assert.TestingT, tok *tokenizer.Tokenizer, text string) {
	more := tok.EncodeContinuation(text)
	if form := tok.Decode(more.IDs); form == text {
		if len(more.IDs) > 0 {
			assert.Equal(t, more.Spans, tok.Spans(more.IDs))
		}
	} else {
		again := tok.EncodeContinuation(form)
		assert.Equal(t, more.IDs, again.IDs, "only form C changes a text, and only once")
		assert.Equal(t, form, tok.Decode(again.IDs))
	}
	plain := tok.EncodeOrdinary(text)
	for _, e := range []tokenizer.Encoding{more, plain} {
		for _, id := range e.IDs {
			assert.False(t, tok.Control(id))
		}
	}
	var stream strings.Builder
	s := tok.Stream()
	for _, id := range plain.IDs {
		stream.WriteString(s.Next(id))
	}
	stream.WriteString(s.Rest())
	assert.Equal(t, tok.Decode(plain.IDs), stream.String())
	for _, e := range []tokenizer.Encoding{more, plain, tok.Encode(text)} {
		at := 0
		for _, s := range e.Spans {
			assert.Equal(t, at, s.Start)
			assert.GreaterOrEqual(t, s.End, s.Start)
			at = s.End
		}
		assert.Equal(t, len(text), at)
		assert.Len(t, e.Spans, len(e.IDs))
		assert.True(t, utf8.ValidString(tok.Text(e.IDs, true)))
	}
}

// unpack reads a file of testdata that is packed by bzip2; nil if there is none.
func unpack(t testing.TB, path string) []byte {
	f, err := os.Open(path + ".bz2")
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	defer f.Close()
	raw, err := io.ReadAll(bzip2.NewReader(f))
	require.NoError(t, err)
	return raw
}

var read sync.Map // published tokenizers by name

// published reads one of the published tokenizers in testdata, once.
func published(t testing.TB, name string) *tokenizer.Tokenizer {
	if tok, ok := read.Load(name); ok {
		return tok.(*tokenizer.Tokenizer)
	}
	tok := readPublished(t, name)
	read.Store(name, tok)
	return tok
}

func readPublished(t testing.TB, name string) *tokenizer.Tokenizer {
	dir := filepath.Join(data, "published", name)
	if file := unpack(t, filepath.Join(dir, "tokenizer.json")); file != nil {
		tok, err := tokenizer.Parse(file)
		require.NoError(t, err, name)
		return tok
	}
	tok, err := tokenizer.ParsePair(unpack(t, filepath.Join(dir, "vocab.json")), unpack(t, filepath.Join(dir, "merges.txt")), nil)
	require.NoError(t, err, name)
	return tok
}

// The ids are those of the Hugging Face tokenizers library; tokenizers.js and, for
// some, llama.cpp agree (PROVENANCE.txt of each folder).
func TestPublishedTokenizers(t *testing.T) {
	for name, size := range map[string]int{"gpt2": 50257, "phi-2": 50295, "gpt-neox-20b": 50277, "codet5": 32000, "phi-3-mini": 32011} {
		t.Run(name, func(t *testing.T) {
			tok := published(t, name)
			assert.Equal(t, size, tok.VocabSize())
			equal := 0
			for rows := bufio.NewScanner(bytes.NewReader(unpack(t, filepath.Join(data, "published", name, "parity.jsonl")))); rows.Scan(); equal++ {
				var v vector
				require.NoError(t, json.Unmarshal(rows.Bytes(), &v))
				e := tok.Encode(v.Text)
				require.Equal(t, v.IDs, append([]int32{}, e.IDs...), "%q", v.Text)
				require.Equal(t, v.Decoded, tok.Text(e.IDs, true), "%q", v.Text)
				checkEncoding(t, tok, v.Text)
			}
			assert.Equal(t, 99, equal)
		})
	}
}

// Settings that no family above has, put into one of them; the answers are those of the
// library (testdata/tokenizer/make_form_vectors.py).
func TestOtherForms(t *testing.T) {
	var forms []struct {
		Name, Base string
		Change     map[string]json.RawMessage
		Rows       []vector
	}
	raw, err := os.ReadFile(data + "forms.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &forms))
	for _, form := range forms {
		t.Run(form.Name, func(t *testing.T) {
			tok, err := tokenizer.Parse(changed(t, form.Base, form.Change))
			require.NoError(t, err)
			for _, v := range form.Rows {
				e := tok.Encode(v.Text)
				assert.Equal(t, v.IDs, append([]int32{}, e.IDs...), "%q", v.Text)
				assert.Equal(t, v.Special, append([]int32{}, tok.Wrap(e).IDs...), "%q", v.Text)
				assert.Equal(t, v.Decoded, tok.Text(e.IDs, true), "%q", v.Text)
				assert.Equal(t, *v.Skip, tok.Text(e.IDs, false), "%q", v.Text)
				checkEncoding(t, tok, v.Text)
			}
			assert.NotEmpty(t, form.Rows)
		})
	}
}

// changed puts other values into a family's file; those of model are merged.
func changed(t *testing.T, family string, change map[string]json.RawMessage) []byte {
	var file, inner map[string]json.RawMessage
	raw, err := os.ReadFile(data + family + "/tokenizer.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &file))
	for key, value := range change {
		if key == "model" {
			require.NoError(t, json.Unmarshal(file["model"], &inner))
			require.NoError(t, json.Unmarshal(value, &inner))
			value, err = json.Marshal(inner)
			require.NoError(t, err)
		}
		file[key] = value
	}
	out, err := json.Marshal(file)
	require.NoError(t, err)
	return out
}
