package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"slices"

	"securecoderl/experiments/configs"
	"securecoderl/experiments/train"
	"securecoderl/securerl/notebook"
	"securecoderl/securerl/reward"
	"securecoderl/securerl/runlog"
)

// live is the name of the variant that a notebook trains.
const live = "live"

// train runs PPO from the SFT adapter of a stored run, and sends each point as it comes.
// A caller that goes away ends it.
func (l *lab) train(ctx context.Context, q notebook.Training, emit func(any) error) (_ any, err error) {
	o, err := l.open(ctx, q.Run)
	if err != nil {
		return nil, err
	}
	s, err := liveSettings(o.Settings, q)
	if err != nil {
		return nil, err
	}
	if have := policies(o.dir); !slices.Contains(have, fmt.Sprintf("sft-%d", s.Seeds[0])) {
		return nil, fmt.Errorf("%w: training starts from checkpoints/sft-%d, which the run in %s does not have; name another Seed", errAsk, s.Seeds[0], o.dir)
	}
	text, err := runlog.Encode(s)
	if err != nil {
		return nil, err
	}
	run, err := l.shadow(o.dir, text)
	if err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, run.Close(), os.RemoveAll(run.Dir()))
		debug.FreeOSMemory() // what the updates left behind
	}()
	t, err := o.Beside(run, s)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t.Watch = func(p runlog.Point) {
		if emit(p) != nil {
			cancel()
		}
	}
	return nil, t.Optimize(ctx, s.Variants[0], s.Seeds[0])
}

// liveSettings are the run's, with the sizes of the tiny preset in training and
// validation, and what the cell asks for on top.
func liveSettings(s train.Settings, q notebook.Training) (train.Settings, error) {
	tiny := train.Default()
	text, err := configs.Read("tiny")
	if err != nil {
		return s, err
	}
	if err := tiny.Decode("tiny.toml", text); err != nil {
		return s, err
	}
	model, lora := s.Model, s.LoRA
	s.PPO, s.Evaluation = tiny.PPO, tiny.Evaluation
	s.PPO.Iterations = cmp.Or(q.Iterations, s.PPO.Iterations)
	scheme := cmp.Or(q.Scheme, "gated-joint")
	if !slices.Contains(reward.Names(), scheme) {
		return s, fmt.Errorf("%w: no scheme %q; there are: %v", errAsk, scheme, reward.Names())
	}
	s.Variants = []train.Variant{{Name: live, About: "a training of a notebook", Schedule: reward.Schedule{{From: 0, Scheme: scheme}}}}
	if q.Seed != 0 {
		s.Seeds = []uint64{q.Seed}
	}
	s.Seeds = s.Seeds[:1]
	if err := s.Decode("Settings", []byte(q.Settings)); err != nil {
		return s, err
	}
	if !reflect.DeepEqual(model, s.Model) || !reflect.DeepEqual(lora, s.LoRA) {
		return s, fmt.Errorf("%w: a live training keeps the model and the adapter's shape of its run; take [model] and [lora] out of Settings", errAsk)
	}
	if len(s.Variants) != 1 || len(s.Seeds) != 1 {
		return s, fmt.Errorf("%w: a live training has one variant and one seed; name them by Scheme and Seed", errAsk)
	}
	return s, nil
}
