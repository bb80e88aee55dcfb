package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/notebook/session"
)

// TestMain lets the test binary be the session's program and a kernel.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "-kernel" {
		kernel, err := strconv.Atoi(os.Args[2])
		if err == nil {
			err = session.Serve(kernel, idleTime(), handlers())
		}
		if err != nil {
			log.Fatal(err)
		}
		os.Exit(0)
	}
	if len(os.Args) == 2 && os.Args[1] == "kernel" { // lives until its input ends
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func idleTime() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("SECURERL_TEST_IDLE")); err == nil {
		return d
	}
	return time.Hour
}

// handlers are small ones; "wait" leaves a mark when it is cancelled.
func handlers() map[string]session.Handler {
	return map[string]session.Handler{
		"double": func(_ context.Context, in json.RawMessage, emit func(any) error) (any, error) {
			var n int
			if err := json.Unmarshal(in, &n); err != nil {
				return nil, err
			}
			for i := range n {
				if err := emit(i); err != nil {
					return nil, err
				}
			}
			return 2 * n, nil
		},
		"pid": func(context.Context, json.RawMessage, func(any) error) (any, error) { return os.Getpid(), nil },
		"fail": func(context.Context, json.RawMessage, func(any) error) (any, error) {
			return nil, errors.New("no luck")
		},
		"panic": func(context.Context, json.RawMessage, func(any) error) (any, error) { panic("shapes differ") },
		"exit":  func(context.Context, json.RawMessage, func(any) error) (any, error) { os.Exit(3); return nil, nil },
		"group": func(context.Context, json.RawMessage, func(any) error) (any, error) { return syscall.Getpgrp(), nil },
		"wait": func(ctx context.Context, in json.RawMessage, emit func(any) error) (any, error) {
			var mark string
			if err := json.Unmarshal(in, &mark); err != nil {
				return nil, err
			}
			_ = emit("waiting") // fails when the caller goes at once, which is what the mark is for
			<-ctx.Done()
			return nil, errors.Join(ctx.Err(), os.WriteFile(mark, []byte("cancelled"), 0o600))
		},
	}
}

// patience is for a busy machine; what is waited for takes a fraction of a second.
const patience = 10 * time.Second

// checkout makes a folder that looks like the checkout, with this test binary as its
// bin/lab, and a kernel of its own. It returns what ends that kernel.
func checkout(t *testing.T) (endKernel func()) {
	t.Helper()
	root, temp := t.TempDir(), tempDir(t)
	require.NoError(t, os.WriteFile(filepath.Join(root, "go.mod"), []byte("module securecoderl\n"), 0o644))
	require.NoError(t, os.Mkdir(filepath.Join(root, "bin"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "bin", "lab"), []byte("#!/bin/sh\nexec "+os.Args[0]+" \"$@\"\n"), 0o755))
	kernel := exec.Command(os.Args[0], "kernel")
	in, err := kernel.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, kernel.Start())
	t.Setenv("SECURERL_ROOT", root)
	t.Setenv("TMPDIR", temp)
	t.Setenv("SECURERL_KERNEL", strconv.Itoa(kernel.Process.Pid))
	end := sync.OnceFunc(func() {
		in.Close()
		assert.NoError(t, kernel.Wait())
	})
	t.Cleanup(func() {
		end()
		assert.Eventually(t, func() bool { return len(left(t, temp)) == 0 }, patience, 10*time.Millisecond, "the session leaves nothing behind")
	})
	return end
}

// tempDir is shorter than t.TempDir, as the path of a socket must be.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "s")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func left(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func call(t *testing.T, name string, in any) (out int, err error) {
	t.Helper()
	return out, session.Call(context.Background(), name, in, &out, nil)
}

func TestTheFirstCallStartsTheSessionAndOthersShareIt(t *testing.T) {
	checkout(t)
	first, err := call(t, "pid", nil)
	require.NoError(t, err)
	assert.NotEqual(t, os.Getpid(), first)
	again, err := call(t, "pid", nil)
	require.NoError(t, err)
	assert.Equal(t, first, again)

	var events []int
	var out int
	require.NoError(t, session.Call(context.Background(), "double", 3, &out, func(e json.RawMessage) error {
		var i int
		events = append(events, i)
		return json.Unmarshal(e, &events[len(events)-1])
	}))
	assert.Equal(t, 6, out)
	assert.Equal(t, []int{0, 1, 2}, events)
	err = session.Call(context.Background(), "double", 3, &out, func(json.RawMessage) error { return errors.New("enough") })
	assert.EqualError(t, err, "enough")
}

