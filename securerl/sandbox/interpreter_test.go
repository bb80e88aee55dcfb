package sandbox_test

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/sandbox"
)

// interpreters are those of this machine: the one in use, the system's, and the
// versions of pyenv from 3.9 on. There is always one.
func interpreters(t *testing.T) []string {
	t.Helper()
	found, err := sandbox.FindPython()
	require.NoError(t, err)
	list := []string{found}
	home, _ := os.UserHomeDir() // without one there is no pyenv
	for _, pattern := range []string{"/usr/bin/python3.[0-9]*", filepath.Join(home, ".pyenv/versions/3.*/bin/python3")} {
		more, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, p := range more {
			if !strings.HasSuffix(p, "-config") && exec.Command(p, "-c", "import sys; sys.exit(sys.version_info < (3, 9))").Run() == nil {
				list = append(list, p)
			}
		}
	}
	return list
}

// faithful programs end here as they do under python3 main.py, whatever they do to
// their own ending. The first four rows are the faults that 1,466 published solutions
// and hostile programs once showed.
var faithful = []struct {
	source, stdout string
	want           sandbox.Outcome
}{
	{"print(1)\nexit()", "1\n", sandbox.OK},
	{"import sys\nprint('closed')\nsys.stdout.close()", "closed\n", sandbox.OK},
	{"import sys, io\nsys.stdout = io.TextIOWrapper(io.FileIO(1, 'w'))\nprint('replaced')", "replaced\n", sandbox.OK},
	{"import os\nos._exit = lambda n: None\nprint('crash')\n1 / 0", "crash\n", sandbox.ExitStatus},
	{"quit(3)", "", sandbox.ExitStatus},
	{"import sys\nsys.exit('no')", "", sandbox.ExitStatus},
	{"import sys\nsys.stdout = open(1, 'w', closefd=False)\nprint('reopened')", "reopened\n", sandbox.OK},
	{"import os\nprint('seen')\nos.close(1)", "", sandbox.ExitStatus},
	{"import sys\nsys.stdout = None\nprint('nowhere')", "", sandbox.OK},
	{"import atexit\natexit.register(print, 'last')\nprint('first')", "first\nlast\n", sandbox.OK},
	{"import threading\nthreading.Thread(target=print, args=('thread',)).start()", "thread\n", sandbox.OK},
	{"f = open(1, 'w', closefd=False)\nf.write('unflushed')", "unflushed", sandbox.OK},
	{"def f(): return f()\ntry: f()\nexcept RecursionError: print('deep')", "deep\n", sandbox.OK},
	{"print(len(open(0).read()))", "3\n", sandbox.OK},
	{"import sys\nprint(sys.argv, __name__, __file__)", "['main.py'] __main__ main.py\n", sandbox.OK},
	{"assert False", "", sandbox.ExitStatus},
	{"import sys\nprint('x', file=sys.stderr)", "", sandbox.OK},
	{"raise KeyboardInterrupt", "", sandbox.ExitStatus},
	{"print(b'\\xff'.decode('utf-8', 'surrogateescape'))", "", sandbox.ExitStatus},
	{"import os\nos.fork()", "", sandbox.ProcessLimit},
	{"x = [open('/dev/null') for i in range(1000)]", "", sandbox.FileLimit},
	{"try:\n    x = [open('/dev/null') for i in range(1000)]\nexcept OSError: print('full')", "full\n", sandbox.OK},
	{"x = 'a' * (1 << 40)", "", sandbox.OutOfMemory},
}

func TestProgramsEndAsTheyDoUnderEveryInterpreter(t *testing.T) {
	for _, python := range interpreters(t) {
		s, err := sandbox.New(context.Background(), sandbox.Options{Python: python, Tier: "A", Limits: short, Workers: 1})
		require.NoError(t, err, python)
		require.Equal(t, python, s.Info().Python)
		for _, p := range faithful {
			r, err := s.Run(context.Background(), sandbox.Python(p.source), []byte("21\n"), sandbox.Limits{})
			require.NoError(t, err)
			assert.Equal(t, p.want, r.Outcome, "%s under %s: %s", p.source, s.Info().PythonVersion, r.Stderr)
			assert.Equal(t, p.stdout, string(r.Stdout), "%s under %s: %s", p.source, s.Info().PythonVersion, r.Stderr)
		}
		require.NoError(t, s.Close())
	}
}

// As root, inside the sandbox nobody is root: tier B cannot read an interpreter in a
// private home, and says which one it took instead.
func TestTierBTakesAnInterpreterThatItCanRead(t *testing.T) {
	found, err := sandbox.FindPython()
	require.NoError(t, err)
	s := open(t, sandbox.Options{Tier: "B", Limits: short, Workers: 1})
	if s.Info().Python != found {
		assert.Contains(t, s.Info().Note, "Permission denied")
	}
	sv, err := s.Serve(context.Background(), sandbox.ServeOptions{Name: "echo", Source: echo})
	require.NoError(t, err)
	defer sv.Close()
	answer, err := sv.Call(context.Background(), []byte("abc"))
	require.NoError(t, err)
	assert.Equal(t, "cba", string(answer))
}

// relocate copies the parts of an interpreter that a program needs, below the temporary
// folder, which the sandbox covers.
func relocate(t *testing.T, python string) string {
	t.Helper()
	ask := func(expression string) string {
		out, err := exec.Command(python, "-c", "import sys, os; print("+expression+")").Output()
		require.NoError(t, err)
		return strings.TrimSpace(string(out))
	}
	base, name := ask("sys.base_prefix"), ask("'python%d.%d' % sys.version_info[:2]")
	dir := t.TempDir()
	for at := dir; at != "/" && at != os.TempDir(); at = filepath.Dir(at) {
		require.NoError(t, os.Chmod(at, 0o755)) // read by nobody
	}
	left := []string{"test", "site-packages", "dist-packages", "__pycache__", "idlelib", "tkinter", "ensurepip", "lib2to3", "turtledemo", "pydoc_data"}
	require.NoError(t, filepath.WalkDir(filepath.Join(base, "lib"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(base, path)
		if err != nil {
			return err
		}
		top := strings.Split(rel, "/")
		if d.IsDir() {
			if slices.Contains(left, d.Name()) || strings.HasPrefix(d.Name(), "config-") || len(top) > 1 && top[1] != name {
				return fs.SkipDir
			}
			return os.MkdirAll(filepath.Join(dir, rel), 0o755)
		}
		if len(top) == 2 && !strings.HasPrefix(top[1], "libpython") {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, rel), b, 0o755)
	}))
	b, err := os.ReadFile(ask("os.path.realpath(sys.executable)"))
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "bin"), 0o755))
	copied := filepath.Join(dir, "bin", name)
	require.NoError(t, os.WriteFile(copied, b, 0o755))
	return copied
}

func TestACopiedInterpreterBelowTheTemporaryFolderWorks(t *testing.T) {
	copied := relocate(t, interpreters(t)[0])
	for _, tier := range []string{"A", "B"} {
		s := open(t, sandbox.Options{Python: copied, Tier: tier, Limits: short, Workers: 1})
		assert.Equal(t, copied, s.Info().Python, s.Info().Note)
		r, err := s.Run(context.Background(), sandbox.Python("import os, csv\nprint('LD_LIBRARY_PATH' in os.environ, csv.__file__)"), nil, sandbox.Limits{})
		require.NoError(t, err)
		assert.Equal(t, "False "+filepath.Dir(filepath.Dir(copied))+"/lib/"+filepath.Base(copied)+"/csv.py\n", string(r.Stdout), string(r.Stderr))
	}
}
