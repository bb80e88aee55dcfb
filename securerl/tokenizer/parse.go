package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
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
	Type         string      `json:"type"`
	Dropout      *float64    `json:"dropout"`
	Unknown      *string     `json:"unk_token"`
	Prefix       string      `json:"continuing_subword_prefix"`
	Suffix       string      `json:"end_of_word_suffix"`
	FuseUnknown  bool        `json:"fuse_unk"`
	ByteFallback bool        `json:"byte_fallback"`
	IgnoreMerges bool        `json:"ignore_merges"`
	Vocab        vocab       `json:"vocab"`
	Merges       []mergeRule `json:"merges"`
}

// vocab maps a token, as the file spells it, to its id. Unlike a plain map it
// refuses a token that is listed twice.
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
		return fmt.Errorf("a merge of %d parts: %.80s", len(parts), data)
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

// Parse reads the bytes of a tokenizer.json. A component, setting or field that is
// not in the table of the package's documentation is ErrUnsupported, anything
// contradictory ErrFormat.
func Parse(data []byte) (*Tokenizer, error) {
	var d document
	if err := strict(data, &d); err != nil {
		return nil, err
	}
	t := &Tokenizer{json: bytes.Clone(data)}
	for _, step := range []func(document) error{supported, t.readForm, t.readAdded, t.readVocab, t.readMerges, t.readTemplate} {
		if err := step(d); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func unsupported(what string, value any) error {
	return fmt.Errorf("%w: %s %.300v", ErrUnsupported, what, value)
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrFormat}, args...)...)
}

func absent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// supported refuses every setting that would change the tokens. unk_token and
// fuse_unk do not: no byte is unknown, which readMerges makes sure of.
func supported(d document) error {
	m := d.Model
	for _, c := range []struct {
		name  string
		on    bool
		value any
	}{
		{"version", d.Version != "1.0", d.Version},
		{"truncation", !absent(d.Truncation), string(d.Truncation)},
		{"padding", !absent(d.Padding), string(d.Padding)},
		{"model", m.Type != "BPE", m.Type},
		{"model with dropout", m.Dropout != nil && *m.Dropout != 0, ""},
		{"model with continuing_subword_prefix", m.Prefix != "", m.Prefix},
		{"model with end_of_word_suffix", m.Suffix != "", m.Suffix},
	} {
		if c.on {
			return unsupported(c.name, c.value)
		}
	}
	return nil
}
