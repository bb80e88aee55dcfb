package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"securecoderl/securerl/decoder"
)

// harmless fields do not change what a forward pass computes. Dropout of a base model
// acts in training alone and is never applied here; an adapter has its own.
var harmless = []string{"architectures", "initializer_range", "use_cache", "dtype", "torch_dtype", "transformers_version", "_name_or_path", "auto_map", "attention_dropout",
	"residual_dropout", "embedding_dropout", "attn_pdrop", "embd_pdrop", "resid_pdrop", "pretraining_tp", "n_ctx", "gradient_checkpointing", "return_dict", "output_hidden_states",
	"output_attentions", "task_specific_params", "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj", "chunk_size_feed_forward"}

// ReadConfig reads a config.json. A field that changes the mathematics is supported or
// refused by name; fields that are absent mean what they mean in Transformers. Errors
// wrap decoder.ErrConfig.
func ReadConfig(path string) (decoder.Config, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return decoder.Config{}, fmt.Errorf("%w: %w", decoder.ErrConfig, err)
	}
	c, err := parseConfig(b)
	if err != nil {
		return decoder.Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func parseConfig(b []byte) (decoder.Config, error) {
	f, err := parseFields(b)
	if err != nil {
		return decoder.Config{}, err
	}
	c := decoder.Config{Family: need[string](f, "model_type")}
	if !slices.Contains(decoder.Families(), c.Family) {
		return c, fmt.Errorf("%w: model_type %q is not supported (%s)", decoder.ErrConfig, c.Family, strings.Join(decoder.Families(), ", "))
	}
	f.ignore(harmless...)
	c.VocabSize = need[int](f, "vocab_size")
	// Absent means tied in the families that grew out of GPT-2, and untied in the others.
	c.TieWordEmbeddings = take(f, "tie_word_embeddings", c.Family == "gpt2" || c.Family == "starcoder2")
	c.BOS, c.EOS, c.Pad = take(f, "bos_token_id", int32(-1)), numbers(f, "eos_token_id"), take(f, "pad_token_id", int32(-1))
	if c.Family == "gpt2" {
		readGPT2(f, &c)
	} else {
		readRotary(f, &c)
	}
	return c, errors.Join(f.end(), c.Validate())
}

// activation reads which activation is meant, of those of which this decoder knows the formula.
func activation(f *fields, name, otherwise string) string {
	switch a := take(f, name, otherwise); a {
	case "silu", "swish":
		return "silu"
	case "gelu_new", "gelu_pytorch_tanh":
		return "gelu_tanh"
	default:
		f.fault("%s %q is not supported (silu, gelu_new, gelu_pytorch_tanh)", name, a)
		return "silu"
	}
}

// readRotary reads what Llama, Qwen2 and StarCoder2 share.
func readRotary(f *fields, c *decoder.Config) {
	c.HiddenSize, c.IntermediateSize, c.NumHiddenLayers = need[int](f, "hidden_size"), need[int](f, "intermediate_size"), need[int](f, "num_hidden_layers")
	c.NumAttentionHeads, c.MaxPositionEmbeddings = need[int](f, "num_attention_heads"), need[int](f, "max_position_embeddings")
	if c.Family != "llama" && !f.has("num_key_value_heads") {
		f.fault("num_key_value_heads is missing") // its default is a number of one published model
	}
	c.NumKeyValueHeads = take(f, "num_key_value_heads", c.NumAttentionHeads)
	if !f.has("head_dim") && c.HiddenSize%max(1, c.NumAttentionHeads) != 0 {
		f.fault("num_attention_heads %d must divide hidden_size %d, or head_dim must be there", c.NumAttentionHeads, c.HiddenSize)
	}
	c.HeadDim = take(f, "head_dim", c.HiddenSize/max(1, c.NumAttentionHeads))
	if !f.has("hidden_act") {
		f.fault("hidden_act is missing")
	}
	c.Activation = activation(f, "hidden_act", "silu")
	switch c.Family {
	case "starcoder2":
		c.LayerNorm, c.NormEps = true, need[float64](f, "norm_epsilon")
		only(f, "norm_type", "layer_norm")
		only(f, "mlp_type", "default")
		bias := take(f, "use_bias", true)
		c.QKVBias, c.OutBias, c.MLPBias = bias, bias, bias
		c.SlidingWindow = take(f, "sliding_window", 0)
		// Published files state these besides; Transformers does not read them.
		f.ignore("activation_function", "attention_softmax_in_fp32", "scale_attention_softmax_in_fp32")
		only(f, "scale_attn_weights", true)
		only(f, "layer_norm_epsilon", c.NormEps)
	case "qwen2":
		c.Gated, c.QKVBias, c.NormEps = true, true, need[float64](f, "rms_norm_eps")
		only(f, "use_mrope", false)
		readWindow(f, c)
	default:
		c.Gated, c.NormEps = true, need[float64](f, "rms_norm_eps")
		bias := take(f, "attention_bias", false)
		c.QKVBias, c.OutBias, c.MLPBias = bias, bias, take(f, "mlp_bias", false)
	}
	readRope(f, c)
}

// readWindow reads the window of Qwen2: stated, but used only where another field says
// so, and only from a layer on.
func readWindow(f *fields, c *decoder.Config) {
	window := 4096
	if _, there := f.raw["sliding_window"]; there {
		window = take(f, "sliding_window", 0) // null means none, absent does not
	}
	full := take(f, "max_window_layers", 28)
	if take(f, "use_sliding_window", false) {
		c.SlidingWindow, c.FullLayers = window, min(full, c.NumHiddenLayers)
	}
	if c.SlidingWindow == 0 {
		c.FullLayers = 0
	}
	for l, kind := range take(f, "layer_types", []string(nil)) {
		want := "full_attention"
		if c.SlidingWindow > 0 && l >= c.FullLayers {
			want = "sliding_attention"
		}
		if kind != want {
			f.fault("layer_types: layer %d is %q where max_window_layers says %q", l, kind, want)
			return
		}
	}
}

// readRope reads the rotary embedding: rope_theta and rope_scaling with "type", or
// rope_parameters with "rope_type" and the base inside.
func readRope(f *fields, c *decoder.Config) {
	c.RopeTheta = take(f, "rope_theta", 10000.0)
	only(f, "partial_rotary_factor", 1.0)
	if f.has("rope_scaling") && f.has("rope_parameters") && string(f.raw["rope_scaling"]) != string(f.raw["rope_parameters"]) {
		f.fault("rope_scaling and rope_parameters are both there and differ")
	}
	for _, name := range []string{"rope_scaling", "rope_parameters"} {
		if !f.has(name) {
			f.ignore(name)
			continue
		}
		r, err := parseFields(f.raw[name])
		f.ignore(name)
		if err != nil {
			f.fault("%s: %v", name, err)
			continue
		}
		c.RopeTheta = take(r, "rope_theta", c.RopeTheta)
		only(r, "partial_rotary_factor", 1.0)
		kind, old := take(r, "rope_type", ""), take(r, "type", "")
		if kind == "" {
			kind = old
		} else if old != "" && old != kind {
			r.fault("rope_type %q and type %q differ", kind, old)
		}
		s := decoder.RopeScaling{Kind: kind}
		switch kind {
		case "default":
			s.Kind = ""
		case "linear", "dynamic":
			s.Factor = need[float64](r, "factor")
		case "llama3":
			s.Factor, s.Low, s.High = need[float64](r, "factor"), need[float64](r, "low_freq_factor"), need[float64](r, "high_freq_factor")
			s.Original = need[int](r, "original_max_position_embeddings")
		default:
			r.fault("rope type %q is not supported (default, linear, dynamic, llama3)", kind)
		}
		if err := r.end(); err != nil {
			f.fault("%s: %s", name, strings.TrimPrefix(err.Error(), decoder.ErrConfig.Error()+": "))
		}
		c.RopeScaling = s
	}
}

func readGPT2(f *fields, c *decoder.Config) {
	c.HiddenSize, c.NumHiddenLayers, c.NumAttentionHeads = need[int](f, "n_embd"), need[int](f, "n_layer"), need[int](f, "n_head")
	c.MaxPositionEmbeddings, c.LearnedPositions = need[int](f, "n_positions"), true
	c.IntermediateSize = take(f, "n_inner", 4*c.HiddenSize)
	c.NumKeyValueHeads, c.HeadDim = c.NumAttentionHeads, c.HiddenSize/max(1, c.NumAttentionHeads)
	c.LayerNorm, c.NormEps, c.Activation = true, take(f, "layer_norm_epsilon", 1e-5), activation(f, "activation_function", "gelu_new")
	c.QKVBias, c.OutBias, c.MLPBias = true, true, true
	only(f, "scale_attn_weights", true)
	only(f, "scale_attn_by_inverse_layer_idx", false)
	only(f, "reorder_and_upcast_attn", false)
	only(f, "add_cross_attention", false)
}

// readEnd lets generation_config.json say which tokens end a completion, as generate in
// Transformers does; a folder may lack it.
func readEnd(dir string, c *decoder.Config) error {
	path := filepath.Join(dir, generationFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %w", decoder.ErrConfig, err)
	}
	f, err := parseFields(b)
	if err == nil {
		if end := numbers(f, "eos_token_id"); len(end) > 0 {
			c.EOS = end
		}
		f.raw = nil // the rest are habits of sampling, which the caller chooses
		err = f.end()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// ConfigJSON is the config.json of a decoder, readable by Transformers, for weights
// saved as dtype, "F32" or "BF16". Errors wrap decoder.ErrConfig.
func ConfigJSON(c decoder.Config, dtype string) ([]byte, error) {
	name, ok := map[string]string{"F32": "float32", "BF16": "bfloat16"}[dtype]
	if !ok {
		return nil, fmt.Errorf("%w: weights are saved as F32 or BF16, not as %q", decoder.ErrConfig, dtype)
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	act := map[string]string{"silu": "silu", "gelu_tanh": "gelu_pytorch_tanh"}[c.Activation]
	class := map[string]string{"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "starcoder2": "Starcoder2ForCausalLM", "gpt2": "GPT2LMHeadModel"}[c.Family]
	ps := []pair{{"model_type", c.Family}, {"architectures", []string{class}}, {"vocab_size", c.VocabSize}}
	if c.Family == "gpt2" {
		ps = append(ps, pair{"n_embd", c.HiddenSize}, pair{"n_inner", c.IntermediateSize}, pair{"n_layer", c.NumHiddenLayers}, pair{"n_head", c.NumAttentionHeads},
			pair{"n_positions", c.MaxPositionEmbeddings}, pair{"activation_function", act}, pair{"layer_norm_epsilon", c.NormEps},
			pair{"attn_pdrop", 0}, pair{"embd_pdrop", 0}, pair{"resid_pdrop", 0}, pair{"tie_word_embeddings", c.TieWordEmbeddings})
	} else {
		ps = append(ps, rotaryPairs(c, act)...)
	}
	for _, t := range []pair{{"bos_token_id", c.BOS}, {"eos_token_id", c.EOS}, {"pad_token_id", c.Pad}} {
		if id, one := t.value.(int32); one && id >= 0 || !one && len(c.EOS) > 0 {
			ps = append(ps, t)
		}
	}
	b, err := object(append(ps, pair{"torch_dtype", name}))
	if err != nil {
		return nil, err
	}
	// What the file cannot say must not be lost in silence.
	back, err := parseConfig(b)
	want := c
	want.AsStored, want.Compute = false, decoder.Compute{} // how it is held and computed
	if c.RopeScaling.Kind == "dynamic" {
		want.RopeScaling.Original = 0 // a choice of whoever runs the model
	}
	if err == nil && fmt.Sprint(back) != fmt.Sprint(want) {
		err = fmt.Errorf("%w: config.json of family %s reads back as %+v, not as %+v", decoder.ErrConfig, c.Family, back, want)
	}
	return b, err
}

func rotaryPairs(c decoder.Config, act string) []pair {
	ps := []pair{{"hidden_size", c.HiddenSize}, {"intermediate_size", c.IntermediateSize}, {"num_hidden_layers", c.NumHiddenLayers}, {"num_attention_heads", c.NumAttentionHeads},
		{"num_key_value_heads", c.NumKeyValueHeads}, {"head_dim", c.HeadDim}, {"max_position_embeddings", c.MaxPositionEmbeddings}, {"hidden_act", act}}
	if c.Family == "starcoder2" {
		ps = append(ps, pair{"norm_epsilon", c.NormEps}, pair{"use_bias", c.QKVBias})
	} else {
		ps = append(ps, pair{"rms_norm_eps", c.NormEps})
	}
	ps = append(ps, pair{"rope_theta", c.RopeTheta})
	if s := c.RopeScaling; s.Kind != "" {
		scaling := map[string]any{"type": s.Kind, "rope_type": s.Kind, "factor": s.Factor}
		if s.Kind == "llama3" {
			scaling["low_freq_factor"], scaling["high_freq_factor"], scaling["original_max_position_embeddings"] = s.Low, s.High, s.Original
		}
		ps = append(ps, pair{"rope_scaling", scaling})
	}
	ps = append(ps, pair{"tie_word_embeddings", c.TieWordEmbeddings})
	switch c.Family {
	case "llama":
		ps = append(ps, pair{"attention_bias", c.QKVBias}, pair{"mlp_bias", c.MLPBias})
	case "qwen2":
		if c.SlidingWindow > 0 {
			ps = append(ps, pair{"use_sliding_window", true}, pair{"sliding_window", c.SlidingWindow}, pair{"max_window_layers", c.FullLayers})
		}
	case "starcoder2":
		if c.SlidingWindow > 0 {
			ps = append(ps, pair{"sliding_window", c.SlidingWindow})
		}
	}
	return append(ps, pair{"attention_dropout", 0})
}
