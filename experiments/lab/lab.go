package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"securecoderl/experiments/train"
	"securecoderl/securerl/chart/ssr"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/notebook"
	"securecoderl/securerl/notebook/session"
	"securecoderl/securerl/policy"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/runlog"
)

// errAsk reports a question that has no answer; the text says what to ask instead.
var errAsk = errors.New("lab")

// lab is what stays warm between two cells.
type lab struct {
	turn   chan struct{} // holds one entry: who takes it computes
	loaded *loaded       // nil before the first question
	temp   string        // where loaded runs are shadowed; "" before the first
}

// loaded is an open laboratory, and the run it was opened for.
type loaded struct {
	*train.Lab
	dir      string // of the stored run; "" = none, for judging alone
	written  time.Time
	policies map[string]*policy.Policy
}

func newLab() *lab {
	l := &lab{turn: make(chan struct{}, 1)}
	l.turn <- struct{}{}
	go func() { _, _ = ssr.Script() }() // the first figure waits less
	return l
}

func (l *lab) handlers() map[string]session.Handler {
	return map[string]session.Handler{
		notebook.CallScript: func(context.Context, json.RawMessage, func(any) error) (any, error) { return ssr.Script() },
		notebook.CallDraw: answer(func(_ context.Context, d notebook.Drawing, _ func(any) error) (any, error) {
			svg, err := ssr.Draw(d.Name, d.Script, d.Alt, d.Width, d.Height)
			return string(svg), err
		}),
		notebook.CallSample: answer(alone(l, l.sample)),
		notebook.CallJudge:  answer(alone(l, l.judge)),
		notebook.CallTrain:  answer(alone(l, l.train)),
	}
}

// work answers a question of one type.
type work[Q any] func(ctx context.Context, q Q, emit func(any) error) (any, error)

// answer reads the question before it is worked on.
func answer[Q any](do work[Q]) session.Handler {
	return func(ctx context.Context, in json.RawMessage, emit func(any) error) (any, error) {
		var q Q
		if err := json.Unmarshal(in, &q); err != nil {
			return nil, fmt.Errorf("%w: this cell and the session are of different versions: %w; run make lab and restart the kernel", errAsk, err)
		}
		return do(ctx, q, emit)
	}
}

// alone lets one question compute at a time: there is one model and one machine.
func alone[Q any](l *lab, do work[Q]) work[Q] {
	return func(ctx context.Context, q Q, emit func(any) error) (any, error) {
		select {
		case <-l.turn:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		defer func() { l.turn <- struct{}{} }()
		return do(ctx, q, emit)
	}
}

// open returns the laboratory of a run, loading it if another one is loaded or if the
// run has changed since.
func (l *lab) open(ctx context.Context, dir string) (*loaded, error) {
	info, err := os.Stat(filepath.Join(dir, "run.json"))
	if err != nil {
		return nil, fmt.Errorf("%w: %s holds no run (no run.json)", errAsk, dir)
	}
	if o := l.loaded; o != nil && o.dir == dir && o.written.Equal(info.ModTime()) {
		return o, nil
	}
	if err := l.unload(); err != nil {
		return nil, err
	}
	s, text, err := settings(dir)
	if err != nil {
		return nil, err
	}
	run, err := l.shadow(dir, text)
	if err != nil {
		return nil, err
	}
	t, err := train.Open(ctx, s, "auto", run, train.Quiet())
	if err != nil {
		return nil, errors.Join(err, run.Close())
	}
	l.loaded = &loaded{Lab: t, dir: dir, written: info.ModTime(), policies: map[string]*policy.Policy{}}
	return l.loaded, nil
}

// settings are those of a stored run, with their text.
func settings(dir string) (train.Settings, []byte, error) {
	s := train.Default()
	path := filepath.Join(dir, "settings.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		return s, nil, fmt.Errorf("%w: %w; only a run with its settings and checkpoints can be sampled or trained", errAsk, err)
	}
	return s, text, s.Decode(path, text)
}

// shadow makes a run folder whose checkpoints are links to those of a stored run, which
// is thereby read and never written.
func (l *lab) shadow(dir string, text []byte) (*runlog.Run, error) {
	if l.temp == "" {
		var err error
		if l.temp, err = os.MkdirTemp("", "securerl-lab-"); err != nil {
			return nil, fmt.Errorf("lab: %w", err)
		}
	}
	own, err := os.MkdirTemp(l.temp, "run-")
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	run, err := runlog.Create(own, text, nil)
	if err != nil {
		return nil, err
	}
	if cache, err := os.UserCacheDir(); err == nil { // verdicts hold for every session of this user
		cache = filepath.Join(cache, "securerl", "verdicts")
		if os.MkdirAll(cache, 0o700) == nil {
			err = os.Symlink(cache, run.Path("verdicts"))
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lab: %w", err), run.Close())
		}
	}
	for _, name := range policies(dir) {
		if err := os.Symlink(filepath.Join(dir, "checkpoints", name), run.Path("checkpoints", name)); err != nil {
			return nil, errors.Join(fmt.Errorf("lab: %w", err), run.Close())
		}
	}
	return run, nil
}

// policies are the names of a run's stored policies.
func policies(dir string) (names []string) {
	for _, file := range []string{"adapter_model.safetensors", "model.safetensors"} {
		found, _ := filepath.Glob(filepath.Join(dir, "checkpoints", "*", file)) // the pattern is well-formed
		for _, f := range found {
			names = append(names, filepath.Base(filepath.Dir(f)))
		}
	}
	slices.Sort(names)
	return names
}

// unload gives back the loaded run: its weights, its graphs, its workers.
func (l *lab) unload() error {
	o := l.loaded
	if o == nil {
		return nil
	}
	l.loaded = nil
	var errs []error
	for _, p := range o.policies {
		errs = append(errs, finalize(p.Adapter))
	}
	errs = append(errs, o.Close())
	if o.Run != nil {
		errs = append(errs, o.Run.Close(), os.RemoveAll(o.Run.Dir()))
	}
	debug.FreeOSMemory()
	return errors.Join(errs...)
}

func finalize(t *engine.Tree) error {
	if t == nil {
		return nil
	}
	return t.Finalize()
}

// close gives back everything. What a handler still computes with is left to the end of
// the process.
func (l *lab) close() error {
	var errs []error
	if l.temp != "" {
		errs = append(errs, os.RemoveAll(l.temp))
	}
	select {
	case <-l.turn:
		errs = append(errs, l.unload())
	default:
	}
	return errors.Join(errs...)
}

// find looks a problem up.
func find(set problem.Set, id string) (*problem.Problem, error) {
	p, ok := set.Find(id)
	if !ok {
		return nil, fmt.Errorf("%w: no problem %q among the %d generated ones, such as %q; rows of a run name theirs", errAsk, id, len(set.Problems), set.Problems[0].ID)
	}
	return &p, nil
}
