package decoder

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// ErrConfig reports a model or adapter that asks for something this decoder does not
// compute. Nothing is guessed: a setting that changes the mathematics is supported
// or refused by name.
var ErrConfig = errors.New("decoder: config")

// Config is the shape of a decoder, named as in Hugging Face's config.json where that
// has a name. Families differ in data alone: the same graph code runs all of them.
type Config struct {
	Family                string // names of the tensors: see Families
	VocabSize             int
	HiddenSize            int
	IntermediateSize      int
	NumHiddenLayers       int
	NumAttentionHeads     int
	NumKeyValueHeads      int
	HeadDim               int
	MaxPositionEmbeddings int

	LayerNorm  bool // LayerNorm with a bias; false: RMSNorm
	NormEps    float64
	Activation string // "silu" or "gelu_tanh"
	Gated      bool   // the activation multiplies a second projection, as in SwiGLU

	QKVBias, OutBias, MLPBias bool // biases of q, k, v; of the attention's output; of the feed-forward maps

	LearnedPositions bool    // a table of positions instead of the rotary embedding
	RopeTheta        float64 // base of the rotary frequencies
	RopeScaling      RopeScaling

	SlidingWindow int // a token sees itself and the SlidingWindow-1 tokens before it; 0 = all
	FullLayers    int // the first layers, to which the window does not apply

	TieWordEmbeddings bool
	BOS               int32   // -1 = none
	EOS               []int32 // any of them ends a completion
	Pad               int32   // -1 = none

	// AsStored tells how base matrices lie in memory: as the family's files have them,
	// so that a file goes to the device byte by byte, or (false) as [in, out].
	AsStored bool

	Compute Compute
}

// Compute says how a network is computed, not what: it is no part of a model's files.
type Compute struct {
	BF16         bool // maps, attention and activations in bfloat16; the residual stream, norms and softmax in float32
	Checkpointed bool // the backward pass keeps the residual stream alone and computes each layer again
	LossTokens   int  // tokens of a batch whose logits are held together in a loss; 0 = all
}

// RopeScaling stretches the rotary embedding to longer texts. The zero value is none.
type RopeScaling struct {
	Kind   string  // "" (none), "linear", "dynamic" or "llama3"
	Factor float64 // of the length; used by every kind
	// Of llama3: wavelengths above Original/Low are divided by Factor, those below
	// Original/High stay, and between them it goes over smoothly.
	Low, High float64
	// Of llama3: tokens of a text in the first training. Of dynamic: tokens of the longest
	// text to be read (0 = MaxPositionEmbeddings); the frequencies are those that
	// Transformers uses for a text of that length, for all texts, so that neither padding
	// nor a cache changes what a token means.
	Original int
}

// Tiny is the shape of the default job: 268,080 parameters at a vocabulary of 512.
func Tiny(vocab int) Config {
	return Config{Family: "llama", VocabSize: vocab, HiddenSize: 80, IntermediateSize: 208, NumHiddenLayers: 3, NumAttentionHeads: 4, NumKeyValueHeads: 4, HeadDim: 20,
		MaxPositionEmbeddings: 108, NormEps: 1e-5, Activation: "silu", Gated: true, RopeTheta: 1000, TieWordEmbeddings: true, BOS: 1, EOS: []int32{3}, Pad: 0}
}

