package checkpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/safetensors"
)

// ErrWeights reports a model or adapter folder whose tensors are not those that its
// config asks for.
var ErrWeights = errors.New("checkpoint: weights")

const (
	configFile     = "config.json"
	generationFile = "generation_config.json"
	weightsFile    = "model.safetensors"
	indexFile      = "model.safetensors.index.json"
	tokenizerFile  = "tokenizer.json"
)

// Folder is an open checkpoint. Its weights are mapped, not read; every name and shape
// has been checked against the config.
type Folder struct {
	Config  decoder.Config
	dir     string
	files   []*safetensors.File
	tensors map[string]stored // by the names of Config.Parameters
}

// stored is a tensor of a file, with its name there.
type stored struct {
	safetensors.Tensor
	name, file string
}

// Open opens a Hugging Face folder: config.json, and model.safetensors or the shards
// that model.safetensors.index.json lists, in F32, F16 or BF16. Errors wrap
// decoder.ErrConfig or ErrWeights, and name the file and what is wrong in it. Pickled
// weights are refused.
func Open(dir string) (*Folder, error) {
	c, err := ReadConfig(filepath.Join(dir, configFile))
	if err == nil {
		err = readEnd(dir, &c)
	}
	if err != nil {
		return nil, err
	}
	f := &Folder{Config: c, dir: dir, tensors: map[string]stored{}}
	found, err := f.open()
	if err == nil {
		err = f.assign(found)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Close unmaps the weights.
func (f *Folder) Close() error {
	var errs []error
	for _, file := range f.files {
		errs = append(errs, file.Close())
	}
	f.files, f.tensors = nil, nil
	return errors.Join(errs...)
}

// open maps the weight files and returns their tensors by name.
func (f *Folder) open() (map[string]stored, error) {
	found := map[string]stored{}
	if _, err := os.Stat(filepath.Join(f.dir, weightsFile)); err == nil {
		return found, f.shard(weightsFile, nil, found)
	}
	b, err := os.ReadFile(filepath.Join(f.dir, indexFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, f.nothing()
	}
	var index struct {
		Map map[string]string `json:"weight_map"`
	}
	if err == nil {
		err = json.Unmarshal(b, &index)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrWeights, indexFile, err)
	}
	shards := map[string][]string{}
	for name, file := range index.Map {
		if file != filepath.Base(file) || !strings.HasSuffix(file, ".safetensors") {
			return nil, fmt.Errorf("%w: %s: %q stands in %q, which is no safetensors file of this folder", ErrWeights, indexFile, name, file)
		}
		shards[file] = append(shards[file], name)
	}
	for file, names := range shards {
		if err := f.shard(file, names, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// nothing says why a folder has no weights to read.
func (f *Folder) nothing() error {
	for _, pattern := range []string{"*.bin", "*.pt", "*.pth", "*.bin.index.json"} {
		if pickled, err := filepath.Glob(filepath.Join(f.dir, pattern)); err == nil && len(pickled) > 0 {
			return fmt.Errorf("%w: %s holds %s: a pickle is a program that runs on reading, so it is refused; save the model again as safetensors", ErrWeights, f.dir, filepath.Base(pickled[0]))
		}
	}
	return fmt.Errorf("%w: %s has neither %s nor %s", ErrWeights, f.dir, weightsFile, indexFile)
}

// shard maps one file. names are those that the index says it holds; nil = any.
func (f *Folder) shard(file string, names []string, found map[string]stored) error {
	s, err := safetensors.Open(filepath.Join(f.dir, file))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrWeights, err)
	}
	f.files = append(f.files, s)
	there := slices.Sorted(slices.Values(s.Names()))
	if names != nil {
		slices.Sort(names)
		if missing := firstMissing(names, there); missing != "" {
			return fmt.Errorf("%w: %s lacks %s, which %s says it holds", ErrWeights, file, missing, indexFile)
		}
		if extra := firstMissing(there, names); extra != "" {
			return fmt.Errorf("%w: %s holds %s, which %s does not list there", ErrWeights, file, extra, indexFile)
		}
	}
	for _, name := range there {
		t, err := s.Tensor(name)
		if err != nil {
			return err
		}
		found[name] = stored{t, name, file}
	}
	return nil
}

// firstMissing is the first wanted name that is not there; both lists are sorted.
func firstMissing(wanted, there []string) string {
	for _, name := range wanted {
		if _, ok := slices.BinarySearch(there, name); !ok {
			return name
		}
	}
	return ""
}

// buffers of old files, which are no weights: rotary frequencies, and the causal masks
// of GPT-2.
var buffers = regexp.MustCompile(`(^|\.)rotary_emb\.inv_freq$|^(transformer\.)?h\.\d+\.attn\.(masked_)?bias$`)

// assign gives every parameter of the config its tensor; none may be left over.
func (f *Folder) assign(found map[string]stored) error {
	prefix := "" // GPT-2's files name tensors with or without "transformer."
	if _, bare := found["wte.weight"]; bare && f.Config.Family == "gpt2" {
		prefix = "transformer."
	}
	f.Config.AsStored = true
	want := f.Config.Parameters()
	f.Config.AsStored = false
	for _, p := range want {
		name := strings.TrimPrefix(p.Name, prefix)
		t, ok := found[name]
		if !ok {
			return fmt.Errorf("%w: %s: %w: %q", ErrWeights, f.dir, safetensors.ErrName, name)
		}
		if !slices.Equal(t.Shape, p.Dims) {
			return fmt.Errorf("%w: %s: %s has shape %v, the config asks for %v", ErrWeights, t.file, name, t.Shape, p.Dims)
		}
		if _, ok := dtypeOf[t.DType]; !ok {
			return fmt.Errorf("%w: %s: %s is %s; F32, F16 and BF16 are supported", ErrWeights, t.file, name, t.DType)
		}
		f.tensors[p.Name] = t
		delete(found, name)
	}
	if err := f.tiedHead(found); err != nil {
		return err
	}
	var extra []string
	for name := range found {
		if !buffers.MatchString(name) {
			extra = append(extra, name)
		}
	}
	if len(extra) > 0 {
		slices.Sort(extra)
		return fmt.Errorf("%w: %s: %d tensors that the config does not ask for, such as %s", ErrWeights, found[extra[0]].file, len(extra), extra[0])
	}
	return nil
}

// tiedHead lets a file hold the head that the config ties to the embedding, if the two
// are the same numbers.
func (f *Folder) tiedHead(found map[string]stored) error {
	head, embedding := f.Config.Tied()
	t, ok := found[head]
	if !ok || !f.Config.TieWordEmbeddings {
		return nil
	}
	e := f.tensors[embedding]
	if t.DType != e.DType || !slices.Equal(t.Shape, e.Shape) || string(t.Data) != string(e.Data) {
		return fmt.Errorf("%w: %s: %s differs from %s, but tie_word_embeddings says they are one (absent, it means true for %s)", ErrWeights, t.file, t.name, e.name, f.Config.Family)
	}
	delete(found, head)
	return nil
}

// Load reads a folder into float32 on the host, maps as [in, out]: for small models, and
// where there is no device.
func Load(dir string) (decoder.Config, *engine.Tree, error) {
	f, err := Open(dir)
	if err != nil {
		return decoder.Config{}, nil, err
	}
	t := &engine.Tree{}
	for _, p := range f.Config.Parameters() {
		x, err := widened(f.tensors[p.Name].Tensor, p)
		if err != nil {
			return decoder.Config{}, nil, errors.Join(fmt.Errorf("%w: %s: %w", ErrWeights, p.Name, err), f.Close())
		}
		t.Add(p.Name, x)
	}
	return f.Config, t, f.Close()
}

// widened is a tensor of a file as float32, turned into its place in memory.
func widened(x safetensors.Tensor, p decoder.Weight) (*tensors.Tensor, error) {
	values, err := x.Float32()
	if err != nil {
		return nil, err
	}
	if p.Turned {
		values = transpose(values, x.Shape[0], x.Shape[1])
	}
	return tensors.FromFlatDataAndDimensions(values, p.Dims...), nil
}

// dtypeOf are the dtypes of weights.
var dtypeOf = map[string]dtypes.DType{"F32": dtypes.F32, "F16": dtypes.F16, "BF16": dtypes.BF16}

// Place copies the weights from the mapped files to the device, byte by byte: dtype and
// layout stay as stored, and nothing passes through Go's heap. The returned config says
// so (AsStored). progress, which may be nil, is told the bytes copied so far and in all.
//
// Nothing reads the mapping once Place has returned, so Close may follow at once.
// tensors.FromRaw copies into memory that host and device share (go, xla:cpu) before it
// returns. On xla:cuda go-xla v0.4.5 hands PJRT the mapped bytes with the promise
// kImmutableUntilTransferCompletes, and waits in BufferFromHostAndWait
// (pjrt/buffers_from_host.go) for done_with_host_buffer, the event after which PJRT no
// longer looks at them (pjrt_c_api.h).
//
// It returns ErrMemory, before anything is copied, if the weights alone are more than
// the device has free.
func (f *Folder) Place(ctx context.Context, e *engine.Engine, progress func(done, total int64)) (decoder.Config, *engine.Tree, error) {
	c := f.Config
	c.AsStored = true
	done, total := int64(0), f.Bytes()
	if free, err := e.FreeMemory(); err == nil && total > free {
		return c, nil, fmt.Errorf("%w: the weights in %s are %s, %s are free on %s", ErrMemory, f.dir, bytesText(total), bytesText(free), e.Info().Device)
	}
	t := &engine.Tree{}
	for _, p := range c.Parameters() {
		x := f.tensors[p.Name]
		err := ctx.Err()
		var placed *tensors.Tensor
		if err == nil {
			placed, err = tensors.FromRaw(e.Backend(), 0, shapes.Make(dtypeOf[x.DType], x.Shape...), x.Data)
		}
		if err != nil {
			return c, nil, errors.Join(fmt.Errorf("checkpoint: %s of %s: %w", p.Name, f.dir, engine.Refusal("loading "+p.Name, err)), t.Finalize())
		}
		t.Add(p.Name, placed)
		if done += int64(len(x.Data)); progress != nil {
			progress(done, total)
		}
	}
	return c, t, nil
}

// Bytes is the size of the weights as they are stored.
func (f *Folder) Bytes() (n int64) {
	for _, t := range f.tensors {
		n += int64(len(t.Data))
	}
	return n
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
