package checkpoint_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/safetensors"
)

// DeepSeek-Coder-1.3B with the adapter of the first paper: rank 16 on q, k, v and o of
// 24 layers, 24 x 4 x 2 x 16 x 2048 numbers.
func deepseek() (decoder.Config, decoder.LoRA) {
	c := decoder.Config{Family: "llama", VocabSize: 32256, HiddenSize: 2048, IntermediateSize: 5504, NumHiddenLayers: 24, NumAttentionHeads: 16, NumKeyValueHeads: 16, HeadDim: 128,
		MaxPositionEmbeddings: 16384, NormEps: 1e-6, Activation: "silu", Gated: true, RopeTheta: 1e5, RopeScaling: decoder.RopeScaling{Kind: "linear", Factor: 4}}
	return c, decoder.LoRA{Rank: 16, Alpha: 32, Targets: []string{"q_proj", "k_proj", "v_proj", "o_proj"}}
}

func TestThePapersAdapterHasItsSize(t *testing.T) {
	c, l := deepseek()
	require.NoError(t, c.Validate())
	require.NoError(t, l.Validate(c))
	count := 0
	for _, p := range c.AdapterParameters(l) {
		count += p.Dims[0] * p.Dims[1]
	}
	assert.Equal(t, 6_291_456, count)
	assert.EqualValues(t, 4*6_291_456, checkpoint.NewPlan(c, checkpoint.Work{Bits: 16, LoRA: &l}).Adapters)
}

func TestAdaptersAreReadBackAsTheyWereWritten(t *testing.T) {
	for _, name := range []string{"gpt2", "starcoder2", "llama3"} {
		c, err := checkpoint.ReadConfig(filepath.Join(folders, name, "config.json"))
		require.NoError(t, err)
		from := filepath.Join(folders, name, "adapter")
		l, adapter, err := checkpoint.LoadAdapter(from, c)
		require.NoError(t, err)
		to := filepath.Join(t.TempDir(), "adapter")
		require.NoError(t, checkpoint.SaveAdapter(to, c, l, adapter, "../base"))
		l2, again, err := checkpoint.LoadAdapter(to, c)
		require.NoError(t, err)
		assert.ElementsMatch(t, l.Targets, l2.Targets)
		l.Targets, l2.Targets = nil, nil
		assert.Equal(t, l, l2, "rank, alpha, dropout, rsLoRA")
		assert.Equal(t, adapter.Digest(), again.Digest())
		// Name by name the bytes that PEFT wrote.
		want, err := safetensors.Open(filepath.Join(from, "adapter_model.safetensors"))
		require.NoError(t, err)
		got, err := safetensors.Open(filepath.Join(to, "adapter_model.safetensors"))
		require.NoError(t, err)
		assert.ElementsMatch(t, want.Names(), got.Names())
		for _, n := range want.Names() {
			x, _ := want.Tensor(n)
			y, err := got.Tensor(n)
			require.NoError(t, err)
			assert.Equal(t, x, y, n)
		}
		require.NoError(t, want.Close())
		require.NoError(t, got.Close())
	}
	// The adapters of the default job's runs keep their bytes.
	run := "../../../testdata/runlog/checkpoints"
	c, err := checkpoint.ReadConfig(filepath.Join(run, "base", "config.json"))
	require.NoError(t, err)
	l, adapter, err := checkpoint.LoadAdapter(filepath.Join(run, "sft-1"), c)
	require.NoError(t, err)
	to := filepath.Join(t.TempDir(), "adapter")
	require.NoError(t, checkpoint.SaveAdapter(to, c, l, adapter, "../base"))
	for _, file := range []string{"adapter_config.json", "adapter_model.safetensors"} {
		assert.Equal(t, text(t, filepath.Join(run, "sft-1", file)), text(t, filepath.Join(to, file)), file)
	}
	b, err := checkpoint.EncodeTree(adapter)
	require.NoError(t, err)
	again, err := checkpoint.DecodeTree(b)
	require.NoError(t, err)
	assert.Equal(t, adapter.Digest(), again.Digest())
}

