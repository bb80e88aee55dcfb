package decoder

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"sort"
	"strings"
)

// ErrConfig reports a config.json that asks for something this decoder does not
// compute. Nothing is guessed: a field that changes the mathematics is supported
// or refused by name.
var ErrConfig = errors.New("decoder: config")

// Config is the shape of a decoder of the Llama family, named as in Hugging Face's
// config.json.
type Config struct {
	VocabSize             int
	HiddenSize            int
	IntermediateSize      int
	NumHiddenLayers       int
	NumAttentionHeads     int
	NumKeyValueHeads      int
	HeadDim               int
	MaxPositionEmbeddings int
	RMSNormEps            float64
	RopeTheta             float64
	RopeFactor            float64 // linear scaling: positions are divided by it; 1 = none
	TieWordEmbeddings     bool
	BOS                   int32
	EOS                   []int32
	Pad                   int32
}

// Tiny is the shape of the default job: 268,080 parameters at a vocabulary of 512.
func Tiny(vocab int) Config {
	return Config{VocabSize: vocab, HiddenSize: 80, IntermediateSize: 208, NumHiddenLayers: 3, NumAttentionHeads: 4, NumKeyValueHeads: 4, HeadDim: 20,
		MaxPositionEmbeddings: 108, RMSNormEps: 1e-5, RopeTheta: 1000, RopeFactor: 1, TieWordEmbeddings: true, BOS: 1, EOS: []int32{3}, Pad: 0}
}

// Validate lists every fault at once; errors wrap ErrConfig.
func (c Config) Validate() error {
	var faults []string
	for _, f := range []struct {
		name  string
		value int
	}{{"vocab_size", c.VocabSize}, {"hidden_size", c.HiddenSize}, {"intermediate_size", c.IntermediateSize}, {"num_hidden_layers", c.NumHiddenLayers},
		{"num_attention_heads", c.NumAttentionHeads}, {"num_key_value_heads", c.NumKeyValueHeads}, {"head_dim", c.HeadDim}, {"max_position_embeddings", c.MaxPositionEmbeddings}} {
		if f.value < 1 {
			faults = append(faults, fmt.Sprintf("%s must be positive, got %d", f.name, f.value))
		}
	}
	if c.NumKeyValueHeads > 0 && c.NumAttentionHeads%c.NumKeyValueHeads != 0 {
		faults = append(faults, fmt.Sprintf("num_key_value_heads %d must divide num_attention_heads %d", c.NumKeyValueHeads, c.NumAttentionHeads))
	}
	if c.HeadDim%2 != 0 {
		faults = append(faults, fmt.Sprintf("head_dim must be even, got %d", c.HeadDim))
	}
	if !(c.RMSNormEps > 0) || !(c.RopeTheta > 0) || !(c.RopeFactor > 0) || math.IsInf(c.RopeTheta, 0) {
		faults = append(faults, "rms_norm_eps, rope_theta and the rope factor must be positive")
	}
	if len(faults) > 0 {
		return fmt.Errorf("%w: %s", ErrConfig, strings.Join(faults, "; "))
	}
	return nil
}

// rope is how config.json writes the rotary embedding, in the old form
// (rope_scaling with "type") and the new one (rope_parameters with "rope_type").
type rope struct {
	Type     string   `json:"type"`
	RopeType string   `json:"rope_type"`
	Factor   *float64 `json:"factor"`
	Theta    *float64 `json:"rope_theta"`
}

// file is config.json. Pointers tell absent from zero.
type file struct {
	ModelType             string          `json:"model_type"`
	Architectures         []string        `json:"architectures"`
	VocabSize             int             `json:"vocab_size"`
	HiddenSize            int             `json:"hidden_size"`
	IntermediateSize      int             `json:"intermediate_size"`
	NumHiddenLayers       int             `json:"num_hidden_layers"`
	NumAttentionHeads     int             `json:"num_attention_heads"`
	NumKeyValueHeads      *int            `json:"num_key_value_heads,omitempty"`
	HeadDim               *int            `json:"head_dim,omitempty"`
	MaxPositionEmbeddings int             `json:"max_position_embeddings"`
	HiddenAct             string          `json:"hidden_act"`
	RMSNormEps            float64         `json:"rms_norm_eps"`
	RopeTheta             *float64        `json:"rope_theta,omitempty"`
	RopeScaling           *rope           `json:"rope_scaling,omitempty"`
	RopeParameters        *rope           `json:"rope_parameters,omitempty"`
	TieWordEmbeddings     bool            `json:"tie_word_embeddings"` // absent means false in this family
	AttentionBias         bool            `json:"attention_bias"`
	MLPBias               bool            `json:"mlp_bias"`
	AttentionDropout      float64         `json:"attention_dropout"`
	PretrainingTP         *int            `json:"pretraining_tp,omitempty"`
	BOS                   json.RawMessage `json:"bos_token_id,omitempty"`
	EOS                   json.RawMessage `json:"eos_token_id,omitempty"`
	Pad                   json.RawMessage `json:"pad_token_id,omitempty"`
	DType                 string          `json:"torch_dtype,omitempty"`
}

// harmless fields of config.json do not change what a forward pass computes.
var harmless = []string{"initializer_range", "use_cache", "dtype", "torch_dtype", "transformers_version", "_name_or_path", "attention_dropout", "pretraining_tp"}

