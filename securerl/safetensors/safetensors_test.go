package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/safetensors"
)

const data = "../../testdata/safetensors/"

func Example() {
	w, err := safetensors.FromFloat32("BF16", []int{2, 2}, []float32{1, 2, 3, 0.1})
	if err != nil {
		panic(err)
	}
	var file bytes.Buffer
	if err := safetensors.Write(&file, []safetensors.NamedTensor{{Name: "w", Tensor: w}}, map[string]string{"format": "pt"}); err != nil {
		panic(err)
	}
	f, err := safetensors.Parse(file.Bytes())
	if err != nil {
		panic(err)
	}
	t, _ := f.Tensor("w")
	values, _ := t.Float32()
	fmt.Println(f.Names(), t.DType, t.Shape, values, f.Metadata())
	_, err = safetensors.Parse(file.Bytes()[:file.Len()-1])
	fmt.Println(err)
	// Output:
	// [w] BF16 [2 2] [1 2 3 0.100097656] map[format:pt]
	// safetensors: malformed: "w" ends at byte 8 of 7 bytes of data
}

// answer is what the reference library says about a file.
type answer struct {
	File     string
	Fair     []string `json:"fair_answers"`
	Metadata map[string]string
	Tensors  map[string]struct {
		DType  string
		Shape  []int
		Values []any
	}
}

func answers(t testing.TB) (all struct{ Valid, Broken []answer }) {
	text, err := os.ReadFile(data + "answers.json")
	require.NoError(t, err)
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber() // int64 does not fit a float64
	require.NoError(t, dec.Decode(&all))
	require.NotEmpty(t, all.Valid)
	require.NotEmpty(t, all.Broken)
	return all
}

// torch names the dtypes as the answers do.
var torch = map[string]string{"F32": "float32", "F16": "float16", "BF16": "bfloat16", "F64": "float64", "I64": "int64", "I32": "int32",
	"I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"}

// values reads a tensor and writes its elements as the answers do.
func values(t *testing.T, x safetensors.Tensor) []string {
	out := []string{}
	add := func(v any) { out = append(out, fmt.Sprint(v)) }
	raw := func(width int, visit func(b []byte)) {
		for b := range slices.Chunk(x.Data, width) {
			visit(b)
		}
	}
	le := binary.LittleEndian
	switch x.DType {
	case "I64":
		raw(8, func(b []byte) { add(int64(le.Uint64(b))) })
	case "I32":
		raw(4, func(b []byte) { add(int32(le.Uint32(b))) })
	case "I16":
		raw(2, func(b []byte) { add(int16(le.Uint16(b))) })
	case "I8":
		raw(1, func(b []byte) { add(int8(b[0])) })
	case "U8":
		raw(1, func(b []byte) { add(b[0]) })
	case "BOOL":
		raw(1, func(b []byte) { add(b[0] == 1) })
	case "F64":
		raw(8, func(b []byte) { add(math.Float64frombits(le.Uint64(b))) })
	default:
		floats, err := x.Float32()
		require.NoError(t, err)
		for _, v := range floats {
			add(float64(v))
		}
	}
	return out
}

// want writes an element of an answer in the same form.
func want(t *testing.T, v any, dtype string) string {
	switch v := v.(type) {
	case bool:
		return fmt.Sprint(v)
	case string: // "nan", "inf", "-inf"
		f, err := strconv.ParseFloat(v, 64)
		require.NoError(t, err)
		return fmt.Sprint(f)
	}
	if text := v.(json.Number).String(); !strings.Contains(dtype, "float") {
		return text
	}
	f, err := v.(json.Number).Float64()
	require.NoError(t, err)
	return fmt.Sprint(f)
}

