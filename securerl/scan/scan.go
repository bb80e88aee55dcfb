package scan

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"securecoderl/securerl/sandbox"
)

//go:embed worker.py
var workerSource string

// Version is the Bandit that prices every shipped config. Others differ in what they
// flag: 1.6 calls every input() HIGH and is blind to strings on current Pythons.
const Version = "1.9.4"

// The errors of this package. None of them is ever read as "no findings".
var (
	ErrVersion        = errors.New("scan: wrong Bandit")
	ErrInfrastructure = errors.New("scan: scanner failed")
)

// Severity of a finding, as Bandit grades it.
type Severity string

// The severities, in rising order.
const (
	Low    Severity = "LOW"
	Medium Severity = "MEDIUM"
	High   Severity = "HIGH"
)

// AtLeast tells whether s is as grave as low.
func (s Severity) AtLeast(low Severity) bool { return s.rank() >= low.rank() }

func (s Severity) rank() int {
	switch s {
	case High:
		return 3
	case Medium:
		return 2
	case Low:
		return 1
	}
	return 0
}

// Finding is one weakness at one place.
type Finding struct {
	Rule       string   `json:"rule"` // Bandit's id, such as B307
	Name       string   `json:"name"`
	Severity   Severity `json:"severity"`
	Confidence string   `json:"confidence"`
	CWE        int      `json:"cwe"`
	Start      int      `json:"start"` // bytes [Start, End) of the source
	End        int      `json:"end"`
	Line       int      `json:"line"` // as Bandit reports it, counted from 1
	Message    string   `json:"message,omitempty"`
}

// Status says how the scan of a source ended. All but OK are facts about the source:
// a fault that came back on a fresh worker whose canary passed.
type Status string

// The statuses.
const (
	OK       Status = "ok"
	Syntax   Status = "syntax"    // Python cannot compile it
	NotUTF8  Status = "not_utf8"  // no text
	TooLarge Status = "too_large" // over 64 KiB
	TooDeep  Status = "too_deep"  // nested beyond the parser or the visitor
	Timeout  Status = "timeout"   // 2 s of processor time
	Memory   Status = "memory"    // 1 GiB of address space
	Crash    Status = "crash"     // the worker died
	Plugin   Status = "plugin"    // a rule failed; the findings of the others stand
	Internal Status = "internal"  // the visitor failed
)

// Report is what a scan found.
type Report struct {
	Status           Status    `json:"status"`
	Findings         []Finding `json:"findings,omitempty"`
	Statements       int       `json:"statements"` // docstrings and bare constants aside; 0 = an empty program
	SyntaxError      string    `json:"syntax_error,omitempty"`
	SyntaxLine       int       `json:"syntax_line,omitempty"`
	CompileOK        bool      `json:"compile_ok"`
	ParseOK          bool      `json:"parse_ok,omitempty"`         // ast.parse accepts it: all that compiles, and such as a return outside a function
	Nondeterministic bool      `json:"nondeterministic,omitempty"` // asks the clock or unseeded chance
	Fault            string    `json:"fault,omitempty"`            // what failed, for Plugin and Internal

	CPU time.Duration `json:"-"` // processor time the worker used since its last answer: a cost, no fact about the source
}

// Info identifies the scanner; it belongs into every run's manifest.
type Info struct {
	Bandit string `json:"bandit"`
	Rules  string `json:"rules"` // digest of the rules and of all that runs them
	Python string `json:"python"`
}

// Rule is a rule of one's own: calls that must not be made.
type Rule struct {
	ID       string   `json:"id"` // such as X001; Bandit's ids begin with B
	Severity Severity `json:"severity"`
	CWE      int      `json:"cwe"`
	Calls    []string `json:"calls"` // by the name they are written with: __import__, os.chmod
}

// Options are for those who scan with more than Bandit, or with another one on
// purpose.
type Options struct {
	Version string        // accepted version; empty = Version
	CPU     time.Duration // processor time per source; 0 = 2 s
	Rules   []Rule        // beside Bandit's
}

// ErrRule reports a rule that cannot be told from Bandit's, or finds nothing.
var ErrRule = errors.New("scan: rule")

// source is the worker with the rules it must know.
func (o Options) source() (string, error) {
	for _, r := range o.Rules {
		if r.ID == "" || strings.HasPrefix(r.ID, "B") || r.Severity.rank() == 0 || len(r.Calls) == 0 {
			return "", fmt.Errorf("%w: %+v needs an id that does not begin with B, a severity and calls", ErrRule, r)
		}
	}
	b, err := json.Marshal(append([]Rule{}, o.Rules...))
	if err != nil {
		return "", fmt.Errorf("%w: %v", ErrRule, err)
	}
	// A JSON text of strings, numbers and lists is a Python expression too.
	return "RULES = " + string(b) + "\n" + workerSource, nil
}

// server is what a Scanner needs of a sandbox.Server.
type server interface {
	Call(ctx context.Context, request []byte) ([]byte, error)
	Fresh() error
	Close() error
}

// Scanner scans sources, one at a time. It is safe for concurrent use.
type Scanner struct {
	info Info

	mu     sync.Mutex
	server server
	scans  int
}

// New starts a confined worker and checks its version and its canary. Errors:
// ErrVersion, ErrInfrastructure, or the sandbox's.
func New(ctx context.Context, sb *sandbox.Sandbox, o Options) (*Scanner, error) {
	if o.Version == "" {
		o.Version = Version
	}
	source, err := o.source()
	if err != nil {
		return nil, err
	}
	s, err := sb.Serve(ctx, sandbox.ServeOptions{Name: "scanner", Source: source, SitePackages: true, CPU: o.CPU})
	if err != nil {
		return nil, startError(err, sb.Info().Python, o.Version)
	}
	sc := &Scanner{server: s}
	if err := sc.open(ctx, o.Version, source); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return sc, nil
}

// startError tells a Bandit that is missing or has another shape from other failures.
func startError(err error, python, version string) error {
	for _, class := range []string{"ModuleNotFoundError", "ImportError", "AttributeError", "TypeError"} {
		if at := strings.Index(err.Error(), class); at >= 0 {
			return fmt.Errorf("%w: Bandit %s does not start in %s (%s); run make setup", ErrVersion, version, python, err.Error()[at:])
		}
	}
	return fmt.Errorf("%w: %w", ErrInfrastructure, err)
}

func (s *Scanner) open(ctx context.Context, version, source string) error {
	b, err := s.server.Call(ctx, []byte("?"))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInfrastructure, err)
	}
	if err := json.Unmarshal(b, &s.info); err != nil {
		return fmt.Errorf("%w: %v", ErrInfrastructure, err)
	}
	rules := sha256.Sum256([]byte(s.info.Rules + source))
	s.info.Rules = hex.EncodeToString(rules[:])
	if s.info.Bandit != version {
		return fmt.Errorf("%w: version %s, wanted %s; run make setup", ErrVersion, s.info.Bandit, version)
	}
	return s.prove(ctx)
}

// Info identifies the scanner.
func (s *Scanner) Info() Info { return s.info }

// Close ends the worker.
func (s *Scanner) Close() error { return s.server.Close() }
