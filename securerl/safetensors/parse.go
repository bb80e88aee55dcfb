package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// maxHeader is the longest header the reference library reads, in bytes.
const maxHeader = 100_000_000

// metadataKey is the one header entry that is no tensor.
const metadataKey = "__metadata__"

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrFormat}, args...)...)
}

// entry is one tensor of a header.
type entry struct {
	name       string
	dtype      string
	shape      []uint64
	begin, end uint64 // bytes, counted from the end of the header
}

// Parse checks the bytes of a whole file. The tensors point into data. It returns
// ErrFormat, with the place, if data is not valid.
func Parse(data []byte) (*File, error) {
	if len(data) < 8 {
		return nil, malformed("%d bytes, a file has at least 8", len(data))
	}
	n := binary.LittleEndian.Uint64(data)
	if n > maxHeader {
		return nil, malformed("header of %d bytes, the limit is %d", n, maxHeader)
	}
	if n > uint64(len(data)-8) {
		return nil, malformed("header of %d bytes in a file of %d", n, len(data))
	}
	header, body := data[8:8+n], data[8+n:]
	f := &File{tensors: map[string]Tensor{}}
	entries, err := f.readHeader(header)
	if err != nil {
		return nil, err
	}
	if err := f.place(entries, body); err != nil {
		return nil, err
	}
	return f, nil
}

// readHeader reads the JSON of a header. encoding/json alone is too lenient: it takes
// repeated keys, any letter case, null for a number and bytes that are not UTF-8.
func (f *File) readHeader(header []byte) ([]entry, error) {
	if len(header) == 0 || header[0] != '{' {
		return nil, malformed("the header must begin with '{'")
	}
	if !utf8.Valid(header) || !json.Valid(header) {
		return nil, malformed("the header is not JSON in UTF-8")
	}
	if half := halfPair(header); half != "" {
		return nil, malformed("the header holds %s, half of a surrogate pair", half)
	}
	var entries []entry
	err := object(header, func(key string, value json.RawMessage) (err error) {
		if key == metadataKey {
			f.metadata = map[string]string{}
			err = object(value, func(key string, value json.RawMessage) error {
				text, err := read[string](value)
				f.metadata[key] = text
				return err
			})
		} else {
			var e entry
			e, err = readEntry(key, value)
			entries = append(entries, e)
		}
		if err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
		return nil
	})
	return entries, err
}

// halfPair finds a \u escape of valid JSON that is one half of a surrogate pair
// without the other; encoding/json would quietly replace it.
func halfPair(text []byte) string {
	unit := func(at int) uint64 { // the code unit of an escape at this place, else 0
		if at+6 > len(text) || text[at] != '\\' || text[at+1] != 'u' {
			return 0
		}
		u, _ := strconv.ParseUint(string(text[at+2:at+6]), 16, 16)
		return u
	}
	for at := 0; at < len(text); at++ {
		if text[at] != '\\' {
			continue
		}
		switch u := unit(at); {
		case u>>10 == 0xD800>>10 && unit(at+6)>>10 == 0xDC00>>10:
			at += 11 // both escapes
		case u>>11 == 0xD800>>11:
			return string(text[at : at+6])
		default:
			at++ // the escaped character
		}
	}
	return ""
}

// object visits the fields of a JSON object and refuses a name that comes twice.
// The JSON is known to be well-formed.
func object(data []byte, visit func(key string, value json.RawMessage) error) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return malformed("%.20s is no object", data)
	}
	seen := map[string]bool{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return malformed("%w", err)
		}
		name := key.(string)
		if seen[name] {
			return malformed("%q stands twice", name)
		}
		seen[name] = true
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return malformed("%w", err)
		}
		if err := visit(name, value); err != nil {
			return err
		}
	}
	return nil
}

// read decodes a JSON value that is not null.
func read[T any](data json.RawMessage) (T, error) {
	var value *T
	if err := json.Unmarshal(data, &value); err != nil || value == nil {
		return *new(T), malformed("%.40s is not what belongs here", data)
	}
	return *value, nil
}

// readList decodes a JSON array of whole numbers >= 0.
func readList(data json.RawMessage) ([]uint64, error) {
	list, err := read[[]*uint64](data)
	if err != nil {
		return nil, err
	}
	out := make([]uint64, len(list))
	for i, x := range list {
		if x == nil {
			return nil, malformed("null is no number")
		}
		out[i] = *x
	}
	return out, nil
}

func readEntry(name string, value json.RawMessage) (entry, error) {
	e := entry{name: name}
	var offsets []uint64
	fields := 0
	err := object(value, func(key string, value json.RawMessage) (err error) {
		fields++
		switch key {
		case "dtype":
			e.dtype, err = read[string](value)
		case "shape":
			e.shape, err = readList(value)
		case "data_offsets":
			offsets, err = readList(value)
		default:
			err = malformed("unknown field %q", key)
		}
		return err
	})
	if err != nil {
		return e, err
	}
	if fields != 3 || len(offsets) != 2 {
		return e, malformed("a tensor needs dtype, shape and two data_offsets")
	}
	e.begin, e.end = offsets[0], offsets[1]
	want, err := size(e.dtype, e.shape)
	if err == nil && (e.end < e.begin || e.end-e.begin != want) {
		err = malformed("%s of shape %v needs %d bytes, data_offsets are %v", e.dtype, e.shape, want, offsets)
	}
	return e, err
}

// place lays the tensors over the data: they must cover it, in order, without gaps.
func (f *File) place(entries []entry, body []byte) error {
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end), cmp.Compare(a.name, b.name))
	})
	at := uint64(0)
	for _, e := range entries {
		if e.begin != at {
			return malformed("%q begins at byte %d of the data, the tensor before it ends at %d", e.name, e.begin, at)
		}
		if e.end > uint64(len(body)) {
			return malformed("%q ends at byte %d of %d bytes of data", e.name, e.end, len(body))
		}
		at = e.end
		t := Tensor{DType: e.dtype, Shape: make([]int, len(e.shape)), Data: body[e.begin:e.end:e.end]}
		for i, dim := range e.shape {
			t.Shape[i] = int(dim)
		}
		f.names = append(f.names, e.name)
		f.tensors[e.name] = t
	}
	if at != uint64(len(body)) {
		return malformed("tensors cover %d of %d bytes of data", at, len(body))
	}
	return nil
}
