package train

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/experiments/configs"
	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/runlog"
)

const golden = "../../testdata/models/llama_deepseek"

// folderSettings are those of the preset tiny-hf, with more on top.
func folderSettings(t *testing.T, more ...string) Settings {
	t.Helper()
	text, err := configs.Read("tiny-hf")
	require.NoError(t, err)
	s := Default()
	require.NoError(t, s.Decode("tiny-hf.toml", text))
	require.NoError(t, s.set(append([]string{"model.folder=" + golden}, more...)...))
	return s
}

// begin opens a lab on a new run.
func begin(t *testing.T, s Settings, backend, dir string) (*Lab, error) {
	t.Helper()
	resolved, err := runlog.Encode(s)
	require.NoError(t, err)
	run, err := runlog.Create(dir, resolved, map[string]any{"seeds": s.Seeds})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, run.Close()) })
	return Open(context.Background(), s, backend, run, Quiet())
}

// A folder's model goes through every phase, and its adapters name it.
func TestAFoldersModelRunsFromSFTToEvaluation(t *testing.T) {
	for _, backend := range []string{"go", "xla:cpu"} {
		t.Run(backend, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			lab, err := begin(t, folderSettings(t), backend, dir)
			if err != nil && backend != "go" && strings.Contains(err.Error(), "not available") {
				t.Logf("not tested here: %v", err)
				return
			}
			require.NoError(t, err)
			defer func() { assert.NoError(t, lab.Close()) }()
			require.NoError(t, lab.Pipeline(context.Background()))
			for _, name := range []string{"sft-1", "gated-1-best", "gated-1-last"} {
				_, adapter, err := checkpoint.LoadAdapter(filepath.Join(dir, "checkpoints", name), lab.config)
				require.NoError(t, err)
				assert.Equal(t, 3*4*2*4*64, adapter.Parameters())
			}
			text, err := os.ReadFile(filepath.Join(dir, "checkpoints", "sft-1", "adapter_config.json"))
			require.NoError(t, err)
			assert.Contains(t, string(text), golden)
			assert.NoDirExists(t, filepath.Join(dir, "checkpoints", "base"), "the weights are not copied")
			assert.Contains(t, lab.Run.Facts(), "model_files")
		})
	}
}

// Problems and rows of files, and an adapter from another run.
func TestAFoldersModelTakesProblemsRowsAndAdapterFromFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	var items, rows []string
	for i := range 24 {
		item := map[string]any{"prompt": "Double it.", "problem_id": i, "difficulty": "easy", "num_tests": 4,
			"test_cases": map[string]any{"inputs": []string{"1\n", "2\n", "3\n", "4\n"}, "outputs": []string{"2\n", "4\n", "6\n", "8\n"}}}
		if i == 0 {
			item["prompt"] = strings.Repeat("A prompt that is too long. ", 30)
		}
		b, err := json.Marshal(item)
		require.NoError(t, err)
		items = append(items, string(b))
		rows = append(rows, `{"prompt":"Double it.","completion":"print(2*int(input()))","reward":`+[]string{"0.1", "0.9"}[i%2]+`}`)
	}
	rows = append(rows, `{"prompt":"Double it.","completion":"`+strings.Repeat("print(1);", 40)+`"}`)
	problems := write("problems.json", `{"format_version":"2.0","count":24,"max_tests_per_problem":4,"prompts_with_tests":[`+strings.Join(items, ",")+`]}`)
	data := []string{"data.problems=" + problems, "data.validation=0.2", "data.test=0.2", "data.hidden=2", "data.rows=" + write("rows.jsonl", strings.Join(rows, "\n")), "data.reward=0.5"}
	lab, err := begin(t, folderSettings(t, data...), "go", filepath.Join(dir, "run"))
	require.NoError(t, err)
	require.NoError(t, lab.FineTuneAll(context.Background()))
	facts := lab.Run.Facts()
	assert.Equal(t, map[string]any{"used": 12, "poor": 12, "long": 1}, facts["sft_rows"])
	assert.Equal(t, 1, lab.report.LeftOut["whose prompt does not fit"])
	sft := lab.folder(policyName{Variant: "sft", Seed: 1})
	want, err := os.ReadFile(filepath.Join(sft, "adapter_model.safetensors"))
	require.NoError(t, err)
	require.NoError(t, lab.Close())

	again, err := begin(t, folderSettings(t, append(data, "sft.adapter="+sft)...), "go", filepath.Join(dir, "again"))
	require.NoError(t, err)
	require.NoError(t, again.Pipeline(context.Background()))
	got, err := os.ReadFile(filepath.Join(again.folder(policyName{Variant: "sft", Seed: 1}), "adapter_model.safetensors"))
	require.NoError(t, err)
	assert.Equal(t, want, got)
	require.NoError(t, again.Close())
}

