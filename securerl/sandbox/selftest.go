package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// Probe is one attempt of the self-test to do what a program must not.
type Probe struct {
	Name    string `json:"name"`
	Refused bool   `json:"refused"`
	Detail  string `json:"detail,omitempty"`
}

// probes print ALLOWED where they succeed. HERE is replaced by the working directory.
var probes = []struct{ name, source string }{
	{"read the home folder", "import os\nfor d in ('/root', '/home', 'HERE'):\n    if os.listdir(d): print('ALLOWED', d)"},
	{"read the password file", "print('ALLOWED', open('/etc/passwd').read()[:9])"},
	{"see other processes", "import os\nprint('ALLOWED', [p for p in os.listdir('/proc') if p.isdigit()])"},
	{"write a file", "import os\nfor d in ('/tmp', '/dev/shm', '/var/tmp', 'HERE', '.'):\n    try: open(d + '/x', 'w').write('x'); print('ALLOWED', d)\n    except OSError: pass"},
	{"open a socket", "import socket\nsocket.socket(); print('ALLOWED')"},
	{"fork", "import os\nos.fork(); print('ALLOWED')"},
	{"run a command", "import os\nprint('ALLOWED', os.execv('/usr/bin/id', ['id']))"},
	{"signal its parent", "import os\nos.kill(os.getppid(), 0); print('ALLOWED')"},
	{"trace its parent", "import ctypes, os\nif ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0) == 0: print('ALLOWED')"},
	{"make a namespace", "import ctypes\nif ctypes.CDLL(None).unshare(0x10000000) == 0: print('ALLOWED')"},
	{"exceed its memory", "x = bytearray(1 << 40); print('ALLOWED')"},
	{"read the environment", "import os\nextra = set(os.environ) - {'PATH', 'LANG', 'PYTHONHASHSEED', 'OPENBLAS_NUM_THREADS', 'LC_CTYPE'}\nif extra: print('ALLOWED', extra)"},
}

// selfTest runs the probes, an output flood, and a program that must work.
func (s *Sandbox) selfTest(ctx context.Context) ([]Probe, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	limits := Limits{Wall: min(s.options.Limits.Wall, 10*time.Second), Output: s.options.Limits.Output}
	var list []Probe
	for _, p := range probes {
		r, err := s.Run(ctx, []byte(strings.ReplaceAll(p.source, "HERE", dir)), nil, limits)
		if err != nil {
			return nil, fmt.Errorf("%w: tier %s: probe %q: %w", ErrNoSandbox, s.options.Tier, p.name, err)
		}
		allowed := bytes.Contains(r.Stdout, []byte("ALLOWED"))
		list = append(list, Probe{Name: p.name, Refused: !allowed, Detail: string(r.Outcome)})
		if allowed {
			return nil, fmt.Errorf("%w: tier %s lets a program %s: %s", ErrNoSandbox, s.options.Tier, p.name, bytes.TrimSpace(r.Stdout))
		}
	}
	r, err := s.Run(ctx, []byte("print('x' * (1 << 28))"), nil, limits)
	if err == nil && r.Outcome != OutputLimit && r.Outcome != OutOfMemory {
		err = fmt.Errorf("an output flood ends as %q", r.Outcome)
	}
	if err == nil {
		r, err = s.Run(ctx, []byte("print(int(input()) * 2)"), []byte("21\n"), limits)
		if err == nil && (r.Outcome != OK || string(r.Stdout) != "42\n" || r.StdinRead != 3) {
			err = fmt.Errorf("a plain program ends as %q with output %q: %s", r.Outcome, r.Stdout, r.Stderr)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: tier %s: %w", ErrNoSandbox, s.options.Tier, err)
	}
	return append(list, Probe{Name: "flood its output", Refused: true, Detail: string(OutputLimit)}), nil
}
