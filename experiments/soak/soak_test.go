package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/judge"
	"securecoderl/securerl/problem"
)

const testdata = "../../testdata/"

// Some hundred programs with many kills: nothing is lost.
func TestAShortSoak(t *testing.T) {
	var out, errs bytes.Buffer
	code := run(context.Background(), []string{"-programs", "300", "-kills", "0.03", "-json",
		"-hostile", testdata + "sandbox/hostile", "-work", testdata + "judge/throughput_work.jsonl"}, &out, &errs)
	require.Equal(t, 0, code, "%s%s", out.String(), errs.String())
	var r Report
	require.NoError(t, json.Unmarshal(out.Bytes(), &r))
	assert.Equal(t, 300, r.Programs)
	assert.Positive(t, r.Hostile)
	assert.Positive(t, r.Kills)
	assert.Empty(t, r.Faults)
}

func TestWhatGrowsIsAFault(t *testing.T) {
	first := census{Processes: 7, Descriptors: 20, Resident: 200 << 20}
	assert.Empty(t, first.faults(first))
	for _, c := range []census{
		{Processes: 9, Descriptors: 20}, {Processes: 7, Descriptors: 22}, {Processes: 7, Zombies: 1}, {Processes: 7, MemoryFiles: 1},
		{Processes: 7, Resident: 400 << 20},
	} {
		assert.Len(t, c.faults(first), 1, "%+v", c)
	}
	var before census // what other tests have closed takes a moment to be gone
	require.Eventually(t, func() bool { before = count(); return before.Processes == 0 && before == count() }, 20*time.Second, 50*time.Millisecond)
	f, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer f.Close()
	sleeper := exec.Command("sleep", "60")
	require.NoError(t, sleeper.Start())
	after := count()
	assert.Greater(t, after.Descriptors, before.Descriptors)
	assert.Equal(t, before.Processes+1, after.Processes)
	assert.Positive(t, before.Resident)
	require.NoError(t, sleeper.Process.Kill())
	assert.Error(t, sleeper.Wait())
}

func TestAChangedVerdictIsAFault(t *testing.T) {
	s := &soaking{seen: map[string]judge.Verdict{}}
	var r Report
	j := job{problem: &problem.Problem{ID: "a"}}
	s.compare(j, judge.Verdict{Parsed: true}, &r)
	s.compare(j, judge.Verdict{Parsed: true}, &r)
	assert.Empty(t, r.Faults)
	s.compare(j, judge.Verdict{}, &r)
	assert.Len(t, r.Faults, 1)
}

func TestWrongUsageIsTwo(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "work.jsonl")
	require.NoError(t, os.WriteFile(broken, []byte("{"), 0o644))
	for _, tt := range []struct {
		args []string
		code int
	}{{[]string{"-programs", "0"}, 2}, {[]string{"-kills", "2"}, 2}, {[]string{"-no"}, 2}, {[]string{"more"}, 2}, {[]string{"-work", broken}, 1}, {[]string{"-work", testdata + "judge/throughput_work.jsonl", "-hostile", "nowhere"}, 1}} {
		var out, errs bytes.Buffer
		assert.Equal(t, tt.code, run(context.Background(), tt.args, &out, &errs), "%v", tt.args)
		assert.NotEmpty(t, errs.String())
	}
}
