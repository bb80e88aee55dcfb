package train_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/experiments/results"
	"securecoderl/experiments/train"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/rng"
)

// micro is smaller than the tiny preset: every phase, checkpoints at every step.
const micro = `
about = "a test"
source = "sizes chosen for speed"
seeds = [1]
[model]
hidden_size = 16
intermediate_size = 24
layers = 1
heads = 2
[lora]
rank = 2
[base]
steps = 6
batch_size = 4
warmup = 2
checkpoint_every = 1
tokenizer_documents = 300
[sft]
rows = 20
steps = 4
batch_size = 4
microbatch_size = 4
warmup = 1
checkpoint_every = 1
probe_correct = 1
probe_samples = 8
probe_greedy = 8
[ppo]
iterations = 3
prompts = 4
samples = 2
minibatch_size = 8
microbatch_size = 8
validate_every = 2
[evaluation]
problems = 4
samples = 1
validation_problems = 4
validation_samples = 1
[[variants]]
name = "gated"
about = "gates"
schedule = [{ from = 0, scheme = "gated-joint" }]
token_security = 1.0
[[variants]]
name = "critic"
about = "a critic that is warmed up first"
schedule = [{ from = 0, scheme = "paper" }]
advantage = "gae"
value_warmup = 1
importance_cap = 2.0
`

const (
	childEnv   = "SECURERL_TEST_CHILD" // "new", "resume" or "deaf"
	folderEnv  = "SECURERL_TEST_FOLDER"
	backendEnv = "SECURERL_TEST_BACKEND"
)

// TestMain lets the test binary be the program that is killed.
func TestMain(m *testing.M) {
	dir := os.Getenv(folderEnv)
	o := train.Options{Backend: os.Getenv(backendEnv)}
	switch os.Getenv(childEnv) {
	case "new":
		o.Settings, o.Out = filepath.Join(filepath.Dir(dir), "micro.toml"), dir
	case "resume":
		o.Resume = dir
	case "deaf":
		o.Settings, o.Out = filepath.Join(filepath.Dir(dir), "micro.toml"), dir
		os.Exit(train.Main(o, func(l *train.Lab, ctx context.Context) error { return deaf(ctx, l) }))
	default:
		os.Exit(m.Run())
	}
	os.Exit(train.Main(o, func(l *train.Lab, ctx context.Context) error {
		if err := l.Pipeline(ctx); err != nil {
			return err
		}
		return results.Write(ctx, l)
	}))
}

// deaf works on after it was asked to stop, as a graph that runs for minutes does.
func deaf(ctx context.Context, l *train.Lab) error {
	for _, name := range []string{"at work", "asked to stop"} {
		if err := os.WriteFile(l.Run.Path(name), nil, 0o600); err != nil {
			return err
		}
		<-ctx.Done()
	}
	select {}
}

// child starts the pipeline in a process of its own.
func child(t *testing.T, dir, backend string) *exec.Cmd {
	t.Helper()
	mode := "resume"
	if _, err := os.Stat(filepath.Join(dir, "run.json")); err != nil {
		mode = "new"
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+mode, folderEnv+"="+dir, backendEnv+"="+backend)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	return cmd
}

func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "micro.toml"), []byte(micro), 0o644))
	return filepath.Join(dir, "run")
}

// results are the bytes that must not depend on how often a run was killed.
func deterministicBytes(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range []string{"settings.toml", "metrics.jsonl", "samples.jsonl", "evaluation.jsonl", "checkpoints/base/model.safetensors",
		"checkpoints/gated-1-last/adapter_model.safetensors", "checkpoints/gated-1-best/adapter_model.safetensors",
		"checkpoints/critic-1-last/adapter_model.safetensors", "checkpoints/critic-1-last/value_head.safetensors", "checkpoints/critic-1-best/value_head.safetensors"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.NotEmpty(t, b, name)
		files[name] = string(b)
	}
	return files
}

// finished waits for a child that nobody kills.
func finished(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	require.NoError(t, cmd.Wait())
}

// killAt kills a child after a time, or as soon as it writes a checkpoint. It tells
// whether the child had already ended by itself.
func killAt(cmd *exec.Cmd, dir string, after time.Duration, writing bool) (ended bool) {
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	deadline := time.After(after)
	tick := time.NewTicker(200 * time.Microsecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err == nil
		case <-deadline:
			if !writing {
				_ = cmd.Process.Kill() // it may just have ended
				return <-done == nil
			}
			deadline = nil
		case <-tick.C:
			if writing && deadline == nil {
				if _, err := os.Stat(filepath.Join(dir, "checkpoints", ".writing")); err == nil {
					_ = cmd.Process.Kill()
					return <-done == nil
				}
			}
		}
	}
}

