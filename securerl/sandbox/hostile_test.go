package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/sandbox"
)

// hostile is one entry of testdata/sandbox/hostile/index.json: a program that
// attacks, exhausts or confuses a sandbox, and the verdicts it may get.
type hostile struct {
	File, Stdin, Expected string
	Verdicts              []string
	OutRegex              *string `json:"out_regex"`
	OutMustNot            *string `json:"out_must_not"`
	MaxRSS                *int64  `json:"max_rss_mib"`
	Why                   string
}

// verdict names an outcome as the index does: AC, WA, RE (a status or signal), SV (a
// forbidden call), TLE, OLE.
func verdict(r sandbox.Result, expected string) string {
	switch r.Outcome {
	case sandbox.CPUTimeout, sandbox.WallTimeout:
		return "TLE"
	case sandbox.OutputLimit:
		return "OLE"
	case sandbox.Forbidden:
		return "SV"
	case sandbox.OK:
		if bytes.Equal(bytes.TrimSpace(r.Stdout), []byte(strings.TrimSpace(expected))) {
			return "AC"
		}
		return "WA"
	}
	return "RE"
}

func hostilePrograms(t *testing.T, dir string) []hostile {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "index.json"))
	require.NoError(t, err)
	var index struct{ Programs []hostile }
	require.NoError(t, json.Unmarshal(b, &index))
	require.NotEmpty(t, index.Programs)
	return index.Programs
}

// publicPython is an interpreter that an ordinary user can read, which tier B needs
// when root runs it: inside the sandbox nobody is root.
func publicPython(t *testing.T) string {
	t.Helper()
	found, err := sandbox.FindPython()
	require.NoError(t, err)
	if os.Geteuid() != 0 {
		return found
	}
	return "/usr/bin/python3"
}

func TestHostileProgramsGetNowhere(t *testing.T) {
	dir := "../../testdata/sandbox/hostile"
	if other := os.Getenv("SECURERL_HOSTILE"); other != "" {
		dir = other // another set of the same form
	}
	programs := hostilePrograms(t, dir)
	for _, tier := range []string{"A", "B"} {
		t.Run("tier "+tier, func(t *testing.T) {
			o := sandbox.Options{Tier: tier, Workers: 2, Limits: sandbox.Limits{CPU: 2 * time.Second, Wall: 4 * time.Second, Memory: 512 << 20, Output: 1 << 20, Files: 32}}
			if tier == "B" {
				o.Python = publicPython(t)
			}
			s, err := sandbox.New(context.Background(), o)
			if err != nil {
				require.ErrorIs(t, err, sandbox.ErrNoSandbox)
				t.Logf("this machine cannot have tier %s: %v", tier, err)
				return
			}
			defer s.Close()
			next := make(chan hostile)
			var wg sync.WaitGroup
			for range 2 {
				wg.Add(1)
				go func() {
					defer wg.Done()
					for p := range next {
						attack(t, s, dir, p)
					}
				}()
			}
			for _, p := range programs {
				next <- p
			}
			close(next)
			wg.Wait()
		})
	}
}

func attack(t *testing.T, s *sandbox.Sandbox, dir string, p hostile) {
	source, err := os.ReadFile(filepath.Join(dir, p.File))
	if !assert.NoError(t, err) {
		return
	}
	r, err := s.Run(context.Background(), sandbox.Python(source), []byte(p.Stdin), sandbox.Limits{})
	if !assert.NoError(t, err, p.File) {
		return
	}
	got := verdict(r, p.Expected)
	assert.True(t, slices.Contains(p.Verdicts, got), "%s (%s): %s, allowed %v; status %d signal %d\n%.300s\n%.300s", p.File, p.Why, got, p.Verdicts, r.Status, r.Signal, r.Stdout, r.Stderr)
	if p.OutRegex != nil {
		assert.Regexp(t, regexp.MustCompile(*p.OutRegex), string(r.Stdout), p.File)
	}
	if p.OutMustNot != nil {
		assert.NotRegexp(t, regexp.MustCompile(*p.OutMustNot), string(r.Stdout), p.File)
	}
	if p.MaxRSS != nil {
		assert.LessOrEqual(t, r.Usage.MaxRSS>>20, *p.MaxRSS, p.File)
	}
	canary, err := s.Run(context.Background(), sandbox.Python("print(int(input()) * 2)"), []byte("21\n"), sandbox.Limits{})
	assert.NoError(t, err, "after %s", p.File)
	assert.Equal(t, "42\n", string(canary.Stdout), "after %s", p.File)
}

const driverEnv = "SECURERL_TEST_DRIVER"

// TestMain lets the test binary stand in for a program that is killed.
func TestMain(m *testing.M) {
	if os.Getenv(driverEnv) == "" {
		os.Exit(m.Run())
	}
	s, err := sandbox.New(context.Background(), sandbox.Options{Limits: short})
	if err != nil {
		panic(err)
	}
	os.Stdout.WriteString("running\n")
	_, _ = s.Run(context.Background(), sandbox.Python("import time\nwhile True: time.sleep(1)"), nil, sandbox.Limits{Wall: time.Minute})
}

// living counts the processes that carry the mark in their environment or are
// confined fork-servers started with it.
func living(mark string) (n int) {
	found, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range found {
		b, err := os.ReadFile(path)
		if err == nil && bytes.Contains(b, []byte(mark)) {
			n++
		}
	}
	return n
}

func TestNothingOutlivesAKilledTrainer(t *testing.T) {
	before := living("become_init")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), driverEnv+"=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = out.Read(make([]byte, 64))
	require.NoError(t, err)
	assert.Greater(t, living("become_init"), before)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	assert.Eventually(t, func() bool { return living("become_init") <= before }, 5*time.Second, 20*time.Millisecond)
}
