package sandboxtest

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/sandbox"
)

func entry() map[string]any {
	return map[string]any{"file": "a.py", "stdin": "5\n", "expected": "6\n", "timeout_ms": 3000, "verdicts": []string{"AC"}, "why": "it adds",
		"out_regex": nil, "out_must_not": nil, "max_wall_ms": nil, "max_rss_mib": 640, "after": []string{CanaryRuns, NothingRuns, NothingVisible}}
}

// folder writes a set of programs that differ from entry.
func folder(t *testing.T, source string, entries ...map[string]any) string {
	t.Helper()
	dir := t.TempDir()
	b, err := json.Marshal(map[string]any{"programs": entries})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "index.json"), b, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.py"), []byte(source), 0o644))
	return dir
}

func TestASetNamesWhatIsWrongWithIt(t *testing.T) {
	_, err := Load(folder(t, "", entry()))
	require.NoError(t, err)
	for _, field := range fields {
		e := entry()
		delete(e, field)
		_, err := Load(folder(t, "", entry(), e))
		assert.ErrorIs(t, err, ErrIndex)
		assert.ErrorContains(t, err, "entry 2")
		assert.ErrorContains(t, err, "field "+field+" is missing")
	}
	for _, tt := range []struct {
		field string
		value any
		fault string
	}{
		{"file", "b.py", "no such file"},
		{"file", "../a.py", "plain name"},
		{"file", 7, "cannot unmarshal"},
		{"stdin", nil, "may not be null"},
		{"why", "", "why must say something"},
		{"timeout_ms", 0, "timeout_ms must be positive, got 0"},
		{"timeout_ms", "3000", "cannot unmarshal"},
		{"verdicts", []string{}, "verdicts is empty"},
		{"verdicts", []string{"OK"}, `verdicts holds "OK"`},
		{"out_regex", "(", "out_regex: error parsing"},
		{"out_must_not", "[", "out_must_not: error parsing"},
		{"max_wall_ms", -1, "max_wall_ms must be positive"},
		{"max_rss_mib", 0, "max_rss_mib must be positive"},
		{"after", nil, "after is empty"},
		{"after", []string{"all is well"}, `after holds "all is well"`},
		{"extra", 1, "unknown field"},
	} {
		e := entry()
		e[tt.field] = tt.value
		_, err := Load(folder(t, "", e))
		assert.ErrorIs(t, err, ErrIndex)
		assert.ErrorContains(t, err, tt.fault)
		assert.ErrorContains(t, err, "entry 1")
	}
	_, err = Load(t.TempDir())
	assert.ErrorIs(t, err, ErrIndex)
	_, err = Load(folder(t, ""))
	assert.ErrorContains(t, err, "lists no programs")
}

// run attacks with one program in whatever tier there is.
func run(t *testing.T, source string, change map[string]any) Report {
	t.Helper()
	e := entry()
	for k, v := range change {
		e[k] = v
	}
	list, err := Load(folder(t, source, e))
	require.NoError(t, err)
	r, err := Run(context.Background(), "auto", "", 1, list)
	require.NoError(t, err)
	return r
}

func TestEveryFieldIsChecked(t *testing.T) {
	const adds = "print(int(input()) + 1)"
	for _, tt := range []struct {
		source string
		change map[string]any
		fault  string
	}{
		{adds, nil, ""},
		{adds, map[string]any{"verdicts": []string{"WA", "TLE"}}, "a.py is AC, allowed [WA TLE]"},
		{adds, map[string]any{"stdin": "6\n"}, "a.py is WA"},
		{adds, map[string]any{"expected": "7\n"}, "a.py is WA"},
		{adds, map[string]any{"out_regex": "^7"}, "does not match ^7"},
		{adds, map[string]any{"out_must_not": "6"}, "which matches 6"},
		{adds, map[string]any{"max_rss_mib": 1}, "at most 1"},
		{"import time; time.sleep(0.1); " + adds, map[string]any{"max_wall_ms": 50}, "at most 50ms"},
		{"import time; time.sleep(50)", map[string]any{"timeout_ms": 300, "verdicts": []string{"TLE"}}, ""},
		{"1 / 0", map[string]any{"verdicts": []string{"RE"}}, ""},
		{"while True: print(1)", map[string]any{"verdicts": []string{"OLE"}}, ""},
	} {
		r := run(t, tt.source, tt.change)
		if tt.fault == "" {
			assert.Empty(t, r.Faults, tt.source)
			continue
		}
		require.Len(t, r.Faults, 1, "%s %v", tt.source, tt.change)
		assert.Contains(t, r.Faults[0], tt.fault)
	}
}

