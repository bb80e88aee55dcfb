package judge

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"sync"
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
	c := newCache("")
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

func (bySource) Run(_ context.Context, source, _ []byte, _ sandbox.Limits) (sandbox.Result, error) {
	return sandbox.Result{Outcome: sandbox.OK, Stdout: source}, nil
}

func (bySource) Scan(_ context.Context, source []byte) (scan.Report, error) {
	return scan.Report{Status: scan.OK, CompileOK: source[0] != 'd', Statements: 1}, nil
}
