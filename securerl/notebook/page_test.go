package notebook

import (
	"bufio"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/protocol"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/chart/ssr"
	"securecoderl/securerl/notebook/session"
)

// cellEnv names a cell that this binary runs instead of tests.
const cellEnv = "SECURERL_TEST_CELL"

// TestMain lets the test binary be bin/lab, a cell, and a kernel of GoNB.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "-kernel" {
		kernel, err := strconv.Atoi(os.Args[2])
		if err == nil {
			err = session.Serve(kernel, time.Minute, handlers())
		}
		if err != nil {
			log.Fatal(err)
		}
		os.Exit(0)
	}
	if name := os.Getenv(cellEnv); name != "" {
		cells[name]()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// handlers are a lab that draws, and answers the rest by what it was asked.
func handlers() map[string]session.Handler {
	return map[string]session.Handler{
		CallScript: func(context.Context, json.RawMessage, func(any) error) (any, error) { return "window.echarts={}", nil },
		CallDraw: func(_ context.Context, in json.RawMessage, _ func(any) error) (any, error) {
			var d Drawing
			if err := json.Unmarshal(in, &d); err != nil {
				return nil, err
			}
			svg, err := ssr.Draw(d.Name, d.Script, d.Alt, d.Width, d.Height)
			return string(svg), err
		},
		CallJudge: func(context.Context, json.RawMessage, func(any) error) (any, error) {
			return nil, errors.New("lab: no problem\nof that name")
		},
		CallTrain: func(ctx context.Context, _ json.RawMessage, emit func(any) error) (any, error) {
			for i := 0; ctx.Err() == nil; i++ {
				if err := emit(map[string]any{"phase": "ppo", "step": i}); err != nil {
					return nil, err
				}
				select {
				case <-time.After(20 * time.Millisecond):
				case <-ctx.Done():
				}
			}
			return nil, ctx.Err()
		},
	}
}

// checkout is a folder that passes for the checkout, with this test binary as bin/lab; the
// session belongs to this process.
func checkout(t *testing.T) (root string) {
	t.Helper()
	root = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "go.mod"), []byte("module securecoderl\n"), 0o644))
	require.NoError(t, os.Mkdir(filepath.Join(root, "bin"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "bin", "lab"), []byte("#!/bin/sh\nexec "+os.Args[0]+" \"$@\"\n"), 0o755))
	t.Setenv("SECURERL_ROOT", root)
	t.Setenv("SECURERL_KERNEL", strconv.Itoa(os.Getpid()))
	return root
}

// page is what a kernel was sent: displays in order, and blocks by id in their last form.
type page struct {
	mu       sync.Mutex
	displays []string
	blocks   map[string][]string
}

// gonb plays the kernel of GoNB: it reads what cells display and acknowledges their syncs.
// It lasts as long as the test binary, as gonbui keeps its pipes.
var gonb = sync.OnceValues(func() (*page, error) {
	dir, err := os.MkdirTemp("", "gonb-")
	if err != nil {
		return nil, err
	}
	out, back := filepath.Join(dir, "out"), filepath.Join(dir, "back")
	if err := errors.Join(syscall.Mkfifo(out, 0o600), syscall.Mkfifo(back, 0o600), os.Setenv(protocol.GONB_PIPE_ENV, out), os.Setenv(protocol.GONB_PIPE_BACK_ENV, back)); err != nil {
		return nil, err
	}
	p := &page{blocks: map[string][]string{}}
	go func() {
		r, err := os.Open(out)
		if err != nil {
			log.Fatal(err)
		}
		w, err := os.OpenFile(back, os.O_WRONLY, 0)
		if err != nil {
			log.Fatal(err)
		}
		if err := os.RemoveAll(dir); err != nil { // both ends are open
			log.Fatal(err)
		}
		p.read(gob.NewDecoder(r), gob.NewEncoder(w))
	}()
	return p, nil
})

func (p *page) read(in *gob.Decoder, out *gob.Encoder) {
	for {
		var d protocol.DisplayData
		if err := in.Decode(&d); err != nil {
			return
		}
		if v, ok := d.Data[protocol.MIMECommValue].(protocol.CommValue); ok {
			if err := out.Encode(&protocol.CommValue{Address: protocol.GonbuiSyncAckAddress, Value: v.Value}); err != nil {
				log.Fatal(err)
			}
			continue
		}
		h, _ := d.Data[protocol.MIMETextHTML].(string)
		p.mu.Lock()
		if d.DisplayID != "" {
			p.blocks[d.DisplayID] = append(p.blocks[d.DisplayID], h)
		} else {
			p.displays = append(p.displays, h)
		}
		p.mu.Unlock()
	}
}

// inNotebook makes the calls of a test those of a cell; shown returns what they displayed.
func inNotebook(t *testing.T) (shown func() []string, block func(id string) []string) {
	t.Helper()
	p, err := gonb()
	require.NoError(t, err)
	gonbui.IsNotebook = true
	t.Cleanup(func() { gonbui.IsNotebook = false })
	p.mu.Lock()
	defer p.mu.Unlock()
	p.displays = nil
	return func() []string {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.displays
		}, func(id string) []string {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.blocks[id]
		}
}

// run runs a cell as a process of its own, outside a notebook. It gets the signal, if
// there is one, when it has said its first line on standard error.
func run(t *testing.T, name string, signal syscall.Signal) (stdout, stderr string, status int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "GONB_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(cmd.Env, cellEnv+"="+name)
	var out strings.Builder
	cmd.Stdout = &out
	errs, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(errs)
	first, err := lines.ReadString('\n')
	if err == nil && signal != 0 {
		assert.NoError(t, cmd.Process.Signal(signal))
	}
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	err = cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return out.String(), first + string(rest), cmd.ProcessState.ExitCode()
}

// fails runs a cell that must end with one sentence and status 1.
func fails(t *testing.T, name string, want ...string) {
	t.Helper()
	_, stderr, status := run(t, name, 0)
	assert.Equal(t, 1, status, name)
	for _, w := range want {
		assert.Contains(t, stderr, w, name)
	}
	assert.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %s", stderr)
	assert.NotContains(t, stderr, "goroutine", name)
}

func ExampleCheck() {
	passed, all := 30, 48
	Check(passed > all/2, "%d of %d programs pass", passed, all)
	// Output: ok: 30 of 48 programs pass
}

func ExampleMust() {
	fmt.Println(Must(strconv.Atoi("7")))
	// Output: 7
}
