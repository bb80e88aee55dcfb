package train

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"securecoderl/experiments/train/corpus"
	"securecoderl/securerl/decoder"
	"securecoderl/securerl/prompt"
	"securecoderl/securerl/scan"
)

// Validate lists every fault at once. Each names its key as the file writes it.
func (s Settings) Validate() error {
	var errs []error
	bad := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: "+format, append([]any{key}, args...)...))
	}
	atLeast := func(key string, value, low int) {
		if value < low {
			bad(key, "must be at least %d, got %d", low, value)
		}
	}
	if len(s.Seeds) == 0 {
		bad("seeds", "must name at least one seed")
	}
	s.validateModel(bad, atLeast)
	s.validateTraining(bad, atLeast)
	for i, seed := range s.Seeds {
		if slices.Contains(s.Seeds[:i], seed) {
			bad("seeds", "seed %d stands twice", seed)
		}
	}
	s.validateVariants(bad)
	return errors.Join(errs...)
}

type (
	fault func(key, format string, args ...any)
	least func(key string, value, low int)
)

func (s Settings) validateModel(bad fault, atLeast least) {
	m := s.Model
	if m.Folder == "" {
		atLeast("model.vocabulary", m.Vocabulary, 260)
		atLeast("model.layers", m.Layers, 1)
		atLeast("model.heads", m.Heads, 1)
		atLeast("model.hidden_size", m.HiddenSize, 2)
		atLeast("model.intermediate_size", m.IntermediateSize, 1)
		if m.Heads > 0 && (m.HiddenSize%m.Heads != 0 || m.HiddenSize/m.Heads%2 != 0) {
			bad("model.heads", "must divide hidden_size %d into even widths, got %d", m.HiddenSize, m.Heads)
		}
		if m.RopeTheta <= 1 {
			bad("model.rope_theta", "must be above 1, got %g", m.RopeTheta)
		}
		for _, t := range s.LoRA.Targets { // of a folder's model its config tells
			if !slices.Contains(decoder.Projections, t) {
				bad("lora.targets", "unknown projection %q; there are: %v", t, decoder.Projections)
			}
		}
	}
	if _, err := prompt.Named(m.template(), m.PromptSlots); err != nil {
		bad("model.template", "%v", err)
	}
	atLeast("model.prompt_slots", m.PromptSlots, 3)
	atLeast("model.program_slots", m.ProgramSlots, 2)
	atLeast("model.sample_rows", m.SampleRows, 1)
	atLeast("model.loss_tokens", m.LossTokens, 0)
	atLeast("lora.rank", s.LoRA.Rank, 1)
	if s.LoRA.Alpha <= 0 {
		bad("lora.alpha", "must be positive, got %g", s.LoRA.Alpha)
	}
	if len(s.LoRA.Targets) == 0 {
		bad("lora.targets", "must name at least one projection")
	}
	if !(s.LoRA.Dropout >= 0 && s.LoRA.Dropout < 1) {
		bad("lora.dropout", "must lie in [0, 1), got %g", s.LoRA.Dropout)
	}
	s.Data.validate(bad, atLeast)
	if s.Data.Problems != "" && m.Folder == "" {
		bad("data.problems", "must go with model.folder: a model that is trained from nothing learns from the generated problems")
	}
	if s.Data.Problems != "" && s.Data.Rows == "" && s.SFT.Adapter == "" {
		bad("data.rows", "must name the rows to fine-tune on, or sft.adapter an adapter: generated rows go with the generated problems")
	}
}

// template names the form of the requests.
func (m Model) template() string {
	if m.Template == "" {
		return "tiny"
	}
	return m.Template
}

func (d Data) validate(bad fault, atLeast least) {
	for key, share := range map[string]float64{"data.validation": d.Validation, "data.test": d.Test} {
		if !(share >= 0 && share < 1) {
			bad(key, "must lie in [0, 1), got %g", share)
		}
	}
	if d.Validation+d.Test >= 1 {
		bad("data.test", "with data.validation must leave something to train on, got %g and %g", d.Test, d.Validation)
	}
	atLeast("data.hidden", d.Hidden, 0)
	if d.Format != "" && !slices.Contains(corpus.Formats(), d.Format) {
		bad("data.format", "must be one of %s, got %q", strings.Join(corpus.Formats(), ", "), d.Format)
	}
	if d.Problems == "" && (d.Format != "" || d.Validation != 0 || d.Test != 0 || d.Hidden != 0) {
		bad("data.problems", "must name the file that the other keys of data speak of")
	}
}

