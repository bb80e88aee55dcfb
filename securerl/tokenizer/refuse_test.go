package tokenizer_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/tokenizer"
)

// broken replaces a part of a good file.
func broken(t *testing.T, family, old, new string) error {
	good, err := os.ReadFile(data + family + "/tokenizer.json")
	require.NoError(t, err)
	require.Contains(t, string(good), old)
	_, err = tokenizer.Parse(bytes.Replace(good, []byte(old), []byte(new), 1))
	return err
}

func TestParseNamesWhatItDoesNotRead(t *testing.T) {
	for _, c := range []struct{ family, old, new, message string }{
		{"code", `"normalizer":null`, `"normalizer":{"type":"NFKC"}`, "NFKC"},
		{"code", `"normalizer":null`, `"normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Lowercase"}]}`, "Lowercase"},
		{"code", `"normalizer":null`, `"normalizer":{"type":"Prepend","prepend":"▁"}`, "Prepend"},
		{"code", `"truncation":null`, `"truncation":{"max_length":5}`, "truncation"},
		{"code", `"padding":null`, `"padding":{"strategy":"Fixed"}`, "padding"},
		{"code", `"dropout":null`, `"dropout":0.1`, "dropout"},
		{"code", `"byte_fallback":false`, `"byte_fallback":true`, "byte_fallback with normalizer"},
		{"code", `"end_of_word_suffix":null`, `"end_of_word_suffix":"</w>"`, "end_of_word_suffix"},
		{"code", `"continuing_subword_prefix":null`, `"continuing_subword_prefix":"##"`, "continuing_subword_prefix"},
		{"code", `"type":"BPE"`, `"type":"Unigram"`, "Unigram"},
		{"code", `"version":"1.0"`, `"version":"2.0"`, "2.0"},
		{"code", `"version":"1.0"`, `"version":"1.0","surprise":1`, "surprise"},
		{"code", `"post_processor":null`, `"post_processor":{"type":"RobertaProcessing","sep":["</s>",3],"cls":["<s>",1]}`, "sep"},
		{"code", `"post_processor":null`, `"post_processor":{"type":"Bert"}`, "Bert"},
		{"code", `"decoder":{"type":"ByteLevel"`, `"decoder":{"type":"WordPiece"`, "WordPiece"},
		{"code", `"behavior":"Isolated"`, `"behavior":"Removed"`, "Removed"},
		{"code", `"invert":false`, `"invert":true`, "invert"},
		{"code", `[0-9]`, `[0-9]+`, "[0-9]+"},
		{"code", `"Regex":`, `"String":`, "String"},
		{"code", `"add_prefix_space":false`, `"add_prefix_space":true`, "add_prefix_space"},
		{"code", `"single_word":false`, `"single_word":true`, "<pad>"},
		{"code", `"id":3,"content":"</s>"`, `"id":260,"content":"in"`, "merge that makes"},
		{"gpt2", `"use_regex":true`, `"use_regex":false`, "ByteLevel"},
		{"gpt2", `"pre_tokenizer":{"type"`, `"pre_tokenizer":null,"x":{"type"`, "x"},
		{"gpt2", `"decoder":{"type"`, `"decoder":null,"x":{"type"`, "x"},
		{"starcoder2", `"individual_digits":true`, `"individual_digits":false`, "Digits"},
		{"deepseek", `\\s?\\p{P}+`, `\\s?\\p{P}`, `\s?\p{P})`},
		{"qwen2", `\\p{N}|`, `\\p{N}{2}|`, `\p{N}{2}`},
		{"llama", `"type":"Prepend"`, `"type":"Append"`, "Append"},
		{"llama", `"prepend":"▁"`, `"prepend":"_"`, "Prepend(_)"},
		{"llama", `"start":1`, `"start":2`, "Strip( ,2,0)"},
		{"llama", `{"type":"Fuse"},`, ``, "decoder"},
		{"llama", `"byte_fallback":true`, `"byte_fallback":false`, "normalizer"},
		{"llama", `"ignore_merges":false`, `"ignore_merges":true`, "ignore_merges"},
		{"llama", `"pre_tokenizer":null`, `"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true}`, "Metaspace"},
		{"llama", `"normalized":false`, `"normalized":true`, "<unk>"},
		{"llama", `"rstrip":false,"normalized":false,"special":true},{"id":508,"content":"▁`, `"rstrip":true,"normalized":false,"special":true},{"id":508,"content":" `, "which it could eat"},
	} {
		err := broken(t, c.family, c.old, c.new)
		assert.ErrorIs(t, err, tokenizer.ErrUnsupported, "%s %s", c.family, c.new)
		assert.ErrorContains(t, err, c.message)
	}
}

