package judge

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/completion"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

// fake stands for a sandbox and a scanner. n counts the runs from 1.
type fake struct {
	run  func(n int) (sandbox.Result, error)
	scan func() (scan.Report, error)
	n    atomic.Int64
}

func (f *fake) Run(ctx context.Context, _ sandbox.Program, _ []byte, _ sandbox.Limits) (sandbox.Result, error) {
	if ctx.Err() != nil {
		return sandbox.Result{}, ctx.Err()
	}
	return f.run(int(f.n.Add(1)))
}
func (f *fake) Scan(context.Context, []byte) (scan.Report, error) { return f.scan() }

// six is what a program that prints 6 comes to.
func six(int) (sandbox.Result, error) {
	return sandbox.Result{Outcome: sandbox.OK, Stdout: []byte("6\n"), StdinRead: 2}, nil
}

func healthy() *fake {
	return &fake{run: six, scan: func() (scan.Report, error) { return scan.Report{Status: scan.OK, CompileOK: true, Statements: 1}, nil }}
}

func (f *fake) judge(o Options) *Judge {
	o.Limits = limits
	return newJudge(f, f, o, "test")
}

var errGone = fmt.Errorf("%w: gone", sandbox.ErrWorker)

func TestABrokenMachineIsAnErrorNeverAVerdict(t *testing.T) {
	lostFrom := func(first int) func(int) (sandbox.Result, error) {
		return func(n int) (sandbox.Result, error) {
			if n >= first {
				return sandbox.Result{Outcome: sandbox.OK, Stdout: []byte("6\n")}, errGone
			}
			return six(n)
		}
	}
	scanned := func(err error) func() (scan.Report, error) {
		return func() (scan.Report, error) { return scan.Report{Status: scan.OK, CompileOK: true}, err }
	}
	for name, tt := range map[string]struct {
		fault func(*fake)
		cause error
	}{
		"every worker is lost":    {func(f *fake) { f.run = lostFrom(1) }, sandbox.ErrWorker},
		"from the second test on": {func(f *fake) { f.run = lostFrom(2) }, sandbox.ErrWorker},
		"from the second program": {func(f *fake) { f.run = lostFrom(3) }, sandbox.ErrWorker},
		"no sandbox any more":     {func(f *fake) { f.run = refuse }, sandbox.ErrNoSandbox},
		"closed": {func(f *fake) {
			f.run = func(int) (sandbox.Result, error) { return sandbox.Result{}, sandbox.ErrClosed }
		}, sandbox.ErrClosed},
		"scanner broken":            {func(f *fake) { f.scan = scanned(scan.ErrInfrastructure) }, scan.ErrInfrastructure},
		"scanner fails in some way": {func(f *fake) { f.scan = scanned(errors.New("?")) }, ErrInfrastructure},
	} {
		f := healthy()
		tt.fault(f)
		dir := t.TempDir()
		j := f.judge(Options{CacheDir: dir, Workers: 2})
		verdicts, cost, err := j.Judge(context.Background(), []Submission{{Problem: &double, Source: "x"}, {Problem: &double, Source: "y"}})
		assert.ErrorIs(t, err, ErrInfrastructure, name)
		assert.ErrorIs(t, err, tt.cause, name)
		assert.ErrorContains(t, err, "(problem double)", name)
		assert.Nil(t, verdicts, name)
		assert.Zero(t, cost, name)
		if name == "every worker is lost" || name == "scanner broken" {
			assert.Empty(t, j.cache.mem, "nothing of it is remembered: %s", name)
			assert.Empty(t, entries(t, dir), name)
		}
	}
}

func refuse(int) (sandbox.Result, error) {
	return sandbox.Result{}, fmt.Errorf("%w: tier A", sandbox.ErrNoSandbox)
}

func TestALostWorkerSaysNothingAboutItsProgram(t *testing.T) {
	f := healthy()
	f.run = func(n int) (sandbox.Result, error) {
		if n%3 != 0 { // two of three workers are lost
			return sandbox.Result{Outcome: sandbox.Signal}, errGone
		}
		return six(n)
	}
	v, cost, err := f.judge(Options{}).Judge(context.Background(), []Submission{{Problem: &double, Source: "x"}})
	require.NoError(t, err)
	want, _, err := healthy().judge(Options{}).Judge(context.Background(), []Submission{{Problem: &double, Source: "x"}})
	require.NoError(t, err)
	assert.Equal(t, want, v)
	assert.Equal(t, 6, cost.Forks)
}

func TestATimeoutIsBelievedTheSecondTime(t *testing.T) {
	for _, late := range []sandbox.Outcome{sandbox.WallTimeout, sandbox.CPUTimeout} {
		f := healthy()
		f.run = func(n int) (sandbox.Result, error) {
			if n == 1 {
				return sandbox.Result{Outcome: late}, nil
			}
			return six(n)
		}
		v, cost, err := f.judge(Options{}).Judge(context.Background(), []Submission{{Problem: &double, Source: "x"}})
		require.NoError(t, err)
		assert.Equal(t, Passed, v[0].Public[0].Outcome)
		assert.Equal(t, 3, cost.Forks)
		assert.Equal(t, 1, cost.Scans, "what is known stays")
		assert.Equal(t, 1, cost.Confirmed)
		f = healthy()
		f.run = func(int) (sandbox.Result, error) { return sandbox.Result{Outcome: late, Stdout: []byte("6\n")}, nil }
		v, cost, err = f.judge(Options{SkipAfterTimeout: true, Hidden: true}).Judge(context.Background(), []Submission{{Problem: &double, Source: "x"}})
		require.NoError(t, err)
		assert.Equal(t, TestResult{Outcome: TimedOut, Status: -1, StdinBytes: 2}, v[0].Public[0], "what it printed until then is no fact")
		assert.Equal(t, 2, cost.Forks)
	}
}

