package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Write writes a file with metadata (nil for none). Tensors with wide elements come
// first, so that all are aligned, else in the given order; equal arguments give equal
// bytes. It returns ErrFormat, and writes nothing, if a tensor is not consistent or
// a name is empty, repeated or not UTF-8.
func Write(w io.Writer, tensors []NamedTensor, metadata map[string]string) error {
	sorted := slices.Clone(tensors)
	slices.SortStableFunc(sorted, func(a, b NamedTensor) int { return cmp.Compare(width[b.DType], width[a.DType]) })
	header, err := header(sorted, metadata)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	for _, t := range sorted {
		if _, err := w.Write(t.Data); err != nil {
			return fmt.Errorf("safetensors: %q: %w", t.Name, err)
		}
	}
	return nil
}

// header returns everything before the data.
func header(tensors []NamedTensor, metadata map[string]string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("\x00\x00\x00\x00\x00\x00\x00\x00{")
	if metadata != nil {
		b.WriteString(`"` + metadataKey + `":{`)
		for i, key := range slices.Sorted(maps.Keys(metadata)) {
			if err := checkText(key); err != nil {
				return nil, err
			}
			if err := checkText(metadata[key]); err != nil {
				return nil, err
			}
			fmt.Fprintf(&b, "%s%s:%s", comma(i == 0), quote(key), quote(metadata[key]))
		}
		b.WriteByte('}')
	}
	seen := map[string]bool{"": true, metadataKey: true}
	at := 0
	for i, t := range tensors {
		if seen[t.Name] {
			return nil, malformed("the name %q is empty, reserved or used twice", t.Name)
		}
		seen[t.Name] = true
		if err := checkText(t.Name); err != nil {
			return nil, err
		}
		if err := t.check(); err != nil {
			return nil, fmt.Errorf("%q: %w", t.Name, err)
		}
		dims := strings.Join(strings.Fields(fmt.Sprint(t.Shape)), ",")
		fmt.Fprintf(&b, "%s%s:{\"dtype\":%s,\"shape\":%s,\"data_offsets\":[%d,%d]}",
			comma(i == 0 && metadata == nil), quote(t.Name), quote(t.DType), dims, at, at+len(t.Data))
		at += len(t.Data)
	}
	b.WriteByte('}')
	b.WriteString(strings.Repeat(" ", -b.Len()&7)) // the data begin on a multiple of 8
	if b.Len()-8 > maxHeader {
		return nil, malformed("header of %d bytes, the limit is %d", b.Len()-8, maxHeader)
	}
	binary.LittleEndian.PutUint64(b.Bytes(), uint64(b.Len()-8))
	return b.Bytes(), nil
}

// check tells whether dtype, shape and data belong together.
func (t Tensor) check() error {
	dims := make([]uint64, len(t.Shape))
	for i, dim := range t.Shape {
		if dim < 0 {
			return malformed("shape %v", t.Shape)
		}
		dims[i] = uint64(dim)
	}
	want, err := size(t.DType, dims)
	if err == nil && want != uint64(len(t.Data)) {
		err = malformed("%s of shape %v needs %d bytes, got %d", t.DType, t.Shape, want, len(t.Data))
	}
	return err
}

func checkText(s string) error {
	if !utf8.ValidString(s) {
		return malformed("%q is not UTF-8", s)
	}
	return nil
}

func comma(first bool) string {
	if first {
		return ""
	}
	return ","
}

// quote writes a JSON string without escaping <, > and &.
func quote(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}