func TestParseRefusesContradictions(t *testing.T) {
	for _, c := range []struct{ family, old, new, message string }{
		{"code", `"<pad>":0`, `"<pad>":0,"<pad>":0`, "twice"},
		{"code", `"<pad>":0`, `"<pad>":1`, "<pad>"},
		{"code", `"!":37`, `"!":38`, "each once"},
		{"code", `"!":37`, `"!":-1`, "each once"},
		{"code", `"!":37`, `"!":99999999`, "each once"},
		{"code", `"!":37`, `"!":1.5`, "!"},
		{"code", `"!":37`, `"汉":37`, "alphabet"},
		{"code", `"!":37`, `"!!":37`, "0x21"},
		{"code", `"merges":["`, `"merges":["a b c","`, "parts"},
		{"code", `"merges":["`, `"merges":[7,"`, "number"},
		{"code", `"merges":["`, `"merges":["! !","`, "vocabulary"},
		{"code", `"id":1,"content":"<s>"`, `"id":1,"content":"<pad>"`, "<pad>"},
		{"code", `"id":1,"content":"<s>"`, `"id":1,"content":""`, "empty"},
		{"code", `"id":3,"content":"</s>"`, `"id":70000000,"content":"<x>"`, "go on from it in order"},
		{"llama", `"id":508`, `"id":509`, "go on from it in order"},
		{"code", `]}}`, `]}}{}`, "after the end"},
		{"code", `]}}`, `]}`, "EOF"},
		{"code", `"post_processor":null`, `"post_processor":{"type":"TemplateProcessing","single":[],"pair":[],"special_tokens":{}}`, "leaves the text out"},
		{"code", `"post_processor":null`, `"post_processor":7`, "post_processor"},
		{"llama", `"Sequence":{"id":"A"`, `"Sequence":{"id":"B"`, `"B"`},
		{"llama", `"SpecialToken":{"id":"<s>"`, `"SpecialToken":{"id":"<x>"`, "<x>"},
		{"llama", `"ids":[1]`, `"ids":[512]`, "512"},
		{"llama", `"ids":[1]`, `"ids":[-1]`, "-1"},
		{"llama", `"<0x0A>"`, `"<0x0G>"`, "0x0a"},
		{"llama", `"▁":`, `"▂":`, "▁"},
	} {
		err := broken(t, c.family, c.old, c.new)
		assert.ErrorIs(t, err, tokenizer.ErrFormat, "%s %s", c.family, c.new)
		assert.ErrorContains(t, err, c.message)
	}
}

const gpt2Config = `{"tokenizer_class":"GPT2TokenizerFast","eos_token":"<|endoftext|>","bos_token":{"__type":"AddedToken","content":"<|endoftext|>",` +
	`"lstrip":false,"normalized":true,"rstrip":false,"single_word":false},"model_max_length":1024}`

