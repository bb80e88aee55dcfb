package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/experiments/configs"
	"securecoderl/experiments/train"
	"securecoderl/securerl/notebook"
	"securecoderl/securerl/notebook/session"
	"securecoderl/securerl/runlog"
)

// TestMain lets the test binary be bin/lab.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "-kernel" {
		kernel, err := strconv.Atoi(os.Args[2])
		if err != nil {
			os.Exit(2)
		}
		os.Exit(serve(kernel))
	}
	dir, err := os.MkdirTemp("", "stored-")
	if err != nil {
		panic(err)
	}
	storedDir = filepath.Join(dir, "run")
	status := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		panic(err)
	}
	os.Exit(status)
}

var storedDir string

// storedRun makes a run with every kind of policy, once for all tests, in seconds.
var storedRun = sync.OnceValues(func() (string, error) {
	text, err := configs.Read("tiny")
	if err != nil {
		return "", err
	}
	s := train.Default()
	if err := s.Decode("tiny.toml", text); err != nil {
		return "", err
	}
	s.Model.HiddenSize, s.Model.IntermediateSize, s.Model.Layers = 16, 24, 1
	s.Base.Steps, s.SFT.Steps, s.SFT.Rows, s.PPO.Iterations = 6, 4, 20, 2
	s.Variants = s.Variants[2:3]
	resolved, err := runlog.Encode(s)
	if err != nil {
		return "", err
	}
	run, err := runlog.Create(storedDir, resolved, map[string]any{"seeds": s.Seeds})
	if err != nil {
		return "", err
	}
	defer run.Close()
	l, err := train.Open(context.Background(), s, "go", run, train.Quiet())
	if err != nil {
		return "", err
	}
	defer l.Close()
	return run.Dir(), l.Pipeline(context.Background())
})

// checkout is a folder that passes for the checkout, with this test binary as bin/lab
// and the interpreter of the real one, and a run below it.
func checkout(t *testing.T) (run string) {
	t.Helper()
	real, err := filepath.Abs("../..")
	require.NoError(t, err)
	made, err := storedRun()
	require.NoError(t, err)
	root := t.TempDir()
	run = filepath.Join(root, "runs", "made")
	require.NoError(t, os.CopyFS(run, os.DirFS(made)))
	require.NoError(t, os.WriteFile(filepath.Join(root, "go.mod"), []byte("module securecoderl\n"), 0o644))
	require.NoError(t, os.Symlink(filepath.Join(real, ".venv"), filepath.Join(root, ".venv")))
	require.NoError(t, os.Mkdir(filepath.Join(root, "bin"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "bin", "lab"), []byte("#!/bin/sh\nexec "+os.Args[0]+" \"$@\"\n"), 0o755))
	temp, err := os.MkdirTemp("", "l")
	require.NoError(t, err)
	kernel, end := kernel(t)
	t.Setenv("SECURERL_ROOT", root)
	t.Setenv("TMPDIR", temp)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("SECURERL_KERNEL", strconv.Itoa(kernel))
	t.Setenv("GOMLX_BACKEND", "go")
	t.Cleanup(func() {
		end()
		assert.Eventually(t, func() bool { return len(files(t, temp)) == 0 }, 10*time.Second, 10*time.Millisecond, "nothing is left in TMPDIR")
		assert.NoError(t, os.RemoveAll(temp))
	})
	return run
}

// kernel starts a process for a session to belong to.
func kernel(t *testing.T) (pid int, end func()) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	p, err := os.StartProcess("/bin/cat", []string{"cat"}, &os.ProcAttr{Files: []*os.File{r, os.Stderr, os.Stderr}})
	require.NoError(t, err)
	require.NoError(t, r.Close())
	return p.Pid, func() {
		assert.NoError(t, w.Close())
		_, err := p.Wait()
		assert.NoError(t, err)
	}
}

// files lists what lies below a folder, with size and time.
func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || path == dir { // removed while we look
			return nil
		} else if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			list = append(list, fmt.Sprintf("%s %d %v", path, info.Size(), info.ModTime()))
		} else if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}))
	return list
}

