package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"sync"
	"time"

	"securecoderl/securerl/judge"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/report"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/sandbox/sandboxtest"
	"securecoderl/securerl/scan"
)

type options struct {
	programs int
	kills    float64 // per program
	seed     uint64
	hostile  []string // folders
	work     string   // file
	end      time.Time
}

// round is how many programs are judged between two looks at the machine.
const round = 500

// hostileShare is the part of the programs that attack. Many of them do it by taking
// all the time they get.
const hostileShare = 0.02

// Report is what came of it.
type Report struct {
	Programs int      `json:"programs"`
	Hostile  int      `json:"hostile"`
	Kills    int      `json:"kills"`
	Seconds  float64  `json:"seconds"`
	Cost     string   `json:"cost"`
	First    census   `json:"first"` // after the first round
	Last     census   `json:"last"`
	Faults   []string `json:"faults"`
}

func (r Report) print(w io.Writer) {
	fmt.Fprintf(w, "%d programs, %d of them hostile, %d workers killed, %.0f s (%.0f verdicts/s)\n%s\nfirst  %s\nlast   %s\n",
		r.Programs, r.Hostile, r.Kills, r.Seconds, float64(r.Programs)/r.Seconds, r.Cost, r.First, r.Last)
	for _, f := range r.Faults {
		fmt.Fprintln(w, "FAULT ", report.Terminal(f))
	}
	if len(r.Faults) == 0 {
		fmt.Fprintln(w, "nothing hangs, nothing is left, nothing grows, no verdict is lost or changed")
	}
}

// job is a program with its tests.
type job struct {
	problem *problem.Problem
	source  string
	hostile bool
	varies  bool // by its own account its verdict may change: it may be more than one thing
}

// jobs reads what is to be judged.
func (o options) jobs() (honest, hostile []job, err error) {
	b, err := os.Open(o.work)
	if err != nil {
		return nil, nil, err
	}
	defer b.Close()
	for d := json.NewDecoder(b); ; {
		var row struct {
			ID, Code        string
			Inputs, Outputs []string
		}
		if err := d.Decode(&row); err == io.EOF {
			break
		} else if err != nil {
			return nil, nil, fmt.Errorf("%s: row %d: %w", o.work, len(honest)+1, err)
		}
		p := &problem.Problem{ID: row.ID}
		for i := range min(2, len(row.Inputs), len(row.Outputs)) {
			p.Public = append(p.Public, problem.Test{Stdin: row.Inputs[i], Want: row.Outputs[i]})
		}
		honest = append(honest, job{problem: p, source: row.Code})
	}
	for _, dir := range o.hostile {
		programs, err := sandboxtest.Load(dir)
		if err != nil {
			return nil, nil, err
		}
		for _, x := range programs {
			p := &problem.Problem{ID: x.File, Public: []problem.Test{{Stdin: string(x.Stdin), Want: string(x.Expected)}}}
			hostile = append(hostile, job{problem: p, source: string(x.Source), hostile: true, varies: len(x.Verdicts) > 1})
		}
	}
	if len(honest) == 0 || len(hostile) == 0 {
		return nil, nil, errors.New("both honest and hostile programs are needed")
	}
	return honest, hostile, nil
}

