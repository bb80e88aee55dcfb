package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"securecoderl/securerl/tokenizer/pieces"
)

// mark stands for a space in sentencepiece-style vocabularies.
const mark = "▁"

// component is the union of the fields of the components that are read.
type component struct {
	Type             string `json:"type"`
	AddPrefixSpace   *bool  `json:"add_prefix_space,omitempty"`
	TrimOffsets      *bool  `json:"trim_offsets,omitempty"` // offsets are exact here, whatever it says
	UseRegex         *bool  `json:"use_regex,omitempty"`
	IndividualDigits bool   `json:"individual_digits,omitempty"`

	Pattern  *pattern `json:"pattern,omitempty"`
	Behavior string   `json:"behavior,omitempty"`
	Invert   bool     `json:"invert,omitempty"`

	Prepend string `json:"prepend,omitempty"`
	Content string `json:"content,omitempty"`
	Start   int    `json:"start,omitempty"`
	Stop    int    `json:"stop,omitempty"`

	Replacement   string `json:"replacement,omitempty"`
	PrependScheme string `json:"prepend_scheme,omitempty"`
	Split         *bool  `json:"split,omitempty"`

	Normalizers   []component `json:"normalizers,omitempty"`
	PreTokenizers []component `json:"pretokenizers,omitempty"`
	Decoders      []component `json:"decoders,omitempty"`
	Processors    []component `json:"processors,omitempty"`

	Single        []templatePart           `json:"single,omitempty"`
	Pair          []templatePart           `json:"pair,omitempty"` // of two texts, which are never encoded here
	SpecialTokens map[string]templateToken `json:"special_tokens,omitempty"`
}

type pattern struct {
	Regex  *string `json:"Regex,omitempty"`
	String *string `json:"String,omitempty"`
}

type templatePart struct {
	SpecialToken *templateName
	Sequence     *templateName
}

type templateName struct {
	ID     string `json:"id"`
	TypeID int    `json:"type_id"`
}

type templateToken struct {
	ID     string   `json:"id"`
	IDs    []int32  `json:"ids"`
	Tokens []string `json:"tokens"`
}

// list reads a component and lays its sequences flat.
func list(name string, raw json.RawMessage) ([]component, error) {
	if absent(raw) {
		return nil, nil
	}
	var c component
	if err := strict(raw, &c); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return flat(c), nil
}

func flat(c component) (all []component) {
	if c.Type != "Sequence" {
		return []component{c}
	}
	for _, part := range slices.Concat(c.Normalizers, c.PreTokenizers, c.Decoders, c.Processors) {
		all = append(all, flat(part)...)
	}
	return all
}

func isTrue(b *bool) bool { return b == nil || *b } // the library's default

// name spells a component with the settings that matter. Two components with one name
// do the same.
func (c component) name() string {
	switch {
	case c.Type == "ByteLevel" && !isTrue(c.AddPrefixSpace) && isTrue(c.UseRegex):
		return "ByteLevel(regex)"
	case c.Type == "ByteLevel" && !isTrue(c.AddPrefixSpace):
		return "ByteLevel"
	case c.Type == "Digits" && c.IndividualDigits:
		return "Digits(individual)"
	case c.Type == "Split" && c.Behavior == "Isolated" && !c.Invert && c.Pattern != nil && c.Pattern.Regex != nil:
		return "Split(" + *c.Pattern.Regex + ")"
	case c.Type == "Metaspace" && c.Replacement == mark && c.Split != nil && !*c.Split:
		return "Metaspace(" + c.PrependScheme + ")"
	case c.Type == "NFC":
		return c.Type
	case c.Type == "Prepend":
		return "Prepend(" + c.Prepend + ")"
	case c.Type == "Replace" && c.Pattern != nil && c.Pattern.String != nil:
		return "Replace(" + *c.Pattern.String + "," + c.Content + ")"
	case c.Type == "Strip":
		return fmt.Sprintf("Strip(%s,%d,%d)", c.Content, c.Start, c.Stop)
	}
	all, _ := json.Marshal(c) // a struct of strings and numbers always encodes
	return string(all)
}

// names spells a list. What its components are and in what order says all that
// matters.
func names(list []component) string {
	var all []string
	for _, c := range list {
		all = append(all, c.name())
	}
	return strings.Join(all, " + ")
}

