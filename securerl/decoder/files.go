package decoder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/safetensors"
)

// ErrWeights reports a model or adapter folder whose tensors are not those that its
// config asks for.
var ErrWeights = errors.New("decoder: weights")

const (
	configFile    = "config.json"
	weightsFile   = "model.safetensors"
	tokenizerFile = "tokenizer.json"
	adapterConfig = "adapter_config.json"
	adapterFile   = "adapter_model.safetensors"
)

// Load reads a Hugging Face folder of the Llama family: config.json and
// model.safetensors in F32, F16 or BF16, which are widened to float32.
func Load(dir string) (Config, *engine.Tree, error) {
	c, err := ReadConfig(filepath.Join(dir, configFile))
	if err != nil {
		return Config{}, nil, err
	}
	t, err := readTree(filepath.Join(dir, weightsFile), c.parameters(), func(name string) string { return name })
	return c, t, err
}

// Save writes a folder that Load and Transformers read. dtype is "F32", or "BF16",
// which halves the file and rounds. tokenizerJSON may be nil.
func Save(dir string, c Config, w *engine.Tree, dtype string, tokenizerJSON []byte) error {
	config, err := c.JSON(dtype)
	if err != nil {
		return err
	}
	weights, err := writeTree(w, dtype, func(name string) string { return name })
	if err != nil {
		return err
	}
	files := map[string][]byte{configFile: append(config, '\n'), weightsFile: weights}
	if tokenizerJSON != nil {
		files[tokenizerFile] = tokenizerJSON
	}
	return writeFolder(dir, files)
}

// peft is adapter_config.json, as far as it decides the numbers.
type peft struct {
	Type    string   `json:"peft_type"`
	Task    string   `json:"task_type"`
	Base    string   `json:"base_model_name_or_path"`
	Rank    int      `json:"r"`
	Alpha   float64  `json:"lora_alpha"`
	Dropout float64  `json:"lora_dropout"`
	Targets []string `json:"target_modules"`
	RSLoRA  bool     `json:"use_rslora"`
	DoRA    bool     `json:"use_dora"`
	FanIn   bool     `json:"fan_in_fan_out"`
	Bias    string   `json:"bias"`
	Init    bool     `json:"init_lora_weights"`
	Infer   bool     `json:"inference_mode"`
}

// peftName is a tensor's name in a PEFT file.
func peftName(name string) string { return "base_model.model." + name + ".weight" }

// LoadAdapter reads a PEFT folder for a model of this config.
func LoadAdapter(dir string, c Config) (LoRA, *engine.Tree, error) {
	b, err := os.ReadFile(filepath.Join(dir, adapterConfig))
	if err != nil {
		return LoRA{}, nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	var p peft
	if err := json.Unmarshal(b, &p); err != nil {
		return LoRA{}, nil, fmt.Errorf("%w: %s: %v", ErrConfig, adapterConfig, err)
	}
	if p.Type != "LORA" || p.DoRA || p.FanIn || p.Bias != "" && p.Bias != "none" {
		return LoRA{}, nil, fmt.Errorf("%w: %s: only plain LoRA without bias is supported (peft_type %q, use_dora %v, fan_in_fan_out %v, bias %q)", ErrConfig, dir, p.Type, p.DoRA, p.FanIn, p.Bias)
	}
	l := LoRA{Rank: p.Rank, Alpha: p.Alpha, Targets: p.Targets, RSLoRA: p.RSLoRA}
	if err := l.Validate(); err != nil {
		return LoRA{}, nil, err
	}
	t, err := readTree(filepath.Join(dir, adapterFile), c.adapterParameters(l), peftName)
	return l, t, err
}

// SaveAdapter writes a folder that PEFT reads. base names the model it belongs to.
func SaveAdapter(dir string, l LoRA, adapter *engine.Tree, base string) error {
	targets := slices.Clone(l.Targets)
	slices.Sort(targets)
	config, err := json.MarshalIndent(peft{Type: "LORA", Task: "CAUSAL_LM", Base: base, Rank: l.Rank, Alpha: l.Alpha, Targets: targets, RSLoRA: l.RSLoRA, Bias: "none", Init: true, Infer: true}, "", "  ")
	if err != nil {
		return err
	}
	weights, err := writeTree(adapter, "F32", peftName)
	if err != nil {
		return err
	}
	return writeFolder(dir, map[string][]byte{adapterConfig: append(config, '\n'), adapterFile: weights})
}

// writeFolder makes a folder of files at once: beside its place, then renamed.
func writeFolder(dir string, files map[string][]byte) error {
	temp := dir + ".tmp"
	if err := errors.Join(os.RemoveAll(temp), os.MkdirAll(temp, 0o755)); err != nil {
		return fmt.Errorf("decoder: save: %w", err)
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(temp, name), b, 0o644); err != nil {
			return fmt.Errorf("decoder: save: %w", err)
		}
	}
	if err := errors.Join(os.RemoveAll(dir), os.Rename(temp, dir)); err != nil {
		return fmt.Errorf("decoder: save: %w", err)
	}
	return nil
}

