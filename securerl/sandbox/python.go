package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ErrPython reports a missing or unfit interpreter.
var ErrPython = errors.New("sandbox: Python")

// interpreter is what Go knows of the Python that runs the programs.
type interpreter struct {
	Path    string
	Version [3]int
	Base    string   // where its standard library lies
	Paths   []string // its import path
	Site    []string // its site-packages
}

func (p interpreter) version() string {
	return fmt.Sprintf("%d.%d.%d", p.Version[0], p.Version[1], p.Version[2])
}

// FindPython returns the interpreter to use: $SECURERL_PYTHON, else .venv/bin/python
// in the working directory or above it, else python3 of the search path.
func FindPython() (string, error) {
	if p := os.Getenv("SECURERL_PYTHON"); p != "" {
		return p, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("%w: %v", ErrPython, err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if p := filepath.Join(dir, ".venv", "bin", "python"); executable(p) {
			return p, nil
		}
		if filepath.Dir(dir) == dir {
			break
		}
	}
	p, err := exec.LookPath("python3")
	if err != nil {
		return "", fmt.Errorf("%w: none found; run make setup, or set SECURERL_PYTHON", ErrPython)
	}
	return p, nil
}

func executable(path string) bool {
	s, err := os.Stat(path)
	return err == nil && s.Mode()&0o111 != 0
}

// describe is asked of the interpreter once, before any sandbox.
const describe = `import json, sys, sysconfig
p = sysconfig.get_paths()
print(json.dumps({"Version": list(sys.version_info[:3]), "Base": sys.base_prefix,
    "Paths": [x for x in sys.path if x and "site-packages" not in x], "Site": sorted({p["purelib"], p["platlib"]})}))`

// inspect asks an interpreter about itself. Python 3.11 is the least: Bandit's
// dependencies need it.
func inspect(ctx context.Context, path string) (interpreter, error) {
	p := interpreter{Path: path}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-I", "-c", describe)
	out, err := cmd.Output()
	if err != nil {
		return p, fmt.Errorf("%w: %s does not run: %v", ErrPython, path, err)
	}
	if err := json.Unmarshal(out, &p); err != nil {
		return p, fmt.Errorf("%w: %s answers %q", ErrPython, path, strings.TrimSpace(string(out)))
	}
	if p.Version[0] != 3 || p.Version[1] < 11 {
		return p, fmt.Errorf("%w: %s is version %s; 3.11 or newer is needed", ErrPython, path, p.version())
	}
	return p, nil
}

// readable lists the folders that a confined interpreter must see beside /usr.
func (p interpreter) readable(extra []string) []string {
	list := []string{} // not nil: it travels as JSON
	for _, path := range append([]string{p.Base}, extra...) {
		if real, err := filepath.EvalSymlinks(path); err == nil && !strings.HasPrefix(real+"/", "/usr/") {
			list = append(list, path)
			if real != path {
				list = append(list, real)
			}
		}
	}
	return list
}
