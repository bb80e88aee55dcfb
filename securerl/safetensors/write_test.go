package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/securerl/safetensors"
)

func TestWriteRefuses(t *testing.T) {
	good := safetensors.Tensor{DType: "U8", Shape: []int{1}, Data: []byte{1}}
	for name, list := range map[string][]safetensors.NamedTensor{
		"twice":    {{"a", good}, {"a", good}},
		"reserved": {{"__metadata__", good}},
		"empty":    {{"", good}},
		"UTF-8":    {{"\xff", good}},
		"needs 2":  {{"a", safetensors.Tensor{DType: "U8", Shape: []int{2}, Data: []byte{1}}}},
		"shape":    {{"a", safetensors.Tensor{DType: "U8", Shape: []int{-1}}}},
		"unknown":  {{"a", safetensors.Tensor{DType: "u8", Shape: []int{1}, Data: []byte{1}}}},
	} {
		var out bytes.Buffer
		err := safetensors.Write(&out, list, nil)
		assert.ErrorIs(t, err, safetensors.ErrFormat, name)
		assert.ErrorContains(t, err, name)
		assert.Zero(t, out.Len(), name)
	}
	assert.ErrorIs(t, safetensors.Write(&bytes.Buffer{}, nil, map[string]string{"a": "\xff"}), safetensors.ErrFormat)
	for limit := range 3 {
		assert.ErrorIs(t, safetensors.Write(&short{limit}, []safetensors.NamedTensor{{"a", good}}, nil), errFull)
	}
}

var errFull = errors.New("disk full")

// short accepts a few writes and then fails.
type short struct{ writes int }

func (s *short) Write(p []byte) (int, error) {
	if s.writes--; s.writes < 0 || len(p) == 1 {
		return 0, errFull
	}
	return len(p), nil
}

// checkWrite writes what a file holds and reads it back.
func checkWrite(t require.TestingT, f *safetensors.File) {
	var list []safetensors.NamedTensor
	for _, name := range f.Names() {
		x, err := f.Tensor(name)
		require.NoError(t, err)
		list = append(list, safetensors.NamedTensor{Name: name, Tensor: x})
	}
	if slices.ContainsFunc(list, func(x safetensors.NamedTensor) bool { return x.Name == "" }) {
		return // readable, but not written
	}
	var out bytes.Buffer
	require.NoError(t, safetensors.Write(&out, list, f.Metadata()))
	again, err := safetensors.Parse(out.Bytes())
	require.NoError(t, err)
	require.Equal(t, f.Metadata(), again.Metadata())
	require.ElementsMatch(t, f.Names(), again.Names())
	at := 8 + int(binary.LittleEndian.Uint64(out.Bytes()))
	require.Zero(t, at%8)
	for _, name := range again.Names() {
		x, _ := f.Tensor(name)
		y, _ := again.Tensor(name)
		require.True(t, x.DType == y.DType && slices.Equal(x.Shape, y.Shape) && bytes.Equal(x.Data, y.Data), name)
		if width, _ := safetensors.Bits(y.DType); width >= 8 {
			require.Zero(t, at%(width/8), "%s is aligned", name)
		}
		at += len(y.Data)
	}
}

func TestWriteAndReadBack(t *testing.T) {
	for _, a := range answers(t).Valid {
		f, err := safetensors.Open(data + a.File)
		require.NoError(t, err)
		checkWrite(t, f)
		require.NoError(t, f.Close())
	}
	dtypes := []string{"BOOL", "U8", "I8", "U16", "I16", "F16", "BF16", "U32", "I32", "F32", "U64", "I64", "F64", "C64", "F8_E4M3"}
	rapid.Check(t, func(t *rapid.T) {
		var list []safetensors.NamedTensor
		for _, name := range rapid.SliceOfDistinct(rapid.StringN(1, 10, -1), rapid.ID[string]).Draw(t, "names") {
			dtype := rapid.SampledFrom(dtypes).Draw(t, "dtype")
			shape := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 3).Draw(t, "shape")
			width, _ := safetensors.Bits(dtype)
			n := width / 8
			for _, dim := range shape {
				n *= dim
			}
			list = append(list, safetensors.NamedTensor{Name: name, Tensor: safetensors.Tensor{DType: dtype, Shape: shape, Data: rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "data")}})
		}
		var out bytes.Buffer
		require.NoError(t, safetensors.Write(&out, list, rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "metadata")))
		f, err := safetensors.Parse(out.Bytes())
		require.NoError(t, err)
		checkWrite(t, f)
	})
}