func TestAStoredRunIsSampledJudgedAndTrainedAndNeverWritten(t *testing.T) {
	dir := checkout(t)
	before := files(t, dir)
	run := notebook.Open("runs/made")
	problem := run.Evaluation()[0].Problem

	ask := notebook.Ask{Policy: "gated-1-last", Problem: problem, Samples: 3, Seed: 5}
	rows := run.Sample(ask)
	require.Len(t, rows, 3)
	tok := run.Tokenizer()
	for _, r := range rows {
		assert.Equal(t, problem, r.Problem)
		assert.Equal(t, "gated", r.Variant)
		assert.Equal(t, tok.Decode(r.IDs), r.Completion)
		assert.Len(t, r.LogProbs, len(r.IDs))
		assert.Len(t, r.RefLogProbs, len(r.IDs))
		assert.NotEqual(t, r.LogProbs, r.RefLogProbs, "a trained adapter has left its reference")
		assert.NotEmpty(t, r.Scores)
		again := notebook.Judge(problem, r.Source())
		again.Truncated = r.Verdict.Truncated // a fact of the sampling, not of the program
		assert.Equal(t, r.Verdict, again, "the same program, the same verdict")
	}
	assert.Equal(t, rows, run.Sample(ask), "equal asks give equal programs")
	ask.Seed = 6
	assert.NotEqual(t, rows, run.Sample(ask))

	for _, r := range run.Samples() {
		require.Equal(t, tok.Decode(r.IDs), r.Completion, "stored rows have their bytes back, UTF-8 or not")
	}

	sft := run.Sample(notebook.Ask{Policy: "sft-1", Problem: problem, Greedy: true})
	require.Len(t, sft, 1)
	assert.InDeltaSlice(t, sft[0].LogProbs, sft[0].RefLogProbs, 1e-3, "the reference is its own reference")
	base := run.Sample(notebook.Ask{Policy: "base", Problem: problem, Temperature: 0.5})
	require.Len(t, base, 1)
	assert.Empty(t, base[0].RefLogProbs)

	var points []runlog.Point
	train := notebook.Training{Run: "runs/made", Iterations: 2, Settings: "[ppo]\nkl_weight = 0.0\n"}
	notebook.Train(train, func(p runlog.Point) { points = append(points, p) })
	require.Len(t, points, 2)
	for i, p := range points {
		assert.Equal(t, i, p.Step)
		assert.Equal(t, "ppo", p.Phase)
		assert.Contains(t, p.Values, "reward")
	}
	var again []runlog.Point
	notebook.Train(train, func(p runlog.Point) { again = append(again, p) })
	assert.Equal(t, points, again)
	assert.Equal(t, before, files(t, dir), "the stored run is as it was")
}

