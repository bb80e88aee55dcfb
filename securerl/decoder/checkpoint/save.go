package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/safetensors"
)

// format is the metadata of a file, without which Transformers refuses it.
var format = map[string]string{"format": "pt"}

// Save writes a folder that Load, Open and Transformers read. dtype is "F32", or
// "BF16", which halves the file and rounds. tokenizerJSON may be nil.
func Save(dir string, c decoder.Config, w *engine.Tree, dtype string, tokenizerJSON []byte) error {
	config, err := ConfigJSON(c, dtype)
	if err != nil {
		return err
	}
	list, err := named(w, c.Parameters(), dtype, func(name string) string { return name })
	if err != nil {
		return err
	}
	files := map[string]content{configFile: text(append(config, '\n')), weightsFile: weights(list)}
	if tokenizerJSON != nil {
		files[tokenizerFile] = text(tokenizerJSON)
	}
	return writeFolder(dir, files)
}

// content writes one file.
type content func(io.Writer) error

func text(b []byte) content {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}

func weights(list []safetensors.NamedTensor) content {
	return func(w io.Writer) error { return safetensors.Write(w, list, format) }
}

// writeFolder makes a folder of files at once: beside its place, then renamed.
func writeFolder(dir string, files map[string]content) error {
	temp := dir + ".tmp"
	err := errors.Join(os.RemoveAll(temp), os.MkdirAll(temp, 0o755))
	for name, write := range files {
		if err == nil {
			err = writeFile(filepath.Join(temp, name), write)
		}
	}
	if err == nil {
		err = errors.Join(os.RemoveAll(dir), os.Rename(temp, dir))
	}
	if err != nil {
		return fmt.Errorf("checkpoint: save: %w", err)
	}
	return nil
}

func writeFile(path string, write content) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// named makes file tensors of a tree, which must hold the wanted ones in order.
func named(t *engine.Tree, want []decoder.Weight, dtype string, fileName func(string) string) ([]safetensors.NamedTensor, error) {
	if t.Len() != len(want) {
		return nil, fmt.Errorf("%w: %d tensors, the config asks for %d", ErrWeights, t.Len(), len(want))
	}
	var list []safetensors.NamedTensor
	for i, p := range want {
		x := t.Tensors[i]
		if t.Names[i] != p.Name || !slices.Equal(x.Shape().Dimensions, p.Dims) {
			return nil, fmt.Errorf("%w: %s %s where the config asks for %s %v", ErrWeights, t.Names[i], x.Shape(), p.Name, p.Dims)
		}
		tensor, err := narrowed(x, p.Turned, dtype)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrWeights, p.Name, err)
		}
		list = append(list, safetensors.NamedTensor{Name: fileName(p.Name), Tensor: tensor})
	}
	return list, nil
}

// narrowed is a tensor as a file holds it.
func narrowed(x *tensors.Tensor, turned bool, dtype string) (safetensors.Tensor, error) {
	dims := slices.Clone(x.Shape().Dimensions)
	values, err := float32s(x)
	if err != nil {
		return safetensors.Tensor{}, err
	}
	if turned {
		values = transpose(values, dims[0], dims[1])
		slices.Reverse(dims)
	}
	return safetensors.FromFloat32(dtype, dims, values)
}

// float32s copies the numbers of a tensor of any dtype that weights have.
func float32s(x *tensors.Tensor) (values []float32, err error) {
	if x.DType() == dtypes.F32 {
		return tensors.CopyFlatData[float32](x)
	}
	for name, dtype := range dtypeOf {
		if dtype == x.DType() {
			read := x.ConstBytes(func(b []byte) {
				values, err = safetensors.Tensor{DType: name, Shape: x.Shape().Dimensions, Data: b}.Float32()
			})
			return values, errors.Join(read, err)
		}
	}
	return nil, fmt.Errorf("%w: %s", safetensors.ErrType, x.DType())
}

// turned guesses the layout of a tensor without a config: every matrix but the
// embedding is transposed in files. EncodeTree and DecodeTree agree on it.
func turned(name string, dims []int) bool {
	return len(dims) == 2 && name != "model.embed_tokens.weight"
}

// EncodeTree is a tree, such as an adapter or the moments of an optimiser, as the bytes
// of a safetensors file, with its own names.
func EncodeTree(t *engine.Tree) ([]byte, error) {
	var list []safetensors.NamedTensor
	for i, name := range t.Names {
		tensor, err := narrowed(t.Tensors[i], turned(name, t.Tensors[i].Shape().Dimensions), "F32")
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrWeights, name, err)
		}
		list = append(list, safetensors.NamedTensor{Name: name, Tensor: tensor})
	}
	var b bytes.Buffer
	if err := weights(list)(&b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWeights, err)
	}
	return b.Bytes(), nil
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
		p := decoder.Weight{Name: name, Dims: slices.Clone(x.Shape), Turned: turned(name, x.Shape)}
		if p.Turned {
			slices.Reverse(p.Dims)
		}
		y, err := widened(x, p)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrWeights, name, err)
		}
		t.Add(name, y)
	}
	return t, nil
}