func TestCallersThatStartTogetherShareOneSession(t *testing.T) {
	checkout(t)
	pids := make([]int, 4)
	var wg sync.WaitGroup
	for i := range pids {
		wg.Go(func() {
			var err error
			pids[i], err = call(t, "pid", nil)
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	for _, pid := range pids {
		assert.Equal(t, pids[0], pid)
	}
}

func TestAFaultEndsTheCallAndNotTheSession(t *testing.T) {
	checkout(t)
	pid, err := call(t, "pid", nil)
	require.NoError(t, err)
	for _, tt := range []struct {
		name string
		in   any
		want string
	}{
		{"fail", nil, "no luck"},
		{"panic", nil, "internal fault: shapes differ"},
		{"unknown", nil, "run make lab and restart the kernel"},
		{"double", "three", "cannot unmarshal"},
	} {
		_, err := call(t, tt.name, tt.in)
		var remote session.RemoteError
		require.ErrorAs(t, err, &remote, tt.name)
		assert.Contains(t, err.Error(), tt.want)
	}
	after, err := call(t, "pid", nil)
	require.NoError(t, err)
	assert.Equal(t, pid, after)
}

func TestASessionThatWasLostIsStartedAgain(t *testing.T) {
	checkout(t)
	_, err := call(t, "exit", nil)
	require.ErrorIs(t, err, session.ErrLost)
	assert.Contains(t, err.Error(), "Run the cell again")
	_, err = call(t, "pid", nil)
	assert.NoError(t, err)
}

func TestACallThatIsCancelledCancelsItsHandler(t *testing.T) {
	checkout(t)
	mark := filepath.Join(t.TempDir(), "mark")
	ctx, cancel := context.WithCancel(context.Background())
	err := session.Call(ctx, "wait", mark, nil, func(json.RawMessage) error { cancel(); return nil })
	require.ErrorIs(t, err, context.Canceled)
	assert.Eventually(t, func() bool { _, err := os.Stat(mark); return err == nil }, patience, 5*time.Millisecond)
}

func TestTheSessionEndsWithItsKernelWhateverRuns(t *testing.T) {
	endKernel := checkout(t)
	pid, err := call(t, "pid", nil)
	require.NoError(t, err)
	mark := filepath.Join(t.TempDir(), "mark")
	ended := make(chan error, 1)
	waiting := make(chan struct{})
	go func() {
		ended <- session.Call(context.Background(), "wait", mark, nil, func(json.RawMessage) error { close(waiting); return nil })
	}()
	<-waiting
	endKernel()
	assert.Eventually(t, func() bool { return syscall.Kill(pid, 0) != nil || zombie(pid) }, patience, 5*time.Millisecond)
	assert.Error(t, <-ended)
	assert.FileExists(t, mark, "the handler was told")
}

// zombie tells whether a child of this test ended: it is not waited for at once.
func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(b), ") Z ")
}

func TestASessionThatNobodyAsksEnds(t *testing.T) {
	checkout(t)
	t.Setenv("SECURERL_TEST_IDLE", "50ms")
	pid, err := call(t, "pid", nil)
	require.NoError(t, err)
	assert.Eventually(t, func() bool { return syscall.Kill(pid, 0) != nil || zombie(pid) }, patience, 10*time.Millisecond)
}

func TestOnlyTheUserMayConnectAndNoInterruptReachesIt(t *testing.T) {
	checkout(t)
	group, err := call(t, "group", nil)
	require.NoError(t, err)
	assert.NotEqual(t, syscall.Getpgrp(), group)
	name := "securerl-" + strconv.Itoa(os.Getuid()) + "-" + os.Getenv("SECURERL_KERNEL")
	assert.Equal(t, []string{name + ".lock", name + ".log", name + ".sock"}, left(t, os.TempDir()))
	for _, ext := range []string{".lock", ".log", ".sock"} {
		info, err := os.Stat(filepath.Join(os.TempDir(), name+ext))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), ext)
	}
}

