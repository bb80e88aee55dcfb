package train

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"securecoderl/experiments/train/corpus"
	"securecoderl/securerl/decoder"
	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/policy"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/problem/families"
	"securecoderl/securerl/runlog"
	"securecoderl/securerl/tokenizer"
)

// ErrModel reports a model folder that does not fit its tokenizer or the settings.
var ErrModel = errors.New("train: model")

// readModel learns the shape of the policy and, of a model in a folder, its tokenizer.
// Every fault of the folder shows here, before anything large is read.
func (l *Lab) readModel() error {
	m := l.Settings.Model
	if m.Folder == "" {
		l.config = m.config()
		return nil
	}
	f, err := checkpoint.Open(m.Folder)
	if err != nil {
		return err
	}
	l.config, l.stored = f.Config, f.Bytes()
	l.config.Compute = m.compute()
	if err := f.Close(); err != nil {
		return err
	}
	if l.tokenizer, err = tokenizer.Load(filepath.Join(m.Folder, "tokenizer.json")); err != nil {
		return err
	}
	return errors.Join(l.checkModel(), l.Settings.Adapter().Validate(l.config), l.checkAdapter())
}

// checkAdapter reads the adapter that SFT is to take, which may be of another base.
func (l *Lab) checkAdapter() error {
	dir := l.Settings.SFT.Adapter
	if dir == "" {
		return nil
	}
	p := &policy.Policy{Config: l.config, LoRA: l.Settings.Adapter()}
	if _, err := p.Load(dir); err != nil {
		return fmt.Errorf("%w: sft.adapter: %w", ErrModel, err)
	}
	return nil
}

// Model says what the lab has for a policy: family, number of parameters, bytes as stored.
func (l *Lab) Model() (c decoder.Config, parameters, stored int64) {
	return l.config, decoder.Count(l.config.Parameters()), l.stored
}

// Outlook counts the problems, with what was left out of their file.
func (l *Lab) Outlook() string { return l.report.String() }

// checkModel compares a folder's model with its tokenizer, and with the slots.
func (l *Lab) checkModel() error {
	m, c := l.Settings.Model, l.config
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s: "+format, append([]any{ErrModel, m.Folder}, args...)...)
	}
	var errs []error
	if n := l.tokenizer.VocabSize(); n > c.VocabSize {
		errs = append(errs, bad("tokenizer.json has %d tokens, the embedding of config.json (vocab_size) %d: they belong to two models", n, c.VocabSize))
	}
	if len(c.EOS) == 0 {
		errs = append(errs, bad("config.json and generation_config.json name no eos_token_id: nothing would end a program"))
	}
	for _, id := range c.EOS {
		if !l.tokenizer.Control(id) {
			errs = append(errs, bad("eos_token_id %d is no special token of tokenizer.json: they belong to two models", id))
		}
	}
	if longest := c.MaxPositionEmbeddings; m.slots() > longest {
		errs = append(errs, bad("model.prompt_slots and model.program_slots make %d tokens, max_position_embeddings is %d", m.slots(), longest))
	}
	if _, err := l.template().RenderRequest(l.tokenizer, "of an empty request", ""); err != nil {
		errs = append(errs, bad("model.template %q: %w", m.template(), err))
	}
	return errors.Join(errs...)
}

// readProblems builds the problems, or reads them from the file of the settings.
func (l *Lab) readProblems() error {
	d := l.Settings.Data
	if d.Problems == "" {
		l.Problems = families.Build()
		return nil
	}
	var fits func(problem.Problem) bool
	if l.tokenizer != nil {
		fits = func(p problem.Problem) bool {
			_, err := l.template().Render(l.tokenizer, p)
			return err == nil
		}
	}
	var err error
	l.Problems, l.report, err = corpus.Problems(d.Problems, d.Format, corpus.Cut{Validation: d.Validation, Test: d.Test, Hidden: d.Hidden}, fits)
	return err
}

