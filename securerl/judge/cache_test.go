package judge

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/securerl/problem"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

func entries(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	require.NoError(t, err)
	return files
}

func TestTheCacheKeyNamesAllThatAVerdictDependsOn(t *testing.T) {
	base := Options{Limits: limits}
	key := func(o Options, versions string, s Submission) string {
		return newJudge(healthy(), healthy(), o, versions).key(s)
	}
	s := Submission{Problem: &double, Source: "x"}
	one := key(base, "v", s)
	assert.Equal(t, one, key(base, "v", s))
	skip, hidden, slow := base, base, base
	skip.SkipAfterTimeout, hidden.Hidden, slow.Limits.CPU = true, true, time.Minute
	with := func(change func(*problem.Problem)) Submission {
		p := double
		change(&p)
		return Submission{Problem: &p, Source: "x"}
	}
	for what, k := range map[string]string{
		"skip policy": key(skip, "v", s), "hidden": key(hidden, "v", s), "limits": key(slow, "v", s), "versions": key(base, "w", s),
		"parity":     key(Options{Limits: limits, ASTParse: true}, "v", s),
		"source":     key(base, "v", Submission{Problem: &double, Source: "y"}),
		"comparator": key(base, "v", with(func(p *problem.Problem) { p.Compare = problem.Exact })),
		"epsilon":    key(base, "v", with(func(p *problem.Problem) { p.Epsilon = 1e-3 })),
		"stdin":      key(base, "v", with(func(p *problem.Problem) { p.Public = []problem.Test{{Stdin: "\xff", Want: "6\n"}} })),
	} {
		assert.NotEqual(t, one, k, what)
	}
	different := map[string]bool{}
	for _, test := range []problem.Test{{Stdin: "a", Want: "bc"}, {Stdin: "ab", Want: "c"}, {Stdin: "\xff"}, {Stdin: "\xfe"}, {Want: "\xff"}} {
		different[key(base, "v", with(func(p *problem.Problem) { p.Public = []problem.Test{test} }))] = true
	}
	assert.Len(t, different, 5, "borders count, and bytes that are no text")
	assert.Equal(t, one, key(base, "v", with(func(p *problem.Problem) { p.ID, p.Statement = "other", "Say it otherwise." })), "neither name nor statement is run")
}

func TestACacheOnDiskIsSharedAndASpoiltFileIsJudgedAgain(t *testing.T) {
	dir := t.TempDir()
	s := []Submission{{Problem: &double, Source: "x"}, {Problem: &double, Source: "y"}}
	first, _, err := healthy().judge(Options{CacheDir: dir}).Judge(context.Background(), s)
	require.NoError(t, err)
	dead := &fake{run: func(int) (sandbox.Result, error) { panic("run") }, scan: func() (scan.Report, error) { panic("scan") }}
	second, cost, err := dead.judge(Options{CacheDir: dir}).Judge(context.Background(), s)
	require.NoError(t, err)
	assert.Equal(t, first, second)
	assert.Equal(t, 2, cost.CacheHits)

	files := entries(t, dir)
	require.Len(t, files, 2)
	whole, err := os.ReadFile(files[0])
	require.NoError(t, err)
	other, err := os.ReadFile(files[1])
	require.NoError(t, err)
	flipped := append([]byte(nil), whole...)
	flipped[len(flipped)-3] ^= 1
	for name, b := range map[string][]byte{"empty": {}, "half": whole[:len(whole)/2], "a bit": flipped, "no seal": []byte("{}"), "of another program": other, "null": []byte("\nnull")} {
		require.NoError(t, os.WriteFile(files[0], b, 0o644))
		again, cost, err := healthy().judge(Options{CacheDir: dir}).Judge(context.Background(), s)
		require.NoError(t, err, name)
		assert.Equal(t, first, again, name)
		assert.Equal(t, 1, cost.CacheHits, name)
		written, err := os.ReadFile(files[0])
		require.NoError(t, err)
		assert.Equal(t, whole, written, "%s: it is written anew", name)
	}
}

