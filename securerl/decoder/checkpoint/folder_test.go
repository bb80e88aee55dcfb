package checkpoint_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/safetensors"
)

// copied is a copy of a folder that a test may break.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(dir))
	require.NoError(t, os.CopyFS(to, os.DirFS(dir)))
	return to
}

// rewrite changes the tensors of a file.
func rewrite(t *testing.T, path string, change func(list []safetensors.NamedTensor) []safetensors.NamedTensor) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	f, err := safetensors.Parse(b)
	require.NoError(t, err)
	var list []safetensors.NamedTensor
	for _, name := range f.Names() {
		x, err := f.Tensor(name)
		require.NoError(t, err)
		list = append(list, safetensors.NamedTensor{Name: name, Tensor: x})
	}
	w, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, safetensors.Write(w, change(list), nil))
	require.NoError(t, w.Close())
}

func TestABrokenFolderIsAnErrorThatNamesFileAndTensor(t *testing.T) {
	edit := func(file string, change func([]byte) []byte) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			b, err := os.ReadFile(filepath.Join(dir, file))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, file), change(b), 0o644))
		}
	}
	each := func(change func(x *safetensors.NamedTensor)) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			rewrite(t, filepath.Join(dir, "model.safetensors"), func(list []safetensors.NamedTensor) []safetensors.NamedTensor {
				for i := range list {
					change(&list[i])
				}
				return list
			})
		}
	}
	index := func(change func(m map[string]string)) func(t *testing.T, dir string) {
		return edit("model.safetensors.index.json", func(b []byte) []byte {
			var all struct {
				Map map[string]string `json:"weight_map"`
			}
			require.NoError(t, json.Unmarshal(b, &all))
			change(all.Map)
			b, err := json.Marshal(all)
			require.NoError(t, err)
			return b
		})
	}
	remove := func(file string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, file))) }
	}
	const first, second = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
	for _, tt := range []struct {
		name, model string
		damage      func(t *testing.T, dir string)
		want        []string
	}{
		{"no weights", "qwen2", remove("model.safetensors"), []string{"model.safetensors"}},
		{"pickled weights", "qwen2", func(t *testing.T, dir string) {
			require.NoError(t, os.Rename(filepath.Join(dir, "model.safetensors"), filepath.Join(dir, "pytorch_model.bin")))
		}, []string{"pytorch_model.bin", "pickle", "safetensors"}},
		{"a shard is missing", "starcoder2", remove(second), []string{second}},
		{"a shard is cut short", "starcoder2", edit(first, func(b []byte) []byte { return b[:len(b)-9] }), []string{first}},
		{"the index names a tensor that its shard lacks", "starcoder2", index(func(m map[string]string) { m["model.layers.9.mlp.c_fc.bias"] = first }), []string{first, "layers.9"}},
		{"the index leaves out a tensor", "starcoder2", index(func(m map[string]string) { delete(m, "model.norm.bias") }), []string{second, "model.norm.bias"}},
		{"the index leads out of the folder", "starcoder2", index(func(m map[string]string) { m["model.norm.bias"] = "../" + second }), []string{"index.json", "model.norm.bias"}},
		{"the index is no JSON", "starcoder2", edit("model.safetensors.index.json", func([]byte) []byte { return []byte("{") }), []string{"index.json"}},
		{"the index is empty", "starcoder2", index(func(m map[string]string) { clear(m) }), []string{"model.embed_tokens.weight"}},
		{"a tensor is missing", "qwen2", each(func(x *safetensors.NamedTensor) {
			if strings.HasSuffix(x.Name, "1.mlp.up_proj.weight") {
				x.Name = "model.layers.1.mlp.other.weight"
			}
		}), []string{"model.layers.1.mlp.up_proj.weight"}},
		{"a tensor too many", "qwen2", func(t *testing.T, dir string) {
			rewrite(t, filepath.Join(dir, "model.safetensors"), func(list []safetensors.NamedTensor) []safetensors.NamedTensor {
				return append(list, safetensors.NamedTensor{Name: "model.layers.0.self_attn.q_norm.weight", Tensor: list[0].Tensor})
			})
		}, []string{"q_norm", "does not ask for"}},
		{"a shape of another model", "qwen2", edit("config.json", func(b []byte) []byte {
			return []byte(strings.Replace(string(b), `"intermediate_size": 160`, `"intermediate_size": 128`, 1))
		}), []string{"mlp.gate_proj.weight", "[160 64]", "[128 64]"}},
		{"a head that differs from the embedding it is tied to", "qwen2", func(t *testing.T, dir string) {
			rewrite(t, filepath.Join(dir, "model.safetensors"), func(list []safetensors.NamedTensor) []safetensors.NamedTensor {
				return append(list, safetensors.NamedTensor{Name: "lm_head.weight", Tensor: safetensors.Tensor{DType: "F32", Shape: []int{520, 64}, Data: make([]byte, 4*520*64)}})
			})
		}, []string{"lm_head.weight", "tie_word_embeddings"}},
		{"integers", "qwen2", each(func(x *safetensors.NamedTensor) {
			if x.Name == "model.norm.weight" {
				x.DType = "I32"
			}
		}), []string{"model.norm.weight", "I32"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := copied(t, filepath.Join(models, tt.model))
			f, err := checkpoint.Open(dir)
			require.NoError(t, err, "before the damage")
			require.NoError(t, f.Close())
			tt.damage(t, dir)
			_, err = checkpoint.Open(dir)
			require.ErrorIs(t, err, checkpoint.ErrWeights)
			for _, want := range tt.want {
				assert.ErrorContains(t, err, want)
			}
			_, _, err = checkpoint.Load(dir)
			assert.ErrorIs(t, err, checkpoint.ErrWeights)
		})
	}
}

