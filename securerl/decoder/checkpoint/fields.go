package checkpoint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"securecoderl/securerl/decoder"
)

// fields is a JSON object that is read strictly: what nobody asked for is an error.
type fields struct {
	raw    map[string]json.RawMessage
	faults []string
}

func parseFields(b []byte) (*fields, error) {
	f := &fields{}
	if err := json.Unmarshal(b, &f.raw); err != nil {
		return nil, fmt.Errorf("%w: %v", decoder.ErrConfig, err)
	}
	if f.raw == nil {
		return nil, fmt.Errorf("%w: null is no object", decoder.ErrConfig)
	}
	return f, nil
}

// has tells whether a field is there and not null.
func (f *fields) has(name string) bool {
	raw, ok := f.raw[name]
	return ok && string(raw) != "null"
}

// take reads a field and strikes it off; absent or null, it is otherwise.
func take[T any](f *fields, name string, otherwise T) T {
	if !f.has(name) {
		delete(f.raw, name)
		return otherwise
	}
	value := otherwise
	if err := json.Unmarshal(f.raw[name], &value); err != nil {
		f.fault("%s: %.60s is not what belongs here", name, f.raw[name])
	}
	delete(f.raw, name)
	return value
}

// need reads a field that has no default.
func need[T any](f *fields, name string) (value T) {
	if !f.has(name) {
		f.fault("%s is missing", name)
	}
	return take(f, name, value)
}

// only refuses a field that is there with another value than the one supported.
func only[T comparable](f *fields, name string, supported T) {
	if got := take(f, name, supported); got != supported {
		f.fault("%s %v is not supported (only %v)", name, got, supported)
	}
}

// ignore strikes off fields that do not change what is computed.
func (f *fields) ignore(names ...string) {
	for _, name := range names {
		delete(f.raw, name)
	}
}

func (f *fields) fault(format string, args ...any) {
	f.faults = append(f.faults, fmt.Sprintf(format, args...))
}

// numbers reads a number or a list of numbers.
func numbers(f *fields, name string) []int32 {
	if f.has(name) && f.raw[name][0] != '[' {
		return []int32{take(f, name, int32(0))}
	}
	return take(f, name, []int32(nil))
}

// end reports all faults, with the fields that nobody asked for. Errors wrap
// decoder.ErrConfig.
func (f *fields) end() error {
	var unknown []string
	for name, value := range f.raw {
		if string(value) != "null" {
			unknown = append(unknown, fmt.Sprintf("%.80s", name))
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		f.fault("unknown fields that may change the mathematics: %s", strings.Join(unknown, ", "))
	}
	if len(f.faults) > 0 {
		return fmt.Errorf("%w: %s", decoder.ErrConfig, strings.Join(f.faults, "; "))
	}
	return nil
}

// pair is one field of an object to be written.
type pair struct {
	name  string
	value any
}

// object writes fields in their order, indented by two spaces.
func object(pairs []pair) ([]byte, error) {
	var b bytes.Buffer
	for i, p := range pairs {
		value, err := json.Marshal(p.value)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", decoder.ErrConfig, p.name, err)
		}
		fmt.Fprintf(&b, "%c%q:%s", "{,"[min(i, 1)], p.name, value)
	}
	b.WriteByte('}')
	var indented bytes.Buffer
	err := json.Indent(&indented, b.Bytes(), "", "  ")
	return indented.Bytes(), err
}
