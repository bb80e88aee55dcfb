package golden

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"

	"securecoderl/securerl/safetensors"
)

// number is a float64 that may be written "nan", "inf" or "-inf".
type number float64

func (n *number) UnmarshalJSON(b []byte) error {
	text := string(b)
	if s, err := strconv.Unquote(text); err == nil {
		text = s
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("%.40s is no number", b)
	}
	*n = number(x)
	return nil
}

// json reads a file of the part.
func (p *part) json(path string, into any) {
	b, err := os.ReadFile(path)
	if err != nil {
		panic(fault{fmt.Errorf("%w: %w", ErrFolder, err)})
	}
	if err := json.Unmarshal(b, into); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			need(false, path, wrong.Field, "is a %s, which does not belong there", wrong.Value)
		}
		need(false, path, "the text", "is not as expected: %v", err)
	}
}

// others notes the fields of an object that nobody compares.
func (p *part) others(path string, known ...string) {
	var all map[string]json.RawMessage
	p.json(path, &all)
	var names []string
	for name := range all {
		if !slices.Contains(known, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	p.uncomputed(names...)
}

// tensorFile is an open file of expected tensors.
type tensorFile struct {
	*safetensors.File
	path string
}

// open opens a file of the part until its end.
func (p *part) open(path string) tensorFile {
	f, err := safetensors.Open(path)
	if err != nil {
		panic(fault{fmt.Errorf("%w: %w", ErrFolder, err)})
	}
	p.closed = append(p.closed, f.Close)
	return tensorFile{f, path}
}

// tensor returns a tensor of the given dims; -1 stands for any.
func (f tensorFile) tensor(name string, dims []int) safetensors.Tensor {
	x, err := f.Tensor(name)
	need(err == nil, f.path, name, "is missing")
	ok := len(dims) == len(x.Shape)
	for i := range min(len(dims), len(x.Shape)) {
		ok = ok && (dims[i] < 0 || dims[i] == x.Shape[i])
	}
	need(ok, f.path, name, "has shape %v where %v is expected (-1 = any)", x.Shape, dims)
	return x
}

// ints reads whole numbers, all below limit in size.
func (f tensorFile) ints(name string, limit int, dims ...int) (shape []int, values []int32) {
	x := f.tensor(name, dims)
	need(x.DType == "I64", f.path, name, "is %s, not I64", x.DType)
	for i := 0; i < len(x.Data); i += 8 {
		v := int64(binary.LittleEndian.Uint64(x.Data[i:]))
		need(v < int64(limit) && v > -int64(limit), f.path, name, "holds %d at %d, which is out of range (%d)", v, i/8, limit)
		values = append(values, int32(v))
	}
	return x.Shape, values
}

// floats reads numbers.
func (f tensorFile) floats(name string, dims ...int) []float32 {
	x := f.tensor(name, dims)
	v, err := x.Float32()
	need(err == nil, f.path, name, "is %s: %v", x.DType, err)
	return v
}

// doubles widens numbers.
func doubles(xs []float32) []float64 {
	ys := make([]float64, len(xs))
	for i, x := range xs {
		ys[i] = float64(x)
	}
	return ys
}

// largest is the largest entry by size.
func largest(xs []float32) (m float64) {
	for _, x := range xs {
		m = math.Max(m, math.Abs(float64(x)))
	}
	return m
}
