package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
)

// Probe is one attempt of the self-test to do what a program must not.
type Probe struct {
	Name    string `json:"name"`
	Refused bool   `json:"refused"`
	Detail  string `json:"detail,omitempty"`
}

// probes print ALLOWED where they succeed. HERE is replaced by the working directory.
// A lone probe runs in a program of its own: the refusal ends it.
var probes = []struct {
	name, source string
	lone         bool
}{
	{"read the home folder", "for d in ('/root', '/home', 'HERE'):\n    try:\n        if os.listdir(d): print('ALLOWED', d)\n    except OSError: pass", false},
	{"read the password file", "print('ALLOWED', open('/etc/passwd').read()[:9])", false},
	{"see other processes", "print('ALLOWED', [p for p in os.listdir('/proc') if p.isdigit()])", false},
	{"write a file", "for d in ('/tmp', '/dev/shm', '/var/tmp', 'HERE', '.'):\n    try: open(d + '/x', 'w').write('x'); print('ALLOWED', d)\n    except OSError: pass", false},
	{"open a socket", "import socket\nsocket.socket(); print('ALLOWED')", false},
	{"fork", "os.fork(); print('ALLOWED')", false},
	{"run a command", "print('ALLOWED', os.execv('/usr/bin/id', ['id']))", false},
	{"signal its parent", "os.kill(os.getppid(), 0); print('ALLOWED')", false},
	{"exceed its memory", "x = bytearray(1 << 46); print('ALLOWED')", false},
	{"open too many files", "x = [os.dup(0) for i in range(1 << 12)]; print('ALLOWED')", false},
	{"read the environment", "extra = set(os.environ) - {'PATH', 'LANG', 'PYTHONHASHSEED', 'OPENBLAS_NUM_THREADS', 'LC_CTYPE'}\nif extra: print('ALLOWED', extra)", false},
	{"trace its parent", "import ctypes\nif ctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0) == 0: print('ALLOWED')", true},
	{"make a namespace", "import ctypes\nif ctypes.CDLL(None).unshare(0x10000000) == 0: print('ALLOWED')", true},
}

// together makes one program of the probes that can share one. It prints what each
// came to after its number, and DONE if all had their turn.
func together(dir string) string {
	var b strings.Builder
	b.WriteString("import os\n")
	for i, p := range probes {
		if p.lone {
			continue
		}
		source := strings.ReplaceAll(strings.ReplaceAll(p.source, "HERE", dir), "\n", "\n    ")
		fmt.Fprintf(&b, "print('PROBE %d')\ntry:\n    %s\nexcept BaseException as e: print(type(e).__name__)\nx = None\n", i, source)
	}
	b.WriteString("print('DONE')\n")
	return b.String()
}

// selfTest tries all ways out, an output flood, and a program that must work.
func (s *Sandbox) selfTest(ctx context.Context) ([]Probe, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	if s.options.Tier == unconfined {
		return []Probe{{Name: "anything", Detail: "allowed: there is no sandbox"}}, s.plain(ctx)
	}
	r, err := s.Run(ctx, Python(together(dir)), nil, Limits{})
	if err == nil && !bytes.HasSuffix(r.Stdout, []byte("DONE\n")) {
		err = fmt.Errorf("the probes end as %q: %s", r.Outcome, bytes.TrimSpace(r.Stderr))
	}
	if err != nil {
		return nil, s.refuse(err)
	}
	said := bytes.Split(r.Stdout, []byte("PROBE "))
	var list []Probe
	for i, p := range probes {
		detail := ""
		if p.lone {
			r, err := s.Run(ctx, Python("import os\n"+p.source), nil, Limits{})
			if err != nil {
				return nil, s.refuse(fmt.Errorf("probe %q: %w", p.name, err))
			}
			detail = string(r.Outcome) + " " + string(bytes.TrimSpace(r.Stdout))
		} else {
			for _, answer := range said {
				if rest, ok := bytes.CutPrefix(answer, fmt.Appendf(nil, "%d\n", i)); ok {
					detail = strings.TrimSpace(strings.TrimSuffix(string(bytes.TrimSpace(rest)), "DONE"))
				}
			}
		}
		if strings.Contains(detail, "ALLOWED") {
			return nil, s.refuse(fmt.Errorf("a program can %s: %s", p.name, detail))
		}
		if detail = strings.TrimSpace(detail); detail == "" {
			detail = "nothing there"
		}
		list = append(list, Probe{Name: p.name, Refused: true, Detail: detail})
	}
	r, err = s.Run(ctx, Python("import sys\nwhile True: sys.stdout.write('x' * 65536)"), nil, Limits{})
	if err == nil && r.Outcome != OutputLimit {
		err = fmt.Errorf("an output flood ends as %q", r.Outcome)
	}
	if err != nil {
		return nil, s.refuse(err)
	}
	list = append(list, Probe{Name: "flood its output", Refused: true, Detail: string(OutputLimit)})
	return list, s.plain(ctx)
}

// plain runs a program that must work.
func (s *Sandbox) plain(ctx context.Context) error {
	r, err := s.Run(ctx, Python("print(int(input()) * 2)"), []byte("21\n"), Limits{})
	if err == nil && (r.Outcome != OK || string(r.Stdout) != "42\n" || r.StdinRead != 3) {
		err = fmt.Errorf("a plain program ends as %q with output %q: %s", r.Outcome, r.Stdout, r.Stderr)
	}
	if err != nil {
		return s.refuse(err)
	}
	return nil
}

func (s *Sandbox) refuse(err error) error {
	return fmt.Errorf("%w: tier %s: %w", ErrNoSandbox, s.options.Tier, err)
}
