package sandbox

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ServeOptions describe a confined server.
type ServeOptions struct {
	Name         string
	Source       string        // Python that defines handle(request: bytes) -> bytes
	Python       string        // interpreter; empty = the one that the sandbox was asked for
	SitePackages bool          // import from the interpreter's site-packages too
	CPU          time.Duration // processor time per request; 0 = 2 s
	RecycleAfter int           // requests per child; 0 = 256
	Memory       int64         // bytes of address space; 0 = 1 GiB

	build bool // may start other programs and write below /tmp
}

// The ways a server fails on a request. Neither says whose fault it was: ask again
// on a fresh child to learn that.
var (
	ErrServerTimeout = errors.New("sandbox: server ran out of time")
	ErrServerCrash   = errors.New("sandbox: server died")
)

// Server is a long-lived Python function inside the sandbox: it reads hostile input,
// so it is confined like a program. It is forked from a parent that has imported
// everything, so a fresh child costs milliseconds. Safe for concurrent use; requests
// take turns.
type Server struct {
	options ServeOptions
	python  interpreter
	zopts   zygoteOptions

	mu     sync.Mutex
	parent *zygote
	fd     int // stream to the child; -1 = none
	served int
	closed bool
}

// Serve starts a server in the sandbox's tier. Where its interpreter cannot be read
// from inside, another of the same minor version is tried (see candidates).
func (s *Sandbox) Serve(ctx context.Context, o ServeOptions) (*Server, error) {
	if o.CPU == 0 {
		o.CPU = 2 * time.Second
	}
	if o.RecycleAfter == 0 {
		o.RecycleAfter = 256
	}
	if o.Memory == 0 {
		o.Memory = 1 << 30
	}
	asked := s.asked
	if o.Python != "" {
		var err error
		if asked, err = inspect(ctx, o.Python); err != nil {
			return nil, fmt.Errorf("%s: %w", o.Name, err)
		}
	}
	var site []string
	if o.SitePackages {
		site = asked.Site
	}
	var refusals []error
	for python := range candidates(ctx, asked) {
		if o.SitePackages && !python.minor(asked) {
			continue
		}
		sv := &Server{options: o, python: python, fd: -1}
		sv.zopts = zygoteOptions{Tier: s.options.Tier, Build: o.build, Readable: python.readable(site), Path: append(slices.Clone(python.Paths), site...),
			Preload: []string{}, Server: o.Source, CPU: o.CPU.Seconds(), Limits: sv.limits().rlimits()}
		err := sv.open()
		if err == nil {
			return sv, nil
		}
		refusals = append(refusals, err)
	}
	return nil, fmt.Errorf("%s: %w", o.Name, errors.Join(refusals...))
}

// limits of a child: time is kept per request.
func (s *Server) limits() Limits {
	l := Limits{CPU: forever, Wall: forever, Memory: s.options.Memory, Output: 1 << 20, Files: 32}
	if s.options.build {
		l.Output, l.Files = 32<<20, 64
	}
	return l
}

func (s *Server) open() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.start()
}

// start makes sure that parent and child exist.
func (s *Server) start() error {
	if s.closed {
		return ErrClosed
	}
	if s.parent == nil {
		z, err := startZygote(s.python, s.zopts)
		if err != nil {
			return err
		}
		s.parent = z
	}
	if s.fd >= 0 {
		return nil
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrWorker, err)
	}
	defer unix.Close(pair[1])
	var fds []int
	defer func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}()
	for _, name := range []string{"none", "stdout", "stderr"} {
		fd, err := memfd(name, nil, false)
		if err != nil {
			unix.Close(pair[0])
			return err
		}
		fds = append(fds, fd)
	}
	if err := s.parent.send(s.limits().header(pythonKind), fds[0], pair[1], fds[1], fds[2]); err != nil {
		unix.Close(pair[0])
		s.drop()
		return err
	}
	s.fd, s.served = pair[0], 0
	tv := unix.NsecToTimeval(int64(3 * s.options.CPU))
	for _, option := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if err := unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, option, &tv); err != nil {
			s.drop()
			return fmt.Errorf("%w: %v", ErrWorker, err)
		}
	}
	return nil
}

