package sandbox

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"securecoderl/securerl/sandbox/filter"
)

//go:embed zygote.py
var zygoteSource string

// ErrNoSandbox reports that no tier works here: what is missing, and the cure.
var ErrNoSandbox = errors.New("sandbox: programs cannot be confined on this machine")

// ErrWorker reports that a worker was lost while a program ran. It says nothing
// about the program.
var ErrWorker = errors.New("sandbox: worker lost")

// nobody is the user that root becomes before the first program.
const nobody = 65534

// zygoteOptions are handed to zygote.py.
type zygoteOptions struct {
	Tier          string           `json:"tier"`
	Build         bool             `json:"build"`          // may start other programs and write below /tmp
	Filter        string           `json:"filter"`         // of the fork-server
	ProgramFilter string           `json:"program_filter"` // on top of it, of a Python program
	BinaryFilter  string           `json:"binary_filter"`  // or of a binary
	PidOffsets    []int            `json:"pid_offsets"`
	Numbers       map[string]any   `json:"nr"`
	DropUID       int              `json:"drop_uid"`
	Readable      []string         `json:"readable"`
	Path          []string         `json:"path"`
	Preload       []string         `json:"preload"`
	Limits        map[string]int64 `json:"limits"`
	Server        string           `json:"server"`
	CPU           float64          `json:"cpu"`
}

func (o *zygoteOptions) complete() error {
	a, ok := filter.Here()
	if !ok {
		return fmt.Errorf("%w: no system call table for %s", ErrNoSandbox, runtime.GOARCH)
	}
	o.DropUID = nobody
	o.Numbers = map[string]any{"pivot_root": a.Number("pivot_root"), "capset": a.Number("capset"), "seccomp": a.Number("seccomp"),
		"landlock": []uint32{a.Number("landlock_create_ruleset"), a.Number("landlock_add_rule"), a.Number("landlock_restrict_self")}}
	if o.Tier == unconfined {
		return nil
	}
	filters := map[filter.Policy]*string{filter.ForServer: &o.Filter, filter.ForProgram: &o.ProgramFilter, filter.ForBinary: &o.BinaryFilter}
	if o.Build {
		filters = map[filter.Policy]*string{filter.ForBuild: &o.Filter}
	}
	for purpose, text := range filters {
		code, offsets, err := a.Compile(purpose)
		if err != nil {
			return err
		}
		*text = hex.EncodeToString(code)
		if purpose == filter.ForProgram {
			o.PidOffsets = offsets
		}
	}
	return nil
}

// zygote is one confined fork-server.
type zygote struct {
	cmd      *exec.Cmd
	fd       int
	landlock int
	runs     int
}

// addrNoRandomize is ADDR_NO_RANDOMIZE of personality(2).
const addrNoRandomize = 0x0040000

// startTimeout bounds how long a fork-server may take to come up.
const startTimeout = 30 * time.Second

func startZygote(p interpreter, o zygoteOptions) (*zygote, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: socketpair: %v", ErrWorker, err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "control")
	defer theirs.Close()
	options, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	var complaints bytes.Buffer
	cmd := exec.Command(p.Path, append(p.flags(), "-c", zygoteSource, string(options))...)
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Env = p.environment()
	cmd.Dir = "/"
	cmd.Stderr = &complaints
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setsid: true}
	started := make(chan error, 1)
	ended := make(chan struct{})
	go func() { // the death signal is bound to the thread that started the process
		runtime.LockOSThread()
		// The process inherits the thread's personality, and the thread ends with it. Without
		// random addresses, programs whose order hangs on them, as sets of objects without a
		// hash of their own do, seldom differ from run to run. Where it is refused, they do.
		_, _, _ = unix.RawSyscall(unix.SYS_PERSONALITY, addrNoRandomize, 0, 0)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it ends when killed
		}
		close(ended)
	}()
	if err := <-started; err != nil {
		unix.Close(pair[0])
		return nil, fmt.Errorf("%w: %v", ErrPython, err)
	}
	theirs.Close()
	z := &zygote{cmd: cmd, fd: pair[0]}
	message, err := z.receive(startTimeout)
	if err != nil || !strings.HasPrefix(message, "ready") {
		z.close()
		<-ended
		if why, said := strings.CutPrefix(message, "failed: "); said {
			return nil, fmt.Errorf("%w: tier %s: %s", ErrNoSandbox, o.Tier, why)
		}
		// It went away without a word: a reason may stand in what the interpreter printed.
		return nil, fmt.Errorf("%w: ended while it started, tier %s: %s", ErrWorker, o.Tier, strings.TrimSpace(complaints.String()))
	}
	_, _ = fmt.Sscanf(message, "ready %d", &z.landlock) // absent means zero
	return z, nil
}