// GPT-2's files come with and without a prefix, with and without the tied head.
func TestBothFormsOfGPT2AreOneModel(t *testing.T) {
	bare := filepath.Join(folders, "gpt2")
	_, want, err := checkpoint.Load(bare)
	require.NoError(t, err)
	dir := copied(t, bare)
	rewrite(t, filepath.Join(dir, "model.safetensors"), func(list []safetensors.NamedTensor) (out []safetensors.NamedTensor) {
		for _, x := range list {
			switch {
			case x.Name == "lm_head.weight":
			case strings.HasSuffix(x.Name, ".attn.bias"), strings.HasSuffix(x.Name, "masked_bias"):
			default:
				x.Name = "transformer." + x.Name
				out = append(out, x)
			}
		}
		return out
	})
	_, got, err := checkpoint.Load(dir)
	require.NoError(t, err)
	assert.Equal(t, want.Digest(), got.Digest())
}

func TestFoldersAreReadBackAsTheyWereWritten(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"gpt2", "starcoder2", "qwen2_window", "llama3"} {
		c, base, err := checkpoint.Load(filepath.Join(folders, name))
		require.NoError(t, err)
		require.NoError(t, checkpoint.Save(filepath.Join(dir, name), c, base, "F32", []byte("{}")))
		again, same, err := checkpoint.Load(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, c, again)
		assert.Equal(t, base.Digest(), same.Digest())
		assert.FileExists(t, filepath.Join(dir, name, "tokenizer.json"))
		require.NoError(t, checkpoint.Save(filepath.Join(dir, name), c, base, "BF16", nil), "over an old one")
		_, same, err = checkpoint.Load(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, base.Digest(), same.Digest(), "these weights are BF16 numbers")
		assert.NoFileExists(t, filepath.Join(dir, name, "tokenizer.json"), "nothing of the old one is left")
	}
	c := decoder.Tiny(40)
	base := decoder.Init(c, rng.New(1))
	require.NoError(t, checkpoint.Save(filepath.Join(dir, "half"), c, base, "BF16", nil))
	_, half, err := checkpoint.Load(filepath.Join(dir, "half"))
	require.NoError(t, err)
	for i, name := range base.Names { // a rounding to eight bits of significand: 2^-8 of the value at most
		want, got := tensors.MustCopyFlatData[float32](base.Tensors[i]), tensors.MustCopyFlatData[float32](half.Tensors[i])
		for k := range want {
			require.LessOrEqual(t, math.Abs(float64(got[k]-want[k])), math.Abs(float64(want[k]))/256, name)
		}
	}
	assert.ErrorIs(t, checkpoint.Save(filepath.Join(dir, "other"), c, base, "I8", nil), decoder.ErrConfig)
	assert.ErrorIs(t, checkpoint.Save(filepath.Join(dir, "other"), decoder.Tiny(41), base, "F32", nil), checkpoint.ErrWeights)
	assert.NoDirExists(t, filepath.Join(dir, "other"))
}
