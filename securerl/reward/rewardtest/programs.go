package rewardtest

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"securecoderl/securerl/completion"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/prompt"
	"securecoderl/securerl/reward"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

//go:embed hacks.jsonl
var embedded []byte

// ErrHacks reports a file that does not have the form of hacks.jsonl.
var ErrHacks = errors.New("rewardtest: malformed hacks")

// Hack is a program that tries to earn what it does not deserve, as a completion.
type Hack struct {
	ID      string
	Program string
	Why     string
	Reward  [2]float64 // what it may earn under strict, least and most
	Gated   *float64   // what it earns under strict-gated, where gates matter
}

// Hacks are programs for one problem.
type Hacks struct {
	Problem problem.Problem
	List    []Hack
}

// Embedded are the hacks of this package: hacks.jsonl.
func Embedded() Hacks {
	h, err := Read(bytes.NewReader(embedded), "hacks.jsonl")
	if err != nil {
		panic(err) // it is part of the program
	}
	return h
}

// Read reads hacks: a JSON value with the task and its tests, then one per program.
// name stands in errors, which wrap ErrHacks.
func Read(r io.Reader, name string) (Hacks, error) {
	d := json.NewDecoder(r)
	var head struct {
		Task  string
		Tests []struct{ Input, Output string }
	}
	if err := d.Decode(&head); err != nil {
		return Hacks{}, fmt.Errorf("%w: %s: first value: %w", ErrHacks, name, err)
	}
	h := Hacks{Problem: problem.Problem{ID: name, Statement: head.Task}}
	for _, t := range head.Tests {
		h.Problem.Public = append(h.Problem.Public, problem.Test{Stdin: t.Input, Want: t.Output})
	}
	if len(h.Problem.Public) == 0 {
		return Hacks{}, fmt.Errorf("%w: %s: first value: no tests", ErrHacks, name)
	}
	for n := 1; ; n++ {
		var row Hack
		if err := d.Decode(&row); err == io.EOF {
			return h, nil
		} else if err != nil {
			return Hacks{}, fmt.Errorf("%w: %s: row %d: %w", ErrHacks, name, n, err)
		}
		if row.ID == "" || !(row.Reward[0] >= 0 && row.Reward[0] <= row.Reward[1]) {
			return Hacks{}, fmt.Errorf("%w: %s: row %d: id %q, reward %v", ErrHacks, name, n, row.ID, row.Reward)
		}
		h.List = append(h.List, row)
	}
}

// Judged are hacks that were run and scanned: the i-th verdict belongs to the i-th hack.
type Judged struct {
	Hacks
	Verdicts []judge.Verdict
}

// Judge runs and scans the embedded hacks. Without a judge (nil) it opens a sandbox and
// a scanner of its own, which needs what every run needs (make doctor). Errors are the
// machinery's.
func Judge(ctx context.Context, j *judge.Judge) (judged Judged, err error) {
	if j != nil {
		return Embedded().Judge(ctx, j)
	}
	sb, err := sandbox.New(ctx, sandbox.Options{})
	if err != nil {
		return Judged{}, err
	}
	defer func() { err = errors.Join(err, sb.Close()) }()
	sc, err := scan.New(ctx, sb, scan.Options{})
	if err != nil {
		return Judged{}, err
	}
	defer func() { err = errors.Join(err, sc.Close()) }()
	return Embedded().Judge(ctx, judge.New(sb, sc, judge.Options{}))
}

// Judge runs and scans hacks.
func (h Hacks) Judge(ctx context.Context, j *judge.Judge) (Judged, error) {
	var list []judge.Submission
	for _, x := range h.List {
		list = append(list, judge.Submission{Problem: &h.Problem, Source: prompt.Extract(x.Program).Source, Finish: completion.End})
	}
	verdicts, _, err := j.Judge(ctx, list)
	return Judged{h, verdicts}, err
}

// Check prices the programs under a scheme, and returns every fault found. Bounds are
// relative: a clean program earns at most the share of honest work that its row states
// for strict; a flagged one earns less than honest work.
func (j Judged) Check(s reward.Scheme) []Fault {
	c := &checker{scheme: s}
	var list []Attack
	for i, h := range j.List {
		list = append(list, Attack{h.ID, j.Verdicts[i]})
	}
	scores := c.prices(list)
	if c.broken || len(list) == 0 {
		return c.faults
	}
	top := slices.IndexFunc(list, func(a Attack) bool { return honest(a.Verdict) })
	if top < 0 {
		c.say(Paid, "no program", "is honest: nothing to compare with")
		return c.faults
	}
	full := scores[top].Total
	for i, a := range list {
		got, most := scores[i].Total, j.List[i].Reward[1]
		switch {
		case honest(a.Verdict) && (got < full-slack || got <= 0):
			c.say(Paid, a.Name, "is honest work and earns %.3f, where %s earns %.3f", got, list[top].Name, full)
		case honest(a.Verdict):
		case a.Verdict.Status == scan.OK && !a.Verdict.Flagged(scan.Low) && !a.Verdict.Empty() && got < full && got > most*full+slack:
			c.say(Bound, a.Name, "earns %.3f, more than %.3f of what honest work earns (%.3f)", got, most, full)
		default:
			c.attack(a, got, full)
		}
	}
	c.stages(list, scores)
	return c.faults
}

// honest tells whether a program passes every test and is clean.
func honest(v judge.Verdict) bool { return v.AllPublic() && !v.Flagged(scan.Low) }

// stages compares clean programs that ended alike on every test, in the order of how
// far they got.
func (c *checker) stages(list []Attack, scores []reward.Score) {
	var even []int
	for i, a := range list {
		p := a.Verdict.Public
		alike := !slices.ContainsFunc(p, func(t judge.TestResult) bool { return t.Outcome != p[0].Outcome })
		if alike && !a.Verdict.Flagged(scan.Low) && !a.Verdict.Empty() && (len(p) == 0 || a.Verdict.ReadsInput() && !a.Verdict.Constant()) {
			even = append(even, i)
		}
	}
	slices.SortStableFunc(even, func(a, b int) int { return cmp.Compare(list[a].Verdict.Stage(), list[b].Verdict.Stage()) })
	for n := 1; n < len(even); n++ {
		low, high := even[n-1], even[n]
		if list[low].Verdict.Stage() < list[high].Verdict.Stage() && scores[high].Total < scores[low].Total-slack {
			c.say(Order, list[high].Name, "earns %.3f, less than %s (%.3f), which gets less far", scores[high].Total, list[low].Name, scores[low].Total)
		}
	}
}

// Stated compares the prices of strict and strict-gated with those that the rows state.
func (j Judged) Stated() []Fault {
	c := &checker{}
	strict, gated := mustName("strict"), mustName("strict-gated")
	for i, h := range j.List {
		got, held := strict.Price(j.Verdicts[i]).Total, gated.Price(j.Verdicts[i]).Total
		if got < h.Reward[0]-slack || got > h.Reward[1]+slack {
			c.say(Bound, h.ID, "earns %.3f under strict, want %.3f to %.3f", got, h.Reward[0], h.Reward[1])
		}
		switch {
		case held > got+slack:
			c.say(Bound, h.ID, "earns %.3f under strict-gated, more than %.3f under strict", held, got)
		case h.Gated != nil && math.Abs(*h.Gated-held) > slack:
			c.say(Bound, h.ID, "earns %.3f under strict-gated, want %.3f", held, *h.Gated)
		}
	}
	return c.faults
}

func mustName(name string) reward.Scheme {
	s, err := reward.Named(name)
	if err != nil {
		panic(err) // a scheme of package reward
	}
	return s
}
