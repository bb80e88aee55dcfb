package golden

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"securecoderl/securerl/safetensors"
)

// container is what the reference library says about a file.
type container struct {
	File     string
	Fair     []string `json:"fair_answers"`
	Metadata map[string]string
	Tensors  map[string]stored
}

type stored struct {
	DType  string
	Shape  []int
	Values []value
}

// value is an element as the answers write it, in digits: int64 does not fit a float64.
type value string

func (v *value) UnmarshalJSON(b []byte) error {
	*v = value(strings.Trim(string(b), `"`))
	return nil
}

// torch names the dtypes as the answers do.
var torch = map[string]string{"F32": "float32", "F16": "float16", "BF16": "bfloat16", "F64": "float64", "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
	"U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"}

// containers compares valid files value by value, and whether broken ones are refused.
func (p *part) containers() {
	path := p.path()
	var all struct{ Valid, Broken []container }
	p.json(path, &all)
	need(len(all.Valid) > 0 && len(all.Broken) > 0, path, "valid", "or broken is missing")
	for i, c := range append(all.Valid, all.Broken...) {
		need(c.File != "" && filepath.IsLocal(c.File), path, "file", "is %q in entry %d", c.File, i)
	}
	for _, c := range all.Valid {
		f, err := safetensors.Open(filepath.Join(filepath.Dir(path), c.File))
		p.equal("valid files that are read", err == nil, "%s: %v", c.File, err)
		if err == nil {
			p.contents(f, c)
			p.closing(f.Close())
		}
	}
	for _, c := range all.Broken {
		f, err := safetensors.Open(filepath.Join(filepath.Dir(path), c.File))
		said := "reject"
		if err == nil {
			said = "accept"
			p.closing(f.Close())
		}
		p.equal("answers to broken files", slices.Contains(c.Fair, said), "%s: %s, not one of %v (%v)", c.File, said, c.Fair, err)
	}
}

func (p *part) contents(f *safetensors.File, c container) {
	p.equal("metadata", maps.Equal(f.Metadata(), c.Metadata), "%s: %v, not %v", c.File, f.Metadata(), c.Metadata)
	p.equal("names of tensors", slices.Equal(slices.Sorted(slices.Values(f.Names())), slices.Sorted(maps.Keys(c.Tensors))), "%s: %v", c.File, f.Names())
	for name, want := range c.Tensors {
		x, err := f.Tensor(name)
		if err != nil {
			continue // counted above
		}
		p.equal("dtypes and shapes", torch[x.DType] == want.DType && slices.Equal(x.Shape, want.Shape), "%s, %q: %s %v, not %s %v", c.File, name, x.DType, x.Shape, want.DType, want.Shape)
		got, err := elements(x)
		if err != nil {
			p.equal("values", false, "%s, %q: %v", c.File, name, err)
			continue
		}
		same := len(got) == len(want.Values)
		for i := 0; same && i < len(got); i++ {
			same = sameValue(got[i], string(want.Values[i]), want.DType)
		}
		p.equal("values", same, "%s, %q: %.80v, not %.80v", c.File, name, got, want.Values)
	}
}

// sameValue compares two elements as they are written.
func sameValue(got, want, dtype string) bool {
	if got == want || !strings.Contains(dtype, "float") {
		return got == want
	}
	a, err1 := strconv.ParseFloat(got, 64)
	b, err2 := strconv.ParseFloat(want, 64)
	return err1 == nil && err2 == nil && (a == b && math.Signbit(a) == math.Signbit(b) || math.IsNaN(a) && math.IsNaN(b))
}

// elements writes the elements of a tensor.
func elements(x safetensors.Tensor) (out []string, err error) {
	le := binary.LittleEndian
	read := map[string]func(b []byte) any{
		"I64": func(b []byte) any { return int64(le.Uint64(b)) }, "I32": func(b []byte) any { return int32(le.Uint32(b)) }, "I16": func(b []byte) any { return int16(le.Uint16(b)) },
		"I8": func(b []byte) any { return int8(b[0]) }, "U64": func(b []byte) any { return le.Uint64(b) }, "U32": func(b []byte) any { return le.Uint32(b) },
		"U16": func(b []byte) any { return le.Uint16(b) }, "U8": func(b []byte) any { return b[0] }, "BOOL": func(b []byte) any { return b[0] == 1 },
		"F64": func(b []byte) any { return math.Float64frombits(le.Uint64(b)) },
	}[x.DType]
	if read == nil {
		floats, err := x.Float32()
		for _, v := range floats {
			out = append(out, fmt.Sprint(float64(v)))
		}
		return out, err
	}
	bits, _ := safetensors.Bits(x.DType)
	for b := range slices.Chunk(x.Data, bits/8) {
		out = append(out, fmt.Sprint(read(b)))
	}
	return out, nil
}