// ReadConfig reads a config.json. Errors wrap ErrConfig and name the field.
func ReadConfig(path string) (Config, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	c, err := parseConfig(b)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func parseConfig(b []byte) (Config, error) {
	var f file
	if err := json.Unmarshal(b, &f); err != nil {
		return Config{}, fmt.Errorf("%w: %v", ErrConfig, err)
	}
	if err := refuseUnknown(b); err != nil {
		return Config{}, err
	}
	for _, x := range []struct {
		wrong bool
		what  string
	}{
		{f.ModelType != "llama", fmt.Sprintf("model_type %q (supported: llama)", f.ModelType)},
		{f.HiddenAct != "silu", fmt.Sprintf("hidden_act %q (supported: silu)", f.HiddenAct)},
		{f.AttentionBias, "attention_bias true"},
		{f.MLPBias, "mlp_bias true"},
	} {
		if x.wrong {
			return Config{}, fmt.Errorf("%w: %s is not supported", ErrConfig, x.what)
		}
	}
	c := Config{VocabSize: f.VocabSize, HiddenSize: f.HiddenSize, IntermediateSize: f.IntermediateSize, NumHiddenLayers: f.NumHiddenLayers,
		NumAttentionHeads: f.NumAttentionHeads, NumKeyValueHeads: f.NumAttentionHeads, MaxPositionEmbeddings: f.MaxPositionEmbeddings,
		RMSNormEps: f.RMSNormEps, RopeTheta: 10000, RopeFactor: 1, TieWordEmbeddings: f.TieWordEmbeddings, BOS: -1, Pad: -1}
	if f.NumKeyValueHeads != nil {
		c.NumKeyValueHeads = *f.NumKeyValueHeads
	}
	if f.HeadDim != nil {
		c.HeadDim = *f.HeadDim
	} else if f.NumAttentionHeads > 0 {
		c.HeadDim = f.HiddenSize / f.NumAttentionHeads
	}
	if err := c.rope(f); err != nil {
		return Config{}, err
	}
	if err := c.tokens(f); err != nil {
		return Config{}, err
	}
	return c, c.Validate()
}

func refuseUnknown(b []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return fmt.Errorf("%w: %v", ErrConfig, err)
	}
	known := append(slices.Clone(harmless), "model_type", "architectures", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
		"num_attention_heads", "num_key_value_heads", "head_dim", "max_position_embeddings", "hidden_act", "rms_norm_eps", "rope_theta", "rope_scaling",
		"rope_parameters", "tie_word_embeddings", "attention_bias", "mlp_bias", "bos_token_id", "eos_token_id", "pad_token_id")
	var unknown []string
	for name, value := range all {
		if !slices.Contains(known, name) && string(value) != "null" {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		sort.Strings(unknown)
		return fmt.Errorf("%w: unknown fields that may change the mathematics: %s", ErrConfig, strings.Join(unknown, ", "))
	}
	return nil
}

func (c *Config) rope(f file) error {
	if f.RopeTheta != nil {
		c.RopeTheta = *f.RopeTheta
	}
	for _, r := range []*rope{f.RopeScaling, f.RopeParameters} {
		if r == nil {
			continue
		}
		if r.Theta != nil {
			c.RopeTheta = *r.Theta
		}
		kind := r.RopeType
		if kind == "" {
			kind = r.Type
		}
		switch {
		case kind == "default":
		case kind == "linear" && r.Factor != nil:
			c.RopeFactor = *r.Factor
		default:
			return fmt.Errorf("%w: rope type %q is not supported (default, linear with a factor)", ErrConfig, kind)
		}
	}
	return nil
}

func (c *Config) tokens(f file) error {
	one := func(name string, raw json.RawMessage, into *int32) error {
		if raw == nil || string(raw) == "null" {
			return nil
		}
		if err := json.Unmarshal(raw, into); err != nil {
			return fmt.Errorf("%w: %s: %v", ErrConfig, name, err)
		}
		return nil
	}
	if f.EOS != nil && string(f.EOS) != "null" {
		if json.Unmarshal(f.EOS, &c.EOS) != nil { // a list, or a single number
			var single int32
			if err := one("eos_token_id", f.EOS, &single); err != nil {
				return err
			}
			c.EOS = []int32{single}
		}
	}
	return errors.Join(one("bos_token_id", f.BOS, &c.BOS), one("pad_token_id", f.Pad, &c.Pad))
}

// JSON is the config.json of the decoder, readable by Transformers, for weights saved
// as dtype. Errors wrap ErrConfig.
func (c Config) JSON(dtype string) ([]byte, error) {
	name, ok := map[string]string{"F32": "float32", "BF16": "bfloat16"}[dtype]
	if !ok {
		return nil, fmt.Errorf("%w: weights are saved as F32 or BF16, not as %q", ErrConfig, dtype)
	}
	raw := func(v any) json.RawMessage {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err) // numbers and lists of numbers
		}
		return b
	}
	f := file{ModelType: "llama", Architectures: []string{"LlamaForCausalLM"}, VocabSize: c.VocabSize, HiddenSize: c.HiddenSize, IntermediateSize: c.IntermediateSize,
		NumHiddenLayers: c.NumHiddenLayers, NumAttentionHeads: c.NumAttentionHeads, NumKeyValueHeads: &c.NumKeyValueHeads, HeadDim: &c.HeadDim,
		MaxPositionEmbeddings: c.MaxPositionEmbeddings, HiddenAct: "silu", RMSNormEps: c.RMSNormEps, RopeTheta: &c.RopeTheta, TieWordEmbeddings: c.TieWordEmbeddings, DType: name}
	if c.RopeFactor != 1 {
		f.RopeScaling = &rope{Type: "linear", RopeType: "linear", Factor: &c.RopeFactor}
	}
	if c.BOS >= 0 {
		f.BOS = raw(c.BOS)
	}
	if c.Pad >= 0 {
		f.Pad = raw(c.Pad)
	}
	if len(c.EOS) > 0 {
		f.EOS = raw(c.EOS)
	}
	return json.MarshalIndent(f, "", "  ")
}
