package scan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"securecoderl/securerl/sandbox"
)

const (
	// canaryEvery is how many scans may pass before the worker must prove itself again.
	canaryEvery = 64
	// attempts bound the workers that one source may cost.
	attempts = 4
)

// canary has findings that every healthy worker reports: the last one is the call.
const (
	canary     = "import pickle\nx = eval(input())\n"
	canaryCall = "eval(input())"
)

// lost says that a worker went away without a word about the source. It is never a
// fact, however often it happens.
const lost Status = "lost"

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
	var last Status
	for try := range attempts {
		if try > 0 {
			if err := s.renew(ctx); err != nil {
				return Report{}, err
			}
		}
		r, what, err := s.ask(ctx, source)
		switch {
		case err != nil:
			return Report{}, err
		case what == "":
			return r, nil // an earlier fault was the worker's
		case what == last && what != lost:
			r.Status, r.Scanner = what, s.name
			return r, nil
		}
		last = what
	}
	return Report{}, fmt.Errorf("%w: one source ended in different ways on %d workers, at last as %s", ErrInfrastructure, attempts, last)
}

// renew puts a fresh worker in place and has it prove itself.
func (s *Scanner) renew(ctx context.Context) error {
	if err := s.server.Fresh(); err != nil && !errors.Is(err, sandbox.ErrWorker) {
		return fmt.Errorf("%w: %w", ErrInfrastructure, err)
	}
	return s.prove(ctx)
}

// prove scans the canary. A worker that is lost meanwhile is replaced once; one that
// reports something else is broken, and so may be what it said since the last time.
func (s *Scanner) prove(ctx context.Context) error {
	r, what, err := s.ask(ctx, []byte(canary))
	if err == nil && (what == lost || what == Crash) {
		r, what, err = s.ask(ctx, []byte(canary))
	}
	if err != nil {
		return err
	}
	var rules []string
	for _, f := range r.Findings {
		rules = append(rules, f.Rule)
	}
	want := s.set.canary()
	if what != "" || r.Status != OK || !slices.Equal(rules, want) || !r.hits(canary, canaryCall) {
		return fmt.Errorf("%w: the canary is reported as %s %s %v, not as %v at their places", ErrInfrastructure, what, r.Status, rules, want)
	}
	return nil
}

// hits tells whether a finding stands exactly on a text of the source.
func (r Report) hits(source, text string) bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return source[f.Start:f.End] == text })
}

// ask scans once. what names a fault that may be the source's or the worker's; err
// is the context's end or an answer that no healthy worker gives.
func (s *Scanner) ask(ctx context.Context, source []byte) (r Report, what Status, err error) {
	b, err := s.server.Call(ctx, append([]byte("!"), source...))
	switch {
	case ctx.Err() != nil:
		return Report{}, "", ctx.Err()
	case errors.Is(err, sandbox.ErrServerTimeout):
		return Report{}, Timeout, nil
	case errors.Is(err, sandbox.ErrServerCrash):
		return Report{}, Crash, nil
	case errors.Is(err, sandbox.ErrWorker):
		return Report{}, lost, nil
	case err != nil:
		return Report{}, "", fmt.Errorf("%w: %w", ErrInfrastructure, err)
	}
	answer := struct {
		*Report
		CPU float64 `json:"cpu"` // seconds
	}{Report: &r}
	if err := json.Unmarshal(b, &answer); err != nil {
		return Report{}, "", fmt.Errorf("%w: answer: %v", ErrInfrastructure, err)
	}
	r.ParseOK = r.ParseOK || r.CompileOK
	if err := r.check(len(source)); err != nil {
		return Report{}, "", err
	}
	r.CPU, r.Scanner = time.Duration(answer.CPU*float64(time.Second)), s.name
	if s.set == BanditX {
		r.Findings, r.Extra = append(r.Findings, r.Extra...), nil
	}
	for _, list := range []*[]Finding{&r.Findings, &r.Extra} {
		if len(*list) == 0 {
			*list = nil // one form of "none"
		}
	}
	if r.Status == Plugin || r.Status == Internal || r.Status == Memory {
		what = r.Status
	}
	return r, what, nil
}

// check refuses what no healthy worker answers.
func (r Report) check(size int) error {
	switch r.Status {
	case OK, Plugin:
		if r.Status == OK && !r.CompileOK || !r.ParseOK {
			return fmt.Errorf("%w: status %s for a source that does not compile", ErrInfrastructure, r.Status)
		}
	case Syntax, NotUTF8, TooLarge, TooDeep, Memory, Internal:
	default:
		return fmt.Errorf("%w: answer with status %q", ErrInfrastructure, r.Status)
	}
	for _, f := range slices.Concat(r.Findings, r.Extra) {
		if f.Rule == "" || f.Start < 0 || f.End < f.Start || f.End > size || f.Severity.rank() == 0 {
			return fmt.Errorf("%w: finding %q (%s) at bytes %d to %d of %d", ErrInfrastructure, f.Rule, f.Severity, f.Start, f.End, size)
		}
	}
	return nil
}
