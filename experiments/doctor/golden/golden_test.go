package golden

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
)

// testdata as a folder of this form.
var places = map[string]string{
	"models/llama_deepseek": "models/llama_deepseek", "models/gpt2": "models/gpt2", "lora/r16_a32": "lora/r16_a32",
	"ppo/numbers.json": "ppo/numbers.json", "ppo/update": "ppo/update", "optim/optim.json": "optim/optim.json", "sampling/sampling.json": "law/sampling.json", "stats/stats.json": "stats/stats.json",
	"tokenizers/qwen2": "tokenizer/qwen2", "tokenizers/llama": "tokenizer/llama", "safetensors": "safetensors",
}

// folder makes one of links, so that a test replaces what it spoils.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, from := range places {
		from, err := filepath.Abs(filepath.Join("../../../testdata", from))
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.Symlink(from, filepath.Join(dir, name)))
	}
	return dir
}

// spoil replaces the link at name by a copy, in which a file is changed.
func spoil(t *testing.T, dir, name, file string, change func(b []byte) []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	from, err := filepath.EvalSymlinks(path)
	require.NoError(t, err)
	require.NoError(t, os.Remove(path))
	if info, err := os.Stat(from); err == nil && info.IsDir() {
		require.NoError(t, os.CopyFS(path, os.DirFS(from)))
		path = filepath.Join(path, file)
	} else {
		b, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, b, 0o644))
	}
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	if b = change(b); b == nil {
		require.NoError(t, os.Remove(path))
		return
	}
	require.NoError(t, os.WriteFile(path, b, 0o644))
}

// only checks one part.
func only(t *testing.T, e *engine.Engine, dir, name string) (list []Result) {
	t.Helper()
	c := &checker{t.Context(), e, dir, func(r Result) { list = append(list, r) }}
	for _, x := range parts {
		if name == x.name {
			c.part(name, x.do)
		} else if x.folders && filepath.Dir(name) == x.name {
			c.part(name, x.do)
		}
	}
	require.NotEmpty(t, list)
	return list
}

func TestTheFolderOfTestdataPasses(t *testing.T) {
	dir, seen, compared := folder(t), map[string]bool{}, 0
	require.NoError(t, Check(t.Context(), opened(t), dir, func(r Result) {
		assert.NoError(t, r.Fault())
		assert.True(t, r.OK())
		seen[r.Part] = true
		if r.Skipped == "" {
			compared++
			assert.Positive(t, r.Count, r.String())
			assert.False(t, math.IsNaN(r.Difference))
		}
	}))
	assert.Len(t, seen, len(places))
	assert.Greater(t, compared, 80)
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) { // the laws of sampling would be compiled one by one there
		for _, name := range []string{"models/llama_deepseek", "lora/r16_a32", "ppo/update"} {
			for _, r := range only(t, e, dir, name) {
				assert.NoError(t, r.Fault())
			}
		}
	})
}

func replace(old, with string) func([]byte) []byte {
	return func(b []byte) []byte { return []byte(strings.Replace(string(b), old, with, 1)) }
}

// first changes the first match of a pattern.
func first(pattern, with string) func([]byte) []byte {
	re := regexp.MustCompile(pattern)
	return func(b []byte) []byte {
		at := re.FindSubmatchIndex(b)
		return append(append(append([]byte{}, b[:at[0]]...), re.Expand(nil, []byte(with), b, at)...), b[at[1]:]...)
	}
}

// flip changes the last byte of a file: the exponent of its last number.
func flip(b []byte) []byte {
	b[len(b)-1] ^= 0x41
	return b
}

func TestAPerturbedCopyFailsAndNamesTheQuantity(t *testing.T) {
	e := opened(t)
	for _, c := range []struct {
		part, link, file string
		change           func([]byte) []byte
		quantity         string
	}{
		{"models/llama_deepseek", "", "config.json", first(`"rms_norm_eps": [0-9e.-]+`, `"rms_norm_eps": 0.01`), "hidden states"},
		{"models/llama_deepseek", "", "model.safetensors", flip, "logits, batch"},
		{"models/gpt2", "", "gradients.json", first(`("max_abs": )[0-9.e-]+`, "${1}4.9"), "gradients (share of the tensor's largest entry)"},
		{"models/gpt2", "", "expected.json", first(`("mean_token": )([0-9]+)`, "${1}1${2}"), "mean cross-entropy"},
		{"lora/r16_a32", "", "expected.json", first(`("grad_norm_before_clip": )([0-9]+)`, "${1}1${2}"), "gradient norms of the steps (relative)"},
		{"lora/r16_a32", "", "adapter_after/adapter_model.safetensors", flip, "weights after the steps"},
		{"ppo/update", "", "expected.json", first(`("kl_coef": )0.05`, "${1}0.06"), "rewards"},
		{"ppo/update", "", "expected.json", first(`("value_loss": )([0-9])`, "${1}1${2}"), "losses of the minibatches"},
		{"ppo/update", "", "weights_after.safetensors", flip, "weights after the update"},
		{"ppo/numbers.json", "", "", first(`("explained_variance_of_old": )-?0`, "${1}1"), "explained variance"},
		{"ppo/numbers.json", "", "", first(`("k3": )(-?[0-9])`, "${1}1${2}"), "KL estimators k1 and k3"},
		{"optim/optim.json", "", "", first(`("norm": )([0-9])`, "${1}1${2}"), "norms before clipping"},
		{"sampling/sampling.json", "", "", first(`("probs": \[\s*)0\.`, "${1}0.9"), "probabilities"},
		{"stats/stats.json", "", "", first(`("mid_p": )0`, "${1}1"), "McNemar's test"},
		{"tokenizers/qwen2", "", "vectors.jsonl", first(`("decoded":)" "`, `${1}"x"`), "decoded texts"},
		{"tokenizers/llama", "", "vectors.jsonl", first(`("ids":\[)([1-9])`, `${1}9${2}`), "ids"},
		{"safetensors/answers.json", "safetensors", "answers.json", replace(`2147483647`, `2147483646`), "values"},
		{"safetensors/answers.json", "safetensors", "answers.json", replace(`"reject"`, `"accept"`), "answers to broken files"},
	} {
		t.Run(c.part+" "+c.quantity, func(t *testing.T) {
			dir := folder(t)
			link := c.link
			if link == "" {
				link = c.part
			}
			spoil(t, dir, link, c.file, c.change)
			var faults []string
			for _, r := range only(t, e, dir, c.part) {
				if r.Fault() != nil {
					assert.False(t, r.OK())
					faults = append(faults, r.Quantity)
					if r.Quantity == "hidden states" && c.quantity == r.Quantity {
						assert.Contains(t, r.Where, "hidden.layer0", "the first layer that is wrong")
					}
				}
			}
			assert.Contains(t, faults, c.quantity)
		})
	}
}

