package fit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"securecoderl/experiments/train"
	"securecoderl/securerl/reward"
	"securecoderl/securerl/runlog"
)

// errTime ends a smoke run whose time is over.
var errTime = errors.New("the time given is over")

// smoke runs the loops of training on this model, at small numbers: SFT on a few rows,
// sampling and judging, one iteration of PPO.
func (f *fitting) smoke() error {
	s := f.small()
	run, remove, err := f.scratch(s)
	if err != nil {
		return err
	}
	defer func() {
		if err := remove(); err != nil {
			f.say("the smoke run is removed", nil, err, "")
		}
	}()
	lab, err := f.lab.Beside(run, s)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(f.ctx, f.given, errTime)
	defer cancel()
	f.lab.Engine.Until(ctx)
	defer f.lab.Engine.Until(f.ctx)
	lab.Console = train.Quiet()
	var losses []float64
	var tuned time.Time // when the last step of SFT was made
	var last runlog.Point
	lab.Watch = func(p runlog.Point) {
		if p.Phase == "sft" {
			losses, tuned = append(losses, p.Values["loss"]), time.Now()
		}
		last = p
	}
	start := time.Now()
	err = lab.OptimizeOnly(ctx, s.Variants[0].Name) // SFT first
	f.learned(losses, s, tuned.Sub(start))
	if err == nil {
		f.optimized(last, s, time.Since(tuned))
	}
	over := errors.Is(err, errTime) || errors.Is(err, train.ErrStopped) || errors.Is(err, context.DeadlineExceeded)
	if over && errors.Is(context.Cause(ctx), errTime) {
		f.say(fmt.Sprintf("smoke run: the %s given are over after %d steps of SFT; nothing was wrong so far. -minutes gives more", span(f.given.Seconds()), len(losses)), map[string]float64{"complete": 0}, nil, "")
		return nil
	}
	if err != nil {
		f.say("smoke run: SFT, sampling, judging and PPO on this model", nil, err, "the message names what failed; lower what it names, or report it")
	}
	return nil
}

// small are the settings with numbers for a few minutes.
func (f *fitting) small() train.Settings {
	s := f.lab.Settings
	row := float64(s.Model.PromptSlots + s.Model.ProgramSlots)
	s.SFT.BatchSize = min(s.SFT.BatchSize, s.SFT.MicrobatchSize)
	step := float64(s.SFT.BatchSize) * row / f.speeds.train
	s.SFT.Steps = max(2, min(20, int(f.given.Seconds()/4/step)))
	s.SFT.Rows, s.SFT.Warmup, s.SFT.CheckpointEvery, s.SFT.Adapter = s.SFT.BatchSize, 1, s.SFT.Steps, ""
	s.SFT.ProbeCorrect, s.SFT.ProbeSamples, s.SFT.ProbeGreedy = 1, 1, 1
	s.PPO.Iterations, s.PPO.Prompts, s.PPO.Samples, s.PPO.Epochs, s.PPO.ValidateEvery = 1, 2, 2, 1, 1
	s.PPO.MinibatchSize, s.PPO.MicrobatchSize = 4, min(4, s.PPO.MicrobatchSize)
	s.Evaluation.ValidationProblems, s.Evaluation.ValidationSamples = 1, 1
	s.Variants = []train.Variant{{Name: "smoke", About: "one iteration", Schedule: reward.Schedule{{From: 0, Scheme: "gated-joint"}}}}
	s.Seeds = s.Seeds[:1]
	return s
}

// learned says how the loss moved.
func (f *fitting) learned(losses []float64, s train.Settings, took time.Duration) {
	if len(losses) == 0 {
		return
	}
	first, last := losses[0], losses[len(losses)-1]
	moved := "fell"
	if !(last < first) {
		moved = "did not fall: a rate of " + fmt.Sprint(s.SFT.LearningRate) + " moves little in so few steps"
	}
	var err error
	for i, x := range losses {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			err = errors.Join(err, fmt.Errorf("the loss of step %d is %g", i, x))
		}
	}
	f.say(fmt.Sprintf("smoke run: %d SFT steps on %d rows in %s, loss %.4f to %.4f: it %s", len(losses), s.SFT.Rows, span(took.Seconds()), first, last, moved),
		map[string]float64{"sft_steps": float64(len(losses)), "first_loss": finite(first), "last_loss": finite(last)}, err, "try model.bf16 = false, or a lower sft.learning_rate")
}

// optimized says what the iteration of PPO measured.
func (f *fitting) optimized(p runlog.Point, s train.Settings, took time.Duration) {
	var err error
	figures, so := map[string]float64{"complete": 1}, ", all finite"
	for name, x := range p.Values {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			err, so = errors.Join(err, fmt.Errorf("%s is %g", name, x)), ""
		}
		figures[name] = finite(x)
	}
	f.say(fmt.Sprintf("smoke run: one PPO iteration of %d programs in %s: sampled, judged (%.0f %% parse), scored and updated; reward %.3f, entropy %.2f, gradient norm %.2g%s",
		s.PPO.Prompts*s.PPO.Samples, span(took.Seconds()), 100*(1-p.Values["stage_0"]), p.Values["reward"], p.Values["entropy"], p.Values["grad_norm"], so), figures, err, "try model.bf16 = false, or a lower ppo.learning_rate")
}

// finite is a number that JSON can hold.
func finite(x float64) float64 { return math.Max(-math.MaxFloat64, math.Min(math.MaxFloat64, x)) }
