package checkpoint_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/decoder/checkpoint"
)

const models = "../../../testdata/models"

func read(t *testing.T, text string) (decoder.Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.json")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return checkpoint.ReadConfig(path)
}

func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

// replaced changes a text that must hold what is changed.
func replaced(t *testing.T, from, old, new string) string {
	t.Helper()
	to := strings.Replace(from, old, new, 1)
	require.NotEqual(t, from, to, old)
	return to
}

func TestWhatAConfigLeavesOutMeansWhatItMeansInTransformers(t *testing.T) {
	config := func(name string) decoder.Config {
		c, err := checkpoint.ReadConfig(filepath.Join(models, name, "config.json"))
		require.NoError(t, err)
		return c
	}
	// tie_word_embeddings
	assert.True(t, config("gpt2").TieWordEmbeddings)
	assert.True(t, config("starcoder2").TieWordEmbeddings)
	untied := text(t, filepath.Join(models, "qwen2", "config.json"))
	c, err := read(t, replaced(t, untied, `"tie_word_embeddings": true,`, ""))
	require.NoError(t, err)
	assert.False(t, c.TieWordEmbeddings, "Qwen2")
	c, err = read(t, replaced(t, text(t, filepath.Join(models, "llama_deepseek", "config.json")), `"tie_word_embeddings": false,`, ""))
	require.NoError(t, err)
	assert.False(t, c.TieWordEmbeddings, "Llama")
	// head_dim, heads of keys, rotary base, biases, inner width
	assert.Equal(t, 24, config("llama_gqa_tied").HeadDim, "stated, not 64/4")
	assert.Equal(t, 16, config("qwen2").HeadDim, "64/4")
	assert.Equal(t, 256, config("gpt2").IntermediateSize, "4 x 64")
	assert.Equal(t, 4, config("gpt2").NumKeyValueHeads)
	assert.True(t, config("qwen2").QKVBias && !config("qwen2").OutBias && !config("qwen2").MLPBias)
	// two forms of the rotary embedding
	assert.Equal(t, decoder.RopeScaling{Kind: "linear", Factor: 4}, config("llama_deepseek").RopeScaling)
	assert.Equal(t, 1e5, config("llama_deepseek").RopeTheta)
	assert.Equal(t, 5e5, config("llama_gqa_tied").RopeTheta, "inside rope_parameters")
	assert.Equal(t, decoder.RopeScaling{}, config("llama_codellama").RopeScaling, "null")
	// windows
	assert.Equal(t, 16, config("starcoder2").SlidingWindow)
	assert.Equal(t, 0, config("qwen2").SlidingWindow, "stated, but not used")
	c, err = read(t, replaced(t, untied, `"use_sliding_window": false`, `"use_sliding_window": true`))
	require.NoError(t, err)
	assert.Equal(t, []int{16, 2}, []int{c.SlidingWindow, c.FullLayers}, "max_window_layers 2")
	c, err = read(t, replaced(t, replaced(t, untied, `"use_sliding_window": false`, `"use_sliding_window": true`), `"sliding_window": 16`, `"sliding_window": null`))
	require.NoError(t, err)
	assert.Equal(t, 0, c.SlidingWindow, "null is none")
	// end tokens
	assert.Equal(t, []int32{3, 5}, config("llama_gqa_tied").EOS)
	assert.Equal(t, []int32{511}, config("llama_deepseek").EOS)
	assert.Equal(t, int32(-1), config("llama_deepseek").Pad)
}

