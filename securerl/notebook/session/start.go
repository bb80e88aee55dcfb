package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrRoot reports that the checkout is not found.
var ErrRoot = errors.New("session: checkout not found")

// module is the first line of the checkout's go.mod.
const module = "module securecoderl"

// Root is the folder of the checkout: SECURERL_ROOT, or the nearest one above the
// working directory. Errors wrap ErrRoot and say what to do.
func Root() (string, error) {
	if root := os.Getenv("SECURERL_ROOT"); root != "" {
		if !isRoot(root) {
			return "", fmt.Errorf("%w: SECURERL_ROOT names %s, which holds no securerl; start the kernel with make lab, or set it to the folder of the checkout", ErrRoot, root)
		}
		return filepath.Abs(root)
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrRoot, err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		if isRoot(at) {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%w: %s lies in no checkout of securerl; start the kernel with make lab, or set SECURERL_ROOT to the folder of the checkout", ErrRoot, dir)
		}
	}
}

func isRoot(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return false
	}
	first, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(first) == module
}

// start brings the session of this kernel up, building its program where that is needed.
func start(ctx context.Context) error {
	root, err := Root()
	if err != nil {
		return err
	}
	program, err := build(ctx, root)
	if err != nil {
		return err
	}
	logPath := file(Kernel(), "log")
	out, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStart, err)
	}
	defer out.Close()
	cmd := exec.Command(program, "-kernel", strconv.Itoa(Kernel()))
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w: %w", ErrStart, errors.Join(err, os.Remove(logPath)))
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if conn, err := dial(Kernel()); err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ended:
			if conn, err := dial(Kernel()); err == nil { // another one was quicker
				return conn.Close()
			}
			return fmt.Errorf("%w: bin/lab ended at once: %s", ErrStart, lastWords(logPath))
		case <-tick.C:
		}
	}
}

// lastWords are the end of a log, in one line.
func lastWords(path string) string {
	b, err := os.ReadFile(path)
	if err != nil || len(bytes.TrimSpace(b)) == 0 {
		return "it said nothing; run make lab again"
	}
	b = bytes.TrimSpace(b)
	return strings.ReplaceAll(string(b[max(0, len(b)-600):]), "\n", "; ")
}

// build returns the path of the session's program, bin/lab. It is built where it is
// missing or older than its sources; make lab does that beforehand.
func build(ctx context.Context, root string) (string, error) {
	path := filepath.Join(root, "bin", "lab")
	have, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w: %w", ErrStart, err)
	}
	if have != nil && !have.ModTime().Before(written(root)) {
		return path, nil
	}
	if _, err := exec.LookPath("go"); err != nil {
		return "", fmt.Errorf("%w: bin/lab is missing or older than its sources, and there is no go command to build it; install Go and run make lab in %s", ErrStart, root)
	}
	args := []string{"build"}
	if tags, err := os.ReadFile(filepath.Join(root, ".venv", "gotags")); err == nil {
		args = append(args, "-tags", strings.TrimSpace(string(tags)))
	}
	// A name of its own, renamed when whole: two kernels may build at the same time.
	fresh := path + "." + strconv.Itoa(os.Getpid())
	cmd := exec.CommandContext(ctx, "go", append(args, "-o", fresh, "./experiments/lab")...)
	cmd.Dir, cmd.Env = root, environment()
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: bin/lab does not build: %s; run make lab in %s", ErrStart, bytes.TrimSpace(out), root)
	}
	if err := os.Rename(fresh, path); err != nil {
		return "", fmt.Errorf("%w: %w", ErrStart, err)
	}
	return path, nil
}

// written is when the sources of the checkout were last written.
func written(root string) (last time.Time) {
	for _, part := range []string{"go.mod", "securerl", "experiments"} {
		_ = filepath.WalkDir(filepath.Join(root, part), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
				return nil // what cannot be read cannot be built either: the compiler says so
			}
			if info, err := d.Info(); err == nil && info.ModTime().After(last) {
				last = info.ModTime()
			}
			return nil
		})
	}
	return last
}

// environment is that of the Makefile: with SIMD kernels where there are any, and so
// with the same build cache.
func environment() []string {
	env := os.Environ()
	if runtime.GOARCH == "amd64" && !slices.ContainsFunc(env, func(s string) bool { return strings.HasPrefix(s, "GOEXPERIMENT=") }) {
		env = append(env, "GOEXPERIMENT=simd")
	}
	return env
}

// alive tells whether a process runs. One that ended but was not waited for does not.
func alive(pid int) bool {
	if err := syscall.Kill(pid, 0); err != nil && !errors.Is(err, syscall.EPERM) {
		return false
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // absent where there is no /proc
	if err != nil {
		return true
	}
	_, after, ok := strings.Cut(string(b), ") ")
	return !ok || !strings.HasPrefix(after, "Z")
}