// What is wrong with a model is said in one line, before any long work.
func TestAWrongModelIsNamedBeforeAnyWork(t *testing.T) {
	other := func(name string, change func(dir string)) string {
		dir := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.CopyFS(dir, os.DirFS(golden)))
		change(dir)
		return dir
	}
	replace := func(file, from, to string) func(string) {
		return func(dir string) {
			path := filepath.Join(dir, file)
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Contains(t, string(b), from)
			require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(b), from, to, 1)), 0o600))
		}
	}
	out := filepath.Join(t.TempDir(), "run")
	for _, tt := range []struct {
		name string
		set  []string
		want []string
	}{
		{"no folder", []string{"model.folder=nowhere"}, []string{"nowhere/config.json"}},
		{"a shape beside it", []string{"model.layers=3"}, []string{"model.folder", "leave out vocabulary"}},
		{"no template", []string{"model.template=mine"}, []string{"model.template", `"mine"`}},
		{"template of another model", []string{"model.template=qwen2"}, []string{"model.template", "<|im_start|>"}},
		{"slots", []string{"model.prompt_slots=400"}, []string{"model.prompt_slots", "448", "max_position_embeddings is 256"}},
		{"targets", []string{`lora.targets=["attn"]`}, []string{"attn", "q_proj"}},
		{"architecture", []string{"model.folder=" + other("a", replace("config.json", `"model_type": "llama"`, `"model_type": "mamba"`))}, []string{"mamba"}},
		{"tokenizer", []string{"model.folder=" + other("b", func(dir string) {
			b, err := os.ReadFile("../../testdata/tokenizer/starcoder2/tokenizer.json")
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, "tokenizer.json"), b, 0o600))
		})}, []string{"eos_token_id 511", "tokenizer.json", "two models"}},
		{"shape", []string{"model.folder=" + other("c", replace("config.json", `"intermediate_size": 160`, `"intermediate_size": 161`))}, []string{"model.safetensors", "mlp", "161"}},
		{"cut file", []string{"model.folder=" + other("d", func(dir string) {
			require.NoError(t, os.Truncate(filepath.Join(dir, "model.safetensors"), 500_000))
		})}, []string{"model.safetensors"}},
		{"adapter of another base", []string{"sft.adapter=../../testdata/checkpoint/gpt2/adapter"}, []string{"sft.adapter", "adapter_config.json", "c_attn"}},
		{"no adapter", []string{"sft.adapter=nowhere"}, []string{"sft.adapter", "nowhere"}},
		{"problems", []string{"data.rows=rows.jsonl", "data.problems=nowhere.json"}, []string{"nowhere.json"}},
		{"shares", []string{"data.problems=x.json", "data.test=0.7", "data.validation=0.6"}, []string{"data.test", "0.7 and 0.6"}},
		{"problems without rows", []string{"data.problems=x.json"}, []string{"data.rows", "sft.adapter"}},
		{"keys without a file", []string{"data.hidden=2"}, []string{"data.problems"}},
		{"form", []string{"data.problems=x.json", "data.format=csv"}, []string{"data.format", "csv"}},
		{"not a setting", []string{"model.layerz=3"}, []string{"layerz: unknown key"}},
		{"no value", []string{"model"}, []string{"KEY=VALUE"}},
	} {
		err := Options{Preset: "tiny-hf", Set: append([]string{"model.folder=" + golden}, tt.set...), Backend: "go", Out: out}.run(context.Background(), Quiet(), (*Lab).Pipeline)
		require.Error(t, err, tt.name)
		for _, w := range tt.want {
			assert.Contains(t, oneLine(err), w, tt.name)
		}
		assert.True(t, isInput(err), "%s: %v", tt.name, err)
		assert.NoDirExists(t, out, tt.name)
	}
}

// A run never goes on with another model than it began with.
func TestARunKeepsItsModel(t *testing.T) {
	dir := t.TempDir()
	model := filepath.Join(dir, "model")
	require.NoError(t, os.CopyFS(model, os.DirFS(golden)))
	lab, err := begin(t, folderSettings(t, "model.folder="+model), "go", filepath.Join(dir, "run"))
	require.NoError(t, err)
	require.NoError(t, lab.sameModel(), "nothing has changed")
	require.NoError(t, os.WriteFile(filepath.Join(model, "tokenizer.json"), []byte("{}"), 0o600))
	assert.ErrorIs(t, lab.sameModel(), runlog.ErrRun)
	require.NoError(t, lab.Close())
}