func TestAnAdapterThatIsNotPlainLoRAIsRefusedByName(t *testing.T) {
	for _, tt := range []struct {
		old, new string
		sentinel error
		want     string
	}{
		{`"use_dora": false`, `"use_dora": true`, decoder.ErrConfig, "use_dora"},
		{`"bias": "none"`, `"bias": "all"`, decoder.ErrConfig, "bias"},
		{`"peft_type": "LORA"`, `"peft_type": "IA3"`, decoder.ErrConfig, "IA3"},
		{`"modules_to_save": null`, `"modules_to_save": ["lm_head"]`, decoder.ErrConfig, "modules_to_save"},
		{`"rank_pattern": {}`, `"rank_pattern": {"q_proj": 8}`, decoder.ErrConfig, "rank_pattern"},
		{`"alpha_pattern": {}`, `"alpha_pattern": {"q_proj": 8}`, decoder.ErrConfig, "alpha_pattern"},
		{`"layers_to_transform": null`, `"layers_to_transform": [0]`, decoder.ErrConfig, "layers_to_transform"},
		{`"q_proj"`, `"lm_head"`, decoder.ErrConfig, "lm_head"},
		{`"r": 3`, `"r": 0`, decoder.ErrConfig, "rank"},
		{`"r": 3`, `"r": 4`, checkpoint.ErrWeights, "lora_A"},
		{`"lora_dropout": 0.0`, `"lora_dropout": 1.0`, decoder.ErrConfig, "dropout"},
		{`"lora_alpha": 9`, `"lora_alpha": "9"`, decoder.ErrConfig, "lora_alpha"},
		{`"c_fc",`, ``, checkpoint.ErrWeights, "c_fc"},
		{`"c_fc",`, `"c_fc", "k_proj",`, checkpoint.ErrWeights, "k_proj"},
	} {
		dir := copied(t, filepath.Join(folders, "starcoder2"))
		c, err := checkpoint.ReadConfig(filepath.Join(dir, "config.json"))
		require.NoError(t, err)
		path := filepath.Join(dir, "adapter", "adapter_config.json")
		require.NoError(t, os.WriteFile(path, []byte(replaced(t, text(t, path), tt.old, tt.new)), 0o644))
		_, _, err = checkpoint.LoadAdapter(filepath.Join(dir, "adapter"), c)
		assert.ErrorIs(t, err, tt.sentinel, tt.new)
		assert.ErrorContains(t, err, tt.want)
	}
	dir := copied(t, filepath.Join(folders, "starcoder2", "adapter"))
	c, err := checkpoint.ReadConfig(filepath.Join(folders, "starcoder2", "config.json"))
	require.NoError(t, err)
	wider := c
	wider.HiddenSize = 64
	_, _, err = checkpoint.LoadAdapter(dir, wider)
	assert.ErrorIs(t, err, checkpoint.ErrWeights)
	assert.ErrorContains(t, err, "another base")
	require.NoError(t, os.Rename(filepath.Join(dir, "adapter_model.safetensors"), filepath.Join(dir, "adapter_model.bin")))
	_, _, err = checkpoint.LoadAdapter(dir, c)
	assert.ErrorIs(t, err, checkpoint.ErrWeights)
	assert.ErrorContains(t, err, "pickle")
}

// One base, on the device once, under several adapters: each gives what it gives alone,
// and an adapter whose B is zero gives what the base gives.
func TestAdaptersShareABase(t *testing.T) {
	dir := filepath.Join(folders, "starcoder2")
	rows, _, tokens := ids(t, filepath.Join(dir, "expected.safetensors"))
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		c, base := place(t, e, dir)
		l, adapter, err := checkpoint.LoadAdapter(filepath.Join(dir, "adapter"), c)
		require.NoError(t, err)
		off := decoder.InitAdapter(c, l, rng.New(1))
		plain := logits(t, e, c, nil, base, nil, tokens, rows)
		assert.Less(t, worst(t, plain, logits(t, e, c, &l, base, off, tokens, rows)), 1e-6)
		assert.Less(t, worst(t, floats(t, filepath.Join(dir, "expected.safetensors"), "adapter_logits"), logits(t, e, c, &l, base, adapter, tokens, rows)), logitTolerance)
	})
}

