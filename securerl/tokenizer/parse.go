package tokenizer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// document is a tokenizer.json. Components stay raw until their type is known.
type document struct {
	Version       string          `json:"version"`
	Truncation    json.RawMessage `json:"truncation"`
	Padding       json.RawMessage `json:"padding"`
	AddedTokens   []addedToken    `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         model           `json:"model"`
}

type addedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

type model struct {
	Type         string          `json:"type"`
	Dropout      json.RawMessage `json:"dropout"`
	Unknown      json.RawMessage `json:"unk_token"`
	Prefix       string          `json:"continuing_subword_prefix"`
	Suffix       string          `json:"end_of_word_suffix"`
	FuseUnknown  bool            `json:"fuse_unk"`
	ByteFallback bool            `json:"byte_fallback"`
	IgnoreMerges bool            `json:"ignore_merges"`
	Vocab        vocab           `json:"vocab"`
	Merges       []mergeRule     `json:"merges"`
}

// vocab maps a token, in the byte-level alphabet, to its id. Unlike a plain map
// it refuses a token that is listed twice.
type vocab map[string]int32

// UnmarshalJSON reads a JSON object.
func (v *vocab) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return fmt.Errorf("vocab is no object")
	}
	*v = vocab{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		var id int32
		if err := dec.Decode(&id); err != nil {
			return fmt.Errorf("vocab: %v: %w", key, err)
		}
		if _, twice := (*v)[key.(string)]; twice {
			return fmt.Errorf("vocab lists %q twice", key)
		}
		(*v)[key.(string)] = id
	}
	return nil
}

// mergeRule is written as ["a", "b"] or, by older libraries, as "a b".
type mergeRule [2]string

// UnmarshalJSON reads both forms.
func (m *mergeRule) UnmarshalJSON(data []byte) error {
	var parts []string
	if data[0] == '"' {
		var line string
		if err := json.Unmarshal(data, &line); err != nil {
			return err
		}
		parts = strings.Split(line, " ")
	} else if err := json.Unmarshal(data, &parts); err != nil {
		return err
	}
	if len(parts) != 2 {
		return fmt.Errorf("a merge of %d parts: %s", len(parts), data)
	}
	*m = mergeRule(parts)
	return nil
}

// strict decodes one JSON value and refuses unknown fields and trailing text.
func strict(data []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		if field, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
			return fmt.Errorf("%w: field %s", ErrUnsupported, field)
		}
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("%w: text after the end", ErrFormat)
	}
	return nil
}

// Parse reads the bytes of a tokenizer.json. Besides the tokenizers that Train
// makes it reads those with GPT-2's ByteLevel pre-tokenizer; any other component
// is ErrUnsupported, anything contradictory ErrFormat.
func Parse(data []byte) (*Tokenizer, error) {
	var d document
	if err := strict(data, &d); err != nil {
		return nil, err
	}
	if err := d.supported(); err != nil {
		return nil, err
	}
	split, err := readSplit(d.PreTokenizer)
	if err != nil {
		return nil, err
	}
	t := &Tokenizer{json: bytes.Clone(data), split: split}
	for _, step := range []func(document) error{t.readAdded, t.readVocab, t.readMerges} {
		if err := step(d); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func unsupported(what string, value any) error {
	return fmt.Errorf("%w: %s %v", ErrUnsupported, what, value)
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrFormat}, args...)...)
}

func absent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// supported refuses every setting that would change the tokens.
func (d document) supported() error {
	m := d.Model
	for _, c := range []struct {
		name  string
		value json.RawMessage
	}{{"truncation", d.Truncation}, {"padding", d.Padding}, {"normalizer", d.Normalizer}, {"dropout", m.Dropout}, {"unk_token", m.Unknown}} {
		if !absent(c.value) {
			return unsupported(c.name, string(c.value))
		}
	}
	for _, c := range []struct {
		name string
		on   bool
	}{{"fuse_unk", m.FuseUnknown}, {"byte_fallback", m.ByteFallback}, {"ignore_merges", m.IgnoreMerges}, {"continuing_subword_prefix", m.Prefix != ""}, {"end_of_word_suffix", m.Suffix != ""}} {
		if c.on {
			return unsupported("model with", c.name)
		}
	}
	if m.Type != "BPE" {
		return unsupported("model", m.Type)
	}
	if d.Version != "1.0" {
		return unsupported("version", d.Version)
	}
	// Decoding needs the ByteLevel decoder; a ByteLevel post-processor only trims
	// the library's offsets.
	if _, err := byteLevel("decoder", d.Decoder); err != nil {
		return err
	}
	if !absent(d.PostProcessor) {
		if _, err := byteLevel("post_processor", d.PostProcessor); err != nil {
			return err
		}
	}
	return nil
}

// component is the union of the fields of the components that are read.
type component struct {
	Type           string      `json:"type"`
	AddPrefixSpace *bool       `json:"add_prefix_space"`
	TrimOffsets    *bool       `json:"trim_offsets"`
	UseRegex       *bool       `json:"use_regex"`
	PreTokenizers  []component `json:"pretokenizers"`
	Pattern        struct {
		Regex  *string
		String *string
	} `json:"pattern"`
	Behavior string `json:"behavior"`
	Invert   bool   `json:"invert"`
}

// byteLevel reads a ByteLevel component.
func byteLevel(name string, raw json.RawMessage) (c component, err error) {
	if absent(raw) {
		return c, unsupported(name, "null")
	}
	var head struct{ Type string }
	if err := json.Unmarshal(raw, &head); err != nil {
		return c, malformed("%s: %w", name, err)
	}
	if head.Type != "ByteLevel" {
		return c, unsupported(name, head.Type)
	}
	return c, strict(raw, &c)
}

// isByteLevel tells whether c is ByteLevel without a prefix space, cutting by
// GPT-2's expression or not.
func (c component) isByteLevel(useRegex bool) bool {
	on := func(b *bool) bool { return b == nil || *b } // the library's default is true
	return c.Type == "ByteLevel" && !on(c.AddPrefixSpace) && on(c.UseRegex) == useRegex
}

// readSplit finds the splitter of a pre-tokenizer.
func readSplit(raw json.RawMessage) (splitter, error) {
	if absent(raw) {
		return nil, unsupported("pre_tokenizer", "null")
	}
	var c component
	if err := strict(raw, &c); err != nil {
		return nil, fmt.Errorf("pre_tokenizer: %w", err)
	}
	if c.isByteLevel(true) {
		return splitGPT2, nil
	}
	if c.Type != "Sequence" || len(c.PreTokenizers) != 2 || !c.PreTokenizers[1].isByteLevel(false) {
		return nil, unsupported("pre_tokenizer", string(raw))
	}
	s := c.PreTokenizers[0]
	if s.Type != "Split" || s.Behavior != "Isolated" || s.Invert || s.Pattern.Regex == nil || *s.Pattern.Regex != Pattern {
		return nil, unsupported("pre_tokenizer", string(raw))
	}
	return splitCode, nil
}

// readAdded reads the added tokens.
func (t *Tokenizer) readAdded(d document) error {
	t.added = map[string]added{}
	for _, a := range d.AddedTokens {
		if a.SingleWord || a.LStrip || a.RStrip || a.Normalized {
			return unsupported("added token with single_word, lstrip, rstrip or normalized:", a.Content)
		}
		if _, twice := t.added[a.Content]; twice || a.Content == "" {
			return malformed("added token %q is empty or listed twice", a.Content)
		}
		if raw, ok := unspell(a.Content); ok && raw != a.Content {
			return unsupported("added token that the decoder would change:", a.Content)
		}
		t.added[a.Content] = added{a.ID, a.Special}
		t.starts[a.Content[0]] = append(t.starts[a.Content[0]], a.Content)
	}
	for _, list := range t.starts {
		slices.SortFunc(list, func(x, y string) int { return cmp.Or(len(y)-len(x), cmp.Compare(x, y)) })
	}
	return nil
}

// readVocab gives every id its bytes. The ids of vocabulary and added tokens
// together must be 0, 1, 2, ... without a gap.
func (t *Tokenizer) readVocab(d document) error {
	all := d.Model.Vocab
	for _, a := range d.AddedTokens {
		if id, ok := all[a.Content]; ok && id != a.ID {
			return malformed("added token %q has id %d, but %d in the vocabulary", a.Content, a.ID, id)
		}
	}
	size := len(all)
	for _, a := range d.AddedTokens {
		if _, ok := all[a.Content]; !ok {
			size++
		}
	}
	t.bytes, t.drop = make([]string, size), make([]bool, size)
	set := func(id int32, raw string) error {
		if id < 0 || int(id) >= size || t.bytes[id] != "" {
			return malformed("id %d of %q: the ids of %d tokens must be 0 to %d, each once", id, raw, size, size-1)
		}
		t.bytes[id] = raw
		return nil
	}
	for _, a := range d.AddedTokens {
		if err := set(a.ID, a.Content); err != nil {
			return err
		}
		t.drop[a.ID] = a.Special
	}
	for _, token := range slices.Sorted(maps.Keys(all)) {
		if _, ok := t.added[token]; ok {
			continue
		}
		raw, ok := unspell(token)
		if !ok || raw == "" {
			return malformed("token %q is not written in the byte-level alphabet", token)
		}
		if err := set(all[token], raw); err != nil {
			return err
		}
	}
	return nil
}

// readMerges reads the ids of the single bytes and the merges.
func (t *Tokenizer) readMerges(d document) error {
	all := d.Model.Vocab
	for b := range t.base {
		token := string(byteToRune[b])
		id, ok := all[token]
		if _, clash := t.added[token]; clash || !ok {
			return malformed("byte 0x%02x needs a token %q of its own", b, token)
		}
		t.base[b] = id
	}
	t.merges = make(map[pair]merge, len(d.Model.Merges))
	for rank, m := range d.Model.Merges {
		left, okLeft := all[m[0]]
		right, okRight := all[m[1]]
		id, ok := all[m[0]+m[1]]
		if !okLeft || !okRight || !ok {
			return malformed("merge %d of %q and %q: they or their union are not in the vocabulary", rank, m[0], m[1])
		}
		if _, special := t.added[m[0]+m[1]]; special {
			return unsupported("merge that makes an added token:", m[0]+m[1])
		}
		p := pairOf(left, right)
		if _, twice := t.merges[p]; twice {
			return malformed("merge %d of %q and %q is listed twice", rank, m[0], m[1])
		}
		t.merges[p] = merge{rank: int32(rank), id: id}
	}
	return nil
}