// A run that is killed with SIGKILL again and again, also inside the writing of
// checkpoints, ends with the bytes of one that was left alone: 20 times on the pure-Go
// backend, 3 times on xla:cpu, where every start compiles its graphs anew
// (SECURERL_KILLS asks for another number).
func TestAKilledRunEndsWithTheSameBytes(t *testing.T) {
	for _, b := range []struct {
		name  string
		kills int
		least time.Duration // before a start has done anything
	}{{"go", 20, 250 * time.Millisecond}, {"xla:cpu", 3, 3 * time.Second}} {
		t.Run(b.name, func(t *testing.T) {
			e, err := engine.Open(b.name)
			if err != nil && b.name != "go" {
				t.Logf("not tested here: %v", err)
				return
			}
			require.NoError(t, err)
			e.Close()
			calm := folder(t)
			start := time.Now()
			finished(t, child(t, calm, b.name))
			length := time.Since(start)
			want := deterministicBytes(t, calm)

			if more, err := strconv.Atoi(os.Getenv("SECURERL_KILLS")); err == nil {
				b.kills = more
			}
			s, kills, runs := rng.New(1).Name("kills").Name(b.name).Stream(), 0, 0
			for kills < b.kills { // a run that ends before its kills do is followed by another
				dir := folder(t)
				for kills < b.kills {
					wait := b.least + time.Duration(s.Float64()*float64(length)/5)
					if killAt(child(t, dir, b.name), dir, wait, kills%2 == 1) {
						break
					}
					kills++
				}
				if _, err := os.Stat(filepath.Join(dir, "report.html")); err != nil {
					finished(t, child(t, dir, b.name))
				}
				runs++
				for name, text := range want {
					assert.True(t, text == deterministicBytes(t, dir)[name], "%s differs", name)
				}
			}
			t.Logf("killed %d times in %d runs", kills, runs)
		})
	}
}

// A person's interrupt and a scheduler's signals lead to a checkpoint; their exit codes
// tell a wrapper which of the two it was, and the run ends with the bytes of a calm one.
func TestAskedToStopARunLeavesACheckpointAndGoesOn(t *testing.T) {
	calm, dir := folder(t), folder(t)
	finished(t, child(t, calm, "go"))
	checkpoints := func() int {
		found, err := filepath.Glob(filepath.Join(dir, "checkpoints", "step-*"))
		require.NoError(t, err)
		n := 0
		for _, path := range found {
			var at int
			_, err := fmt.Sscanf(filepath.Base(path), "step-%d", &at)
			require.NoError(t, err)
			n = max(n, at)
		}
		return n
	}
	for _, s := range []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGTERM, 75}, {syscall.SIGUSR1, 75}, {syscall.SIGINT, 130}} {
		before, cmd := checkpoints(), child(t, dir, "go")
		require.Eventually(t, func() bool { return checkpoints() > before }, time.Minute, 5*time.Millisecond)
		require.NoError(t, cmd.Process.Signal(s.signal))
		var exit *exec.ExitError
		require.ErrorAs(t, cmd.Wait(), &exit, "%v", s.signal)
		assert.Equal(t, s.code, exit.ExitCode(), "%v", s.signal)
		assert.Greater(t, checkpoints(), before)
	}
	finished(t, child(t, dir, "go"))
	assert.FileExists(t, filepath.Join(dir, "report.html"))
	assert.FileExists(t, filepath.Join(dir, "report.md"))
	assert.Equal(t, deterministicBytes(t, calm), deterministicBytes(t, dir))
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	dir := folder(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=deaf", folderEnv+"="+dir, backendEnv+"=go")
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	exists := func(name string) func() bool {
		return func() bool { _, err := os.Stat(filepath.Join(dir, name)); return err == nil }
	}
	require.Eventually(t, exists("at work"), time.Minute, 5*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.Eventually(t, exists("asked to stop"), time.Minute, 5*time.Millisecond)
	select {
	case err := <-ended:
		require.Fail(t, "the first signal waits for the work", "%v", err)
	default:
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	var exit *exec.ExitError
	require.ErrorAs(t, <-ended, &exit)
	assert.Equal(t, 75, exit.ExitCode())
}

func ExampleSettings_Validate() {
	s := train.Default()
	s.Base.LearningRate, s.Model.Heads = 7, 3
	fmt.Println(s.Validate())
	// Output:
	// model.heads: must divide hidden_size 80 into even widths, got 3
	// base.learning_rate: must lie in (0, 1], got 7
}