// cutters are the known pre-tokenizers of byte-level tokenizers.
var cutters = map[string]pieces.Cutter{
	"ByteLevel(regex)":                                pieces.GPT2,
	"Digits(individual) + ByteLevel(regex)":           pieces.Digits,
	"Split(" + pieces.CodePattern + ") + ByteLevel":   pieces.Code,
	"Split(" + pieces.Qwen2Pattern + ") + ByteLevel":  pieces.Qwen2,
	"Split(" + pieces.Llama3Pattern + ") + ByteLevel": pieces.Llama3,
	"Split(" + strings.Join(pieces.DeepSeekPatterns[:], ") + Split(") + ") + Digits(individual) + ByteLevel": pieces.DeepSeek,
}

// spacings are the known pairs of normalizer and pre-tokenizer of sentencepiece-style
// tokenizers. The Metaspace form is what Transformers 5 writes.
var spacings = map[[2]string]spacing{
	{"Prepend(▁) + Replace( ,▁)", ""}: everywhere,
	{"Replace( ,▁)", ""}:              nowhere,
	{"", "Metaspace(always)"}:         unlessThere,
	{"", "Metaspace(first)"}:          firstOnly,
	{"", "Metaspace(never)"}:          nowhere,
}

// readForm finds out what is done to a text before the merges and after them.
func (t *Tokenizer) readForm(d document) error {
	var lists [3][]component
	for i, c := range []struct {
		name string
		raw  json.RawMessage
	}{{"normalizer", d.Normalizer}, {"pre_tokenizer", d.PreTokenizer}, {"decoder", d.Decoder}} {
		var err error
		if lists[i], err = list(c.name, c.raw); err != nil {
			return err
		}
	}
	normalizer, pre, decoder := names(lists[0]), names(lists[1]), names(lists[2])
	if d.Model.ByteFallback {
		var ok bool
		if t.space, ok = spacings[[2]string{normalizer, pre}]; !ok {
			return unsupported("byte_fallback with", fmt.Sprintf("normalizer %q and pre_tokenizer %q", normalizer, pre))
		}
		strip := " + Strip( ,1,0)"
		if t.space == nowhere {
			strip = ""
		}
		if want := "Replace(▁, ) + {\"type\":\"ByteFallback\"} + {\"type\":\"Fuse\"}" + strip; decoder != want {
			return unsupported("byte_fallback with decoder", decoder)
		}
		return nil
	}
	switch normalizer {
	case "":
	case "NFC":
		t.nfc = true
	default:
		return unsupported("normalizer", normalizer)
	}
	if t.cut = cutters[pre]; t.cut == nil {
		return unsupported("pre_tokenizer", pre)
	}
	if len(lists[2]) != 1 || lists[2][0].Type != "ByteLevel" {
		return unsupported("decoder", decoder)
	}
	return nil
}

// readTemplate reads what the post-processor puts around a text. ByteLevel among the
// processors only trims the library's offsets.
func (t *Tokenizer) readTemplate(d document) error {
	all, err := list("post_processor", d.PostProcessor)
	if err != nil {
		return err
	}
	templates := slices.DeleteFunc(all, func(c component) bool { return c.Type == "ByteLevel" })
	if len(templates) == 0 {
		return nil
	}
	c := templates[0]
	if len(templates) > 1 || c.Type != "TemplateProcessing" {
		return unsupported("post_processor", names(templates))
	}
	texts, around := 0, [2]*[]int32{&t.before, &t.after}
	for _, part := range c.Single {
		switch {
		case part.Sequence != nil && part.SpecialToken == nil:
			if texts++; part.Sequence.ID != "A" || texts > 1 {
				return malformed("post_processor: the template of one text holds sequence %q, and %d in all", part.Sequence.ID, texts)
			}
		case part.SpecialToken != nil && part.Sequence == nil:
			s, ok := c.SpecialTokens[part.SpecialToken.ID]
			if !ok {
				return malformed("post_processor: the template's token %q is not among its special_tokens", part.SpecialToken.ID)
			}
			for _, id := range s.IDs {
				if id < 0 || int(id) >= len(t.tokens) {
					return malformed("post_processor: id %d of %q is not in the vocabulary", id, s.ID)
				}
			}
			*around[texts] = append(*around[texts], s.IDs...)
		default:
			return malformed("post_processor: a part of the template is neither a text nor a token")
		}
	}
	if texts != 1 {
		return malformed("post_processor: the template of one text leaves the text out")
	}
	return nil
}
