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

// Version is the Bandit that prices every shipped config.
const Version = "1.9.4"

// DlintVersion is the dlint that gives second opinions.
const DlintVersion = "0.17.0"

// oldest is the first Bandit that is accepted, whatever Options say: 1.6 calls every
// input() HIGH and is blind to strings on current Pythons, so that its numbers are of
// another kind.
var oldest = [2]int{1, 8}

// The errors of this package. None of them is ever read as "no findings".
var (
	ErrVersion        = errors.New("scan: wrong Bandit or dlint")
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
	Rule       string   `json:"rule"` // B307 (Bandit), X002 (shipped here), DUO104 (dlint), or a user's own
	Name       string   `json:"name"`
	Severity   Severity `json:"severity"`
	Confidence string   `json:"confidence"`
	CWE        int      `json:"cwe"`   // 0 where the tool names none
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
	Scanner          string    `json:"scanner,omitempty"`  // tool, version, rule set and its digest: see Info.String
	Findings         []Finding `json:"findings,omitempty"` // of the rule set that was asked for, and of the user's rules
	Extra            []Finding `json:"extra,omitempty"`    // of the shipped rules X..., where the rule set leaves them out; at most 100
	Statements       int       `json:"statements"`         // docstrings and bare constants aside; 0 = an empty program
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
	Set    Set    `json:"set"`
	Bandit string `json:"bandit,omitempty"`
	Dlint  string `json:"dlint,omitempty"` // for a second opinion
	Rules  string `json:"rules"`           // digest of the rules and of all that runs them
	Python string `json:"python"`
}

// String names the scanner in a few words, as every report carries it.
func (i Info) String() string {
	version := i.Bandit + i.Dlint // one of them is empty
	return fmt.Sprintf("%s %s, rules %.16s", i.Set, version, i.Rules)
}

// Options are for those who scan with more than Bandit, or with another one on
// purpose.
type Options struct {
	Set     Set           // empty = Bandit
	Version string        // accepted version of the tool; empty = Version or DlintVersion
	CPU     time.Duration // processor time per source; 0 = 2 s
	Rules   []Rule        // the user's own, beside those of the set
	Secrets Floor         // of X006; the zero value is 8 characters of 2.5 bits
}

// server is what a Scanner needs of a sandbox.Server.
type server interface {
	Call(ctx context.Context, request []byte) ([]byte, error)
	Fresh() error
	Close() error
}

// Scanner scans sources, one at a time. It is safe for concurrent use.
type Scanner struct {
	set  Set
	info Info
	name string // of info

	mu     sync.Mutex
	server server
	scans  int
}

// recycleAfter is how many scans a worker lives. A fresh one costs 30 ms until its pages
// are its own: at 256 scans, as the prototype had it, a quarter of all time.
const recycleAfter = 1024

// New starts a confined worker and checks its version and its canary. Errors:
// ErrVersion, ErrRule, ErrInfrastructure, or the sandbox's.
func New(ctx context.Context, sb *sandbox.Sandbox, o Options) (*Scanner, error) {
	o = o.complete()
	source, err := o.source()
	if err != nil {
		return nil, err
	}
	if err := o.Set.accepts(o.Version); err != nil {
		return nil, err
	}
	// Bandit lives in the interpreter that was set up, whichever one runs the programs.
	python, err := sandbox.FindPython()
	if err != nil {
		return nil, err
	}
	s, err := sb.Serve(ctx, sandbox.ServeOptions{Name: "scanner", Source: source, Python: python, SitePackages: true, CPU: o.CPU, RecycleAfter: recycleAfter})
	if err != nil {
		return nil, startError(err, python, o)
	}
	sc := &Scanner{server: s, set: o.Set}
	if err := sc.open(ctx, o.Version, source); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return sc, nil
}

// startError tells a tool that is missing or has another shape from other failures.
func startError(err error, python string, o Options) error {
	for _, class := range []string{"ModuleNotFoundError", "ImportError", "AttributeError", "TypeError", "PackageNotFoundError"} {
		if at := strings.Index(err.Error(), class); at >= 0 {
			return fmt.Errorf("%w: %s %s does not start in %s (%s); run %s", ErrVersion, o.Set.tool(), o.Version, python, err.Error()[at:], o.Set.cure())
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
	rules := sha256.Sum256([]byte(s.info.Rules + string(s.set) + "\n" + source))
	s.info.Rules, s.info.Set = hex.EncodeToString(rules[:]), s.set
	s.name = s.info.String()
	found := s.info.Bandit + s.info.Dlint
	if err := s.set.accepts(found); err != nil {
		return err
	}
	if found != version {
		return fmt.Errorf("%w: version %s, wanted %s; run %s", ErrVersion, found, version, s.set.cure())
	}
	return s.prove(ctx)
}

// Info identifies the scanner.
func (s *Scanner) Info() Info { return s.info }

// Close ends the worker.
func (s *Scanner) Close() error { return s.server.Close() }
