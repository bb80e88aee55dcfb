package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"securecoderl/securerl/judge"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/reward/rewardtest"
	"securecoderl/securerl/scan"
)

// errRow reports a set whose rows do not have the form of testdata.
var errRow = errors.New("doctor: malformed set")

// found is what a set of known answers gave: how many rows it has, and a sentence for
// each that was answered otherwise.
type found struct {
	rows   int
	faults []string
}

// say notes an answer that is not the known one.
func (f *found) say(ok bool, format string, a ...any) {
	if !ok {
		f.faults = append(f.faults, fmt.Sprintf(format, a...))
	}
}

// err joins the faults, the first three in full.
func (f found) err() error {
	switch n := len(f.faults); {
	case n == 0:
		return nil
	case n > 3:
		return fmt.Errorf("%d differ: %s; and %d more", n, strings.Join(f.faults[:3], "; "), n-3)
	default:
		return fmt.Errorf("%d differ: %s", n, strings.Join(f.faults, "; "))
	}
}

// each reads JSON values of one type from a file, the first of them into head where
// that is not nil.
func each[T any](path string, head any, do func(T) error) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%w: %w", errRow, err)
	}
	rows := json.NewDecoder(bytes.NewReader(b))
	if head != nil {
		if err := rows.Decode(head); err != nil {
			return fmt.Errorf("%w: %s: first value: %w", errRow, path, err)
		}
	}
	for n := 1; ; n++ {
		var row T
		if err := rows.Decode(&row); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("%w: %s: row %d: %w", errRow, path, n, err)
		}
		if err := do(row); err != nil {
			return fmt.Errorf("%s: row %d: %w", path, n, err)
		}
	}
}

// compared checks a table of outputs, expected outputs and verdicts (testdata/compare).
func compared(path string) (found, error) {
	type row struct {
		Actual, Expected   string
		Actual64           []byte `json:"actual_b64"`
		Expected64         []byte `json:"expected_b64"`
		Mode, Verdict, Why string
		Eps                float64
	}
	var f found
	err := each(path, nil, func(r row) error {
		f.rows++
		mode := problem.Comparator(r.Mode)
		if mode == "strip" {
			mode = problem.Peer
		}
		got, want := append([]byte(r.Actual), r.Actual64...), append([]byte(r.Expected), r.Expected64...)
		equal, _ := judge.Compare(mode, r.Eps, got, want)
		f.say(equal == (r.Verdict == "AC"), "%s: %.40q for %.40q should be %s (%s)", r.Mode, got, want, r.Verdict, r.Why)
		return nil
	})
	return f, err
}

// hacked judges programs that try to earn what they do not deserve, and checks that
// their prices lie within the bounds (testdata/reward/hacks.jsonl).
func hacked(ctx context.Context, j *judge.Judge, path string) (found, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return found{}, fmt.Errorf("%w: %w", errRow, err)
	}
	hacks, err := rewardtest.Read(bytes.NewReader(b), path)
	if err != nil {
		return found{}, fmt.Errorf("%w: %w", errRow, err)
	}
	judged, err := hacks.Judge(ctx, j)
	return stated(judged), err
}

// scanned checks sources that attack the scanner, each followed by one that must be
// answered rightly (testdata/scan/hostile.jsonl).
func scanned(ctx context.Context, s *scan.Scanner, path string) (found, error) {
	type row struct {
		ID       string
		Parts    [][2]json.RawMessage // text, times
		Err      *string              `json:"expect_err"`
		AnyOf    []string             `json:"expect_err_any_of"`
		Findings [][3]json.RawMessage // rule, severity, span or null
	}
	var f found
	err := each(path, nil, func(r row) error {
		f.rows++
		var source strings.Builder
		for _, p := range r.Parts {
			var text string
			var times int
			if err := errors.Join(json.Unmarshal(p[0], &text), json.Unmarshal(p[1], &times)); err != nil || times < 0 {
				return fmt.Errorf("%w: parts: %v", errRow, err)
			}
			source.WriteString(strings.Repeat(text, times))
		}
		got, err := s.Scan(ctx, []byte(source.String()))
		if err != nil {
			return err
		}
		want := []string{"ok"}
		if r.Err != nil {
			want = []string{*r.Err}
		}
		for _, w := range r.AnyOf {
			want = append(want, strings.Replace(w, "none", "ok", 1))
		}
		f.say(slices.Contains(want, string(got.Status)), "%s ends as %s, want %s", r.ID, got.Status, strings.Join(want, " or "))
		if r.AnyOf == nil {
			f.say(sameFindings(r.Findings, got.Findings), "%s has %d findings, or others than the %d stated", r.ID, len(got.Findings), len(r.Findings))
		}
		next, err := s.Scan(ctx, []byte("eval('1')"))
		f.say(err == nil && len(next.Findings) == 1, "after %s the scanner is wrong", r.ID)
		return err
	})
	return f, err
}

func sameFindings(want [][3]json.RawMessage, got []scan.Finding) bool {
	if len(want) != len(got) {
		return false
	}
	for i, w := range want {
		var rule, severity string
		var span []int
		if errors.Join(json.Unmarshal(w[0], &rule), json.Unmarshal(w[1], &severity), json.Unmarshal(w[2], &span)) != nil {
			return false
		}
		g := got[i]
		if rule != g.Rule || severity != string(g.Severity) || span != nil && !slices.Equal(span, []int{g.Start, g.End}) {
			return false
		}
	}
	return true
}