func TestValidFiles(t *testing.T) {
	for _, a := range answers(t).Valid {
		t.Run(filepath.Base(a.File), func(t *testing.T) {
			f, err := safetensors.Open(data + a.File)
			require.NoError(t, err)
			assert.Equal(t, a.Metadata, f.Metadata())
			assert.Len(t, f.Names(), len(a.Tensors))
			for _, name := range f.Names() {
				x, err := f.Tensor(name)
				require.NoError(t, err)
				expected := a.Tensors[name]
				assert.Equal(t, expected.DType, torch[x.DType], name)
				assert.Equal(t, expected.Shape, x.Shape, name)
				list := []string{}
				for _, v := range expected.Values {
					list = append(list, want(t, v, expected.DType))
				}
				assert.Equal(t, list, values(t, x), name)
			}
			_, err = f.Tensor("no such name")
			assert.ErrorIs(t, err, safetensors.ErrName)
			require.NoError(t, f.Close())
			require.NoError(t, f.Close(), "closing twice is harmless")
			assert.Empty(t, f.Names())
		})
	}
}

// Every broken file is refused, those too that the library lets through.
func TestBrokenFiles(t *testing.T) {
	for _, a := range answers(t).Broken {
		f, err := safetensors.Open(data + a.File)
		assert.ErrorIs(t, err, safetensors.ErrFormat, a.File)
		assert.ErrorContains(t, err, a.File)
		assert.Nil(t, f, a.File)
		assert.Contains(t, a.Fair, "reject", a.File)
	}
	_, err := safetensors.Open(data + "none")
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func file(header string, body int) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(out, header...), make([]byte, body)...)
}