func TestTrainingEndsWithItsCaller(t *testing.T) {
	dir := checkout(t)
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	err := session.Call(ctx, notebook.CallTrain, notebook.Training{Run: dir, Iterations: 100_000}, nil, func(json.RawMessage) error {
		n++
		cancel()
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, 1, n)
	assert.Len(t, notebook.Open(dir).Sample(notebook.Ask{Policy: "sft-1", Problem: notebook.Open(dir).Evaluation()[0].Problem}), 1, "the next call is served")
}

func TestWrongQuestionsSayWhatToAsk(t *testing.T) {
	dir := checkout(t)
	empty := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(empty, "run.json"), []byte("{}"), 0o644))
	problem := notebook.Open(dir).Evaluation()[0].Problem
	sample := func(policy, problem string) any {
		return notebook.Sampling{Run: dir, Ask: notebook.Ask{Policy: policy, Problem: problem}}
	}
	for _, tt := range []struct {
		call string
		in   any
		want []string
	}{
		{notebook.CallSample, sample("gated-7-last", problem), []string{`no policy "gated-7-last"`, "there are: base, gated-1-best, gated-1-last, sft-1"}},
		{notebook.CallSample, sample("../../sft-1", problem), []string{"no policy"}},
		{notebook.CallSample, sample("sft-1", "nothing"), []string{`no problem "nothing"`, "such as"}},
		{notebook.CallSample, notebook.Sampling{Run: "/nowhere"}, []string{"holds no run"}},
		{notebook.CallSample, notebook.Sampling{Run: empty}, []string{"settings.toml", "only a run with its settings"}},
		{notebook.CallJudge, notebook.Judging{Problem: "nothing"}, []string{`no problem "nothing"`}},
		{notebook.CallTrain, notebook.Training{Run: dir, Scheme: "fame"}, []string{`no scheme "fame"`, "gated-joint"}},
		{notebook.CallTrain, notebook.Training{Run: dir, Seed: 9}, []string{"sft-9", "name another Seed"}},
		{notebook.CallTrain, notebook.Training{Run: dir, Settings: "[ppo]\nkl = 1\n"}, []string{"Settings:2: ppo.kl: unknown key"}},
		{notebook.CallTrain, notebook.Training{Run: dir, Settings: "[model]\nlayers = 3\n"}, []string{"keeps the model"}},
		{notebook.CallDraw, notebook.Drawing{Name: "bad", Script: "nobody.knows", Width: 10, Height: 10}, []string{"figure cannot be drawn: bad"}},
		{notebook.CallDraw, "a word", []string{"different versions", "run make lab"}},
	} {
		err := session.Call(context.Background(), tt.call, tt.in, nil, nil)
		require.Error(t, err, "%v", tt.in)
		for _, w := range tt.want {
			assert.Contains(t, err.Error(), w)
		}
	}
}

// A run that is loaded takes the place of the one before, whose weights are freed.
func TestLoadingAnotherRunFreesTheFirst(t *testing.T) {
	first := checkout(t)
	second := filepath.Join(filepath.Dir(first), "second")
	require.NoError(t, os.CopyFS(second, os.DirFS(first)))
	l := newLab()
	ctx := context.Background()
	a, err := l.open(ctx, first)
	require.NoError(t, err)
	p, err := a.policy("gated-1-last", "")
	require.NoError(t, err)
	same, err := l.open(ctx, first)
	require.NoError(t, err)
	assert.Same(t, a, same, "warm")
	warm, err := same.policy("gated-1-last", "")
	require.NoError(t, err)
	assert.Same(t, p, warm)
	other, err := same.policy("sft-1", "")
	require.NoError(t, err)
	assert.False(t, p.Adapter.Tensors[0].Ok(), "the adapter before is freed")
	assert.True(t, other.Base.Tensors[0].Ok())
	b, err := l.open(ctx, second)
	require.NoError(t, err)
	assert.False(t, other.Base.Tensors[0].Ok())
	assert.False(t, other.Adapter.Tensors[0].Ok())
	require.NoError(t, os.Chtimes(filepath.Join(second, "run.json"), time.Now(), time.Now().Add(time.Hour)))
	c, err := l.open(ctx, second)
	require.NoError(t, err)
	assert.NotSame(t, b, c, "a run that was made anew is loaded anew")
	require.NoError(t, l.close())
	assert.Nil(t, l.loaded)
	assert.NoDirExists(t, l.temp)
}

func TestTheKernelsEndFreesALoadedSession(t *testing.T) {
	dir := checkout(t)
	run := notebook.Open(dir)
	run.Sample(notebook.Ask{Policy: "sft-1", Problem: run.Evaluation()[0].Problem})
	pid, end := kernel(t)
	t.Setenv("SECURERL_KERNEL", strconv.Itoa(pid)) // a second kernel has a session of its own
	run.Sample(notebook.Ask{Policy: "sft-1", Problem: run.Evaluation()[0].Problem})
	mine := func() (n int) {
		for _, f := range files(t, os.TempDir()) {
			if strings.Contains(f, "-"+strconv.Itoa(pid)+".") {
				n++
			}
		}
		return n
	}
	require.Equal(t, 3, mine(), "socket, lock and log")
	end()
	assert.Eventually(t, func() bool { return mine() == 0 }, 10*time.Second, 5*time.Millisecond)
}
