package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/safetensors"
)

const (
	adapterConfig = "adapter_config.json"
	adapterFile   = "adapter_model.safetensors"
)

// adapterHarmless are fields of adapter_config.json that do not change what an adapter
// computes: where it came from, how it was started and how PEFT runs it. Conv1D layers
// (fan_in_fan_out) differ in the layout of the base alone.
var adapterHarmless = []string{"task_type", "base_model_name_or_path", "fan_in_fan_out", "inference_mode", "init_lora_weights", "peft_version", "revision", "auto_mapping",
	"megatron_core", "qalora_group_size", "runtime_config", "ensure_weight_tying"}

// peftName is a tensor's name in a PEFT file.
func peftName(name string) string { return "base_model.model." + name + ".weight" }

// LoadAdapter reads a PEFT folder for a model of this config: plain LoRA on any maps of
// a layer. Errors wrap decoder.ErrConfig and name the field, or ErrWeights and name the
// tensor.
func LoadAdapter(dir string, c decoder.Config) (decoder.LoRA, *engine.Tree, error) {
	l, err := readLoRA(filepath.Join(dir, adapterConfig), c)
	if err != nil {
		return decoder.LoRA{}, nil, err
	}
	path := filepath.Join(dir, adapterFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if pickled, _ := filepath.Glob(filepath.Join(dir, "*.bin")); len(pickled) > 0 {
			return l, nil, fmt.Errorf("%w: %s holds %s: a pickle is a program that runs on reading, so it is refused; save the adapter again as safetensors", ErrWeights, dir, filepath.Base(pickled[0]))
		}
	}
	file, err := safetensors.Open(path)
	if err != nil {
		return l, nil, fmt.Errorf("%w: %w", ErrWeights, err)
	}
	t, err := readAdapter(file, c.AdapterParameters(l))
	if err != nil {
		err = fmt.Errorf("%w: %s: %w", ErrWeights, path, err)
	}
	return l, t, errors.Join(err, file.Close())
}

// readAdapter reads exactly the wanted tensors.
func readAdapter(file *safetensors.File, want []decoder.Weight) (*engine.Tree, error) {
	left := map[string]bool{}
	for _, name := range file.Names() {
		left[name] = true
	}
	t := &engine.Tree{}
	for _, p := range want {
		name := peftName(p.Name)
		x, err := file.Tensor(name)
		if err != nil {
			return nil, err
		}
		delete(left, name)
		if !slices.Equal(x.Shape, p.FileDims()) {
			return nil, fmt.Errorf("%s has shape %v, this model asks for %v: the adapter belongs to another base", name, x.Shape, p.FileDims())
		}
		y, err := widened(x, p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		t.Add(p.Name, y)
	}
	for name := range left {
		return nil, fmt.Errorf("%d tensors that its config or this model does not ask for, such as %s", len(left), name)
	}
	return t, nil
}

func readLoRA(path string, c decoder.Config) (l decoder.LoRA, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return l, fmt.Errorf("%w: %w", decoder.ErrConfig, err)
	}
	f, err := parseFields(b)
	if err != nil {
		return l, fmt.Errorf("%s: %w", path, err)
	}
	f.ignore(adapterHarmless...)
	if kind := need[string](f, "peft_type"); kind != "LORA" {
		f.fault("peft_type %q is not supported (only LORA)", kind)
	}
	l = decoder.LoRA{Rank: need[int](f, "r"), Alpha: need[float64](f, "lora_alpha"), Dropout: take(f, "lora_dropout", 0.0), RSLoRA: take(f, "use_rslora", false)}
	l.Targets = readTargets(f, c)
	if bias := take(f, "bias", "none"); bias != "none" {
		f.fault("bias %q is not supported (only none)", bias)
	}
	for name, raw := range f.raw { // what is off, empty or null changes nothing, whatever it is called
		if slices.Contains([]string{"false", "{}", "[]", `""`}, string(raw)) {
			delete(f.raw, name)
		}
	}
	if err := f.end(); err != nil {
		return l, fmt.Errorf("%s: %w", path, err)
	}
	if err := l.Validate(c); err != nil {
		return l, fmt.Errorf("%s: %w", path, err)
	}
	return l, nil
}

