package scan

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

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
	Statements       int       `json:"statements"` // that do something; 0 = an empty program
	SyntaxError      string    `json:"syntax_error,omitempty"`
	SyntaxLine       int       `json:"syntax_line,omitempty"`
	CompileOK        bool      `json:"compile_ok"`
	Nondeterministic bool      `json:"nondeterministic,omitempty"` // asks the clock or unseeded chance
	Fault            string    `json:"fault,omitempty"`            // what failed, for Plugin and Internal
}

// Info identifies the scanner; it belongs into every run's manifest.
type Info struct {
	Bandit string `json:"bandit"`
	Rules  string `json:"rules"` // digest of the rule set
	Python string `json:"python"`
}

// Options are for those who scan with another Bandit on purpose.
type Options struct {
	Version string // accepted version; empty = Version
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

// canaryEvery is how many scans may pass before the worker must prove itself again.
const canaryEvery = 64

// canary has findings that every healthy worker reports.
const canary = "import pickle\nx = eval(input())\n"

// New starts a confined worker and checks its version and its canary. Errors:
// ErrVersion, ErrInfrastructure, or the sandbox's.
func New(ctx context.Context, sb *sandbox.Sandbox, o Options) (*Scanner, error) {
	if o.Version == "" {
		o.Version = Version
	}
	s, err := sb.Serve(ctx, sandbox.ServeOptions{Name: "scanner", Source: workerSource, SitePackages: sb.SitePackages()})
	if err != nil {
		return nil, fmt.Errorf("%w: %w (Bandit %s must be installed for %s: run make setup)", ErrVersion, err, o.Version, sb.Info().Python)
	}
	sc := &Scanner{server: s}
	if err := sc.open(ctx, o.Version); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return sc, nil
}

func (s *Scanner) open(ctx context.Context, version string) error {
	b, err := s.server.Call(ctx, []byte("?"))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInfrastructure, err)
	}
	if err := json.Unmarshal(b, &s.info); err != nil {
		return fmt.Errorf("%w: %v", ErrInfrastructure, err)
	}
	if s.info.Bandit != version {
		return fmt.Errorf("%w: version %s, wanted %s; run make setup", ErrVersion, s.info.Bandit, version)
	}
	return s.prove(ctx)
}

// Info identifies the scanner.
func (s *Scanner) Info() Info { return s.info }

// Close ends the worker.
func (s *Scanner) Close() error { return s.server.Close() }

// prove scans the canary on the worker in use.
func (s *Scanner) prove(ctx context.Context) error {
	r, err := s.ask(ctx, []byte(canary))
	if err != nil {
		return fmt.Errorf("%w: canary: %w", ErrInfrastructure, err)
	}
	var rules []string
	for _, f := range r.Findings {
		rules = append(rules, f.Rule)
	}
	if r.Status != OK || len(rules) != 2 || rules[0] != "B403" || rules[1] != "B307" || canary[r.Findings[1].Start:r.Findings[1].End] != "eval(input())" {
		return fmt.Errorf("%w: the canary is reported as %s %v, not as B403 and B307 at their places", ErrInfrastructure, r.Status, rules)
	}
	return nil
}

// Scan reports on a source. Whatever the source does to the scanner is a Status,
// once it was reproduced on a fresh worker after a passing canary; an error means
// that the scanner itself is broken (ErrInfrastructure) or that ctx ended.
func (s *Scanner) Scan(ctx context.Context, source []byte) (Report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.scans++; s.scans%canaryEvery == 0 {
		if err := s.prove(ctx); err != nil {
			return Report{}, err
		}
	}
	r, err := s.ask(ctx, source)
	first, faulty := fault(r, err)
	if !faulty {
		return r, err
	}
	if err := s.server.Fresh(); err != nil {
		return Report{}, fmt.Errorf("%w: %w", ErrInfrastructure, err)
	}
	if err := s.prove(ctx); err != nil {
		return Report{}, err
	}
	again, err := s.ask(ctx, source)
	second, faulty := fault(again, err)
	if !faulty {
		return again, err // the first fault was the worker's
	}
	if first != second {
		return Report{}, fmt.Errorf("%w: one source ended as %s, then as %s", ErrInfrastructure, first, second)
	}
	again.Status = second
	return again, nil
}

// fault names what went wrong with a scan; anything else is no fault of it.
func fault(r Report, err error) (Status, bool) {
	switch {
	case errors.Is(err, sandbox.ErrServerTimeout):
		return Timeout, true
	case errors.Is(err, sandbox.ErrServerCrash):
		return Crash, true
	case err != nil:
		return "", false
	case r.Status == Plugin, r.Status == Internal, r.Status == Memory:
		return r.Status, true
	}
	return "", false
}

func (s *Scanner) ask(ctx context.Context, source []byte) (Report, error) {
	b, err := s.server.Call(ctx, append([]byte("!"), source...))
	if err != nil {
		return Report{}, err
	}
	var r Report
	if err := json.Unmarshal(b, &r); err != nil {
		return Report{}, fmt.Errorf("%w: answer: %v", ErrInfrastructure, err)
	}
	for _, f := range r.Findings {
		if f.Start < 0 || f.End < f.Start || f.End > len(source) || f.Severity.rank() == 0 {
			return Report{}, fmt.Errorf("%w: finding %s at bytes %d to %d of %d", ErrInfrastructure, f.Rule, f.Start, f.End, len(source))
		}
	}
	return r, nil
}