// drop ends parent and child.
func (s *Server) drop() {
	if s.fd >= 0 {
		unix.Close(s.fd)
		s.fd = -1
	}
	if s.parent != nil {
		s.parent.close()
		s.parent = nil
	}
}

// retire ends the child and reads how it ended from the parent.
func (s *Server) retire(kill bool) (syscall.WaitStatus, error) {
	if kill {
		if err := unix.Send(s.parent.fd, []byte("k"), 0); err != nil {
			s.drop()
			return 0, fmt.Errorf("%w: %v", ErrWorker, err)
		}
	}
	unix.Close(s.fd)
	s.fd = -1
	end, err := s.parent.await(10 * time.Second)
	if err != nil {
		s.drop()
		return 0, fmt.Errorf("%w: server did not report its end: %v", ErrWorker, err)
	}
	return syscall.WaitStatus(end.Status), nil
}

// Fresh makes the next request run on a new child.
func (s *Server) Fresh() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 || s.served == 0 {
		return nil
	}
	_, err := s.retire(true)
	return err
}

// Call sends a request and waits for the answer. ErrServerTimeout: the processor
// time (or three times that in real time) was used up; ErrServerCrash: the child
// died; any other error is the machinery's. In each case the next call gets a fresh
// child.
func (s *Server) Call(ctx context.Context, request []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd >= 0 && s.served >= s.options.RecycleAfter {
		if _, err := s.retire(true); err != nil {
			return nil, err
		}
	}
	if err := s.start(); err != nil {
		return nil, err
	}
	s.served++
	fd := s.fd
	stop := context.AfterFunc(ctx, func() { _ = unix.Shutdown(fd, unix.SHUT_RDWR) })
	answer, late, err := s.exchange(request)
	if !stop() || ctx.Err() != nil {
		_, retired := s.retire(true)
		return nil, errors.Join(ctx.Err(), retired)
	}
	if err == nil {
		return answer, nil
	}
	status, retired := s.retire(late)
	if retired != nil {
		return nil, retired
	}
	if late || status.Signaled() && status.Signal() == syscall.SIGXCPU {
		return nil, fmt.Errorf("%w: %s", ErrServerTimeout, s.options.Name)
	}
	return nil, fmt.Errorf("%w: %s: status %d, signal %d", ErrServerCrash, s.options.Name, status.ExitStatus(), status.Signal())
}

// maxAnswer bounds what a child may answer.
const maxAnswer = 4 << 20

var errBroken = errors.New("stream broken")

// exchange writes the request and reads the answer, each with its length before it.
func (s *Server) exchange(request []byte) (answer []byte, late bool, err error) {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(request)))
	for b = append(b, request...); len(b) > 0; {
		n, err := unix.Write(s.fd, b) // a broken pipe is an error here, no signal
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err == unix.EAGAIN, errBroken
		}
		b = b[n:]
	}
	return s.answer()
}

// answer reads an answer with the length before it, most often by a single call.
func (s *Server) answer() (body []byte, late bool, err error) {
	b := make([]byte, 16<<10)
	for have := 0; ; {
		n, err := unix.Read(s.fd, b[have:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return nil, err == unix.EAGAIN, errBroken
		}
		have += n
		if have < 4 {
			continue
		}
		size := 4 + int(binary.LittleEndian.Uint32(b))
		if size > 4+maxAnswer || have > size {
			return nil, false, errBroken
		}
		if have == size {
			return b[4:size], false, nil
		}
		if size > len(b) {
			b = append(b[:have], make([]byte, size-have)...)
		}
	}
}

// Close ends the server.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop()
	s.closed = true
	return nil
}
