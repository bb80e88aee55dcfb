package session

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"syscall"
	"time"
)

// Handler answers one call. emit sends an event to the caller; it fails when the caller
// has gone. The context ends when the caller or the kernel does. Handlers run side by
// side and must share what they keep with care.
type Handler func(ctx context.Context, in json.RawMessage, emit func(event any) error) (any, error)

const (
	look   = 200 * time.Millisecond // between two looks at the kernel
	grace  = 300 * time.Millisecond // for handlers to end after the kernel has
	stalls = time.Minute            // a caller that reads nothing for so long has gone
)

// server is a session that runs.
type server struct {
	handlers map[string]Handler
	ctx      context.Context

	mu     sync.Mutex
	active int
	last   time.Time // when a call last came or went
	calls  sync.WaitGroup
}

// Serve answers the callers of a kernel until the kernel ends, or no call came for the
// idle time; then it cancels what runs, waits a moment for it, and removes its files. It
// returns nil at once where another process serves the kernel already.
func Serve(kernel int, idle time.Duration, handlers map[string]Handler) error {
	lock, err := claim(kernel)
	if err != nil || lock == nil {
		return err
	}
	defer func() {
		_ = os.Remove(lock.Name()) // the lock itself ends with the file
		lock.Close()
	}()
	l, err := listen(file(kernel, "sock"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := &server{handlers: handlers, ctx: ctx, last: time.Now()}
	go func() {
		for alive(kernel) && !s.idle(idle) {
			time.Sleep(look)
		}
		cancel()
		l.Close() // also removes the socket
	}()
	for {
		conn, err := l.Accept()
		if err != nil {
			break
		}
		s.calls.Go(func() { s.answer(conn) })
	}
	cancel()
	ended := make(chan struct{})
	go func() { s.calls.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(grace):
	}
	if err := os.Remove(file(kernel, "log")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("session: %w", err)
	}
	return nil
}

// claim takes the right to serve a kernel, or returns nil where another process serves
// it. The lock may be held by one that does not listen yet, or no longer.
func claim(kernel int) (*os.File, error) {
	for began := time.Now(); time.Since(began) < patience; time.Sleep(10 * time.Millisecond) {
		lock, err := acquire(file(kernel, "lock"))
		if err != nil || lock != nil {
			return lock, err
		}
		if conn, err := dial(kernel); err == nil {
			return nil, conn.Close()
		}
	}
	return nil, fmt.Errorf("session: another process holds %s and does not answer; end it, or restart the kernel", file(kernel, "lock"))
}

// acquire locks a file of this user, or returns nil where another process holds it, or
// has just removed it.
func acquire(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		mine, mineErr := f.Stat()
		there, thereErr := os.Lstat(path)
		if mineErr == nil && thereErr == nil && os.SameFile(mine, there) {
			return f, nil
		}
		err = syscall.EWOULDBLOCK
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil
	}
	return nil, fmt.Errorf("session: %s: %w", path, err)
}

// mostPath is how long the path of a socket may be on every Unix.
const mostPath = 103

func listen(path string) (net.Listener, error) {
	if len(path) > mostPath {
		return nil, fmt.Errorf("session: the path of the socket is longer than %d bytes: set TMPDIR to a shorter folder than %s", mostPath, os.TempDir())
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) { // left by a session that was killed
		return nil, fmt.Errorf("session: %w", err)
	}
	old := syscall.Umask(0o177) // only this user may connect, from the first moment
	defer syscall.Umask(old)
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return l, nil
}

func (s *server) count(d int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active += d
	s.last = time.Now()
}

func (s *server) idle(limit time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active == 0 && time.Since(s.last) > limit
}

func (s *server) answer(conn net.Conn) {
	defer conn.Close()
	s.count(1)
	defer s.count(-1)
	if _, err := io.WriteString(conn, greeting); err != nil {
		return
	}
	in := bufio.NewReader(conn)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return // it only looked whether somebody is here
	}
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	go func() { // a caller never writes again: reading ends when it has gone
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	send := func(m message) error {
		_ = conn.SetWriteDeadline(time.Now().Add(stalls))
		return json.NewEncoder(conn).Encode(m)
	}
	emit := func(event any) error {
		b, err := json.Marshal(event)
		if err == nil {
			err = send(message{Event: b})
		}
		return errors.Join(err, ctx.Err())
	}
	var q request
	var out any
	if err = json.Unmarshal(line, &q); err == nil {
		out, err = s.run(ctx, q, emit)
	}
	m := message{}
	if err == nil {
		m.Result, err = json.Marshal(out)
	}
	if err != nil {
		m = message{Error: err.Error()}
	}
	if err := send(m); err != nil {
		log.Printf("%s: the caller has gone: %v", q.Name, err)
	}
}

func (s *server) run(ctx context.Context, q request, emit func(any) error) (out any, err error) {
	defer func() {
		if r := recover(); r != nil {
			log.Printf("%s: panic: %v\n%s", q.Name, r, debug.Stack())
			err = fmt.Errorf("session: %s: internal fault: %v", q.Name, r)
		}
	}()
	h, ok := s.handlers[q.Name]
	if !ok {
		return nil, fmt.Errorf("session: it knows no %q: it may be older than this cell; run make lab and restart the kernel", q.Name)
	}
	return h(ctx, q.In, emit)
}
