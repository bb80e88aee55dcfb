package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/sandbox/sandboxtest"
)

const (
	hostileEnv  = "SECURERL_HOSTILE"       // another set of the same form
	ordinaryEnv = "SECURERL_TEST_ORDINARY" // set where this test runs as an ordinary user
	sets        = "../../testdata/sandbox/"
)

// Both sets, in every tier that this machine has, as the user that runs the test.
func TestHostileProgramsGetNowhere(t *testing.T) {
	if os.Getenv(ordinaryEnv) != "" {
		requireOrdinary(t)
	}
	dirs := []string{sets + "hostile", sets + "hostile-more"}
	if other := os.Getenv(hostileEnv); other != "" {
		dirs = []string{other}
	}
	var programs []sandboxtest.Program
	for _, dir := range dirs {
		list, err := sandboxtest.Load(dir)
		require.NoError(t, err)
		programs = append(programs, list...)
	}
	t.Setenv("SECURERL_SECRET", "a word that no program may find")
	tiers := 0
	for _, tier := range []string{"A", "B"} {
		t.Run("tier "+tier, func(t *testing.T) {
			r, err := sandboxtest.Run(context.Background(), tier, "", 2, programs)
			if errors.Is(err, sandbox.ErrNoSandbox) {
				t.Logf("this machine cannot have tier %s: %v", tier, err)
				return
			}
			require.NoError(t, err)
			tiers++
			t.Logf("tier %s, user %d, programs as %d, Python %s, %d programs", r.Info.Tier, r.User, r.As, r.Info.PythonVersion, len(programs))
			assert.NotContains(t, r.Verdicts, "")
			for i, p := range programs {
				if len(p.Verdicts) > 1 { // these may differ by interpreter and machine
					t.Logf("%s is %s, allowed %v", p.File, r.Verdicts[i], p.Verdicts)
				}
			}
			for _, fault := range r.Faults {
				assert.Fail(t, fault)
			}
		})
	}
	assert.Positive(t, tiers, "no tier at all")
}

// requireOrdinary proves that no privilege is left.
func requireOrdinary(t *testing.T) {
	t.Helper()
	require.NotZero(t, os.Geteuid())
	groups, err := os.Getgroups()
	require.NoError(t, err)
	require.Empty(t, groups)
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	for _, set := range []string{"CapPrm", "CapEff", "CapAmb"} {
		require.Regexp(t, "(?m)^"+set+":\t0+$", string(status))
	}
}

// Where root runs the tests, this one runs the same again as an ordinary user: a copy
// of the test program and of the sets, where that user can read them.
func TestHostileProgramsGetNowhereWithAnOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		return // then the test above was this one
	}
	dir, err := os.MkdirTemp("", "securerl-ordinary")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	require.NoError(t, os.Chmod(dir, 0o755))
	own, err := os.Executable()
	require.NoError(t, err)
	work := filepath.Join(dir, "securerl", "sandbox") // so that the paths of the sets are the same
	require.NoError(t, os.MkdirAll(work, 0o755))
	program, err := os.ReadFile(own)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "program"), program, 0o755))
	require.NoError(t, os.CopyFS(filepath.Join(dir, "testdata", "sandbox"), os.DirFS(sets)))

	cmd := exec.Command(filepath.Join(dir, "program"), "-test.run", "^TestHostileProgramsGetNowhere$", "-test.v")
	cmd.Dir = work
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + dir, ordinaryEnv + "=1", "SECURERL_PYTHON=/usr/bin/python3"}
	const nobody = 65534
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "user 65534, programs as 65534")
	t.Logf("%s", out)
}

const driverEnv = "SECURERL_TEST_DRIVER"

// TestMain lets the test binary stand in for a program that is killed.
func TestMain(m *testing.M) {
	memory, err := strconv.ParseInt(os.Getenv(driverEnv), 10, 64)
	if err != nil {
		os.Exit(m.Run())
	}
	limits := short
	limits.Memory = memory
	s, err := sandbox.New(context.Background(), sandbox.Options{Limits: limits, Workers: 1})
	if err != nil {
		panic(err)
	}
	os.Stdout.WriteString("running\n")
	_, _ = s.Run(context.Background(), sandbox.Python("import time\nwhile True: time.sleep(1)"), nil, sandbox.Limits{Wall: time.Minute})
}

// living counts the processes with a word in their command line, as a fork-server and
// its children have the limits of their sandbox.
func living(word string) (n int) {
	found, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range found {
		b, err := os.ReadFile(path)
		if err == nil && bytes.Contains(b, []byte(word)) {
			n++
		}
	}
	return n
}

func TestNothingOutlivesAKilledTrainer(t *testing.T) {
	memory := strconv.Itoa(256<<20 + os.Getpid())
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), driverEnv+"="+memory)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = out.Read(make([]byte, 64))
	require.NoError(t, err)
	assert.Eventually(t, func() bool { return living(memory) >= 2 }, 10*time.Second, 20*time.Millisecond, "a fork-server and its child")
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	assert.Eventually(t, func() bool { return living(memory) == 0 }, 10*time.Second, 20*time.Millisecond)
}
