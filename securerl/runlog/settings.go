package runlog

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// ErrSettings reports settings that are not understood or out of range.
var ErrSettings = errors.New("settings")

// Decode reads TOML over the values already in dst, a pointer to a struct. It is
// strict: all unknown keys and wrong types are reported together, each as
// "file:line: key: what"; if dst has a Validate method its faults are added. Errors
// wrap ErrSettings.
func Decode(name string, text []byte, dst any) error {
	d := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields()
	if err := d.Decode(dst); err != nil {
		return fmt.Errorf("%w: %s", ErrSettings, describe(name, err))
	}
	if v, ok := dst.(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrSettings, name, err)
		}
	}
	return nil
}

// describe puts a decoder's errors into lines of file, line and key.
func describe(name string, err error) string {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) {
		var list []string
		for _, e := range strict.Errors {
			row, _ := e.Position()
			list = append(list, fmt.Sprintf("%s:%d: %s: unknown key", name, row, strings.Join(e.Key(), ".")))
		}
		return strings.Join(list, "; ")
	}
	var one *toml.DecodeError
	if errors.As(err, &one) {
		row, _ := one.Position()
		key := strings.Join(one.Key(), ".")
		if key != "" {
			key += ": "
		}
		return fmt.Sprintf("%s:%d: %s%s", name, row, key, strings.TrimPrefix(one.Error(), "toml: "))
	}
	return name + ": " + strings.TrimPrefix(err.Error(), "toml: ")
}

// Encode writes settings as TOML, from which Decode restores them.
func Encode(settings any) ([]byte, error) {
	b, err := toml.Marshal(settings)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrSettings, err)
	}
	return b, nil
}
