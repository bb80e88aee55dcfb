package judge

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

// children are the processes this one has started: the workers.
func children(t testing.TB) (pids []int) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:]) // state, parent, ...
		if len(fields) > 1 && string(fields[1]) == strconv.Itoa(os.Getpid()) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			require.NoError(t, err)
			pids = append(pids, pid)
		}
	}
	return pids
}

// saboteur kills all workers now and then, while programs run in them.
type saboteur struct {
	t     testing.TB
	sb    *sandbox.Sandbox
	sc    *scan.Scanner
	n     atomic.Int64
	kills atomic.Int64
}

func (s *saboteur) strike() {
	for _, pid := range children(s.t) {
		if syscall.Kill(pid, syscall.SIGKILL) == nil {
			s.kills.Add(1)
		}
	}
}

func (s *saboteur) Run(ctx context.Context, p sandbox.Program, stdin []byte, l sandbox.Limits) (sandbox.Result, error) {
	if s.n.Add(1)%40 == 0 {
		time.AfterFunc(time.Millisecond, s.strike)
	}
	return s.sb.Run(ctx, p, stdin, l)
}

func (s *saboteur) Scan(ctx context.Context, source []byte) (scan.Report, error) {
	return s.sc.Scan(ctx, source)
}

func TestKilledWorkersChangeNoVerdict(t *testing.T) {
	sb, sc := machine(t)
	var list []Submission
	for i := range 12 {
		for _, source := range []string{"print(2 * int(input()))", "print(2 * eval(input()))", "input()\nprint(6)", "print(1 / 0)", "print(", "x = 'a' * (1 << 40)"} {
			list = append(list, Submission{Problem: &double, Source: fmt.Sprintf("%s  # %d", source, i)})
		}
	}
	calm := New(sb, sc, Options{Hidden: true, Workers: 2})
	want, _, err := calm.Judge(context.Background(), list)
	require.NoError(t, err)
	s := &saboteur{t: t, sb: sb, sc: sc}
	got, cost, err := newJudge(s, s, calm.options, "disturbed").Judge(context.Background(), list)
	require.NoError(t, err)
	assert.Equal(t, want, got)
	assert.Positive(t, s.kills.Load())
	assert.Greater(t, cost.Forks, 12*5*4, "some had to run again")
}