func (s Settings) validateTraining(bad fault, atLeast least) {
	rate := func(key string, value float64) {
		if !(value > 0 && value <= 1) {
			bad(key, "must lie in (0, 1], got %g", value)
		}
	}
	share := func(key string, value float64) {
		if !(value >= 0 && value <= 1) {
			bad(key, "must lie in [0, 1], got %g", value)
		}
	}
	for _, x := range []struct {
		key   string
		value int
	}{
		{"base.steps", s.Base.Steps}, {"base.batch_size", s.Base.BatchSize}, {"base.tokenizer_documents", s.Base.TokenizerDocuments}, {"base.checkpoint_every", s.Base.CheckpointEvery},
		{"sft.rows", s.SFT.Rows}, {"sft.steps", s.SFT.Steps}, {"sft.batch_size", s.SFT.BatchSize}, {"sft.microbatch_size", s.SFT.MicrobatchSize}, {"sft.checkpoint_every", s.SFT.CheckpointEvery},
		{"sft.probe_correct", s.SFT.ProbeCorrect}, {"sft.probe_samples", s.SFT.ProbeSamples}, {"sft.probe_greedy", s.SFT.ProbeGreedy},
		{"ppo.iterations", s.PPO.Iterations}, {"ppo.prompts", s.PPO.Prompts}, {"ppo.validate_every", s.PPO.ValidateEvery},
		{"evaluation.problems", s.Evaluation.Problems}, {"evaluation.samples", s.Evaluation.Samples},
		{"evaluation.validation_problems", s.Evaluation.ValidationProblems}, {"evaluation.validation_samples", s.Evaluation.ValidationSamples},
		{"judge.workers", s.Judge.Workers},
	} {
		atLeast(x.key, x.value, 1)
	}
	atLeast("ppo.samples", s.PPO.Samples, 2)
	rate("base.learning_rate", s.Base.LearningRate)
	rate("sft.learning_rate", s.SFT.LearningRate)
	share("base.described", s.Base.Described)
	share("sft.insecure", s.SFT.Insecure)
	if !slices.Contains([]scan.Set{"", scan.Bandit, scan.BanditX}, s.Judge.Rules) {
		bad("judge.rules", "must be %s or %s, got %q", scan.Bandit, scan.BanditX, s.Judge.Rules)
	}
	if !slices.Contains([]string{"auto", "A", "B"}, s.Judge.Tier) {
		bad("judge.tier", "must be auto, A or B, got %q", s.Judge.Tier)
	}
	if s.Judge.CPU <= 0 || s.Judge.Wall < s.Judge.CPU {
		bad("judge.wall", "must be at least judge.cpu, and both positive, got wall %v, cpu %v", s.Judge.Wall, s.Judge.CPU)
	}
}

// validateCritic looks at what package ppo does not see.
func (p PPO) validateCritic(key string, bad fault) {
	for name, x := range map[string]float64{".gamma": p.Gamma, ".lambda": p.Lambda} {
		if !(x >= 0 && x <= 1) {
			bad(key+name, "must lie in [0, 1], got %g", x)
		}
	}
	if p.critic() && p.ValueWeight == 0 {
		bad(key+".value_weight", "must be positive for advantage %q, got 0", gae)
	}
	if p.ValueWarmup < 0 || p.critic() && p.ValueWarmup >= p.Iterations {
		bad(key+".value_warmup", "must not be negative and leave some of the %d iterations to the policy, got %d", p.Iterations, p.ValueWarmup)
	}
}

var variantName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

func (s Settings) validateVariants(bad fault) {
	for i, v := range s.Variants {
		key := fmt.Sprintf("variants[%d]", i)
		if !variantName.MatchString(v.Name) {
			bad(key+".name", "must be lower-case letters, digits and dashes, got %q", v.Name)
		}
		before := s.Variants[:i]
		named := func(name string) bool {
			return slices.ContainsFunc(before, func(w Variant) bool { return w.Name == name })
		}
		if named(v.Name) || slices.Contains([]string{"base", "sft"}, v.Name) {
			bad(key+".name", "%q is taken", v.Name)
		}
		if v.Start != "" && !named(v.Start) {
			bad(key+".start", "no variant %q stands above %q", v.Start, v.Name)
		}
		if err := v.Schedule.Validate(); err != nil {
			bad(key+".schedule", "%v", err)
		}
		p := s.PPO.Of(v)
		if !slices.Contains(advantageNames(), p.Advantage) {
			bad(key+".advantage", "unknown %q; there are: %v", p.Advantage, advantageNames())
		}
		p.validateCritic(key, bad)
		if err := p.Config().Validate(); err != nil {
			bad(key, "%v", err)
		}
		if p.Iterations < 1 {
			bad(key+".iterations", "must be at least 1, got %d", p.Iterations)
		}
	}
}