// soak is the whole run.
func soak(ctx context.Context, o options, say func(string)) (r Report, err error) {
	honest, hostile, err := o.jobs()
	if err != nil {
		return r, err
	}
	limits := sandbox.DefaultLimits()
	limits.CPU, limits.Wall = 200*time.Millisecond, 600*time.Millisecond // endless programs must not fill the hours
	sb, err := sandbox.New(ctx, sandbox.Options{Limits: limits})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, sb.Close()) }()
	sc, err := scan.New(ctx, sb, scan.Options{})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, sc.Close()) }()
	// A short queue: programs are added, and workers killed, at the pace of the judging.
	s := &soaking{judge: judge.New(sb, sc, judge.Options{SkipAfterTimeout: true, Queue: 4}), options: o, honest: honest, hostile: hostile, seen: map[string]judge.Verdict{}}
	began := time.Now()
	var total judge.Cost
	for r.Programs < o.programs && time.Now().Before(o.end) && ctx.Err() == nil {
		n := min(round, o.programs-r.Programs)
		cost, err := s.round(ctx, r.Programs, n, &r)
		if err != nil {
			return r, err
		}
		total = total.Add(cost)
		r.Programs += n
		now := look(sb.Workers() + 1)
		if r.First.Descriptors == 0 {
			r.First = now
		}
		r.Last = now
		say(fmt.Sprintf("%7d programs, %4.0f s: %s", r.Programs, time.Since(began).Seconds(), now))
	}
	r.Seconds = time.Since(began).Seconds()
	r.Cost = fmt.Sprintf("%d forks, %d scans, %.1f CPU s of programs, %.1f of the scanner, %d run again alone in %.0f s", total.Forks, total.Scans,
		total.RunCPU.Seconds(), total.ScanCPU.Seconds(), total.Confirmed, total.Confirming.Seconds())
	r.Faults = append(r.Faults, r.Last.faults(r.First)...)
	return r, ctx.Err()
}

// soaking is the state between rounds.
type soaking struct {
	options
	judge           *judge.Judge
	honest, hostile []job
	seen            map[string]judge.Verdict // by the name of a program
}

// round judges n programs, the first of them number at, and compares their verdicts
// with those of the same programs before.
func (s *soaking) round(ctx context.Context, at, n int, r *Report) (judge.Cost, error) {
	batch := s.judge.Batch(ctx)
	var picked []job
	killer := newKiller(rng.New(s.seed).Name("kills").Fold(uint32(at)), s.kills)
	for i := at; i < at+n; i++ {
		draw := rng.New(s.seed).Name("mixture").Fold(uint32(i)).Stream()
		from := s.honest
		if draw.Float64() < hostileShare {
			from = s.hostile
			r.Hostile++
		}
		j := from[draw.IntN(len(from))]
		picked = append(picked, j)
		// The number makes it a program that no cache knows.
		if err := batch.Add(judge.Submission{Problem: j.problem, Source: fmt.Sprintf("%s\n# %d", j.source, i)}); err != nil {
			batch.Stop()
			return judge.Cost{}, err
		}
		killer.perhaps()
	}
	verdicts, cost, err := batch.Wait()
	r.Kills += killer.stop()
	if err != nil {
		return cost, err
	}
	if len(verdicts) != n {
		r.Faults = append(r.Faults, fmt.Sprintf("%d verdicts for %d programs", len(verdicts), n))
	}
	for i, v := range verdicts {
		s.compare(picked[i], v, r)
	}
	return cost, nil
}

// compare notes a verdict that is not what it was. Under limits as short as these a
// time-out depends on the machine; everything else may not.
func (s *soaking) compare(j job, v judge.Verdict, r *Report) {
	if v.Nondeterministic || j.varies || slices.ContainsFunc(v.Public, func(t judge.TestResult) bool { return t.Outcome == judge.TimedOut }) {
		return
	}
	before, known := s.seen[j.problem.ID]
	if !known {
		s.seen[j.problem.ID] = v
		return
	}
	if !reflect.DeepEqual(before, v) && len(r.Faults) < 50 {
		a, _ := json.Marshal(before) // strings and numbers
		b, _ := json.Marshal(v)
		r.Faults = append(r.Faults, fmt.Sprintf("%s had another verdict: %s, now %s", j.problem.ID, a, b))
	}
}

// killer kills workers beside the judging.
type killer struct {
	draw  *rng.Stream
	share float64
	mu    sync.Mutex
	n     int
}

func newKiller(key rng.Key, share float64) *killer { return &killer{draw: key.Stream(), share: share} }

// perhaps kills one process below this one, whatever it does just then.
func (k *killer) perhaps() {
	if k.draw.Float64() >= k.share {
		return
	}
	list := children()
	if len(list) == 0 {
		return
	}
	if list[k.draw.IntN(len(list))].kill() {
		k.mu.Lock()
		k.n++
		k.mu.Unlock()
	}
}

func (k *killer) stop() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.n
}
