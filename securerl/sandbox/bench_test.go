package sandbox_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"securecoderl/securerl/sandbox"
)

// bare is a warm fork-server with nothing around it: the same modules, and per
// program a fork, an input, an output, exec, exit. Requests and answers are JSON lines.
const bare = `
import gc, io, json, os, sys, tempfile
for m in MODULES: __import__(m)
gc.collect(); gc.freeze(); gc.disable()
for line in sys.stdin:
    job = json.loads(line)
    i, o = os.memfd_create("in"), os.memfd_create("out")
    os.pwrite(i, job["stdin"].encode(), 0)
    pid = os.fork()
    if pid == 0:
        os.dup2(i, 0); os.dup2(o, 1)
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, "r", closefd=False)), encoding="utf-8")
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)), encoding="utf-8")
        gc.enable()
        code = 0
        try: exec(compile(job["source"], "main.py", "exec"), {"__name__": "__main__"})
        except SystemExit: pass
        except BaseException: code = 1
        sys.stdout.flush()
        os._exit(code)
    _, status, usage = os.wait4(pid, 0)
    os.close(i); os.close(o)
    print(json.dumps({"cpu": usage.ru_utime + usage.ru_stime}), flush=True)
`

// workload reads correct programs with their first inputs.
func workload(b *testing.B) (list [][2]string) {
	f, err := os.Open("../../testdata/judge/throughput_work.jsonl")
	require.NoError(b, err)
	defer f.Close()
	for d := json.NewDecoder(f); d.More(); {
		var row struct {
			Kind, Code string
			Inputs     []string
		}
		require.NoError(b, d.Decode(&row))
		if row.Kind == "correct" {
			for _, in := range row.Inputs {
				list = append(list, [2]string{row.Code, in})
			}
		}
	}
	return list
}

// BenchmarkChild runs programs here and in the bare fork-server by turns, and reports
// the processor time of the children of both and their ratio.
func BenchmarkChild(b *testing.B) {
	python, err := sandbox.FindPython()
	require.NoError(b, err)
	s, err := sandbox.New(context.Background(), sandbox.Options{Workers: 1})
	require.NoError(b, err)
	defer s.Close()
	modules, err := json.Marshal(sandbox.Preloaded())
	require.NoError(b, err)
	cmd := exec.Command(python, "-s", "-S", "-P", "-c", strings.Replace(bare, "MODULES", string(modules), 1))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(b, err)
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	defer func() { _, _ = in.Close(), cmd.Wait() }()
	answers := bufio.NewReader(out)
	list := workload(b)
	var ours, theirs, wall time.Duration
	n := 0
	for b.Loop() {
		job := list[n%len(list)]
		n++
		r, err := s.Run(context.Background(), sandbox.Python(job[0]), []byte(job[1]), sandbox.Limits{})
		require.NoError(b, err)
		_ = r.Outcome
		ours, wall = ours+r.Usage.CPU, wall+r.Usage.Wall
		request, err := json.Marshal(map[string]string{"source": job[0], "stdin": job[1]})
		require.NoError(b, err)
		_, err = io.WriteString(in, string(request)+"\n")
		require.NoError(b, err)
		line, err := answers.ReadBytes('\n')
		require.NoError(b, err)
		var answer struct{ CPU float64 }
		require.NoError(b, json.Unmarshal(line, &answer))
		theirs += time.Duration(answer.CPU * float64(time.Second))
	}
	b.ReportMetric(ours.Seconds()*1e3/float64(n), "child-CPU-ms")
	b.ReportMetric(theirs.Seconds()*1e3/float64(n), "bare-CPU-ms")
	b.ReportMetric(ours.Seconds()/theirs.Seconds(), "times-bare")
	b.ReportMetric(float64(n)/wall.Seconds(), "programs/s")
}

// BenchmarkStart opens a sandbox of one worker, self-test apart, and starts the bare
// interpreter by turns.
func BenchmarkStart(b *testing.B) {
	python, err := sandbox.FindPython()
	require.NoError(b, err)
	var ours, theirs time.Duration
	for b.Loop() {
		start := time.Now()
		s, err := sandbox.New(context.Background(), sandbox.Options{Workers: 1})
		require.NoError(b, err)
		ours += time.Since(start)
		require.NoError(b, s.Close())
		start = time.Now()
		require.NoError(b, exec.Command(python, "-I", "-S", "-c", "pass").Run())
		theirs += time.Since(start)
	}
	b.ReportMetric(ours.Seconds()/theirs.Seconds(), "interpreter-starts")
	b.ReportMetric(ours.Seconds()*1e3/float64(b.N), "start-ms")
}

// BenchmarkCancel cancels running programs and reports the longest time until Run was
// back, and until no process of the sandbox was left.
func BenchmarkCancel(b *testing.B) {
	limits := sandbox.DefaultLimits()
	limits.Memory += int64(os.Getpid())
	mark := strconv.FormatInt(limits.Memory, 10)
	var back, gone time.Duration
	for b.Loop() {
		s, err := sandbox.New(context.Background(), sandbox.Options{Limits: limits, Workers: 1})
		require.NoError(b, err)
		ctx, cancel := context.WithCancel(context.Background())
		var struck time.Time
		time.AfterFunc(30*time.Millisecond, func() { struck = time.Now(); cancel() })
		_, err = s.Run(ctx, sandbox.Python("import threading\nfor i in range(4): threading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()"), nil, sandbox.Limits{})
		require.ErrorIs(b, err, context.Canceled)
		back = max(back, time.Since(struck))
		for living(mark) > 0 {
			time.Sleep(time.Millisecond)
		}
		gone = max(gone, time.Since(struck))
		require.NoError(b, s.Close())
	}
	b.ReportMetric(back.Seconds()*1e3, "back-ms")
	b.ReportMetric(gone.Seconds()*1e3, "gone-ms")
}