// picker draws training problems: families by their weight, those of a file uniformly.
func (l *Lab) picker() corpus.Picker {
	if l.Settings.Data.Problems == "" {
		return l.corpus(families.Noise{}, 0)
	}
	return corpus.Uniform(l.Problems.Split(problem.Train))
}

// Plan is the memory that the settings need with the model.
func (l *Lab) Plan() checkpoint.Plan {
	s := l.Settings
	lora, devices := s.Adapter(), 1
	if l.Engine != nil {
		devices = l.Engine.Info().Devices // each holds all weights and its share of the rows
	}
	rows := (max(s.SFT.MicrobatchSize, s.PPO.MicrobatchSize) + devices - 1) / devices
	w := checkpoint.Work{Bits: 32, LoRA: &lora, Adapters: 4, TrainRows: rows, TrainTokens: s.Model.slots(),
		SampleRows: s.Model.SampleRows, SampleSlots: s.Model.slots()}
	if parameters := decoder.Count(l.config.Parameters()); parameters > 0 && l.stored < 3*parameters {
		w.Bits = 16
	}
	return checkpoint.NewPlan(l.config, w)
}

// fitModel says what a folder's model will take, and refuses what cannot fit.
func (l *Lab) fitModel() error {
	if l.Settings.Model.Folder == "" {
		return nil
	}
	plan := l.Plan()
	l.Console.Say("model          %s, %s, %d parameters; problems: %s", filepath.Base(l.Settings.Model.Folder), l.config.Family, decoder.Count(l.config.Parameters()), l.report)
	l.Console.Say("memory plan\n%s", plan)
	free, err := l.Engine.FreeMemory()
	if err != nil {
		l.Console.Say("               free memory is unknown here (%v); the plan was not checked", err)
		return nil
	}
	if info := l.Engine.Info(); info.Backend != "xla:cuda" {
		free /= int64(info.Devices) // logical devices share the memory of the machine
	}
	return plan.Fit(free)
}

// sameModel names the files of a folder's model in run.json by their digests. A run goes
// on with no other model.
func (l *Lab) sameModel() error {
	if l.Settings.Model.Folder == "" {
		return nil
	}
	files, err := digests(l.Settings.Model.Folder)
	if err != nil {
		return err
	}
	if was, ok := l.Run.Facts()["model_files"]; ok && fmt.Sprint(was) != fmt.Sprint(files) {
		return fmt.Errorf("%w: the model in %s is not the one that %s began with", runlog.ErrRun, l.Settings.Model.Folder, l.Run.Dir())
	}
	return l.Run.AddFacts(map[string]any{"model_files": files, "parameters": decoder.Count(l.config.Parameters()), "problems_left_out": l.report.LeftOut})
}

// digests are the SHA-256 of the files that make a model.
func digests(dir string) (map[string]string, error) {
	files := map[string]string{}
	for _, pattern := range []string{"config.json", "tokenizer.json", "*.safetensors"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		slices.Sort(paths)
		for _, path := range paths {
			f, err := os.Open(path)
			if err != nil {
				return nil, err
			}
			h := sha256.New()
			_, err = io.Copy(h, f)
			if err = errors.Join(err, f.Close()); err != nil {
				return nil, err
			}
			files[filepath.Base(path)] = hex.EncodeToString(h.Sum(nil))
		}
	}
	return files, nil
}

// place copies a folder's weights to the device.
func (l *Lab) place() (*engine.Tree, error) {
	f, err := checkpoint.Open(l.Settings.Model.Folder)
	if err != nil {
		return nil, err
	}
	const steps = 100
	bar, done := l.Console.Bar("loading", steps, 0), 0
	config, base, err := f.Place(context.Background(), l.Engine, func(at, total int64) {
		if l.Loading != nil {
			l.Loading(at, total)
		}
		for ; int64(done)*total < at*steps; done++ {
			bar.Step("")
		}
	})
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	bar.Done(fmt.Sprintf("%.2f GB", float64(l.stored)/1e9))
	config.Compute = l.config.Compute
	l.config = config
	return base, nil
}
