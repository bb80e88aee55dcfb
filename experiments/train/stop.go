package train

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/runlog"
)

// stopped is why a context ended: a signal asked for it.
type stopped struct{ signal os.Signal }

func (s stopped) Error() string { return "stopped by signal: " + s.signal.String() }

// code is the exit code of a stop: an interrupt is final, what a scheduler sends asks for
// another turn.
func (s stopped) code() int {
	if s.signal == os.Interrupt {
		return exitStopped
	}
	return exitRequeue
}

// listen returns a context that ends at the first signal to stop; at a second one the
// process ends at once, which no checkpoint minds.
func listen() (ctx context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	got := make(chan os.Signal, 2)
	signal.Notify(got, append([]os.Signal{os.Interrupt, syscall.SIGTERM}, schedulers...)...)
	go func() {
		for s := range got {
			if ctx.Err() != nil {
				os.Exit(stopped{s}.code())
			}
			cancel(stopped{s})
		}
	}()
	return ctx, func() { signal.Stop(got); close(got); cancel(nil) }
}

// isStop tells an orderly stop from a failure on the way to it.
func isStop(ctx context.Context, err error) bool {
	return errors.Is(err, ErrStopped) || ctx.Err() != nil && !errors.Is(err, runlog.ErrCheckpoint) && !errors.Is(err, syscall.ENOSPC)
}

// interrupted makes a checkpoint of before a step that a stop has cut short. Another
// error comes back as it is.
func (l *Lab) interrupted(ctx context.Context, err error, trees map[string]**engine.Tree) error {
	if cause := context.Cause(ctx); cause == nil || !errors.Is(err, cause) {
		return err
	}
	if err := l.save(trees); err != nil {
		return err
	}
	return ErrStopped
}

// knobs are the settings that make a function's memory larger, by the function's name: the
// one to lower first stands first.
var knobs = map[string][]string{
	"sft gradient":               {"sft.microbatch_size", "model.program_slots", "model.prompt_slots"},
	"ppo gradient":               {"ppo.microbatch_size", "model.program_slots", "model.prompt_slots"},
	"ppo gradient of the critic": {"ppo.microbatch_size", "model.program_slots", "model.prompt_slots"},
	"score":                      {"model.sample_rows", "model.prompt_slots", "model.program_slots"},
	"prefill":                    {"model.sample_rows", "model.prompt_slots"},
	"start":                      {"model.sample_rows", "model.prompt_slots"},
	"admit":                      {"model.sample_rows", "model.prompt_slots"},
	"decode":                     {"model.sample_rows", "model.program_slots", "model.prompt_slots"},
	"decode one":                 {"model.sample_rows", "model.program_slots", "model.prompt_slots"},
	"adamw":                      {"lora.rank"},
}

// lower adds to a refusal of memory which settings to lower, and what they are now.
func (l *Lab) lower(stage string, err error) error {
	var m *engine.MemoryError
	if !errors.As(err, &m) {
		return err
	}
	keys, ok := knobs[m.Func]
	switch {
	case stage == "base":
		keys = []string{"base.batch_size"}
	case !ok:
		keys = []string{"model.sample_rows", "sft.microbatch_size", "ppo.microbatch_size", "model.program_slots", "model.prompt_slots"}
	}
	s := l.Settings
	now := map[string]int{"base.batch_size": s.Base.BatchSize, "sft.microbatch_size": s.SFT.MicrobatchSize, "ppo.microbatch_size": s.PPO.MicrobatchSize, "model.sample_rows": s.Model.SampleRows,
		"model.prompt_slots": s.Model.PromptSlots, "model.program_slots": s.Model.ProgramSlots, "lora.rank": s.LoRA.Rank}
	var list []string
	for _, key := range keys {
		list = append(list, fmt.Sprintf("%s (now %d)", key, now[key]))
	}
	return fmt.Errorf("%w; lower %s in %s and go on with -resume: the last checkpoint is whole", err, strings.Join(list, " or "), l.Run.Path("settings.toml"))
}