// What a session that was killed leaves behind does not stop the next one.
func TestAStaleSocketIsReplaced(t *testing.T) {
	checkout(t)
	pid, err := call(t, "pid", nil)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.Eventually(t, func() bool { return zombie(pid) }, patience, time.Millisecond)
	next, err := call(t, "pid", nil)
	require.NoError(t, err)
	assert.NotEqual(t, pid, next)
}

func TestWhatCannotStartSaysWhatToDo(t *testing.T) {
	checkout(t)
	root := os.Getenv("SECURERL_ROOT")
	lab := filepath.Join(root, "bin", "lab")
	fails := func(target error, want ...string) {
		t.Helper()
		_, err := call(t, "pid", nil)
		require.ErrorIs(t, err, target)
		for _, w := range want {
			assert.Contains(t, err.Error(), w)
		}
		assert.NotContains(t, err.Error(), "\n")
	}
	require.NoError(t, os.WriteFile(lab, []byte("#!/bin/sh\necho the plugin is broken >&2\nexit 1\n"), 0o755))
	fails(session.ErrStart, "the plugin is broken")
	path := os.Getenv("PATH")
	t.Setenv("PATH", t.TempDir())
	require.NoError(t, os.Remove(lab))
	fails(session.ErrStart, "bin/lab is missing", "install Go and run make lab")
	t.Setenv("PATH", path)
	fails(session.ErrStart, "does not build", "run make lab")
	t.Setenv("SECURERL_ROOT", t.TempDir())
	fails(session.ErrRoot, "set it to the folder of the checkout")
	t.Setenv("SECURERL_ROOT", "")
	t.Chdir(t.TempDir())
	fails(session.ErrRoot, "lies in no checkout", "set SECURERL_ROOT")
	t.Setenv("SECURERL_ROOT", root)
	entries := left(t, os.TempDir())
	for _, name := range entries {
		require.NoError(t, os.Remove(filepath.Join(os.TempDir(), name)))
	}
}

func TestALongTemporaryFolderIsNamed(t *testing.T) {
	checkout(t)
	long := filepath.Join(t.TempDir(), strings.Repeat("d", 100))
	require.NoError(t, os.Mkdir(long, 0o755))
	t.Setenv("TMPDIR", long)
	_, err := call(t, "pid", nil)
	require.ErrorIs(t, err, session.ErrStart)
	assert.Contains(t, err.Error(), "set TMPDIR to a shorter folder")
}

// A checkout with the source of a program and no bin/lab builds it, once.
func TestAMissingProgramIsBuilt(t *testing.T) {
	checkout(t)
	root := os.Getenv("SECURERL_ROOT")
	require.NoError(t, os.Remove(filepath.Join(root, "bin", "lab")))
	require.NoError(t, os.WriteFile(filepath.Join(root, "go.mod"), []byte("module securecoderl\n\ngo 1.26\n"), 0o644))
	require.NoError(t, os.CopyFS(filepath.Join(root, "securerl", "notebook", "session"), os.DirFS(".")))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "experiments", "lab"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "experiments", "lab", "main.go"), []byte(`package main

import (
	"context"
	"encoding/json"
	"os"
	"strconv"
	"time"

	"securecoderl/securerl/notebook/session"
)

func main() {
	kernel, err := strconv.Atoi(os.Args[2])
	if err == nil {
		err = session.Serve(kernel, time.Minute, map[string]session.Handler{
			"answer": func(context.Context, json.RawMessage, func(any) error) (any, error) { return 42, nil },
		})
	}
	if err != nil {
		panic(err)
	}
}
`), 0o644))
	answer, err := call(t, "answer", nil)
	require.NoError(t, err)
	assert.Equal(t, 42, answer)
	assert.Equal(t, []string{"lab"}, left(t, filepath.Join(root, "bin")))
}

func TestTheCheckoutIsFoundFromBelow(t *testing.T) {
	checkout(t)
	root := os.Getenv("SECURERL_ROOT")
	t.Setenv("SECURERL_ROOT", "")
	t.Chdir(filepath.Join(root, "bin"))
	found, err := session.Root()
	require.NoError(t, err)
	assert.Equal(t, root, found)
}