func TestACacheThatCannotBeWrittenIsAnError(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "cache")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	_, _, err := healthy().judge(Options{CacheDir: file}).Judge(context.Background(), []Submission{{Problem: &double, Source: "x"}})
	assert.ErrorIs(t, err, ErrInfrastructure)
	assert.ErrorContains(t, err, "verdict cache")
	assert.ErrorContains(t, err, file)
}

func TestWritersOfOneCacheDoNotDisturbEachOther(t *testing.T) {
	dir := t.TempDir()
	var list []Submission
	for i := range 50 {
		list = append(list, Submission{Problem: &double, Source: strconv.Itoa(i % 25)})
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			_, _, err := healthy().judge(Options{CacheDir: dir, Workers: 3}).Judge(context.Background(), list)
			assert.NoError(t, err)
		}()
	}
	wg.Wait()
	assert.Len(t, entries(t, dir), 25, "and nothing is left beside them")
}

func TestNobodyChangesWhatACacheHolds(t *testing.T) {
	j := healthy().judge(Options{})
	s := []Submission{{Problem: &double, Source: "x"}, {Problem: &double, Source: "x"}}
	v, _, err := j.Judge(context.Background(), s)
	require.NoError(t, err)
	v[0].Public[0].Outcome = Crashed
	assert.Equal(t, Passed, v[1].Public[0].Outcome)
	again, _, err := j.Judge(context.Background(), s)
	require.NoError(t, err)
	assert.Equal(t, Passed, again[0].Public[0].Outcome)
}

func TestMemoryOfTheCacheIsBounded(t *testing.T) {
	c := newCache("", 0)
	for i := range remembered + 10 {
		c.remember(strconv.Itoa(i), Verdict{Total: i})
	}
	assert.Len(t, c.mem, remembered)
	_, old, _ := c.get("9")
	assert.False(t, old)
	v, young, _ := c.get("10")
	assert.True(t, young)
	assert.Equal(t, 10, v.Total)
}

// However a batch is cut and shared out, every program has the same verdict.
func TestVerdictsDoNotDependOnTheBatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sources := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 1, 12).Draw(t, "sources")
		workers := rapid.IntRange(0, 5).Draw(t, "workers")
		var list []Submission
		for _, s := range sources {
			list = append(list, Submission{Problem: &double, Source: s})
		}
		b := bySource{}
		together, _, err := newJudge(b, b, Options{Limits: limits, Workers: workers}, "test").Judge(context.Background(), list)
		require.NoError(t, err)
		for i, s := range list {
			alone, _, err := newJudge(b, b, Options{Limits: limits}, "test").Judge(context.Background(), []Submission{s})
			require.NoError(t, err)
			assert.Equal(t, alone[0], together[i])
		}
	})
}

// bySource prints the source itself.
type bySource struct{}

func (bySource) Run(_ context.Context, p sandbox.Program, _ []byte, _ sandbox.Limits) (sandbox.Result, error) {
	return sandbox.Result{Outcome: sandbox.OK, Stdout: p.Bytes()}, nil
}

func (bySource) Scan(_ context.Context, source []byte) (scan.Report, error) {
	return scan.Report{Status: scan.OK, CompileOK: source[0] != 'd', Statements: 1}, nil
}