// A program that needs its time runs when no first pass does, with all its limits.
func TestSlowProgramsRunAmongThemselves(t *testing.T) {
	r := &company{seen: map[string]bool{}}
	var list []Submission
	for i := range 30 {
		list = append(list, Submission{Problem: &double, Source: fmt.Sprint([]string{"slow ", "fast "}[i%2], i)})
	}
	j := newJudge(r, healthy(), Options{Limits: limits, Workers: 4, SkipAfterTimeout: true}, "test")
	j.alone = 1 // as on two processors
	var wg sync.WaitGroup
	for k := range 3 { // batches of one judge respect each other
		wg.Add(1)
		go func() {
			defer wg.Done()
			_, _, err := j.Judge(context.Background(), list[k*10:(k+1)*10])
			assert.NoError(t, err)
		}()
	}
	wg.Wait()
	assert.Empty(t, r.faults)
	assert.Len(t, r.seen, 15)
}

// company times every slow program out, and looks who runs beside the second run.
type company struct {
	mu          sync.Mutex
	first, last int // running now: in first passes, in second passes
	seen        map[string]bool
	faults      []string
}

func (c *company) Run(_ context.Context, p sandbox.Program, _ []byte, l sandbox.Limits) (sandbox.Result, error) {
	source := p.Bytes()
	c.mu.Lock()
	second := l.Wall == limits.Wall
	if second {
		c.last++
		if c.first+c.last > 1 {
			c.faults = append(c.faults, "a second pass that is not alone")
		}
	} else {
		c.first++
		if c.last > 0 {
			c.faults = append(c.faults, "a first pass beside a second")
		}
	}
	slow := string(source[:4]) == "slow"
	if second {
		c.seen[string(source)] = true
	}
	c.mu.Unlock()
	runtime.Gosched()
	c.mu.Lock()
	defer c.mu.Unlock()
	if second {
		c.last--
	} else {
		c.first--
	}
	if slow {
		return sandbox.Result{Outcome: sandbox.WallTimeout}, nil
	}
	return sandbox.Result{Outcome: sandbox.OK, Stdout: []byte("6\n")}, nil
}

func TestTruncationIsAFactOfTheSubmission(t *testing.T) {
	v, cost, err := healthy().judge(Options{}).Judge(context.Background(), []Submission{{Problem: &double, Source: "x", Finish: completion.Length}, {Problem: &double, Source: "x", Finish: completion.End}})
	require.NoError(t, err)
	assert.True(t, v[0].Truncated)
	assert.False(t, v[1].Truncated)
	assert.Equal(t, 1, cost.CacheHits, "equal programs are judged once")
	assert.Equal(t, 1, cost.Scans)
}

// What the scanner could not read is run all the same, and never taken for clean.
func TestAProgramThatTheScannerCannotReadIsRun(t *testing.T) {
	for _, status := range []scan.Status{scan.Timeout, scan.Crash, scan.TooLarge} {
		f := healthy()
		f.scan = func() (scan.Report, error) { return scan.Report{Status: status}, nil }
		v, _, err := f.judge(Options{}).Judge(context.Background(), []Submission{{Problem: &double, Source: "x"}, {Problem: &double, Source: string(make([]byte, largest+1))}})
		require.NoError(t, err)
		assert.True(t, v[0].Parsed && v[0].Flagged(scan.High), status)
		assert.Equal(t, 1, v[0].PassedPublic(), status)
		assert.False(t, v[1].Parsed, "beyond what is run")
		assert.Equal(t, Unparsable, v[1].Stage())
	}
	for _, status := range []scan.Status{scan.Syntax, scan.NotUTF8, scan.TooDeep} {
		f := healthy()
		f.scan = func() (scan.Report, error) { return scan.Report{Status: status}, nil }
		v, cost, err := f.judge(Options{}).Judge(context.Background(), []Submission{{Problem: &double, Source: "x"}})
		require.NoError(t, err)
		assert.Equal(t, Unparsable, v[0].Stage())
		assert.Zero(t, cost.Forks)
	}
}

func TestACanceledBatchIsTheContextsError(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	f := healthy()
	f.run = func(n int) (sandbox.Result, error) {
		cancel()
		return sandbox.Result{}, ctx.Err()
	}
	v, _, err := f.judge(Options{Workers: 2}).Judge(ctx, []Submission{{Problem: &double, Source: "x"}, {Problem: &double, Source: "y"}})
	assert.Nil(t, v)
	assert.ErrorIs(t, err, context.Canceled)
	assert.NotErrorIs(t, err, ErrInfrastructure)
}

func TestASubmissionWithoutAProblemIsRefused(t *testing.T) {
	_, _, err := healthy().judge(Options{}).Judge(context.Background(), []Submission{{Source: "x"}})
	assert.EqualError(t, err, "judge: submission 1 has no problem")
}
