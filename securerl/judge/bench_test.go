package judge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"securecoderl/securerl/problem"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

var workload = flag.String("workload", "../../testdata/judge/throughput_work.jsonl", "programs with tests, for BenchmarkRewards; they run without a sandbox too, so trust them")

// job is one program of the workload.
type job struct {
	problem problem.Problem
	source  string
}

func jobs(t testing.TB) (list []job) {
	f, err := os.Open(*workload)
	require.NoError(t, err)
	defer f.Close()
	for d := json.NewDecoder(f); d.More(); {
		var row struct {
			ID, Code        string
			Inputs, Outputs []string
		}
		require.NoError(t, d.Decode(&row))
		j := job{problem.Problem{ID: row.ID}, row.Code}
		for i := range row.Inputs {
			j.problem.Public = append(j.problem.Public, problem.Test{Stdin: row.Inputs[i], Want: row.Outputs[i]})
		}
		list = append(list, j)
	}
	return list
}

// unconfined judges as the first paper's code does: a Python process per test and one
// Bandit command per program, nothing confined.
type unconfined struct {
	python, dir string
	wall        time.Duration
}

// judge returns how many tests passed.
func (p unconfined) judge(j job, worker int) (passed int, err error) {
	path := filepath.Join(p.dir, fmt.Sprintf("program%d.py", worker))
	if err := os.WriteFile(path, []byte(j.source), 0o644); err != nil {
		return 0, err
	}
	var report, exit bytes.Buffer
	bandit := exec.Command(p.python, "-m", "bandit", "-q", "-f", "json", path)
	bandit.Stdout, bandit.Stderr = &report, &exit
	if err := bandit.Run(); err != nil && bandit.ProcessState.ExitCode() != 1 { // 1: findings
		return 0, fmt.Errorf("%w: %s", err, exit.String())
	}
	if !json.Valid(report.Bytes()) {
		return 0, errors.New("bandit printed no report")
	}
	for _, test := range j.problem.Public {
		ctx, cancel := context.WithTimeout(context.Background(), p.wall)
		cmd := exec.CommandContext(ctx, p.python, path)
		cmd.Stdin = bytes.NewReader([]byte(test.Stdin))
		out, err := cmd.Output()
		cancel()
		if equal, _ := Compare(problem.Lines, 0, out, []byte(test.Want)); equal && err == nil {
			passed++
		}
	}
	return passed, nil
}

// all judges jobs with two workers, like the judge beside it.
func (p unconfined) all(list []job) ([]int, error) {
	passed, errs := make([]int, len(list)), make([]error, 2)
	next := make(chan int)
	var wg sync.WaitGroup
	for w := range errs {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range next {
				n, err := p.judge(list[i], w)
				passed[i], errs[w] = n, errors.Join(errs[w], err)
			}
		}()
	}
	for i := range list {
		next <- i
	}
	close(next)
	wg.Wait()
	return passed, errors.Join(errs...)
}

// BenchmarkRewards judges the workload with an empty cache, and the plain way right
// after it, and reports programs per second of both and their ratio. Two workers each;
// a test may take 1 s. Confirmations of time-outs are counted and timed apart: "times"
// leaves them out, "times-all" does not. p99-ms is of first judgements. Where the two
// disagree about a program, "differ" counts it.
// An iteration takes a minute or two: go test -run - -bench Rewards -benchtime 3x
func BenchmarkRewards(b *testing.B) {
	python, err := sandbox.FindPython()
	require.NoError(b, err)
	second := sandbox.DefaultLimits()
	second.CPU, second.Wall = time.Second, time.Second
	sb, err := sandbox.New(context.Background(), sandbox.Options{Limits: second, Workers: 2})
	require.NoError(b, err)
	defer sb.Close()
	sc, err := scan.New(context.Background(), sb, scan.Options{})
	require.NoError(b, err)
	defer sc.Close()
	list := jobs(b)
	var submissions []Submission
	for i := range list {
		submissions = append(submissions, Submission{Problem: &list[i].problem, Source: list[i].source})
	}
	plain := unconfined{python: python, dir: b.TempDir(), wall: time.Second}
	var total Cost
	var theirs time.Duration
	var mu sync.Mutex
	var firsts []time.Duration
	var differ, n float64
	for b.Loop() {
		j := New(sb, sc, Options{SkipAfterTimeout: true, Workers: 2})
		j.observe = func(d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			firsts = append(firsts, d)
		}
		verdicts, cost, err := j.Judge(context.Background(), submissions)
		require.NoError(b, err)
		start := time.Now()
		passed, err := plain.all(list)
		require.NoError(b, err)
		took := time.Since(start)
		b.Logf("%+v, plain %v", cost, took)
		total, theirs, n = total.Add(cost), theirs+took, n+float64(len(list))
		for i, v := range verdicts {
			if v.PassedPublic() != passed[i] {
				differ++
				b.Logf("%s: %d of %d here, %d there", list[i].problem.ID, v.PassedPublic(), v.Total, passed[i])
			}
		}
	}
	slices.Sort(firsts)
	first := total.Wall - total.Confirming
	b.ReportMetric(n/first.Seconds(), "verdicts/s")
	b.ReportMetric(n/theirs.Seconds(), "plain-verdicts/s")
	b.ReportMetric(theirs.Seconds()/first.Seconds(), "times")
	b.ReportMetric(theirs.Seconds()/total.Wall.Seconds(), "times-all")
	b.ReportMetric(firsts[len(firsts)*99/100].Seconds()*1e3, "p99-ms")
	b.ReportMetric(float64(total.Confirmed)/float64(b.N), "confirmed")
	b.ReportMetric(differ, "differ")
	b.ReportMetric((total.RunCPU+total.ScanCPU).Seconds()*1000/n, "CPU-ms/verdict")
}

// BenchmarkScan scans the workload's sources, one after the other.
func BenchmarkScan(b *testing.B) {
	_, sc := machine(b)
	list := jobs(b)
	n := 0
	for b.Loop() {
		_, err := sc.Scan(context.Background(), []byte(list[n%len(list)].source))
		require.NoError(b, err)
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "scans/s")
}