// The folder is pruned by use: what was asked for stays, what nobody asked for goes,
// and so does what a killed writer left behind.
func TestTheFolderIsPrunedByUse(t *testing.T) {
	dir := t.TempDir()
	c := newCache(dir, 0)
	now := time.Now()
	for i := range 10 {
		key := strconv.Itoa(10 + i)
		require.NoError(t, c.put(key, Verdict{Total: i}))
		old := now.Add(-time.Duration(10-i) * time.Hour)
		require.NoError(t, os.Chtimes(c.path(key), old, old))
	}
	left := filepath.Join(dir, "10", temporary+"left")
	require.NoError(t, os.WriteFile(left, []byte("half"), 0o644))
	require.NoError(t, os.Chtimes(left, now.Add(-2*time.Hour), now.Add(-2*time.Hour)))
	writing := filepath.Join(dir, "10", temporary+"writing")
	require.NoError(t, os.WriteFile(writing, []byte("half"), 0o644))
	_, hit, err := newCache(dir, 0).get("10") // the oldest is used again
	require.NoError(t, err)
	require.True(t, hit)
	size := int64(0)
	for _, f := range entries(t, dir) {
		info, err := os.Stat(f)
		require.NoError(t, err)
		size = max(size, info.Size())
	}

	c.largest = 5 * size
	require.NoError(t, c.prune(now))
	assert.NoFileExists(t, left)
	assert.FileExists(t, writing, "somebody is at it")
	var kept []string
	for i := range 10 {
		key := strconv.Itoa(10 + i)
		_, hit, err := newCache(dir, 0).get(key)
		require.NoError(t, err)
		if hit {
			kept = append(kept, key)
		}
	}
	assert.Equal(t, []string{"10", "17", "18", "19"}, kept)
	c.largest = 1 << 20
	require.NoError(t, c.prune(now), "nothing to do")
}

func TestABatchHoldsItsWritersBackAndAFaultReachesThem(t *testing.T) {
	gate := make(chan struct{})
	f := healthy()
	f.run = func(n int) (sandbox.Result, error) { <-gate; return six(n) }
	j := f.judge(Options{Workers: 1, Queue: 2})
	b := j.Batch(context.Background())
	added := make(chan int)
	go func() {
		for i := range 6 {
			assert.NoError(t, b.Add(Submission{Problem: &double, Source: strconv.Itoa(i)}))
			added <- i
		}
		close(added)
	}()
	for range 3 { // two in the queue, one at work
		<-added
	}
	select {
	case i := <-added:
		require.Fail(t, "the queue has no bound", "submission %d came through", i)
	case <-time.After(50 * time.Millisecond):
	}
	close(gate)
	for range added {
	}
	v, _, err := b.Wait()
	require.NoError(t, err)
	assert.Len(t, v, 6)

	f.run = func(int) (sandbox.Result, error) { return sandbox.Result{}, sandbox.ErrWorker }
	b = f.judge(Options{Workers: 1, Queue: 1}).Batch(context.Background())
	for err = nil; err == nil; {
		err = b.Add(Submission{Problem: &double, Source: strconv.Itoa(len(b.items))})
	}
	assert.ErrorIs(t, err, ErrInfrastructure)
	_, _, err = b.Wait()
	assert.ErrorIs(t, err, ErrInfrastructure)
	b = f.judge(Options{}).Batch(context.Background())
	require.NoError(t, b.Add(Submission{Problem: &double, Source: "x"}))
	b.Stop()
}

// A disk that fills up in the middle of a verdict: an error, and no half of a file. The
// limit on the size of files stands in for it, in a process of its own: it would else hold
// for whatever the test's process writes meanwhile.
func TestADiskThatFillsUpIsAnError(t *testing.T) {
	const own = "SECURERL_TEST_FULL_DISK"
	if os.Getenv(own) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), own+"=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		assert.Contains(t, string(out), "--- PASS: "+t.Name())
		return
	}
	dir := t.TempDir()
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var before syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	small := before
	small.Cur = 100
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small))
	_, _, err := healthy().judge(Options{CacheDir: dir}).Judge(context.Background(), []Submission{{Problem: &double, Source: "x"}})
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before))
	assert.ErrorIs(t, err, ErrInfrastructure)
	assert.ErrorContains(t, err, "verdict cache")
	assert.Empty(t, entries(t, dir))
	_, cost, err := healthy().judge(Options{CacheDir: dir}).Judge(context.Background(), []Submission{{Problem: &double, Source: "x"}})
	require.NoError(t, err)
	assert.Zero(t, cost.CacheHits)
	assert.Len(t, entries(t, dir), 1)
}