// readTargets reads a list of modules, or "all-linear", which is every map of a layer.
func readTargets(f *fields, c decoder.Config) []string {
	if f.has("target_modules") && f.raw["target_modules"][0] == '"' {
		if pattern := take(f, "target_modules", ""); pattern != "all-linear" {
			f.fault("target_modules %q is not supported (a list of names, or all-linear)", pattern)
		}
		return c.Modules()
	}
	return need[[]string](f, "target_modules")
}

// SaveAdapter writes a folder that PEFT reads, for a model of this config; base names
// where that model is.
func SaveAdapter(dir string, c decoder.Config, l decoder.LoRA, adapter *engine.Tree, base string) error {
	if err := l.Validate(c); err != nil {
		return err
	}
	targets := slices.Clone(l.Targets)
	slices.Sort(targets)
	config, err := object([]pair{{"peft_type", "LORA"}, {"task_type", "CAUSAL_LM"}, {"base_model_name_or_path", base}, {"r", l.Rank}, {"lora_alpha", l.Alpha},
		{"lora_dropout", l.Dropout}, {"target_modules", targets}, {"use_rslora", l.RSLoRA}, {"use_dora", false}, {"fan_in_fan_out", c.Family == "gpt2"}, {"bias", "none"},
		{"init_lora_weights", true}, {"inference_mode", true}})
	if err != nil {
		return err
	}
	list, err := named(adapter, c.AdapterParameters(l), "F32", peftName)
	if err != nil {
		return err
	}
	return writeFolder(dir, map[string]content{adapterConfig: text(append(config, '\n')), adapterFile: weights(list)})
}

// kept are the files besides config and weights that a merged model needs: all that
// speak of tokens, chats and generation.
var kept = []string{"*token*.json", "*.model", "vocab.json", "merges.txt", "chat_template*", generationFile}

// Merge writes the folder src with an adapter worked into its weights, in the dtype and
// under the names they have there, as one file; Transformers reads it. The sums are made
// in float64 and rounded once.
func Merge(dst, src string, l decoder.LoRA, adapter *engine.Tree) (err error) {
	f, err := Open(src)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	config, err := os.ReadFile(filepath.Join(src, configFile))
	if err != nil {
		return fmt.Errorf("%w: %w", decoder.ErrConfig, err)
	}
	files := map[string]content{configFile: text(config)}
	for _, pattern := range kept {
		paths, _ := filepath.Glob(filepath.Join(src, pattern))
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if err != nil {
				return fmt.Errorf("checkpoint: merge: %w", err)
			}
			files[filepath.Base(path)] = text(b)
		}
	}
	if _, err := named(adapter, f.Config.AdapterParameters(l), "F32", peftName); err != nil {
		return err
	}
	var list []safetensors.NamedTensor
	for _, p := range f.Config.Parameters() {
		x := f.tensors[p.Name]
		module := strings.TrimSuffix(p.Name, ".weight")
		if a, b := adapter.Get(module+".lora_A"), adapter.Get(module+".lora_B"); a != nil {
			if x.Tensor, err = merged(x.Tensor, p.Turned, l, a, b); err != nil {
				return fmt.Errorf("%w: %s: %w", ErrWeights, p.Name, err)
			}
		}
		list = append(list, safetensors.NamedTensor{Name: x.name, Tensor: x.Tensor})
	}
	files[weightsFile] = weights(list)
	return writeFolder(dst, files)
}

// merged is W + scale A B in the dtype of W. A is [in, rank], B [rank, out]; W lies as
// [out, in] where it is turned, else as [in, out].
func merged(w safetensors.Tensor, turned bool, l decoder.LoRA, a, b *tensors.Tensor) (safetensors.Tensor, error) {
	values, err := w.Float32()
	if err != nil {
		return w, err
	}
	left, err := float32s(a)
	if err != nil {
		return w, err
	}
	right, err := float32s(b)
	if err != nil {
		return w, err
	}
	in, out, scale := a.Shape().Dim(0), b.Shape().Dim(1), l.Scale()
	row := make([]float64, out)
	for i := range in {
		clear(row)
		for r := range l.Rank {
			x := float64(left[i*l.Rank+r])
			for o, y := range right[r*out : (r+1)*out] {
				row[o] += x * float64(y)
			}
		}
		for o, sum := range row {
			at := i*out + o
			if turned {
				at = o*in + i
			}
			values[at] = float32(float64(values[at]) + scale*sum)
		}
	}
	return safetensors.FromFloat32(w.DType, w.Shape, values)
}
