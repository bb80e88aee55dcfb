package safetensors

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
)

// ErrFormat reports bytes that are no valid safetensors file, or tensors that cannot
// stand in one.
var ErrFormat = errors.New("safetensors: malformed")

// ErrName reports a tensor that a file does not have.
var ErrName = errors.New("safetensors: no such tensor")

// ErrType reports a dtype whose elements cannot become or be made from float32.
var ErrType = errors.New("safetensors: dtype not convertible")

// Tensor is one tensor: row-major, little-endian.
type Tensor struct {
	DType string // "F32", "BF16", ...: see Bits
	Shape []int  // empty for a scalar
	Data  []byte // product of Shape x Bits(DType) / 8 bytes
}

// NamedTensor is a tensor to be written.
type NamedTensor struct {
	Name string
	Tensor
}

// File is an open file. Its methods may be called from several goroutines, but not
// together with Close.
type File struct {
	names    []string
	tensors  map[string]Tensor
	metadata map[string]string
	unmap    func() error
}

// Open maps the file at path and checks all of its header. The error is ErrFormat,
// with the path and the place, if the file is not valid.
func Open(path string) (*File, error) {
	data, unmap, err := mapFile(path)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	f, err := Parse(data)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), unmap())
	}
	f.unmap = unmap
	return f, nil
}

// Names returns the names of the tensors in the order of their data.
func (f *File) Names() []string { return slices.Clone(f.names) }

// Tensor returns the tensor called name, or ErrName. Its Data must not be written to
// and is valid until Close.
func (f *File) Tensor(name string) (Tensor, error) {
	t, ok := f.tensors[name]
	if !ok {
		return Tensor{}, fmt.Errorf("%w: %q", ErrName, name)
	}
	return t, nil
}

// Metadata returns the file's free-form strings, nil where it has none.
func (f *File) Metadata() map[string]string { return f.metadata }

// Close unmaps the file. Tensors that were taken from it must not be used again.
func (f *File) Close() error {
	unmap := f.unmap
	*f = File{}
	if unmap == nil {
		return nil
	}
	return unmap()
}

// width is the number of bits of one element.
var width = map[string]int{
	"BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32, "U64": 64, "I64": 64,
	"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
	"F16": 16, "BF16": 16, "F32": 32, "F64": 64, "C64": 64,
}

// Bits returns the width of one element; false for a dtype that the format does not
// have.
func Bits(dtype string) (int, bool) {
	n, ok := width[dtype]
	return n, ok
}

// size returns the bytes of a tensor.
func size(dtype string, shape []uint64) (uint64, error) {
	n, ok := width[dtype]
	if !ok {
		return 0, fmt.Errorf("%w: dtype %q is unknown", ErrFormat, dtype)
	}
	total := uint64(1)
	for _, dim := range append(slices.Clone(shape), uint64(n)) {
		high, low := bits.Mul64(total, dim)
		if high != 0 || dim > 1<<62 {
			return 0, fmt.Errorf("%w: shape %v of %s overflows", ErrFormat, shape, dtype)
		}
		total = low
	}
	if total%8 != 0 {
		return 0, fmt.Errorf("%w: shape %v of %s does not fill whole bytes", ErrFormat, shape, dtype)
	}
	return total / 8, nil
}
