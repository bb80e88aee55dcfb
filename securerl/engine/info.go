package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
)

// Info says what computes: it goes into every run's manifest, since results differ
// in their last bits between plugins and between SIMD and plain builds.
type Info struct {
	Backend       string `json:"backend"` // go, xla:cpu or xla:cuda
	Device        string `json:"device"`
	Plugin        string `json:"plugin,omitempty"`         // wheel of the XLA plugin
	PluginVersion string `json:"plugin_version,omitempty"` // its version
	Note          string `json:"note"`                     // what was chosen and why
	GOAMD64       string `json:"goamd64,omitempty"`
	SIMD          bool   `json:"simd"`                // built with GOEXPERIMENT=simd
	XLAFlags      string `json:"xla_flags,omitempty"` // with paths of the machine left out
	Devices       int    `json:"devices"`             // in use; the work of functions that are spread is shared among them
	GoMLX         string `json:"gomlx,omitempty"`     // version of the module
	GoXLA         string `json:"go_xla,omitempty"`    // version of the module
}

// where names the backend, and its devices if there are several.
func (i *Info) where() string {
	if i.Devices > 1 {
		return fmt.Sprintf("%s, %d devices", i.Backend, i.Devices)
	}
	return i.Backend
}

func (i *Info) complete(backend string) {
	i.Backend = backend
	i.XLAFlags = withoutPaths(os.Getenv("XLA_FLAGS"))
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, m := range build.Deps {
			switch m.Path {
			case "github.com/gomlx/gomlx":
				i.GoMLX = m.Version
			case "github.com/gomlx/go-xla":
				i.GoXLA = m.Version
			}
		}
		for _, s := range build.Settings {
			switch s.Key {
			case "GOAMD64":
				i.GOAMD64 = s.Value
			case "GOEXPERIMENT":
				i.SIMD = runtime.GOARCH == "amd64" && strings.Contains(s.Value, "simd")
			}
		}
	}
}

// withoutPaths leaves the values out that are paths: they say where a machine keeps its
// files, not what it computes.
func withoutPaths(flags string) string {
	list := strings.Fields(flags)
	for i, f := range list {
		if name, value, ok := strings.Cut(f, "="); ok && strings.Contains(value, "/") {
			list[i] = name + "=PATH"
		}
	}
	return strings.Join(list, " ")
}

// wheelOf finds the wheel that a plugin file belongs to: the package folder's name
// and the version in the dist-info folder beside it.
func wheelOf(plugin string) (name, version string) {
	real, err := filepath.EvalSymlinks(plugin)
	if err != nil {
		return "", ""
	}
	folder := filepath.Dir(real)
	for dir := folder; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		prefix := strings.ReplaceAll(filepath.Base(dir), "-", "_")
		found, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), prefix+"-*.dist-info"))
		if len(found) == 1 {
			name, version, _ := strings.Cut(strings.TrimSuffix(filepath.Base(found[0]), ".dist-info"), "-")
			return strings.ReplaceAll(name, "_", "-"), version
		}
	}
	return "", ""
}