func opened(t *testing.T) *engine.Engine {
	t.Helper()
	e, err := engine.Open("go")
	require.NoError(t, err)
	t.Cleanup(e.Close)
	return e
}

func TestWhatIsMissingOrMalformedIsNamedWithFileAndField(t *testing.T) {
	e := opened(t)
	gone := func([]byte) []byte { return nil }
	half := func(b []byte) []byte { return b[:len(b)/2] }
	for _, c := range []struct {
		part, link, file string
		change           func([]byte) []byte
		says             []string
	}{
		{"models/gpt2", "", "expected.safetensors", gone, []string{"expected.safetensors", "no such file"}},
		{"models/gpt2", "", "expected.safetensors", half, []string{"expected.safetensors", "malformed"}},
		{"models/gpt2", "", "model.safetensors", half, []string{"model.safetensors", "malformed"}},
		{"models/gpt2", "", "config.json", replace(`"gpt2"`, `"bert"`), []string{"config.json", "bert"}},
		{"models/gpt2", "", "gradients.json", replace(`transformer.wpe.weight`, `transformer.wpo.weight`), []string{"gradients.json", "parameters", "transformer.wpe.weight"}},
		{"models/gpt2", "", "expected.json", replace(`library_loss`, `lost`), []string{"expected.json", "library_loss"}},
		{"models/gpt2", "", "expected.json", func([]byte) []byte { return []byte("{") }, []string{"expected.json"}},
		{"models/gpt2", "", "expected.safetensors", replace(`greedy.tokens`, `greedy.takens`), []string{"expected.safetensors", "greedy.tokens", "missing"}},
		{"lora/r16_a32", "", "adapter/adapter_config.json", replace(`"LORA"`, `"IA3"`), []string{"adapter_config.json", "peft_type"}},
		{"lora/r16_a32", "", "expected.json", replace(`"llama_deepseek"`, `"nobody"`), []string{"nobody"}},
		{"ppo/update", "", "expected.json", first(`("prompt_lens": \[\s*)6`, "${1}60"), []string{"expected.json", "response_lens"}},
		{"ppo/numbers.json", "", "", replace(`"k1"`, `"k_1"`), []string{"numbers.json", "kl.k1"}},
		{"ppo/numbers.json", "", "", replace(`"gamma": 1.0`, `"gamma": "x"`), []string{"numbers.json", "gae_rows.Cases.Gamma"}},
		{"optim/optim.json", "", "", replace(`"schedules"`, `"x"`), []string{"optim.json", "schedules"}},
		{"sampling/sampling.json", "", "", first(`("probs": \[\s*)([0-9])`, "${1}0.1,${2}"), []string{"sampling.json", "cases[0]", "probs"}},
		{"stats/stats.json", "", "", replace(`"kappa": [`, `"kappa": [], "x": [`), []string{"stats.json", "kappa"}},
		{"tokenizers/llama", "", "vectors.jsonl", half, []string{"vectors.jsonl", "line"}},
		{"tokenizers/llama", "", "tokenizer.json", gone, []string{"tokenizer.json"}},
		{"safetensors/answers.json", "safetensors", "answers.json", replace(`"valid"`, `"x"`), []string{"answers.json", "valid"}},
		{"safetensors/answers.json", "safetensors", "answers.json", replace(`"valid/mixed.safetensors"`, `"../../x"`), []string{"answers.json", "file"}},
	} {
		t.Run(c.part+" "+strings.Join(c.says, " "), func(t *testing.T) {
			dir := folder(t)
			link := c.link
			if link == "" {
				link = c.part
			}
			spoil(t, dir, link, c.file, c.change)
			var errs []string
			for _, r := range only(t, e, dir, c.part) {
				if r.Err != nil {
					errs = append(errs, r.Err.Error())
				}
			}
			require.Len(t, errs, 1, "one clear error")
			for _, text := range c.says {
				assert.Contains(t, errs[0], text)
			}
		})
	}
}

func TestAFolderWithoutItsPartsSaysEachOfThem(t *testing.T) {
	missing := map[string]bool{}
	require.NoError(t, Check(t.Context(), opened(t), t.TempDir(), func(r Result) {
		assert.ErrorIs(t, r.Err, ErrFolder)
		missing[r.Part] = true
	}))
	for _, x := range parts {
		assert.True(t, missing[x.name], x.name)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, Check(ctx, opened(t), folder(t), func(Result) {}), context.Canceled)
}
