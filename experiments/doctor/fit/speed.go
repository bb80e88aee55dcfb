package fit

import (
	"fmt"
	"math"
	"time"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/policy"
	"securecoderl/securerl/prompt"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/sft"
)

// speeds are tokens a second: of whole rows scored or trained on, of programs sampled.
type speeds struct{ score, train, sample float64 }

// shape is what a measurement runs: rows of so many tokens.
type shape struct{ rows, prompt, program int }

func (s shape) tokens() int { return s.rows * (s.prompt + s.program) }

func (s shape) String() string {
	return fmt.Sprintf("%d x (%d + %d) tokens", s.rows, s.prompt, s.program)
}

// share is the part of the given time that a measurement may take.
const share = 8

// measure times the three kinds of work at the shapes of the settings.
func (f *fitting) measure() error {
	s := f.lab.Settings
	m := s.Model
	small := shape{1, min(m.PromptSlots, 48), min(m.ProgramSlots, 16)}
	for _, x := range []struct {
		name string
		full shape
		once func(shape) (tokens int, err error)
		into *float64
	}{
		{"scoring pass (log-probabilities of whole rows)", shape{max(1, min(m.SampleRows, s.PPO.Prompts*s.PPO.Samples)), m.PromptSlots, m.ProgramSlots}, f.scored, &f.speeds.score},
		{"LoRA SFT step (a micro-batch)", shape{min(s.SFT.MicrobatchSize, s.SFT.BatchSize), m.PromptSlots, m.ProgramSlots}, f.trained(), &f.speeds.train},
		{"sampling (new tokens of a batch)", shape{max(1, min(m.SampleRows, s.PPO.Prompts*s.PPO.Samples)), m.PromptSlots, m.ProgramSlots}, f.sampled, &f.speeds.sample},
	} {
		rate, ran, first, err := f.timed(small, x.full, x.once)
		if err != nil {
			return fmt.Errorf("%s: %w", x.name, err)
		}
		*x.into = rate
		note := ""
		if ran != x.full {
			note = fmt.Sprintf("; %s would take longer than its share of the time given", x.full)
		}
		f.say(fmt.Sprintf("%s: %.0f tokens/s at %s, first call with compilation %.1f s%s", x.name, rate, ran, first, note),
			map[string]float64{"tokens_per_second": rate, "rows": float64(ran.rows), "tokens_of_a_row": float64(ran.prompt + ran.program), "first_call_seconds": first}, nil, "")
	}
	return nil
}

// timed runs a small shape, and the full one if that looks affordable: each once to
// compile and once for the clock. It returns tokens a second.
func (f *fitting) timed(small, full shape, once func(shape) (int, error)) (rate float64, ran shape, first float64, err error) {
	call := 0.0 // seconds of a call that compiles nothing
	for _, at := range []shape{small, full} {
		// Small batches are slower by token, so this errs on the side of the small one.
		if at != small && float64(at.tokens())/float64(small.tokens())*call > f.given.Seconds()/share {
			break
		}
		if at == full && full == small && ran == small {
			break
		}
		start := time.Now()
		if _, err = once(at); err != nil {
			return 0, at, 0, err
		}
		first = time.Since(start).Seconds()
		start = time.Now()
		tokens, err := once(at)
		if err != nil {
			return 0, at, 0, err
		}
		call = math.Max(time.Since(start).Seconds(), 1e-9)
		rate, ran = float64(tokens)/call, at
	}
	return rate, ran, first, nil
}

// scored computes log-probabilities of whole rows under the adapter.
func (f *fitting) scored(at shape) (int, error) {
	rows, err := f.rows(at.rows, at.prompt, at.program)
	if err != nil {
		return 0, err
	}
	var ts []policy.Trajectory
	for _, r := range rows {
		ts = append(ts, policy.Trajectory{Problem: "fit", Prompt: asked(r.Prompt), IDs: r.Target})
	}
	p := f.base.With(f.adapter)
	lp, err := p.LogProbs(f.ctx, p.Adapter, ts, 1)
	if err != nil {
		return 0, err
	}
	for i, row := range lp {
		for k, x := range row {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return 0, fmt.Errorf("the log-probability of token %d of row %d is %g", k, i, x)
			}
		}
	}
	return at.tokens(), nil
}

// trained makes a step of SFT. The adapter is put back.
func (f *fitting) trained() func(shape) (int, error) {
	s := f.lab.Settings.SFT
	trainer := sft.New(f.lab.Engine, f.base.Config, &f.base.LoRA, sft.Config{AdamW: optimizer(s), Steps: 1000, MicrobatchSize: min(s.MicrobatchSize, s.BatchSize)})
	single := sft.New(f.lab.Engine, f.base.Config, &f.base.LoRA, sft.Config{AdamW: optimizer(s), Steps: 1000, MicrobatchSize: 1})
	return func(at shape) (int, error) {
		rows, err := f.rows(at.rows, at.prompt, at.program)
		if err != nil {
			return 0, err
		}
		t := trainer
		if at.rows == 1 {
			t = single
		}
		moments := optim.NewState(f.adapter)
		next, _, err := t.Step(f.base.Base, f.adapter, moments, rows, 0)
		if err != nil {
			return 0, err
		}
		return at.tokens(), next.Finalize()
	}
}

// sampled draws programs and counts their tokens.
func (f *fitting) sampled(at shape) (tokens int, err error) {
	rows, err := f.rows(at.rows, at.prompt, at.program)
	if err != nil {
		return 0, err
	}
	p := f.base.With(f.adapter)
	p.PromptSlots, p.MaxNew = at.prompt, at.program
	if at.program != f.base.MaxNew || at.prompt != f.base.PromptSlots { // graphs for other slots
		if f.short == nil {
			f.short = policy.NewSamplers()
		}
		p.Samplers = f.short
	}
	prompts := make([]prompt.Prompt, len(rows))
	for i, r := range rows {
		prompts[i] = asked(r.Prompt)
	}
	key := rng.New(1).Name("fit sample")
	for t, err := range p.Rollout(f.ctx, prompts, 1, decoder.Law{Temperature: 1}, func(i, _ int) rng.Key { return key.Fold(uint32(i)) }) {
		if err != nil {
			return 0, err
		}
		tokens += len(t.IDs)
	}
	return tokens, nil
}
