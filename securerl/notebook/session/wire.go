package session

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// request is the first and only line of a caller.
type request struct {
	Name string          `json:"name"`
	In   json.RawMessage `json:"in"`
}

// message is a line of the answer: any number of events, then a result or an error.
type message struct {
	Event  json.RawMessage `json:"event,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// greeting is the first line of the server: without it a connection to one that is just
// ending would pass for a session.
const greeting = "securerl\n"

// patience is how long one side waits for the other where nothing is computed.
const patience = 10 * time.Second

// The errors of a call.
var (
	ErrStart = errors.New("session: cannot be started")
	ErrLost  = errors.New("session: lost")
)

// RemoteError is what a handler returned. Its text is the handler's.
type RemoteError struct{ Text string }

// Error is the handler's text.
func (e RemoteError) Error() string { return e.Text }

// Kernel is the process that the session of this program belongs to.
func Kernel() int {
	if pid, err := strconv.Atoi(os.Getenv("SECURERL_KERNEL")); err == nil && pid > 0 {
		return pid
	}
	if os.Getenv("GONB_PIPE") != "" { // set by GoNB for every cell
		return os.Getppid()
	}
	return os.Getpid()
}

// file is a path that this user's session of a kernel owns: its socket, lock or log.
func file(kernel int, ext string) string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("securerl-%d-%d.%s", os.Getuid(), kernel, ext))
}

// Call asks the session of this kernel, which it starts where none runs. in and each
// event are JSON; out is a pointer for the result, or nil. each may be nil; an error of
// it ends the call.
//
// When ctx ends, Call returns its error at once and the handler is cancelled. Other
// errors are a RemoteError, or wrap ErrStart or ErrLost.
func Call(ctx context.Context, name string, in, out any, each func(event json.RawMessage) error) error {
	conn, err := dial(Kernel())
	if err != nil {
		if err := start(ctx); err != nil {
			return err
		}
		if conn, err = dial(Kernel()); err != nil {
			return fmt.Errorf("%w: %w", ErrStart, err)
		}
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	err = converse(conn, name, in, out, each)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func converse(conn net.Conn, name string, in, out any, each func(json.RawMessage) error) error {
	b, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("session: %s: %w", name, err)
	}
	if err := json.NewEncoder(conn).Encode(request{name, b}); err != nil {
		return fmt.Errorf("%w while it was asked: %w", ErrLost, err)
	}
	for lines := json.NewDecoder(bufio.NewReader(conn)); ; {
		var m message
		if err := lines.Decode(&m); err != nil {
			return fmt.Errorf("%w during %q: it ended or was killed; its last words are in %s. Run the cell again: that starts a new one", ErrLost, name, file(Kernel(), "log"))
		}
		switch {
		case m.Error != "":
			return RemoteError{m.Error}
		case m.Event != nil:
			if each == nil {
				continue
			}
			if err := each(m.Event); err != nil {
				return err
			}
		case out == nil:
			return nil
		default:
			if err := json.Unmarshal(m.Result, out); err != nil {
				return fmt.Errorf("session: %s answered something else: %w", name, err)
			}
			return nil
		}
	}
}

// dial connects to the session of a kernel. A socket of another user is refused: in a
// folder that all may write to, it could be a trap.
func dial(kernel int) (net.Conn, error) {
	path := file(kernel, "sock")
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Getuid() || info.Mode()&os.ModeSocket == 0 {
		return nil, fmt.Errorf("%s is not a socket of this user; remove it, or set TMPDIR to a folder of your own", path)
	}
	conn, err := net.DialTimeout("unix", path, patience)
	if err != nil {
		return nil, err
	}
	said := make([]byte, len(greeting))
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadFull(conn, said); err != nil || string(said) != greeting {
		conn.Close()
		return nil, fmt.Errorf("%s: nobody answers", path)
	}
	return conn, conn.SetReadDeadline(time.Time{})
}