func TestGenerationConfigHasTheLastWordOnEndTokens(t *testing.T) {
	dir := copied(t, filepath.Join(models, "qwen2"))
	path := filepath.Join(dir, "generation_config.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"eos_token_id": [7, 511], "temperature": 0.7}`), 0o644))
	f, err := checkpoint.Open(dir)
	require.NoError(t, err)
	assert.Equal(t, []int32{7, 511}, f.Config.EOS)
	require.NoError(t, f.Close())
	require.NoError(t, os.WriteFile(path, []byte(`{"eos_token_id": "</s>"}`), 0o644))
	_, err = checkpoint.Open(dir)
	assert.ErrorIs(t, err, decoder.ErrConfig)
	assert.ErrorContains(t, err, "eos_token_id")
}

func TestAConfigThatChangesTheMathematicsIsRefusedByName(t *testing.T) {
	for _, tt := range []struct{ model, old, new, want string }{
		{"llama_deepseek", `"hidden_act": "silu"`, `"hidden_act": "gelu"`, "hidden_act"},
		{"llama_deepseek", `"hidden_act": "silu",`, ``, "hidden_act"},
		{"llama_deepseek", `"type": "linear"`, `"type": "yarn"`, "yarn"},
		{"llama_deepseek", `"type": "linear"`, `"type": "linear", "rope_type": "dynamic"`, "differ"},
		{"llama_deepseek", `"type": "linear"`, `"type": "linear", "beta_fast": 32`, "beta_fast"},
		{"llama_deepseek", `"factor": 4.0,`, ``, "factor is missing"},
		{"llama_deepseek", `"factor": 4.0,`, `"factor": "4",`, "factor"},
		{"llama_deepseek", `"factor": 4.0,`, `"factor": -4,`, "factor"},
		{"llama_deepseek", `"model_type": "llama"`, `"model_type": "gemma"`, "gemma"},
		{"llama_deepseek", `"model_type": "llama",`, ``, "model_type"},
		{"llama_deepseek", `"use_cache": true`, `"use_cache": true, "logit_softcap": 30`, "logit_softcap"},
		{"llama_deepseek", `"use_cache": true`, `"use_cache": true, "quantization_config": {"bits": 4}`, "quantization_config"},
		{"llama_deepseek", `"use_cache": true`, `"use_cache": true, "partial_rotary_factor": 0.5`, "partial_rotary_factor"},
		{"llama_deepseek", `"num_attention_heads": 4`, `"num_attention_heads": 0`, "num_attention_heads"},
		{"llama_deepseek", `"num_attention_heads": 4`, `"num_attention_heads": 3`, "divide"},
		{"llama_deepseek", `"num_hidden_layers": 3`, `"num_hidden_layers": 2000000000`, "num_hidden_layers"},
		{"llama_deepseek", `"vocab_size": 520`, `"vocab_size": 1e30`, "vocab_size"},
		{"llama_deepseek", `"vocab_size": 520,`, ``, "vocab_size is missing"},
		{"llama_deepseek", `"eos_token_id": 511`, `"eos_token_id": "end"`, "eos_token_id"},
		{"llama_gqa_tied", `"head_dim": 24`, `"head_dim": 23`, "head_dim"},
		{"llama_gqa_tied", `"rope_type": "default"`, `"rope_type": "llama3", "factor": 8.0`, "low_freq_factor"},
		{"llama_gqa_tied", `"tie_word_embeddings": true,`, `"tie_word_embeddings": true, "rope_scaling": {"type": "linear", "factor": 2},`, "both"},
		{"qwen2", `"num_key_value_heads": 2,`, ``, "num_key_value_heads"},
		{"qwen2", `"use_sliding_window": false`, `"use_sliding_window": false, "layer_types": ["full_attention", "sliding_attention"]`, "layer_types"},
		{"qwen2", `"use_sliding_window": false`, `"use_sliding_window": false, "use_mrope": true`, "use_mrope"},
		{"starcoder2", `"norm_type": "layer_norm"`, `"norm_type": "rms_norm"`, "norm_type"},
		{"starcoder2", `"mlp_type": "default"`, `"mlp_type": "gated"`, "mlp_type"},
		{"starcoder2", `"norm_epsilon": 1e-05`, `"norm_epsilon": 1e-05, "layer_norm_epsilon": 1e-6`, "layer_norm_epsilon"},
		{"gpt2", `"n_ctx": 256`, `"n_ctx": 256, "scale_attn_by_inverse_layer_idx": true`, "scale_attn_by_inverse_layer_idx"},
		{"gpt2", `"n_ctx": 256`, `"n_ctx": 256, "scale_attn_weights": false`, "scale_attn_weights"},
		{"gpt2", `"activation_function": "gelu_new"`, `"activation_function": "gelu"`, "activation_function"},
		{"gpt2", `"n_head": 4`, `"n_head": 5`, "hidden_size"},
	} {
		_, err := read(t, replaced(t, text(t, filepath.Join(models, tt.model, "config.json")), tt.old, tt.new))
		assert.ErrorIs(t, err, decoder.ErrConfig, "%s %s", tt.model, tt.new)
		assert.ErrorContains(t, err, tt.want, "%s %s", tt.model, tt.new)
	}
	for _, bad := range []string{"", "null", "[]", "{", `"llama"`} {
		_, err := read(t, bad)
		assert.ErrorIs(t, err, decoder.ErrConfig, bad)
	}
}

// The published configs of the models that people start from, with all their fields.
func TestPublishedConfigsAreRead(t *testing.T) {
	for _, tt := range []struct {
		name, config string
		parameters   int // as the model cards and files say
	}{
		{"deepseek-coder-1.3b", `{"architectures":["LlamaForCausalLM"],"attention_bias":false,"bos_token_id":32013,"eos_token_id":32014,"hidden_act":"silu","hidden_size":2048,
			"initializer_range":0.02,"intermediate_size":5504,"max_position_embeddings":16384,"model_type":"llama","num_attention_heads":16,"num_hidden_layers":24,"num_key_value_heads":16,
			"pretraining_tp":1,"rms_norm_eps":1e-06,"rope_scaling":{"factor":4.0,"type":"linear"},"rope_theta":100000,"tie_word_embeddings":false,"torch_dtype":"bfloat16",
			"transformers_version":"4.34.1","use_cache":true,"vocab_size":32256}`, 1_346_471_936},
		{"starcoder2-3b", `{"activation_function":"gelu","architectures":["Starcoder2ForCausalLM"],"attention_dropout":0.1,"attention_softmax_in_fp32":true,"bos_token_id":0,"embedding_dropout":0.1,
			"eos_token_id":0,"hidden_act":"gelu_pytorch_tanh","hidden_size":3072,"initializer_range":0.018042,"intermediate_size":12288,"layer_norm_epsilon":1e-05,"max_position_embeddings":16384,
			"mlp_type":"default","model_type":"starcoder2","norm_epsilon":1e-05,"norm_type":"layer_norm","num_attention_heads":24,"num_hidden_layers":30,"num_key_value_heads":2,
			"residual_dropout":0.1,"rope_theta":999999.4420358813,"scale_attention_softmax_in_fp32":true,"scale_attn_weights":true,"sliding_window":4096,"torch_dtype":"bfloat16",
			"transformers_version":"4.37.0.dev0","use_bias":true,"use_cache":true,"vocab_size":49152}`, 3_030_371_328},
		{"gpt2", `{"activation_function":"gelu_new","architectures":["GPT2LMHeadModel"],"attn_pdrop":0.1,"bos_token_id":50256,"embd_pdrop":0.1,"eos_token_id":50256,"initializer_range":0.02,
			"layer_norm_epsilon":1e-05,"model_type":"gpt2","n_ctx":1024,"n_embd":768,"n_head":12,"n_layer":12,"n_positions":1024,"resid_pdrop":0.1,"summary_activation":null,
			"summary_first_dropout":0.1,"summary_proj_to_labels":true,"summary_type":"cls_index","summary_use_proj":true,"task_specific_params":{"text-generation":{"do_sample":true,"max_length":50}},
			"vocab_size":50257}`, 124_439_808},
		{"qwen2.5-coder-0.5b", `{"architectures":["Qwen2ForCausalLM"],"attention_dropout":0.0,"bos_token_id":151643,"eos_token_id":151643,"hidden_act":"silu","hidden_size":896,"initializer_range":0.02,
			"intermediate_size":4864,"max_position_embeddings":32768,"max_window_layers":24,"model_type":"qwen2","num_attention_heads":14,"num_hidden_layers":24,"num_key_value_heads":2,
			"rms_norm_eps":1e-06,"rope_scaling":null,"rope_theta":1000000.0,"sliding_window":null,"tie_word_embeddings":true,"torch_dtype":"bfloat16","transformers_version":"4.44.0",
			"use_cache":true,"use_mrope":false,"use_sliding_window":false,"vocab_size":151936}`, 494_032_768},
	} {
		c, err := read(t, tt.config)
		require.NoError(t, err, tt.name)
		count := 0
		for _, p := range c.Parameters() {
			n := 1
			for _, d := range p.Dims {
				n *= d
			}
			count += n
		}
		assert.Equal(t, tt.parameters, count, tt.name)
	}
}

func TestAConfigIsWrittenAsItIsRead(t *testing.T) {
	for _, name := range []string{"llama_gqa_tied", "llama_codellama", "llama_deepseek", "qwen2", "starcoder2", "gpt2", "../checkpoint/llama3", "../checkpoint/dynamic", "../checkpoint/qwen2_window"} {
		c, err := checkpoint.ReadConfig(filepath.Join(models, name, "config.json"))
		require.NoError(t, err)
		b, err := checkpoint.ConfigJSON(c, "F32")
		require.NoError(t, err, name)
		again, err := read(t, string(b))
		require.NoError(t, err, name)
		assert.Equal(t, c, again, name)
	}
	// The bytes of the default job's model are part of its run.
	path := "../../../testdata/runlog/checkpoints/base/config.json"
	c, err := checkpoint.ReadConfig(path)
	require.NoError(t, err)
	b, err := checkpoint.ConfigJSON(c, "BF16")
	require.NoError(t, err)
	assert.Equal(t, text(t, path), string(b)+"\n")
	c.Compute.BF16 = true // how it is computed is no part of the file
	computed, err := checkpoint.ConfigJSON(c, "BF16")
	require.NoError(t, err)
	assert.Equal(t, string(b), string(computed))
	// What the file cannot say is refused, not lost.
	c.LayerNorm = true
	_, err = checkpoint.ConfigJSON(c, "F32")
	assert.ErrorIs(t, err, decoder.ErrConfig)
	_, err = checkpoint.ConfigJSON(decoder.Tiny(40), "I8")
	assert.ErrorIs(t, err, decoder.ErrConfig)
}

func FuzzReadConfig(f *testing.F) {
	for _, name := range []string{"llama_deepseek", "qwen2", "starcoder2", "gpt2"} {
		b, err := os.ReadFile(filepath.Join(models, name, "config.json"))
		require.NoError(f, err)
		f.Add(string(b))
	}
	f.Fuzz(func(t *testing.T, config string) {
		c, err := read(t, config)
		if err != nil {
			assert.ErrorIs(t, err, decoder.ErrConfig)
			return
		}
		assert.NoError(t, c.Validate())
		assert.NotEmpty(t, c.Parameters()) // bounded, whatever the file says
	})
}