// What the checks from outside look for is found when it is there.
func TestTracesAreFound(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	before := traces()
	source := []byte(`open("/tmp/leftover", "w")`)
	for _, name := range []string{Marker + "-1", "leftover", "another"} {
		require.NoError(t, os.WriteFile(filepath.Join(os.TempDir(), name), nil, 0o644))
	}
	left := before.since(source, os.Geteuid())
	slices.Sort(left)
	assert.Equal(t, []string{os.TempDir() + ": leftover", os.TempDir() + ": " + Marker + "-1"}, left)
	left = before.since(source, os.Geteuid()+1)
	assert.Equal(t, []string{os.TempDir() + ": " + Marker + "-1"}, left, "another user's file")

	limits := Limits()
	limits.Memory += int64(os.Getpid()*64 + 63)
	around := limits
	around.Memory++
	tree := descendants()
	s, err := sandbox.New(context.Background(), sandbox.Options{Limits: around})
	require.NoError(t, err)
	assert.Greater(t, len(descendants()), len(tree))
	assert.Empty(t, marked(limits.Memory))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		_, err := s.Run(ctx, sandbox.Python("import time; time.sleep(50)"), nil, limits)
		done <- err
	}()
	assert.Eventually(t, func() bool { return len(marked(limits.Memory)) == 1 }, 20*time.Second, 10*time.Millisecond)
	cancel()
	assert.ErrorIs(t, <-done, context.Canceled)
	assert.Empty(t, eventuallyNone(func() []int { return marked(limits.Memory) }))
	require.NoError(t, s.Close())

	state := self()
	t.Setenv("SECURERL_CHANGED", "1")
	assert.NotEqual(t, state, self())
}

func TestTheProbeFindsWhatIsOdd(t *testing.T) {
	s, err := sandbox.New(context.Background(), sandbox.Options{Limits: Limits()})
	require.NoError(t, err)
	defer s.Close()
	for _, tt := range []struct{ before, odd string }{
		{"", ""},
		{"import builtins; builtins.securerl_hostile = 1\n", " builtins"},
		{"import os; os.environ['securerl-hostile'] = ''\n", " environment"},
		{"import sys; sys.setrecursionlimit(5000)\n", " interpreter settings"},
		{"import sys; sys.modules['sitecustomize'] = sys\n", " modules"},
		{"import os; os.pipe()\n", " descriptor 3 is open descriptor 4 is open"},
		{"import signal; signal.signal(signal.SIGALRM, signal.SIG_IGN)\n", " signals"},
		{"import os; os.umask(0o777)\n", " umask"},
		{"import decimal; decimal.getcontext().prec = 1\n", " decimal context"},
	} {
		r, err := s.Run(context.Background(), sandbox.Python(tt.before+string(probe)), []byte("21\n"), sandbox.Limits{})
		require.NoError(t, err)
		assert.Equal(t, "42"+tt.odd+"\n", string(r.Stdout), "%s%s", tt.before, r.Stderr)
	}
}

func TestAMachineThatCannotIsAnError(t *testing.T) {
	list, err := Load(folder(t, "", entry()))
	require.NoError(t, err)
	_, err = Run(context.Background(), "A", "/no/such/python", 2, list)
	assert.ErrorIs(t, err, sandbox.ErrPython)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = Run(ctx, "auto", "", 2, list)
	assert.ErrorIs(t, err, context.Canceled)
}
