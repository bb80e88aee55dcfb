package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"securecoderl/securerl/tokenizer/pieces"
)

// largest is how big a tokenizer file may be, in bytes; published ones have at most
// a twentieth of it.
const largest = 1 << 28

// Load reads a tokenizer.json, or a folder that holds one, or else vocab.json and
// merges.txt. It returns ErrFormat or ErrUnsupported, with the path and the
// component, for what it cannot read exactly.
func Load(path string) (*Tokenizer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	if info.IsDir() {
		file := filepath.Join(path, "tokenizer.json")
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			return loadPair(path)
		}
		path = file
	}
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	t, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	if info.Size() > largest {
		return nil, fmt.Errorf("%s: %w", path, malformed("%d bytes, at most %d are read", info.Size(), largest))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	return data, nil
}

func loadPair(dir string) (*Tokenizer, error) {
	var parts [3][]byte
	for i, name := range []string{"vocab.json", "merges.txt", "tokenizer_config.json"} {
		var err error
		if parts[i], err = read(filepath.Join(dir, name)); err != nil && (i < 2 || !errors.Is(err, fs.ErrNotExist)) {
			return nil, fmt.Errorf("%s holds neither tokenizer.json nor the pair of vocab.json and merges.txt: %w", dir, err)
		}
	}
	t, err := ParsePair(parts[0], parts[1], parts[2])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return t, nil
}

// pairClasses are the tokenizer classes of Transformers whose vocab.json and
// merges.txt are read, with what they do besides merging.
var pairClasses = map[string]struct{ normalizer, pre string }{
	"":                 {"null", byteLevelRegex},
	"GPT2Tokenizer":    {"null", byteLevelRegex},
	"CodeGenTokenizer": {"null", byteLevelRegex},
	"Qwen2Tokenizer":   {`{"type":"NFC"}`, split(pieces.Qwen2Pattern)},
}

const byteLevelRegex = `{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}`

// split is the pre-tokenizer of an expression, as JSON.
func split(expression string) string {
	return `{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":` + quote(expression) +
		`},"behavior":"Isolated"},{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]}`
}

// ParsePair reads the bytes of vocab.json, merges.txt and, if it is not nil,
// tokenizer_config.json, which names the class (GPT2Tokenizer if there is none) and
// the special tokens. Without it no added token is known. JSON returns the
// tokenizer.json that means the same.
func ParsePair(vocabulary, merges, config []byte) (*Tokenizer, error) {
	d := document{Version: "1.0", AddedTokens: []addedToken{}, Decoder: json.RawMessage(`{"type":"ByteLevel"}`), Model: model{Type: "BPE"}}
	if err := strict(vocabulary, &d.Model.Vocab); err != nil {
		return nil, fmt.Errorf("vocab.json: %w", err)
	}
	var err error
	if d.Model.Merges, err = readLines(merges); err != nil {
		return nil, fmt.Errorf("merges.txt: %w", err)
	}
	class := ""
	if config != nil {
		if class, d.AddedTokens, err = readConfig(config, d.Model.Vocab); err != nil {
			return nil, fmt.Errorf("tokenizer_config.json: %w", err)
		}
	}
	form, ok := pairClasses[strings.TrimSuffix(class, "Fast")]
	if !ok {
		return nil, unsupported("tokenizer_class of vocab.json and merges.txt:", class)
	}
	d.Normalizer, d.PreTokenizer = json.RawMessage(form.normalizer), json.RawMessage(form.pre)
	var file bytes.Buffer
	enc := json.NewEncoder(&file)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(d); err != nil {
		return nil, malformed("%w", err)
	}
	return Parse(file.Bytes())
}

// readLines reads the lines "a b" of a merges.txt.
func readLines(data []byte) ([]mergeRule, error) {
	rules := []mergeRule{}
	for n, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if strings.HasPrefix(line, "#version") || line == "" && len(data) == 0 {
			continue
		}
		parts := strings.Split(line, " ")
		if len(parts) != 2 {
			return nil, malformed("line %d: a merge of %d parts: %.80q", n+1, len(parts), line)
		}
		rules = append(rules, mergeRule(parts))
	}
	return rules, nil
}

// configToken is a token of tokenizer_config.json: a string or an object.
type configToken struct{ addedToken }

// UnmarshalJSON reads both forms. A bare name means a special token.
func (c *configToken) UnmarshalJSON(data []byte) error {
	c.Special = true
	if data[0] == '"' {
		return json.Unmarshal(data, &c.Content)
	}
	return json.Unmarshal(data, &c.addedToken)
}

// readConfig reads the class and the added tokens of a tokenizer_config.json. Its other
// settings concern chat, padding and limits.
func readConfig(data []byte, all vocab) (class string, tokens []addedToken, err error) {
	var c struct {
		Class       string               `json:"tokenizer_class"`
		PrefixSpace bool                 `json:"add_prefix_space"`
		Begin       bool                 `json:"add_bos_token"`
		End         bool                 `json:"add_eos_token"`
		Decoder     map[int32]addedToken `json:"added_tokens_decoder"`
		BOS         *configToken         `json:"bos_token"`
		EOS         *configToken         `json:"eos_token"`
		Unknown     *configToken         `json:"unk_token"`
		Pad         *configToken         `json:"pad_token"`
		More        []configToken        `json:"additional_special_tokens"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return "", nil, malformed("%w", err)
	}
	for name, on := range map[string]bool{"add_prefix_space": c.PrefixSpace, "add_bos_token": c.Begin, "add_eos_token": c.End} {
		if on {
			return "", nil, unsupported("vocab.json and merges.txt with", name)
		}
	}
	seen := map[string]bool{}
	for id, a := range c.Decoder {
		a.ID, seen[a.Content] = id, true
		tokens = append(tokens, a)
	}
	slices.SortFunc(tokens, func(a, b addedToken) int { return int(a.ID - b.ID) })
	named := []*configToken{c.BOS, c.EOS, c.Unknown, c.Pad}
	for i := range c.More {
		named = append(named, &c.More[i])
	}
	for _, n := range named {
		if n == nil || seen[n.Content] {
			continue
		}
		id, ok := all[n.Content]
		if !ok {
			return "", nil, malformed("token %q is neither in vocab.json nor in added_tokens_decoder", n.Content)
		}
		n.ID, n.Special, n.Normalized, seen[n.Content] = id, true, false, true
		tokens = append(tokens, n.addedToken)
	}
	return c.Class, tokens, nil
}