// readTree reads exactly the wanted tensors. Matrices are [out, in] in files and
// [in, out] here; the embedding is a table of rows and keeps its order.
func readTree(path string, want []parameter, fileName func(string) string) (*engine.Tree, error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWeights, err)
	}
	defer f.Close()
	left := map[string]bool{}
	for _, name := range f.Names() {
		left[name] = true
	}
	t := &engine.Tree{}
	for _, p := range want {
		name := fileName(p.name)
		x, err := f.Tensor(name)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrWeights, path, err)
		}
		delete(left, name)
		values, err := x.Float32()
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %s: %w", ErrWeights, path, name, err)
		}
		shape := slices.Clone(p.dims)
		turned := transposed(p)
		if turned {
			slices.Reverse(shape)
		}
		if !slices.Equal(x.Shape, shape) {
			return nil, fmt.Errorf("%w: %s: %s has shape %v, the config asks for %v", ErrWeights, path, name, x.Shape, shape)
		}
		if turned {
			values = transpose(values, shape[0], shape[1])
		}
		t.Add(p.name, tensors.FromFlatDataAndDimensions(values, p.dims...))
	}
	var extra []string
	for name := range left {
		if !strings.HasSuffix(name, "rotary_emb.inv_freq") { // a buffer that old files carry
			extra = append(extra, name)
		}
	}
	if len(extra) > 0 {
		slices.Sort(extra)
		return nil, fmt.Errorf("%w: %s: %d tensors that the config does not ask for, such as %s", ErrWeights, path, len(extra), extra[0])
	}
	return t, nil
}

func transposed(p parameter) bool { return len(p.dims) == 2 && p.name != embedName }

func writeTree(t *engine.Tree, dtype string, fileName func(string) string) ([]byte, error) {
	var list []safetensors.NamedTensor
	for i, name := range t.Names {
		x := t.Tensors[i]
		dims := slices.Clone(x.Shape().Dimensions)
		values, err := tensors.CopyFlatData[float32](x)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrWeights, name, err)
		}
		if transposed(parameter{name, dims}) {
			values = transpose(values, dims[0], dims[1])
			slices.Reverse(dims)
		}
		tensor, err := safetensors.FromFloat32(dtype, dims, values)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrWeights, name, err)
		}
		list = append(list, safetensors.NamedTensor{Name: fileName(name), Tensor: tensor})
	}
	var b bytes.Buffer
	if err := safetensors.Write(&b, list, map[string]string{"format": "pt"}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWeights, err)
	}
	return b.Bytes(), nil
}

// EncodeTree is a tree as the bytes of a safetensors file, with its own names.
func EncodeTree(t *engine.Tree) ([]byte, error) {
	return writeTree(t, "F32", func(s string) string { return s })
}

// DecodeTree reads what EncodeTree wrote.
func DecodeTree(b []byte) (*engine.Tree, error) {
	f, err := safetensors.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWeights, err)
	}
	t := &engine.Tree{}
	for _, name := range f.Names() {
		x, err := f.Tensor(name)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrWeights, err)
		}
		values, err := x.Float32()
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrWeights, name, err)
		}
		dims := slices.Clone(x.Shape)
		if transposed(parameter{name, dims}) {
			values = transpose(values, dims[0], dims[1])
			slices.Reverse(dims)
		}
		t.Add(name, tensors.FromFlatDataAndDimensions(values, dims...))
	}
	return t, nil
}

// transpose turns [rows, cols] into [cols, rows].
func transpose(x []float32, rows, cols int) []float32 {
	y := make([]float32, len(x))
	for r := range rows {
		for c := range cols {
			y[c*rows+r] = x[r*cols+c]
		}
	}
	return y
}
