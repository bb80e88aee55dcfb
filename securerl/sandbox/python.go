package sandbox

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrPython reports a missing or unfit interpreter.
var ErrPython = errors.New("sandbox: Python")

// interpreter is what Go knows of the Python that runs the programs.
type interpreter struct {
	Path       string
	Version    [3]int
	Base       string   // where its standard library lies
	Executable string   // of the base, behind a virtual environment
	Library    string   // folder of a shared libpython; empty = built in
	Paths      []string // its import path
	Site       []string // its site-packages
}

func (p interpreter) version() string {
	return fmt.Sprintf("%d.%d.%d", p.Version[0], p.Version[1], p.Version[2])
}

// minor tells whether compiled packages of q can be imported by p.
func (p interpreter) minor(q interpreter) bool {
	return p.Version[0] == q.Version[0] && p.Version[1] == q.Version[1]
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
const describe = `import os, sys, sysconfig
p, lib = sysconfig.get_paths(), os.path.join(sys.base_prefix, "lib")
shared = not lib.startswith("/usr/") and any(n.startswith("libpython") for n in os.listdir(lib))
lists = [x for x in sys.path if x and "site-packages" not in x and "dist-packages" not in x], sorted({p["purelib"], p["platlib"]})
one = [".".join(map(str, sys.version_info[:3])), sys.base_prefix, getattr(sys, "_base_executable", "") or os.path.realpath(sys.executable), lib if shared else ""]
print("\0".join(one + ["\1".join(x) for x in lists]))`

// known holds what interpreters said of themselves, by path: they are asked once.
var known sync.Map

// inspect asks an interpreter about itself. 3.9 is the least that the fork-server
// runs on; the scanner needs 3.11 (see package scan).
func inspect(outer context.Context, path string) (interpreter, error) {
	if p, ok := known.Load(path); ok {
		return p.(interpreter), nil // nothing else is stored
	}
	p := interpreter{Path: path}
	ctx, cancel := context.WithTimeout(outer, 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-I", "-c", describe)
	// A copied interpreter looks for its library where it was built.
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+filepath.Join(filepath.Dir(filepath.Dir(path)), "lib"))
	out, err := cmd.Output()
	if err != nil {
		if outer.Err() != nil {
			return p, outer.Err()
		}
		return p, fmt.Errorf("%w: %s does not run: %v", ErrPython, path, err)
	}
	parts := strings.Split(strings.TrimSuffix(string(out), "\n"), "\x00")
	if len(parts) != 6 {
		return p, fmt.Errorf("%w: %s answers %q", ErrPython, path, strings.TrimSpace(string(out)))
	}
	if n, err := fmt.Sscanf(parts[0], "%d.%d.%d", &p.Version[0], &p.Version[1], &p.Version[2]); n != 3 {
		return p, fmt.Errorf("%w: %s has version %q: %v", ErrPython, path, parts[0], err)
	}
	p.Base, p.Executable, p.Library, p.Paths, p.Site = parts[1], parts[2], parts[3], strings.Split(parts[4], "\x01"), strings.Split(parts[5], "\x01")
	if p.Version[0] != 3 || p.Version[1] < 9 {
		return p, fmt.Errorf("%w: %s is version %s; 3.9 or newer is needed", ErrPython, path, p.version())
	}
	known.Store(path, p)
	return p, nil
}

// systemPython can be read by every user.
const systemPython = "/usr/bin/python3"

// candidates yields the interpreters to try in turn: the one that was asked for, the
// one behind its virtual environment, and the system's. As root, tier B cannot use one
// that lies in a home only root can read: inside, nobody is root. The first is always
// there.
func candidates(ctx context.Context, first interpreter) iter.Seq[interpreter] {
	return func(yield func(interpreter) bool) {
		if !yield(first) {
			return
		}
		seen := []string{first.Path}
		for _, path := range []string{first.Executable, systemPython} {
			if path == "" || slices.Contains(seen, path) || !executable(path) {
				continue
			}
			seen = append(seen, path)
			if p, err := inspect(ctx, path); err == nil && !yield(p) {
				return
			}
		}
	}
}

// environment is all that an interpreter inherits. A program sees it too, but for the
// library path. Not -I: it would ignore PYTHONHASHSEED, and sets must not change their
// order from run to run.
func (p interpreter) environment() []string {
	env := []string{"PATH=/usr/bin", "LANG=C.UTF-8", "PYTHONHASHSEED=0", "OPENBLAS_NUM_THREADS=1"}
	if p.Library != "" {
		env = append(env, "LD_LIBRARY_PATH="+p.Library)
	}
	return env
}

// flags keep user sites, site-packages, compiled files and, where there is a flag for
// it, the working directory out.
func (p interpreter) flags() []string {
	if p.Version[1] >= 11 {
		return []string{"-s", "-S", "-P", "-B"}
	}
	return []string{"-s", "-S", "-B"} // the fork-server clears its path itself
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
