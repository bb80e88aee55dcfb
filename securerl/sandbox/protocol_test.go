package sandbox

import (
	"context"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// pair is a socket to a fork-server that is played by the test. The process behind it
// is one that does nothing.
func pair(t *testing.T, kind int) (z *zygote, theirs int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	cmd := exec.Command("sleep", "600")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	return &zygote{cmd: cmd, fd: fds[0]}, fds[1]
}

func packed(t *testing.T, a answer) []byte {
	t.Helper()
	b, err := binary.Append(nil, binary.LittleEndian, a)
	require.NoError(t, err)
	return b
}

var tight = Limits{CPU: time.Second, Wall: 100 * time.Millisecond, Memory: 1 << 28, Output: 1 << 10, Files: 8}

// Whatever a fork-server answers, and wherever it is killed, the end is ErrWorker or
// the result it reported; never a verdict that it did not.
func TestAForkServerThatMisbehavesIsALostWorker(t *testing.T) {
	whole := packed(t, answer{Status: 0, Microseconds: 5})
	for name, reply := range map[string]func(fd int){
		"closed before the request is read": func(fd int) {},
		"closed after it":                   func(fd int) { _, _, _, _, _ = unix.Recvmsg(fd, make([]byte, 64), make([]byte, 64), 0) },
		"an empty answer":                   func(fd int) { _ = unix.Send(fd, nil, 0) },
		"a short answer":                    func(fd int) { _ = unix.Send(fd, whole[:len(whole)-1], 0) },
		"a long answer":                     func(fd int) { _ = unix.Send(fd, append(whole, 0), 0) },
		"words":                             func(fd int) { _ = unix.Send(fd, []byte("failed: not your affair"), 0) },
	} {
		z, theirs := pair(t, unix.SOCK_SEQPACKET)
		go func() {
			reply(theirs)
			unix.Close(theirs)
		}()
		_, err := z.run(context.Background(), pythonKind, []byte("print(1)"), nil, tight)
		assert.ErrorIs(t, err, ErrWorker, name)
		z.close()
	}
	z, theirs := pair(t, unix.SOCK_SEQPACKET)
	require.NoError(t, unix.Send(theirs, whole, 0))
	r, err := z.run(context.Background(), pythonKind, []byte("print(1)"), nil, tight)
	require.NoError(t, err)
	assert.Equal(t, OK, r.Outcome)
	assert.Empty(t, r.Stdout)
	z.close()
	unix.Close(theirs)
}

// played is a server whose child is the test.
func played(t *testing.T, cpu time.Duration) (*Server, int) {
	t.Helper()
	parent, control := pair(t, unix.SOCK_SEQPACKET)
	require.NoError(t, unix.Send(control, packed(t, answer{Status: 9}), 0)) // the child's end, should it be asked for
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	tv := unix.NsecToTimeval(int64(3 * cpu))
	require.NoError(t, unix.SetsockoptTimeval(fds[0], unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
	t.Cleanup(func() { unix.Close(control) })
	return &Server{options: ServeOptions{Name: "played", CPU: cpu, RecycleAfter: 100}, parent: parent, fd: fds[0]}, fds[1]
}

func TestAServerIsReadInPiecesAndItsGarbageIsNoAnswer(t *testing.T) {
	s, child := played(t, 10*time.Second)
	body := make([]byte, 40<<10) // longer than one read
	for i := range body {
		body[i] = byte(i)
	}
	go func() { // slowly, in odd pieces
		b := append(binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body...)
		for n := 1; len(b) > 0; n = n*2 + 1 {
			k, err := unix.Write(child, b[:min(n, len(b))])
			if err != nil {
				return
			}
			b = b[k:]
			time.Sleep(time.Millisecond)
		}
	}()
	got, err := s.Call(context.Background(), []byte("x"))
	require.NoError(t, err)
	assert.Equal(t, body, got)
	require.NoError(t, s.Close())

	for name, reply := range map[string][]byte{
		"nothing": {}, "half a length": {1, 0}, "half an answer": {9, 0, 0, 0, 1}, "more than it said": {1, 0, 0, 0, 1, 2}, "a gigabyte to come": {0, 0, 0, 64},
	} {
		s, child := played(t, 10*time.Second)
		_, err := unix.Write(child, reply)
		require.NoError(t, err)
		unix.Close(child)
		_, err = s.Call(context.Background(), []byte("x"))
		assert.ErrorIs(t, err, ErrServerCrash, name)
		require.NoError(t, s.Close())
	}
	s, child = played(t, 30*time.Millisecond)
	defer unix.Close(child)
	_, err = s.Call(context.Background(), []byte("x"))
	assert.ErrorIs(t, err, ErrServerTimeout, "a child that says nothing")
	require.NoError(t, s.Close())
}

// An interpreter that goes away while a sandbox is open is the machinery's fault.
func TestAnInterpreterThatVanishesIsNoVerdict(t *testing.T) {
	found, err := FindPython()
	require.NoError(t, err)
	real, err := filepath.EvalSymlinks(found)
	require.NoError(t, err)
	link := filepath.Join(t.TempDir(), "python3")
	require.NoError(t, os.Symlink(real, link))
	s, err := New(context.Background(), Options{Python: link, Workers: 1, RecycleAfter: 1, Limits: Limits{CPU: time.Second, Wall: 20 * time.Second, Memory: 1 << 28, Output: 1 << 16, Files: 16}})
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, os.Remove(link))
	_, err = s.Run(context.Background(), Python("print(1)"), nil, Limits{})
	assert.ErrorIs(t, err, ErrWorker)
	require.NoError(t, os.Symlink(real, link))
	r, err := s.Run(context.Background(), Python("print(1)"), nil, Limits{})
	require.NoError(t, err, "it is back")
	assert.Equal(t, "1\n", string(r.Stdout))
}

// UnsafeNoSandbox is for those who ask for it, where nothing better works, and never
// for root.
func TestUnsafeIsRefusedToRootAndUsedOnlyWithoutATier(t *testing.T) {
	o := Options{UnsafeNoSandbox: true, Workers: 1}
	s, err := New(context.Background(), o)
	if os.Geteuid() == 0 {
		require.ErrorIs(t, err, ErrNoSandbox)
	} else {
		require.NoError(t, err)
		assert.NotEqual(t, unconfined, s.Info().Tier, "a tier works here")
		require.NoError(t, s.Close())
	}
	require.NoError(t, o.complete())
	asked, err := inspect(context.Background(), o.Python)
	require.NoError(t, err)
	s, err = open(context.Background(), asked, o, unconfined) // what New would do at last
	require.NoError(t, err)
	defer s.Close()
	assert.Equal(t, unconfined, s.Info().Tier)
	require.Len(t, s.Info().Probes, 1)
	assert.False(t, s.Info().Probes[0].Refused, "it says what it is")
	r, err := s.Run(context.Background(), Python("while True: pass"), nil, Limits{CPU: 100 * time.Millisecond})
	require.NoError(t, err)
	assert.Equal(t, CPUTimeout, r.Outcome, "limits hold all the same")
}

// A fork-server that does not come up gives its descriptors back: the soak found one
// left for each that was killed while it started.
func TestAFailedStartLeavesNoDescriptor(t *testing.T) {
	count := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		return len(list)
	}
	python, err := FindPython()
	require.NoError(t, err)
	p, err := inspect(context.Background(), python)
	require.NoError(t, err)
	o := zygoteOptions{Tier: "A", Preload: []string{"no_such_module"}, Path: p.Paths, Readable: p.readable(nil), Limits: DefaultLimits().rlimits()}
	for i := range 4 {
		before := count()
		_, err = startZygote(p, o)
		require.ErrorIs(t, err, ErrNoSandbox)
		if i > 0 { // the first may open what Go itself keeps
			assert.Equal(t, before, count())
		}
	}
}
