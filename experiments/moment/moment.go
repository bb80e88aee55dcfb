package moment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"securecoderl/experiments/train"
	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/policy"
	"securecoderl/securerl/ppo"
	"securecoderl/securerl/problem/families"
	"securecoderl/securerl/prompt"
	"securecoderl/securerl/record"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/runlog"
	"securecoderl/securerl/tokenizer"
)

// ErrMoment reports a run that holds no such moment.
var ErrMoment = errors.New("moment")

// Moment is a policy before an update, and what the update is made from.
type Moment struct {
	Policy       *policy.Policy // with the adapter before the update
	Reference    *engine.Tree   // the frozen SFT adapter
	Optimizer    *optim.State
	Rows         []record.Row // the rollout as it was recorded, N completions
	Trajectories []policy.Trajectory
	Samples      []ppo.Sample // the same, as ppo.Update takes it
	Config       ppo.Config
	Key          rng.Key // deals the minibatches as the run did
	Gap          float64 // largest difference between a recorded and a recomputed log-probability
}

// Open reads the moment called name, such as gated-1-before-12, from the run in dir.
// Errors wrap ErrMoment, or those of the readers.
func Open(ctx context.Context, e *engine.Engine, dir, name string) (*Moment, error) {
	run, err := runlog.Read(dir)
	if err != nil {
		return nil, err
	}
	variant, seed, step, err := parse(name)
	if err != nil {
		return nil, err
	}
	settings := train.Default()
	text, err := run.Settings()
	if err == nil {
		err = settings.Decode(run.Path("settings.toml"), text)
	}
	if err != nil {
		return nil, err
	}
	m := &Moment{Key: rng.New(seed).Name("update").Fold(uint32(step))}
	if m.Policy, m.Reference, err = open(e, &run, settings, fmt.Sprintf("sft-%d", seed)); err != nil {
		return nil, err
	}
	if err := m.restore(run.Path("checkpoints", name)); err != nil {
		return nil, err
	}
	at := slices.IndexFunc(settings.Variants, func(v train.Variant) bool { return v.Name == variant })
	if at < 0 {
		return nil, fmt.Errorf("%w: the settings of %s know no variant %q", ErrMoment, dir, variant)
	}
	m.Config = settings.PPO.Of(settings.Variants[at]).Config()
	if m.Config.ValueWeight > 0 || m.Config.ImportanceCap > 0 {
		return nil, fmt.Errorf("%w: %s is trained with a critic or with weights from sampler to trainer, of which samples.jsonl holds no numbers; name a variant with a group baseline", ErrMoment, variant)
	}
	if err := m.rollout(&run, variant, seed, step); err != nil {
		return nil, err
	}
	return m, m.score(ctx)
}

// parse takes VARIANT-SEED-before-STEP apart.
func parse(name string) (variant string, seed uint64, step int, err error) {
	before, after, ok := strings.Cut(name, "-before-")
	cut := strings.LastIndex(before, "-")
	if ok && cut > 0 {
		var errSeed, errStep error
		seed, errSeed = strconv.ParseUint(before[cut+1:], 10, 64)
		step, errStep = strconv.Atoi(after)
		if errSeed == nil && errStep == nil {
			return before[:cut], seed, step, nil
		}
	}
	return "", 0, 0, fmt.Errorf("%w: %q is no name of a moment; they are like gated-1-before-12", ErrMoment, name)
}

// open loads base, tokenizer and the adapter of SFT.
func open(e *engine.Engine, run *runlog.Stored, s train.Settings, sft string) (*policy.Policy, *engine.Tree, error) {
	config, base, err := checkpoint.Load(run.Path("checkpoints", "base"))
	if err != nil {
		return nil, nil, err
	}
	tok, err := tokenizer.Load(run.Path("checkpoints", "base", "tokenizer.json"))
	if err != nil {
		return nil, nil, err
	}
	lora, reference, err := checkpoint.LoadAdapter(run.Path("checkpoints", sft), config)
	if err != nil {
		return nil, nil, err
	}
	return &policy.Policy{Engine: e, Config: config, LoRA: lora, Base: base, Tokenizer: tok, Template: prompt.Tiny(s.Model.PromptSlots),
		PromptSlots: s.Model.PromptSlots, MaxNew: s.Model.ProgramSlots}, reference, nil
}

// restore reads the adapter and the optimiser.
func (m *Moment) restore(dir string) error {
	trees := map[string]*engine.Tree{}
	for _, name := range []string{"adapter", "m", "v"} {
		b, err := os.ReadFile(filepath.Join(dir, name+".safetensors"))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrMoment, err)
		}
		if trees[name], err = checkpoint.DecodeTree(b); err != nil {
			return err
		}
	}
	var state struct{ Updates int }
	b, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err == nil {
		err = json.Unmarshal(b, &state)
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrMoment, dir, err)
	}
	m.Policy.Adapter = trees["adapter"]
	m.Optimizer = &optim.State{M: trees["m"], V: trees["v"], Step: state.Updates}
	return nil
}

// rollout reads the completions of one iteration, and their prompts.
func (m *Moment) rollout(run *runlog.Stored, variant string, seed uint64, step int) error {
	f, err := run.Log("samples")
	if err != nil {
		return err
	}
	defer f.Close()
	problems := families.Build()
	for row, err := range record.Read(f, run.Path("samples.jsonl")) {
		if err != nil {
			return err
		}
		if row.Variant != variant || row.Seed != seed || row.Step != step {
			continue
		}
		q, ok := problems.Find(row.Problem)
		if !ok {
			return fmt.Errorf("%w: problem %q is not known here: the run is of another version", ErrMoment, row.Problem)
		}
		p, err := m.Policy.Template.Render(m.Policy.Tokenizer, q)
		if err != nil {
			return err
		}
		m.Rows = append(m.Rows, row)
		m.Trajectories = append(m.Trajectories, policy.Trajectory{Problem: row.Problem, Sample: row.Sample, Prompt: p, Completion: row.Completion, IDs: row.IDs, Finish: row.Finish})
	}
	if len(m.Rows) == 0 {
		return fmt.Errorf("%w: %s holds no samples of %s, seed %d, iteration %d", ErrMoment, run.Dir(), variant, seed, step)
	}
	return nil
}

// score computes old and reference log-probabilities under the weights at hand.
func (m *Moment) score(ctx context.Context) error {
	old, err := m.LogProbs(ctx, m.Policy.Adapter)
	if err != nil {
		return err
	}
	reference, err := m.LogProbs(ctx, m.Reference)
	if err != nil {
		return err
	}
	for i, t := range m.Trajectories {
		for k, recorded := range m.Rows[i].LogProbs {
			m.Gap = math.Max(m.Gap, math.Abs(recorded-old[i][k]))
		}
		m.Samples = append(m.Samples, ppo.Sample{Prompt: t.Prompt.IDs, Completion: t.IDs, Old: old[i], Reference: reference[i], Advantages: m.Rows[i].Advantages})
	}
	return nil
}

// Keep drops all but the first n completions.
func (m *Moment) Keep(n int) {
	n = min(n, len(m.Rows))
	m.Rows, m.Trajectories, m.Samples = m.Rows[:n], m.Trajectories[:n], m.Samples[:n]
}

// LogProbs are those of the rollout's tokens under another adapter, [N][T].
func (m *Moment) LogProbs(ctx context.Context, adapter *engine.Tree) ([][]float64, error) {
	return m.Policy.LogProbs(ctx, adapter, m.Trajectories, m.Config.Temperature)
}