// receive reads one message within a time.
func (z *zygote) receive(wait time.Duration) (string, error) {
	tv := unix.NsecToTimeval(int64(wait))
	if err := unix.SetsockoptTimeval(z.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return "", err
	}
	b := make([]byte, 2048)
	for {
		n, err := unix.Read(z.fd, b)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return "", fmt.Errorf("%w: no answer (%v)", ErrWorker, err)
		}
		return string(b[:n]), nil
	}
}

// kill ends the fork-server and everything below it.
func (z *zygote) kill() {
	_ = unix.Shutdown(z.fd, unix.SHUT_RDWR) // wakes a reader
	_ = z.cmd.Process.Kill()
}

// close kills it and gives the socket back. Nobody may be reading.
func (z *zygote) close() {
	z.kill()
	unix.Close(z.fd)
}

// memfd makes an anonymous file. A sealed one cannot be changed by anybody.
func memfd(name string, data []byte, seal bool) (int, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return -1, fmt.Errorf("%w: memfd: %v", ErrWorker, err)
	}
	for at := 0; at < len(data); {
		n, err := unix.Pwrite(fd, data[at:], int64(at))
		if err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("%w: memfd: %v", ErrWorker, err)
		}
		at += n
	}
	if seal {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("%w: seal: %v", ErrWorker, err)
		}
	}
	return fd, nil
}

// send hands four descriptors to the fork-server.
func (z *zygote) send(h header, fds ...int) error {
	b, err := binary.Append(nil, binary.LittleEndian, h)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrWorker, err)
	}
	if err := unix.Sendmsg(z.fd, b, unix.UnixRights(fds...), nil, 0); err != nil {
		return fmt.Errorf("%w: %v", ErrWorker, err)
	}
	return nil
}

// answer is how a fork-server reports an end (ANSWER in zygote.py).
type answer struct {
	Status       int32
	Clock        clock
	Microseconds uint64
	MaxRSS       uint64 // KiB
}

// await reads an answer.
func (z *zygote) await(wait time.Duration) (a answer, err error) {
	message, err := z.receive(wait)
	if err != nil {
		return a, err
	}
	if n, err := binary.Decode([]byte(message), binary.LittleEndian, &a); err != nil || n != len(message) {
		return a, fmt.Errorf("%w: answer of %d bytes", ErrWorker, len(message))
	}
	return a, nil
}

// run executes one program.
func (z *zygote) run(ctx context.Context, kind uint32, image, stdin []byte, l Limits) (Result, error) {
	var fds []int
	defer func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}()
	for _, f := range []struct {
		name string
		data []byte
		seal bool
	}{{"program", image, true}, {"stdin", stdin, true}, {"stdout", nil, false}, {"stderr", nil, false}} {
		fd, err := memfd(f.name, f.data, f.seal)
		if err != nil {
			return Result{}, err
		}
		fds = append(fds, fd)
	}
	start := time.Now()
	stop := context.AfterFunc(ctx, z.kill)
	defer stop()
	if err := z.send(l.header(kind), fds...); err != nil {
		return Result{}, err
	}
	end, err := z.await(l.Wall + 10*time.Second)
	if err != nil {
		return Result{}, err
	}
	r := Result{Usage: Usage{CPU: time.Duration(end.Microseconds) * time.Microsecond, MaxRSS: int64(end.MaxRSS) << 10, Wall: time.Since(start)}}
	if r.Stdout, err = contents(fds[2], l.Output); err != nil {
		return Result{}, err
	}
	if r.Stderr, err = contents(fds[3], l.Output); err != nil {
		return Result{}, err
	}
	// The offset is shared with the program: it says how much was taken. A program may
	// rewind it, or read past it by position, so it is a fact for gates, not a proof.
	if r.StdinRead, err = unix.Seek(fds[1], 0, unix.SEEK_CUR); err != nil {
		return Result{}, fmt.Errorf("%w: stdin: %v", ErrWorker, err)
	}
	r.StdinRead = min(r.StdinRead, int64(len(stdin)))
	r.classify(syscall.WaitStatus(end.Status), end.Clock, l)
	return r, nil
}

func contents(fd int, limit int64) ([]byte, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrWorker, err)
	}
	b := make([]byte, min(st.Size, limit))
	for at := 0; at < len(b); {
		n, err := unix.Pread(fd, b[at:], int64(at))
		if err != nil {
			return nil, fmt.Errorf("%w: %v", ErrWorker, err)
		}
		if n == 0 {
			return b[:at], nil
		}
		at += n
	}
	return b, nil
}
