package train

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"securecoderl/experiments/configs"
	"securecoderl/experiments/train/corpus"
	"securecoderl/securerl/decoder"
	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/policy"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/prompt"
	"securecoderl/securerl/runlog"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
	"securecoderl/securerl/tokenizer"
)

// Options are the flags that the training programs share.
type Options struct {
	Preset   string   // name of a preset of experiments/configs
	Settings string   // or a settings file
	Set      []string // KEY=VALUE over either, the value in TOML or a bare word
	Backend  string
	Devices  int    // that share the rows of a batch; 0 = as the run was begun, 1 for a new one
	Out      string // folder of a new run
	Resume   string // or a run to go on with
}

// Flags binds the options to a flag set.
func (o *Options) Flags(f *flag.FlagSet) {
	f.StringVar(&o.Preset, "preset", "quick", "settings: "+strings.Join(configs.Names(), ", "))
	f.StringVar(&o.Settings, "settings", "", "settings file (TOML); replaces -preset")
	f.Func("set", "`KEY=VALUE` over the settings, such as model.folder=models/mine; may be repeated", func(x string) error {
		o.Set = append(o.Set, x)
		return nil
	})
	f.StringVar(&o.Backend, "backend", "auto", "auto, go, xla:cpu or xla:cuda")
	f.IntVar(&o.Devices, "devices", 0, "GPUs, or logical devices of a CPU, that share the rows of a training batch (default 1, or as the run was begun)")
	f.StringVar(&o.Out, "out", "", "folder of the new run")
	f.StringVar(&o.Resume, "resume", "", "folder of a run to go on with")
}

// Exit codes of the programs.
const (
	exitOK      = 0
	exitFailed  = 1
	exitInput   = 2   // something the user gave, or the machine lacks, is wrong
	exitRequeue = 75  // a job scheduler asked to stop; a checkpoint was written, and -resume goes on (EX_TEMPFAIL of sysexits.h)
	exitStopped = 130 // a person asked to stop; likewise
)

// Main runs work on a new or resumed run and returns the exit code. SIGINT, and the
// SIGTERM and SIGUSR1 of a job scheduler, lead to a checkpoint and a clean end; a second
// one ends at once. The wait is at most the loading of the model, or one execution or
// compilation of a graph, of a micro-batch or of model.sample_rows rows; and the writing.
// A step of SFT is left at its micro-batch and made again, an iteration of PPO begins anew.
func Main(o Options, work func(*Lab, context.Context) error) int {
	ctx, end := listen()
	defer end()
	c := NewConsole(os.Stdout)
	err := o.run(ctx, c, work)
	switch {
	case err == nil:
		return exitOK
	case isStop(ctx, err):
		why := stopped{os.Interrupt}
		errors.As(context.Cause(ctx), &why)
		fmt.Fprintf(os.Stderr, "%v; the last checkpoint is whole. Go on with: pipeline -resume %s\n", why, o.folder())
		return why.code()
	}
	fmt.Fprintln(os.Stderr, oneLine(err))
	if isInput(err) {
		return exitInput
	}
	return exitFailed
}

func (o Options) folder() string {
	if o.Resume != "" {
		return o.Resume
	}
	return o.Out
}

// isInput tells faults of the input or the machine from faults of the program.
func isInput(err error) bool {
	for _, target := range inputErrors {
		if errors.Is(err, target) {
			return true
		}
	}
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, os.ErrPermission)
}

var errUsage = errors.New("usage")

var inputErrors = []error{errUsage, runlog.ErrSettings, runlog.ErrRun, runlog.ErrCheckpoint, runlog.ErrBusy, engine.ErrUnavailable, engine.ErrMemory, sandbox.ErrNoSandbox, sandbox.ErrPython, scan.ErrVersion,
	ErrModel, corpus.ErrFile, decoder.ErrConfig, checkpoint.ErrWeights, checkpoint.ErrMemory, policy.ErrPolicy, tokenizer.ErrUnsupported, tokenizer.ErrFormat, prompt.ErrTemplate, problem.ErrFormat}

// oneLine joins the faults of an error by semicolons.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

func (o Options) run(ctx context.Context, c *Console, work func(*Lab, context.Context) error) error {
	run, settings, err := o.open()
	if err != nil {
		return err
	}
	defer run.Close()
	c.Say("%s", settings.About)
	if was, ok := run.Facts()["backend"].(string); ok && o.Backend == "auto" {
		o.Backend = was // a run goes on where it began
	}
	lab, err := Open(ctx, settings, o.Backend, run, c, engine.WithDevices(o.devices(run)))
	if err != nil {
		if o.Resume == "" { // nothing has been done in the folder made a moment ago
			err = errors.Join(err, os.RemoveAll(run.Dir()))
		}
		return err
	}
	lab.Engine.Until(ctx)
	lab.estimate()
	err = work(lab, ctx)
	return errors.Join(err, lab.Close())
}

// devices is the number asked for, or that of the run's beginning, or one.
func (o Options) devices(run *runlog.Run) int {
	if o.Devices == 0 {
		return begunDevices(run)
	}
	return o.Devices
}

// open makes or opens the run.
func (o Options) open() (*runlog.Run, Settings, error) {
	s := Default()
	if o.Resume != "" {
		run, err := runlog.Open(o.Resume)
		if err != nil {
			return nil, s, err
		}
		text, err := run.Settings()
		if err == nil {
			err = s.Decode(run.Path("settings.toml"), text)
		}
		if err != nil {
			return nil, s, errors.Join(err, run.Close())
		}
		return run, s, nil
	}
	if o.Out == "" {
		return nil, s, fmt.Errorf("%w: name the folder of the new run with -out, or an old one with -resume", errUsage)
	}
	s, err := o.Read()
	if err != nil {
		return nil, s, err
	}
	resolved, err := runlog.Encode(s)
	if err != nil {
		return nil, s, err
	}
	run, err := runlog.Create(o.Out, resolved, facts(s))
	return run, s, err
}

// Read returns the settings of a preset or file, with everything that is set over it.
func (o Options) Read() (Settings, error) {
	s := Default()
	name, text, err := o.settings()
	if err != nil {
		return s, err
	}
	if err := s.Decode(name, text); err != nil {
		return s, err
	}
	return s, s.set(o.Set...)
}

func (o Options) settings() (name string, text []byte, err error) {
	if o.Settings != "" {
		text, err = os.ReadFile(o.Settings)
		if err != nil {
			err = fmt.Errorf("%w: %w", runlog.ErrSettings, err)
		}
		return o.Settings, text, err
	}
	text, err = configs.Read(o.Preset)
	if err != nil {
		err = fmt.Errorf("%w: %w", errUsage, err)
	}
	return o.Preset + ".toml", text, err
}

// facts are what the manifest says before any work: the commit and the seeds.
func facts(s Settings) map[string]any {
	commit := "unknown"
	if out, err := exec.Command("git", "rev-parse", "HEAD").Output(); err == nil {
		commit = strings.TrimSpace(string(out))
	}
	return map[string]any{"commit": commit, "seeds": s.Seeds, "started": time.Now().UTC().Format(time.DateOnly), "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
}
