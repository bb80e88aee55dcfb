package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/runlog"
)

// policyName names one stored policy: "base", "sft-1", "gated-1-best".
type policyName struct {
	Variant    string // base, sft or a variant
	Checkpoint string // best or last; empty for base and sft
	Seed       uint64 // 0 for base
}

// String is the name of the policy's folder below checkpoints/.
func (p policyName) String() string {
	switch {
	case p.Variant == "base":
		return "base"
	case p.Checkpoint == "":
		return fmt.Sprintf("%s-%d", p.Variant, p.Seed)
	}
	return fmt.Sprintf("%s-%d-%s", p.Variant, p.Seed, p.Checkpoint)
}

func sftName(seed uint64) string { return policyName{Variant: "sft", Seed: seed}.String() }

func variantStage(name string, seed uint64) string { return fmt.Sprintf("%s-%d", name, seed) }

// state says where the pipeline stands. It travels in every checkpoint.
type state struct {
	Done     []string `json:"done"`      // finished stages, in order
	Stage    string   `json:"stage"`     // the stage in progress
	Step     int      `json:"step"`      // steps of it that are finished
	Best     float64  `json:"best"`      // best validation score of the stage
	Updates  int      `json:"updates"`   // optimiser steps of the stage, where they differ from Step
	BestStep int      `json:"best_step"` // iteration after which it was reached; 0 = none yet
}

func (s state) finished(name string) bool { return slices.Contains(s.Done, name) }

// ErrStopped reports an orderly stop: a checkpoint was written.
var ErrStopped = errors.New("train: stopped; go on with: make resume RUN=<folder>")

// stateFile is the state's name inside a checkpoint.
const stateFile = "state.json"

// load reads the latest checkpoint that is whole and cuts the logs back to it.
func (l *Lab) load() error {
	cp, warnings, err := l.Run.Latest()
	for _, w := range warnings {
		l.Console.Say("warning: %s", w)
	}
	if err != nil || cp == nil {
		return err
	}
	if err := json.Unmarshal(cp.Files[stateFile], &l.state); err != nil {
		return fmt.Errorf("train: checkpoint %s: %s: %w", cp.Name, stateFile, err)
	}
	l.saved = cp.Files
	l.Console.Say("resuming       %d stages finished, %q at step %d", len(l.state.Done), l.state.Stage, l.state.Step)
	return nil
}

// begin enters a stage, unless it is the one a stop interrupted.
func (l *Lab) begin(name string) error {
	if l.state.Stage != name {
		l.state = state{Done: l.state.Done, Stage: name}
		l.saved = nil
	}
	return nil
}

// finish marks the stage as done and makes that durable.
func (l *Lab) finish(name string) error {
	l.state = state{Done: append(l.state.Done, name)}
	l.saved = nil
	return l.save(nil)
}

// checkpoint counts a finished step and saves when it is due, when it is the last,
// or when the context asks to stop; then it returns ErrStopped.
func (l *Lab) checkpoint(ctx context.Context, done, every int, last bool, trees map[string]**engine.Tree) error {
	l.state.Step = done
	stop := ctx.Err() != nil
	if done%every != 0 && !last && !stop {
		return nil
	}
	if err := l.save(trees); err != nil {
		return err
	}
	if stop {
		return ErrStopped
	}
	return nil
}

// save writes a checkpoint: the state, the named trees, the offsets of the logs.
func (l *Lab) save(trees map[string]**engine.Tree) error {
	files := map[string][]byte{}
	for name, t := range trees {
		if *t == nil {
			continue
		}
		b, err := checkpoint.EncodeTree(*t)
		if err != nil {
			return err
		}
		files[name+".safetensors"] = b
	}
	var err error
	if files[stateFile], err = json.MarshalIndent(l.state, "", "  "); err != nil {
		return err
	}
	name := fmt.Sprintf("%03d", len(l.state.Done))
	if l.state.Stage != "" {
		name = fmt.Sprintf("%s-%s-%05d", name, l.state.Stage, l.state.Step)
	}
	return l.Run.Save(runlog.Checkpoint{Name: name, Files: files})
}

// restore puts the trees of the loaded checkpoint in place of fresh ones.
func (l *Lab) restore(trees map[string]**engine.Tree) error {
	if l.state.Step == 0 {
		return nil
	}
	for name, t := range trees {
		b, ok := l.saved[name+".safetensors"]
		if !ok {
			continue
		}
		loaded, err := checkpoint.DecodeTree(b)
		if err != nil {
			return fmt.Errorf("train: checkpoint of %s: %s: %w", l.state.Stage, name, err)
		}
		*t = loaded
	}
	return nil
}
