package fit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"securecoderl/experiments/train"
	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/policy"
	"securecoderl/securerl/prompt"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/runlog"
	"securecoderl/securerl/sft"
)

// Say is told what was found. figures name their units; err is what is wrong, and cure
// what to do about it.
type Say func(what string, figures map[string]float64, err error, cure string)

// fitting is a model while it is looked at.
type fitting struct {
	ctx     context.Context
	lab     *train.Lab
	say     Say
	given   time.Duration  // for the smoke run; a measurement gets a share of it
	base    *policy.Policy // without an adapter
	adapter *engine.Tree
	speeds  speeds
	short   *policy.Samplers // of the small measurement
}

// Check looks at the model of the options' settings. given is how long the smoke run may
// take, and what measurements are cut to. What is wrong ends it with one line.
func Check(ctx context.Context, o train.Options, given time.Duration, c *train.Console, say Say) {
	s, err := o.Read()
	if err != nil {
		say("settings", nil, err, "bin/pipeline -h lists the presets; -set gives single keys")
		return
	}
	f := &fitting{ctx: ctx, say: say, given: given}
	f.lab, err = train.OpenJudge(ctx, s, nil, c)
	if err != nil {
		say("model, tokenizer, problems and settings that belong together", nil, err, "the message names file and field; nothing was loaded")
		return
	}
	defer func() {
		if err := f.lab.Close(); err != nil {
			say("closed", nil, err, "end what is left (ps) and report it as a bug")
		}
	}()
	config, parameters, stored := f.lab.Model()
	say(fmt.Sprintf("%s: %s, %d layers of width %d, vocabulary %d, %d parameters, %.2f GB; tokenizer, template and slots fit", filepath.Base(s.Model.Folder), config.Family, config.NumHiddenLayers, config.HiddenSize, config.VocabSize, parameters, float64(stored)/1e9),
		map[string]float64{"parameters": float64(parameters), "stored_bytes": float64(stored)}, nil, "")
	if f.lab.Engine, err = engine.Open(o.Backend); err != nil {
		say("a backend to compute with", nil, err, "remove .venv and run make setup; -backend go needs nothing")
		return
	}
	f.lab.Engine.Until(ctx)
	say(f.lab.Engine.Info().Note, nil, nil, "")
	for _, step := range []func() error{f.plan, f.load, f.measure, f.outlook, f.smoke} {
		if err := step(); err != nil {
			if !errors.Is(err, errNoFit) {
				say("measured and tried", nil, err, "the message names what failed; lower what it names, or report it")
			}
			return
		}
	}
}

// errNoFit ends the looking where a line has said why.
var errNoFit = errors.New("fit: refused")

// plan compares the memory that is needed with what is free.
func (f *fitting) plan() error {
	p := f.lab.Plan()
	figures := map[string]float64{"weights_bytes": float64(p.Weights), "widened_bytes": float64(p.Widened), "adapters_bytes": float64(p.Adapters), "gradients_bytes": float64(p.Gradients),
		"optimiser_bytes": float64(p.Optimiser), "cache_bytes": float64(p.Cache), "activations_bytes": float64(p.Activations), "total_bytes": float64(p.Total())}
	var parts []string
	for line := range strings.Lines(p.String()) {
		parts = append(parts, strings.Join(strings.Fields(line), " "))
	}
	text := "memory plan: " + strings.Join(parts, ", ")
	free, err := f.lab.Engine.FreeMemory()
	if err != nil {
		f.say(text+"; how much is free is unknown here", figures, nil, "")
		return nil
	}
	figures["free_bytes"] = float64(free)
	if err := p.Fit(free); err != nil {
		f.say(text, figures, err, "lower model.prompt_slots, model.program_slots, model.sample_rows, sft.microbatch_size or ppo.microbatch_size, or set model.checkpointed = true")
		return errNoFit
	}
	f.say(fmt.Sprintf("%s; %.2f GB free", text, float64(free)/1e9), figures, nil, "")
	return nil
}

// load copies the weights to the device and makes an adapter.
func (f *fitting) load() error {
	start := time.Now()
	var err error
	if f.base, err = f.lab.Stored("base", "", 0); err != nil {
		return err
	}
	_, _, stored := f.lab.Model()
	seconds := time.Since(start).Seconds()
	f.adapter = decoder.InitAdapter(f.base.Config, f.base.LoRA, rng.New(1).Name("fit"))
	f.say(fmt.Sprintf("loaded in %.2f s, %.2f GB/s; adapter of rank %d with %d parameters", seconds, float64(stored)/1e9/max(seconds, 1e-9), f.base.LoRA.Rank, f.adapter.Parameters()),
		map[string]float64{"load_seconds": seconds, "adapter_parameters": float64(f.adapter.Parameters())}, nil, "")
	return nil
}

// rows are texts of the given sizes: statements and programs of the problems, again and
// again. What they say does not matter to a clock.
func (f *fitting) rows(n, prompts, programs int) (list []sft.Row, err error) {
	var text strings.Builder
	for _, p := range f.lab.Problems.Problems {
		text.WriteString(p.Statement + "\n")
		if text.Len() > 16*(prompts+programs) {
			break
		}
	}
	ids := f.base.Tokenizer.EncodeOrdinary(text.String()).IDs
	if len(ids) == 0 {
		return nil, fmt.Errorf("%w: the problems have no text", train.ErrModel)
	}
	for i := range n {
		row := make([]int32, prompts+programs)
		for k := range row {
			row[k] = ids[(i*7+k)%len(ids)]
		}
		list = append(list, sft.Row{Prompt: row[:prompts], Target: row[prompts:]})
	}
	return list, nil
}

// scratch is a run of its own for the smoke run; remove takes it away.
func (f *fitting) scratch(s train.Settings) (run *runlog.Run, remove func() error, err error) {
	dir, err := os.MkdirTemp("", "securerl-doctor-")
	if err != nil {
		return nil, nil, err
	}
	text, err := runlog.Encode(s)
	if err == nil {
		run, err = runlog.Create(filepath.Join(dir, "run"), text, nil)
	}
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return run, func() error { return errors.Join(run.Close(), os.RemoveAll(dir)) }, nil
}

// optimizer is that of SFT.
func optimizer(s train.SFT) optim.AdamW {
	return optim.AdamW{LearningRate: s.LearningRate, Beta1: 0.9, Beta2: s.Beta2, Epsilon: 1e-8, WeightDecay: s.WeightDecay, ClipNorm: s.ClipNorm}
}

// asked is a prompt of given tokens.
func asked(ids []int32) prompt.Prompt { return prompt.Prompt{ProblemID: "fit", IDs: ids} }