// A folder of vocab.json and merges.txt reads as the tokenizer.json of the same
// vocabulary does, and as its own JSON.
func TestPairOfFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"vocab.json", "merges.txt"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), unpack(t, data+"published/gpt2/"+name), 0o644))
	}
	plain, err := tokenizer.Load(dir)
	require.NoError(t, err)
	_, ok := plain.TokenID("<|endoftext|>")
	assert.False(t, ok, "nothing says that it is special")

	require.NoError(t, os.WriteFile(filepath.Join(dir, "tokenizer_config.json"), []byte(gpt2Config), 0o644))
	tok, err := tokenizer.Load(dir)
	require.NoError(t, err)
	id, ok := tok.TokenID("<|endoftext|>")
	assert.True(t, ok)
	assert.Equal(t, int32(50256), id)
	const text = "def f():<|endoftext|>  return 1\n"
	assert.Equal(t, published(t, "phi-2").EncodeOrdinary("a b").IDs, tok.EncodeOrdinary("a b").IDs, "phi-2 has GPT-2's vocabulary")
	assert.Contains(t, tok.Encode(text).IDs, id)

	again, err := tokenizer.Parse(tok.JSON())
	require.NoError(t, err)
	assert.Equal(t, tok.Encode(text), again.Encode(text))

	require.NoError(t, os.Remove(filepath.Join(dir, "merges.txt")))
	_, err = tokenizer.Load(dir)
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, "neither tokenizer.json nor the pair")
}

func TestPairRefuses(t *testing.T) {
	vocab, merges := unpack(t, data+"published/codet5/vocab.json"), unpack(t, data+"published/codet5/merges.txt")
	for _, c := range []struct {
		name                  string
		vocab, merges, config string
		kind                  error
		message               string
	}{
		{"another class", "", "", `{"tokenizer_class":"RobertaTokenizer"}`, tokenizer.ErrUnsupported, "RobertaTokenizer"},
		{"a prefix space", "", "", `{"add_prefix_space":true}`, tokenizer.ErrUnsupported, "add_prefix_space"},
		{"a first token", "", "", `{"add_bos_token":true}`, tokenizer.ErrUnsupported, "add_bos_token"},
		{"a token that is not there", "", "", `{"eos_token":"<end>"}`, tokenizer.ErrFormat, "<end>"},
		{"a torn configuration", "", "", `{"eos_token":`, tokenizer.ErrFormat, "tokenizer_config.json"},
		{"a torn vocabulary", `{"a":`, "", "", tokenizer.ErrFormat, "vocab.json"},
		{"a list for a vocabulary", `[]`, "", "", tokenizer.ErrFormat, "vocab.json"},
		{"an empty vocabulary", `{}`, "", "", tokenizer.ErrFormat, "0x00"},
		{"a merge of three", "", "#version: 0.2\na b c\n", "", tokenizer.ErrFormat, "line 2"},
		{"an empty line", "", "#version: 0.2\n\na b\n", "", tokenizer.ErrFormat, "line 2"},
		{"another vocabulary's merges", "", "zq xj\n", "", tokenizer.ErrFormat, "not in the vocabulary"},
	} {
		v, m, config := vocab, merges, []byte(nil)
		if c.vocab != "" {
			v = []byte(c.vocab)
		}
		if c.merges != "" {
			m = []byte(c.merges)
		}
		if c.config != "" {
			config = []byte(c.config)
		}
		_, err := tokenizer.ParsePair(v, m, config)
		assert.ErrorIs(t, err, c.kind, c.name)
		assert.ErrorContains(t, err, c.message, c.name)
	}
	_, err := tokenizer.ParsePair(vocab, merges, []byte(`{"tokenizer_class":"Qwen2Tokenizer","eos_token":"</s>","added_tokens_decoder":{"2":{"content":"</s>","special":true}}}`))
	require.NoError(t, err)
}

// A file that claims to be huge costs no more than itself.
func TestHugeFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokenizer.json")
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(1<<40)) // sparse
	require.NoError(t, f.Close())
	_, err = tokenizer.Load(path)
	require.ErrorIs(t, err, tokenizer.ErrFormat)
	deep := bytes.Repeat([]byte(`{"type":"Sequence","normalizers":[`), 5000)
	_, err = tokenizer.Parse(append([]byte(`{"version":"1.0","model":{"type":"BPE","vocab":{},"merges":[]},"normalizer":`), deep...))
	require.ErrorIs(t, err, tokenizer.ErrFormat)
}
