package fit

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/experiments/train"
	"securecoderl/securerl/runlog"
)

const models = "../../../testdata/models/"

type said struct {
	what    string
	figures map[string]float64
	err     error
}

// look runs Check on a folder and returns what it says.
func look(t *testing.T, folder string, given time.Duration, set ...string) (list []said) {
	t.Helper()
	o := train.Options{Preset: "tiny-hf", Backend: "go", Set: append([]string{"model.folder=" + folder, "model.program_slots=8", "model.sample_rows=2", "sft.batch_size=2", "sft.microbatch_size=2"}, set...)}
	Check(t.Context(), o, given, train.Quiet(), func(what string, figures map[string]float64, err error, _ string) {
		list = append(list, said{what, figures, err})
	})
	return list
}

func TestAGoldenModelIsMeasuredAndTrainsForAMoment(t *testing.T) {
	before, err := filepath.Glob(filepath.Join(os.TempDir(), "securerl-doctor-*"))
	require.NoError(t, err)
	list := look(t, models+"llama_deepseek", 10*time.Minute)
	seen := map[string]float64{}
	for _, l := range list {
		assert.NoError(t, l.err, l.what)
		for name, x := range l.figures {
			assert.False(t, math.IsNaN(x) || math.IsInf(x, 0), name)
			seen[name] = x
		}
	}
	assert.InDelta(t, 208320, seen["parameters"], 0)
	assert.InDelta(t, 6144, seen["adapter_parameters"], 0)
	assert.Less(t, seen["total_bytes"], seen["free_bytes"])
	assert.Positive(t, seen["tokens_per_second"])
	assert.Positive(t, seen["seconds"])
	assert.GreaterOrEqual(t, seen["sft_steps"], 2.0)
	assert.Less(t, seen["last_loss"], seen["first_loss"], "two rows are learnt")
	assert.InDelta(t, 1, seen["complete"], 0)
	assert.Contains(t, seen, "entropy")
	after, err := filepath.Glob(filepath.Join(os.TempDir(), "securerl-doctor-*"))
	require.NoError(t, err)
	assert.ElementsMatch(t, before, after, "nothing is left behind")
}

func TestTimeThatIsOverIsSaidAndNobodysFault(t *testing.T) {
	list := look(t, models+"llama_deepseek", time.Millisecond)
	last := list[len(list)-1]
	require.NoError(t, last.err)
	assert.Contains(t, last.what, "given are over")
	assert.InDelta(t, 0, last.figures["complete"], 0)
	small := 0
	for _, l := range list {
		if strings.Contains(l.what, "longer than its share") {
			small++
		}
	}
	assert.Equal(t, 3, small, "every measurement is cut to what was given")
}

// What is wrong ends it with one line that names the place, before anything is loaded.
func TestWhatIsWrongIsOneLineBeforeAnythingIsLoaded(t *testing.T) {
	other := func(name string, change func(t *testing.T, dir string)) string {
		dir := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.CopyFS(dir, os.DirFS(models+name)))
		change(t, dir)
		return dir
	}
	edit := func(file, from, to string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, file)
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Contains(t, string(b), from)
			require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(b), from, to, 1)), 0o600))
		}
	}
	const shard = "model-00002-of-00002.safetensors"
	for _, tt := range []struct {
		name   string
		folder string
		set    []string
		want   []string
	}{
		{"no folder", "nowhere", nil, []string{"nowhere", "config.json"}},
		{"missing shard", other("starcoder2", func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, shard))) }), nil, []string{shard}},
		{"wrong shape", other("llama_deepseek", edit("config.json", `"intermediate_size": 160`, `"intermediate_size": 161`)), nil, []string{"model.safetensors", "mlp", "161"}},
		{"wrong dtype", other("llama_deepseek", edit("model.safetensors", `"dtype":"F32"`, `"dtype":"I32"`)), nil, []string{"model.safetensors", "I32"}},
		{"truncated file", other("llama_deepseek", func(t *testing.T, dir string) {
			require.NoError(t, os.Truncate(filepath.Join(dir, "model.safetensors"), 400_000))
		}), nil, []string{"model.safetensors", "ends at byte"}},
		{"unknown architecture", other("llama_deepseek", edit("config.json", `"model_type": "llama"`, `"model_type": "mamba"`)), nil, []string{"config.json", "mamba"}},
		{"field that changes the mathematics", other("llama_deepseek", edit("config.json", `"model_type": "llama"`, `"model_type": "llama", "logit_softcap": 30`)), nil, []string{"config.json", "logit_softcap"}},
		{"no tokenizer", models + "qwen2", nil, []string{"tokenizer.json"}},
		{"tokenizer of another model", other("llama_deepseek", func(t *testing.T, dir string) {
			b, err := os.ReadFile("../../../testdata/tokenizer/starcoder2/tokenizer.json")
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, "tokenizer.json"), b, 0o600))
		}), nil, []string{"tokenizer.json", "two models"}},
		{"adapter of another base", models + "llama_deepseek", []string{"sft.adapter=../../../testdata/checkpoint/gpt2/adapter"}, []string{"sft.adapter", "adapter_config.json", "c_attn"}},
		{"template of another model", models + "llama_deepseek", []string{"model.template=qwen2"}, []string{"model.template", "<|im_start|>"}},
		{"not a setting", models + "llama_deepseek", []string{"model.layerz=3"}, []string{"layerz"}},
		{"no memory", models + "llama_deepseek", []string{"model.sample_rows=1000000000"}, []string{"not enough memory", "cache", "free"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var faults []said
			for _, l := range look(t, tt.folder, time.Minute, tt.set...) {
				assert.NotContains(t, l.what, "loaded in")
				if l.err != nil {
					faults = append(faults, l)
				}
			}
			require.Len(t, faults, 1)
			for _, w := range tt.want {
				assert.Contains(t, faults[0].err.Error(), w)
			}
		})
	}
}

// By hand: two seeds, one variant of three iterations of four programs, rows of 30 tokens
// of which 10 are programs.
func TestTheOutlookCountsWhatSettingsAskFor(t *testing.T) {
	s := train.Default()
	require.NoError(t, s.Decode("x", []byte(`
about = "x"
source = "x"
seeds = [1, 2]
[model]
prompt_slots = 20
program_slots = 10
[sft]
steps = 5
batch_size = 2
probe_samples = 3
probe_greedy = 1
[ppo]
iterations = 3
prompts = 2
samples = 2
epochs = 2
validate_every = 2
[evaluation]
problems = 5
samples = 1
validation_problems = 2
validation_samples = 1
[[variants]]
name = "a"
about = "a"
schedule = [{ from = 0, scheme = "gated-joint" }]
`)))
	c := hours(s, speeds{score: 10, train: 20, sample: 5})
	assert.InDelta(t, 2*5*2*30/20.0, c.sft, 1e-9)
	assert.InDelta(t, 2*2*12*30/10.0, c.scoring, 1e-9)
	assert.InDelta(t, 2*12*2*30/20.0, c.updates, 1e-9)
	programs := 2*(3+1) + 2*12 + 2*2*2 + 7*5*2 // probes, rollouts, validations; base, 2 SFT, 4 of the variant
	assert.InDelta(t, float64(programs)*10/5, c.sampling, 1e-9)
	rows := 3*10 + 2*(12+2*10)
	assert.Equal(t, int64(3*4*400+2*400+2*2*400+rows*(6<<10+60*10)), disk(s, 100))
	_, err := runlog.Encode(s)
	require.NoError(t, err)
}
