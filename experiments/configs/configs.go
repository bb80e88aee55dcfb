// Package configs holds the settings files of the experiments. Each is a strict
// overlay over train.Default: a key that no setting knows is an error. Each says
// what it is for (about) and where its numbers come from (source).
package configs

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed *.toml
var files embed.FS

// Read returns the text of a preset such as "quick". An unknown name is an error
// that lists the known ones.
func Read(name string) ([]byte, error) {
	b, err := files.ReadFile(name + ".toml")
	if err != nil {
		return nil, fmt.Errorf("configs: no preset %q; there are: %s", name, strings.Join(Names(), ", "))
	}
	return b, nil
}

// Names lists the presets in alphabetical order.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // an embedded folder can always be read
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".toml")
	}
	return names
}