func TestMoreBrokenHeaders(t *testing.T) {
	for _, c := range []struct {
		header  string
		body    int
		message string
	}{
		{``, 8, "begin with"},
		{`{}{}`, 0, "not JSON"},
		{`{}` + "\x00", 0, "not JSON"},
		{`{"x":null}`, 0, "no object"},
		{`{"x":[]}`, 0, "no object"},
		{`{"x":{"dtype":"F32","shape":null,"data_offsets":[0,4]}}`, 4, "null"},
		{`{"x":{"dtype":"F32","shape":[null],"data_offsets":[0,4]}}`, 4, "null"},
		{`{"x":{"dtype":null,"shape":[],"data_offsets":[0,4]}}`, 4, "null"},
		{`{"x":{"DType":"F32","shape":[],"data_offsets":[0,4]}}`, 4, "DType"},
		{`{"x":{"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]}}`, 4, "twice"},
		{`{"x":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}}`, 4, "belongs"},
		{`{"x":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}`, 4, "belongs"},
		{`{"x":{"dtype":"F32","shape":[],"data_offsets":[0,4,8]}}`, 4, "two data_offsets"},
		{`{"x":{"dtype":"F32","shape":[9223372036854775808,2],"data_offsets":[0,0]}}`, 0, "overflows"},
		{`{"x":{"dtype":"F32","shape":[9223372036854775808,4,0],"data_offsets":[0,0]}}`, 0, "overflows"},
		{`{"x":{"dtype":"F32","shape":[0,9223372036854775808],"data_offsets":[0,0]}}`, 0, "overflows"},
		{`{"x":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}`, 2, "whole bytes"},
		{`{"x":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}`, 8, "begins at byte 4"},
		{`{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"e":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}}`, 8, `"e" begins`},
		{`{"\ud83d":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}`, 4, "half"},
		{`{"__metadata__":{"a":"\\ud83d \ude00"}}`, 0, "half"},
		{`{"__metadata__":{"a":"1","a":"2"}}`, 0, "twice"},
		{`{"__metadata__":{"a":null}}`, 0, "null"},
		{`{"__metadata__":{},"__metadata__":{}}`, 0, "twice"},
		{`{"x":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, 0, "JSON"},
	} {
		_, err := safetensors.Parse(file(c.header, c.body))
		assert.ErrorIs(t, err, safetensors.ErrFormat, c.header)
		assert.ErrorContains(t, err, c.message, c.header)
	}
}

func TestNarrowWidths(t *testing.T) {
	f, err := safetensors.Parse(file(`{"x":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3]},"y":{"dtype":"F4","shape":[2],"data_offsets":[3,4]}}`, 4))
	require.NoError(t, err)
	x, err := f.Tensor("x")
	require.NoError(t, err)
	_, err = x.Float32()
	assert.ErrorIs(t, err, safetensors.ErrType)
	n, ok := safetensors.Bits("F6_E2M3")
	assert.True(t, ok)
	assert.Equal(t, 6, n)
	_, ok = safetensors.Bits("f32")
	assert.False(t, ok)
}

// The stored F16 and BF16 were rounded by PyTorch from the stored F64.
func TestRoundingIsPyTorchs(t *testing.T) {
	f, err := safetensors.Open(data + "valid/special_floats.safetensors")
	require.NoError(t, err)
	defer f.Close()
	wide, err := f.Tensor("F32")
	require.NoError(t, err)
	floats, err := wide.Float32()
	require.NoError(t, err)
	for _, dtype := range []string{"F32", "F16", "BF16"} {
		stored, err := f.Tensor(dtype)
		require.NoError(t, err)
		ours, err := safetensors.FromFloat32(dtype, []int{12}, floats)
		require.NoError(t, err)
		assert.Equal(t, values(t, stored), values(t, ours), dtype)
	}
}

// Every finite F16 and BF16 comes back from float32; between two neighbours the
// nearer wins and the even one at half way.
func TestRoundingToNearestEven(t *testing.T) {
	for _, dtype := range []string{"F16", "BF16"} {
		for code := range 1 << 15 {
			at := func(code int) float32 {
				x := safetensors.Tensor{DType: dtype, Shape: []int{1}, Data: binary.LittleEndian.AppendUint16(nil, uint16(code))}
				v, err := x.Float32()
				require.NoError(t, err)
				return v[0]
			}
			low, high := at(code), at(code+1)
			if high != high || math.IsInf(float64(high), 0) || code+1 == 1<<15 {
				break
			}
			middle := float32((float64(low) + float64(high)) / 2)
			x, err := safetensors.FromFloat32(dtype, []int{4}, []float32{low, middle, math.Nextafter32(middle, high), -low})
			require.NoError(t, err)
			even := uint16(code + code&1)
			got := []uint16{}
			for b := range slices.Chunk(x.Data, 2) {
				got = append(got, binary.LittleEndian.Uint16(b))
			}
			if float64(middle) == (float64(low)+float64(high))/2 { // BF16 subnormals have no middle
				require.Equal(t, []uint16{uint16(code), even, uint16(code + 1), uint16(code) | 1<<15}, got, "%s %x", dtype, code)
			}
		}
	}
	_, err := safetensors.FromFloat32("I8", []int{1}, []float32{1})
	assert.ErrorIs(t, err, safetensors.ErrType)
	_, err = safetensors.FromFloat32("F32", []int{2}, []float32{1})
	assert.ErrorIs(t, err, safetensors.ErrFormat)
}

func FuzzParse(f *testing.F) {
	for _, folder := range []string{"valid", "broken"} {
		paths, err := filepath.Glob(data + folder + "/*.safetensors")
		require.NoError(f, err)
		require.NotEmpty(f, paths)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			require.NoError(f, err)
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := safetensors.Parse(text)
		if err != nil {
			assert.ErrorIs(t, err, safetensors.ErrFormat)
			return
		}
		for _, name := range file.Names() {
			x, err := file.Tensor(name)
			require.NoError(t, err)
			_, _ = x.Float32()
		}
		checkWrite(t, file)
	})
}

func BenchmarkFloat32(b *testing.B) {
	for _, dtype := range []string{"F32", "BF16", "F16"} {
		x, err := safetensors.FromFloat32(dtype, []int{1 << 16}, make([]float32, 1<<16))
		require.NoError(b, err)
		b.Run(dtype, func(b *testing.B) {
			b.SetBytes(int64(len(x.Data)))
			for b.Loop() {
				_, _ = x.Float32()
			}
		})
	}
}