func TestAMergedFolderIsTheModelWithItsAdapter(t *testing.T) {
	for _, name := range []string{"gpt2", "starcoder2", "llama3"} {
		dir := copied(t, filepath.Join(folders, name))
		expected := filepath.Join(dir, "expected.safetensors")
		// In float32 the merged weights are not rounded again.
		rewrite(t, filepath.Join(dir, "model.safetensors"), func(list []safetensors.NamedTensor) []safetensors.NamedTensor {
			for i, x := range list {
				values, err := x.Float32()
				require.NoError(t, err)
				list[i].Tensor, err = safetensors.FromFloat32("F32", x.Shape, values)
				require.NoError(t, err)
			}
			return list
		})
		require.NoError(t, os.WriteFile(filepath.Join(dir, "tokenizer_config.json"), []byte("{}"), 0o644))
		c, err := checkpoint.ReadConfig(filepath.Join(dir, "config.json"))
		require.NoError(t, err)
		l, adapter, err := checkpoint.LoadAdapter(filepath.Join(dir, "adapter"), c)
		require.NoError(t, err)
		out := filepath.Join(t.TempDir(), "merged")
		require.NoError(t, checkpoint.Merge(out, dir, l, adapter))
		assert.FileExists(t, filepath.Join(out, "tokenizer_config.json"))
		assert.Equal(t, text(t, filepath.Join(dir, "config.json")), text(t, filepath.Join(out, "config.json")))
		_, merged, err := checkpoint.Load(out)
		require.NoError(t, err)
		rows, _, tokens := ids(t, expected)
		e, err := engine.Open("go")
		require.NoError(t, err)
		assert.Less(t, worst(t, floats(t, expected, "merged_logits"), logits(t, e, c, nil, merged, nil, tokens, rows)), logitTolerance, name)
		e.Close()
		// An adapter of other shapes is refused before anything is written.
		l.Rank++
		assert.ErrorIs(t, checkpoint.Merge(out+"2", dir, l, adapter), checkpoint.ErrWeights)
		assert.NoDirExists(t, out+"2")
	}
}

// Only what the adapter targets changes, and names stay those of the source.
func TestMergeLeavesTheRestAlone(t *testing.T) {
	src := filepath.Join(folders, "gpt2")
	c, before, err := checkpoint.Load(src)
	require.NoError(t, err)
	l := decoder.LoRA{Rank: 2, Alpha: 2, Targets: []string{"transformer.h.1.mlp.c_fc"}}
	adapter := decoder.InitAdapter(c, l, rng.New(3))
	adapter.Tensors[1].MustMutableFlatData(func(flat any) {
		for i := range flat.([]float32) {
			flat.([]float32)[i] = 1
		}
	})
	out := filepath.Join(t.TempDir(), "merged")
	require.NoError(t, checkpoint.Merge(out, src, l, adapter))
	_, after, err := checkpoint.Load(out)
	require.NoError(t, err)
	for i, name := range before.Names {
		same := assert.ObjectsAreEqual(tensors.MustCopyFlatData[float32](before.Tensors[i]), tensors.MustCopyFlatData[float32](after.Tensors[i]))
		assert.Equal(t, name != "transformer.h.1.mlp.c_fc.weight", same, name)
	}
	f, err := safetensors.Open(filepath.Join(out, "model.safetensors"))
	require.NoError(t, err)
	assert.False(t, strings.HasPrefix(f.Names()[0], "transformer."), "the published form stays")
	require.NoError(t, f.Close())
}

func FuzzLoadAdapter(f *testing.F) {
	for _, name := range []string{"gpt2", "starcoder2", "llama3"} {
		b, err := os.ReadFile(filepath.Join(folders, name, "adapter", "adapter_config.json"))
		require.NoError(f, err)
		f.Add(string(b))
	}
	weights, err := os.ReadFile(filepath.Join(folders, "starcoder2", "adapter", "adapter_model.safetensors"))
	require.NoError(f, err)
	c, err := checkpoint.ReadConfig(filepath.Join(folders, "starcoder2", "config.json"))
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, config string) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "adapter_config.json"), []byte(config), 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "adapter_model.safetensors"), weights, 0o644))
		l, adapter, err := checkpoint.LoadAdapter(dir, c)
		if err == nil {
			assert.NoError(t, l.Validate(c))
			assert.Equal(t, decoder.AdapterNames(c, l), adapter.Names)
		}
	})
}