// Validate lists every fault at once; errors wrap ErrConfig.
func (c Config) Validate() error {
	var faults []string
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	_, known := families[c.Family]
	bad(!known, "family %q is unknown (%s)", c.Family, strings.Join(Families(), ", "))
	for _, f := range []struct {
		name       string
		value, log int // at most 2^log, so that no count of bytes overflows and a hostile file costs nothing
	}{{"vocab_size", c.VocabSize, 28}, {"hidden_size", c.HiddenSize, 20}, {"intermediate_size", c.IntermediateSize, 22}, {"num_hidden_layers", c.NumHiddenLayers, 12},
		{"num_attention_heads", c.NumAttentionHeads, 12}, {"num_key_value_heads", c.NumKeyValueHeads, 12}, {"head_dim", c.HeadDim, 12}, {"max_position_embeddings", c.MaxPositionEmbeddings, 28}} {
		bad(f.value < 1 || f.value > 1<<f.log, "%s must be positive, and at most %d, got %d", f.name, 1<<f.log, f.value)
	}
	bad(c.NumKeyValueHeads > 0 && c.NumAttentionHeads%c.NumKeyValueHeads != 0, "num_key_value_heads %d must divide num_attention_heads %d", c.NumKeyValueHeads, c.NumAttentionHeads)
	bad(families[c.Family].fused() && (c.NumKeyValueHeads != c.NumAttentionHeads || c.NumAttentionHeads*c.HeadDim != c.HiddenSize),
		"%s has one map for queries, keys and values: num_key_value_heads must be num_attention_heads, and heads x head_dim the hidden_size", c.Family)
	bad(c.Gated != families[c.Family].has(gate) && known, "%s and a gated activation (%v) do not go together", c.Family, c.Gated)
	bad(!positive(c.NormEps), "the epsilon of the norms must be positive, got %g", c.NormEps)
	bad(!slices.Contains([]string{"silu", "gelu_tanh"}, c.Activation), "activation %q is not supported (silu, gelu_tanh)", c.Activation)
	bad(c.SlidingWindow < 0 || c.FullLayers < 0, "sliding window %d and full layers %d must not be negative", c.SlidingWindow, c.FullLayers)
	if !c.LearnedPositions {
		bad(c.HeadDim%2 != 0, "head_dim must be even, got %d", c.HeadDim)
		bad(!positive(c.RopeTheta), "rope_theta must be positive, got %g", c.RopeTheta)
		faults = append(faults, c.RopeScaling.faults(c.HeadDim)...)
	}
	if len(faults) > 0 {
		return fmt.Errorf("%w: %s", ErrConfig, strings.Join(faults, "; "))
	}
	return nil
}

func (r RopeScaling) faults(headDim int) (list []string) {
	if r.Kind != "" && !positive(r.Factor) {
		list = append(list, fmt.Sprintf("the rope factor must be positive, got %g", r.Factor))
	}
	switch r.Kind {
	case "", "linear":
	case "dynamic":
		if headDim <= 2 || r.Factor < 1 || r.Original < 0 {
			list = append(list, fmt.Sprintf("dynamic rope needs a head_dim above 2 (%d), a factor of at least 1 (%g) and no negative length (%d)", headDim, r.Factor, r.Original))
		}
	case "llama3":
		if !positive(r.Low) || !positive(r.High) || r.High <= r.Low || r.Original < 1 {
			list = append(list, fmt.Sprintf("llama3 rope needs 0 < low_freq_factor (%g) < high_freq_factor (%g) and original_max_position_embeddings (%d)", r.Low, r.High, r.Original))
		}
	default:
		list = append(list, fmt.Sprintf("rope type %q is not supported (default, linear, dynamic, llama3)", r.Kind))
	}
	return list
}

func positive(x float64) bool { return x > 0 && !math.IsInf(x, 0) }

// Longest is the number of tokens of the longest text that the model has positions
// for: a table has so many rows. The rotary embedding goes on beyond it, with what the
// model learnt no longer holding; there 0 means no limit.
func (c Config) Longest() int {
	switch {
	case c.LearnedPositions:
		return c.MaxPositionEmbeddings
	case c.RopeScaling.Kind == "dynamic":
		return max(c.MaxPositionEmbeddings, c.RopeScaling.Original)
	}
	return 0
}

// Frequencies are the angles, in radians per token, by which the rotary embedding
// turns each of the HeadDim/2 pairs of a head.
//
// Sources: Su et al. 2021 (arXiv:2104.09864); linear: Chen et al. 2023
// (arXiv:2306.15595); dynamic: bloc97 and emozilla 2023, as Transformers has it;
// llama3: Meta's Llama 3.1 release.
func (c Config) Frequencies() []float64 {
	s, theta, d := c.RopeScaling, c.RopeTheta, float64(c.HeadDim)
	if length := float64(c.Longest()); s.Kind == "dynamic" && c.Longest() > c.MaxPositionEmbeddings {
		theta *= math.Pow(s.Factor*length/float64(c.MaxPositionEmbeddings)-(s.Factor-1), d/(d-2))
	}
	list := make([]float64, c.HeadDim/2)
	for i := range list {
		f := math.Pow(theta, -2*float64(i)/d)
		switch s.Kind {
		case "linear":
			f /= s.Factor
		case "llama3":
			turns := float64(s.Original) * f / (2 * math.Pi) // of this pair over the first training's length
			keep := (turns - s.Low) / (s.High - s.Low)
			keep = math.Min(1, math.Max(0, keep))
			f = (1-keep)*f/s.Factor + keep*f
		}
		list[i] = f
	}
	return list
}
