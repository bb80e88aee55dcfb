package train

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"securecoderl/experiments/train/corpus"
	"securecoderl/securerl/decoder"
	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/policy"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/prompt"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/runlog"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
	"securecoderl/securerl/tokenizer"
)

// Lab is everything a stage needs: the compute engine, the judge, the problems and
// the run it writes to. Open it once per process, so that graphs compile once.
type Lab struct {
	Settings Settings
	Run      *runlog.Run
	Console  *Console
	Watch    func(runlog.Point) // told of every point that is logged; may be nil

	Engine   *engine.Engine
	Problems problem.Set

	// Training judges public tests only; Evaluation judges hidden ones too.
	Training, Evaluation *judge.Judge

	sandbox *sandbox.Sandbox
	scanner *scan.Scanner

	config    decoder.Config
	stored    int64         // bytes of the weights of a model in a folder
	report    corpus.Report // of a problem file
	tokenizer *tokenizer.Tokenizer
	base      *engine.Tree
	compiled  *policy.Samplers // graphs shared by all policies with the SFT template
	plain     *policy.Samplers // graphs of the base alone
	updates   *updating        // the last updater
	state     state
	saved     map[string][]byte // files of the checkpoint that was loaded
}

// Open starts the engine, the sandbox and the scanner, and looks at the model and the
// problems of the settings. What is missing or does not fit is told here, before any
// work is done. run may be nil for a check of the
// machine alone.
func Open(ctx context.Context, s Settings, backend string, run *runlog.Run, c *Console) (*Lab, error) {
	e, err := engine.Open(backend)
	if err != nil {
		return nil, err
	}
	l, err := OpenJudge(ctx, s, run, c)
	if err != nil {
		e.Close()
		return nil, err
	}
	l.Engine = e
	c.Say("backend        %s", l.Engine.Info().Note)
	if l.Engine.IsGo() {
		c.Say("               the pure-Go backend trains about 4x and samples about 6x slower than xla:cpu")
	}
	c.Say("sandbox        tier %s, Python %s; scanner Bandit %s", l.sandbox.Info().Tier, l.sandbox.Info().PythonVersion, l.scanner.Info().Bandit)
	err = l.fitModel()
	if err == nil && run != nil {
		err = l.manifest()
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// OpenJudge opens the sandbox and the scanner alone: a lab that judges, and has no
// backend to train with.
func OpenJudge(ctx context.Context, s Settings, run *runlog.Run, c *Console) (*Lab, error) {
	l := &Lab{Settings: s, Run: run, Console: c, compiled: policy.NewSamplers(), plain: policy.NewSamplers(), updates: &updating{}}
	err := l.readModel()
	if err == nil {
		err = l.readProblems()
	}
	if err == nil {
		err = l.openJudge(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Lab) openJudge(ctx context.Context) error {
	j := l.Settings.Judge
	limits := sandbox.DefaultLimits()
	limits.CPU, limits.Wall, limits.Memory, limits.Output = j.CPU, j.Wall, j.Memory, j.Output
	var err error
	if l.sandbox, err = sandbox.New(ctx, sandbox.Options{Tier: j.Tier, Workers: j.Workers, Limits: limits}); err != nil {
		return err
	}
	if l.scanner, err = scan.New(ctx, l.sandbox, scan.Options{Set: j.Rules}); err != nil {
		return err
	}
	options := judge.Options{Limits: limits, SkipAfterTimeout: true, Workers: j.Workers}
	if l.Run != nil {
		options.CacheDir = l.Run.Path("verdicts")
	}
	l.Training = judge.New(l.sandbox, l.scanner, options)
	options.Hidden, options.SkipAfterTimeout = true, false
	l.Evaluation = judge.New(l.sandbox, l.scanner, options)
	return nil
}

// Close ends the sandbox and the engine. Nothing is left running.
func (l *Lab) Close() error {
	var errs []error
	if l.scanner != nil {
		errs = append(errs, l.scanner.Close())
	}
	if l.sandbox != nil {
		errs = append(errs, l.sandbox.Close())
	}
	if l.base != nil {
		errs = append(errs, l.base.Finalize())
	}
	if l.Engine != nil {
		l.Engine.Close()
	}
	return errors.Join(errs...)
}

// template is the form of the requests of SFT and PPO. Its name was checked.
func (l *Lab) template() prompt.Template {
	t, err := prompt.Named(l.Settings.Model.template(), l.Settings.Model.PromptSlots)
	if err != nil {
		panic(err)
	}
	if len(t.Tokens) == 0 && l.tokenizer != nil && l.tokenizer.Control(l.config.BOS) {
		return t.With(l.tokenizer.Text([]int32{l.config.BOS}, true)) // a text template behind the model's first token
	}
	return t
}

// end is the token that a program ends with.
func (l *Lab) end() int32 { return l.config.EOS[0] }

// policy is the decoder with an adapter. nil means the base alone; where the run
// trained it, it is asked in the form of its own corpus.
func (l *Lab) policy(adapter *engine.Tree) *policy.Policy {
	m := l.Settings.Model
	p := &policy.Policy{Engine: l.Engine, Config: l.config, LoRA: l.Settings.Adapter(), Base: l.base, Adapter: adapter, Tokenizer: l.tokenizer,
		Template: l.template(), PromptSlots: m.PromptSlots, MaxNew: m.ProgramSlots, BatchSize: m.SampleRows, Samplers: l.compiled}
	if adapter == nil {
		p.Samplers = l.plain
		if m.Folder == "" {
			p.Template = prompt.Comment(m.PromptSlots)
		}
	}
	return p
}

// folder is where a stored policy lies.
func (l *Lab) folder(p policyName) string { return l.Run.Path("checkpoints", p.String()) }

// saveBase stores the base model as a Hugging Face folder.
func (l *Lab) saveBase() error {
	return checkpoint.Save(l.folder(policyName{Variant: "base"}), l.config, l.base, "F32", l.tokenizer.JSON())
}

// loadBase makes the base model and its tokenizer available, from disk if this
// process did not train them.
func (l *Lab) loadBase() error {
	if l.base != nil {
		return nil
	}
	if l.Settings.Model.Folder != "" {
		var err error
		l.base, err = l.place()
		return err
	}
	dir := l.folder(policyName{Variant: "base"})
	_, base, err := checkpoint.Load(dir)
	if err != nil {
		return err
	}
	if l.tokenizer, err = tokenizer.Load(filepath.Join(dir, "tokenizer.json")); err != nil {
		return err
	}
	l.base = base
	return nil
}

// saveAdapter stores an adapter, which names the base that it belongs to.
func (l *Lab) saveAdapter(p policyName, adapter *engine.Tree) error {
	base := "../base"
	if l.Settings.Model.Folder != "" {
		base = l.Settings.Model.Folder
	}
	return checkpoint.SaveAdapter(l.folder(p), l.config, l.Settings.Adapter(), adapter, base)
}

func (l *Lab) loadAdapter(p policyName) (*engine.Tree, error) {
	_, adapter, err := checkpoint.LoadAdapter(l.folder(p), l.config)
	return adapter, err
}

// named is a stored policy, ready to write programs.
func (l *Lab) named(p policyName) (*policy.Policy, error) {
	if err := l.loadBase(); err != nil {
		return nil, err
	}
	if p.Variant == "base" {
		return l.policy(nil), nil
	}
	adapter, err := l.loadAdapter(p)
	if err != nil {
		return nil, err
	}
	return l.policy(adapter), nil
}

// metric appends a point to metrics.jsonl.
func (l *Lab) metric(p runlog.Point) error {
	if l.Watch != nil {
		l.Watch(p.Rounded())
	}
	return l.Run.AppendJSON("metrics", p)
}

// diskFree is the free space where the run lies, in bytes; 0 if unknown.
func diskFree(dir string) int64 {
	for ; dir != "" && dir != "."; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil {
			return freeBytes(dir)
		}
		if filepath.Dir(dir) == dir {
			break
		}
	}
	return freeBytes(".")
}

// key derives randomness for a purpose of a seed.
func key(seed uint64, purpose string, step int) rng.Key {
	return rng.New(seed).Name(purpose).Fold(uint32(step))
}

// Machine describes the sandbox and the scanner in use.
func (l *Lab) Machine() (sandbox.Info, scan.Info) { return l.sandbox.Info(), l.scanner.Info() }

// Scanner is the scanner of the judges.
func (l *Lab) Scanner() *scan.Scanner { return l.scanner }

// Tokenizer is the run's tokenizer, from disk if this process did not train it.
func (l *Lab) Tokenizer() (*tokenizer.Tokenizer, error) {
	err := l.loadBase()
	return l.tokenizer, err
}

// Stored is a policy of the run, ready to write programs: "base"; "sft" of a seed; or a
// variant of a seed with its checkpoint, best or last.
func (l *Lab) Stored(variant, checkpoint string, seed uint64) (*policy.Policy, error) {
	return l.named(policyName{Variant: variant, Checkpoint: checkpoint, Seed: seed})
}

// Beside returns a lab that shares engine, judge, base and compiled graphs with l but
// logs to another run, under settings that keep the model. It must not be closed.
func (l *Lab) Beside(run *runlog.Run, s Settings) (*Lab, error) {
	if err := l.loadBase(); err != nil {
		return nil, err
	}
	m := *l
	m.Run, m.Settings, m.state, m.saved = run, s, state{}, nil
	return &m, nil
}
