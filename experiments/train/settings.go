package train

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/ppo"
	"securecoderl/securerl/reward"
	"securecoderl/securerl/scan"
)

// Settings are everything that decides the numbers of a run. The resolved form is
// written to settings.toml, from which the run can be repeated.
type Settings struct {
	About   string            `toml:"about"`             // what the run is for, in one or two sentences
	Source  string            `toml:"source"`            // where its numbers come from
	Differs map[string]string `toml:"differs,omitempty"` // departures from the source, each with its reason
	Seeds   []uint64          `toml:"seeds"`             // one SFT adapter and one set of variants per seed

	Model      Model      `toml:"model"`
	LoRA       LoRA       `toml:"lora"`
	Base       Base       `toml:"base"`
	SFT        SFT        `toml:"sft"`
	PPO        PPO        `toml:"ppo"`
	Evaluation Evaluation `toml:"evaluation"`
	Judge      Judge      `toml:"judge"`
	Variants   []Variant  `toml:"variants"`
}

// Model is the shape of the policy and of its token slots.
type Model struct {
	Vocabulary       int     `toml:"vocabulary"` // tokens of the byte-level BPE, specials included
	HiddenSize       int     `toml:"hidden_size"`
	IntermediateSize int     `toml:"intermediate_size"`
	Layers           int     `toml:"layers"`
	Heads            int     `toml:"heads"`
	RopeTheta        float64 `toml:"rope_theta"`
	PromptSlots      int     `toml:"prompt_slots"`  // longest prompt, tokens
	ProgramSlots     int     `toml:"program_slots"` // longest completion with its end token
}

// LoRA is the adapter of SFT and PPO.
type LoRA struct {
	Rank    int      `toml:"rank"`
	Alpha   float64  `toml:"alpha"`
	Targets []string `toml:"targets"`
}

// Base is the pretraining of all weights on the generated corpus.
type Base struct {
	Seed               uint64  `toml:"seed"`
	TokenizerDocuments int     `toml:"tokenizer_documents"` // corpus rows the tokenizer is trained on
	Steps              int     `toml:"steps"`
	BatchSize          int     `toml:"batch_size"`
	LearningRate       float64 `toml:"learning_rate"`
	Beta2              float64 `toml:"beta2"`
	Warmup             int     `toml:"warmup"`
	ClipNorm           float64 `toml:"clip_norm"`
	WeightDecay        float64 `toml:"weight_decay"`
	Described          float64 `toml:"described"` // share of programs that stand below their request
	CheckpointEvery    int     `toml:"checkpoint_every"`
}

// SFT is the fine-tuning of the adapter on noisy rows.
type SFT struct {
	Rows            int     `toml:"rows"`
	Steps           int     `toml:"steps"`
	BatchSize       int     `toml:"batch_size"`
	LearningRate    float64 `toml:"learning_rate"`
	Beta2           float64 `toml:"beta2"`
	Warmup          int     `toml:"warmup"`
	ClipNorm        float64 `toml:"clip_norm"`
	WeightDecay     float64 `toml:"weight_decay"`
	Insecure        float64 `toml:"insecure"`        // share of correct programs that take the flagged shortcut
	MicrobatchSize  int     `toml:"microbatch_size"` // rows that run together
	CheckpointEvery int     `toml:"checkpoint_every"`
	ProbeCorrect    int     `toml:"probe_correct"` // correct programs wanted before the share of flagged ones is believed
	ProbeSamples    int     `toml:"probe_samples"` // samples at most to find them
	ProbeGreedy     int     `toml:"probe_greedy"`  // problems decoded greedily for the same figure
}

// PPO holds what all variants share; a Variant may replace some of it.
type PPO struct {
	Iterations     int     `toml:"iterations"`
	Prompts        int     `toml:"prompts"` // problems per iteration
	Samples        int     `toml:"samples"` // programs per problem: the group of the baseline
	Advantage      string  `toml:"advantage"`
	StdFloor       float64 `toml:"std_floor"` // advantages are divided by max(std of the batch rewards, this)
	LearningRate   float64 `toml:"learning_rate"`
	Beta2          float64 `toml:"beta2"`
	WeightDecay    float64 `toml:"weight_decay"`
	ClipNorm       float64 `toml:"clip_norm"`
	Clip           float64 `toml:"clip"`
	KLWeight       float64 `toml:"kl_weight"`
	KLMode         string  `toml:"kl_mode"`
	EntropyWeight  float64 `toml:"entropy_weight"`
	TargetKL       float64 `toml:"target_kl"` // 0 = never stop
	Epochs         int     `toml:"epochs"`
	MinibatchSize  int     `toml:"minibatch_size"`
	MicrobatchSize int     `toml:"microbatch_size"`
	Temperature    float64 `toml:"temperature"`
	TokenSecurity  float64 `toml:"token_security"` // kappa of the token-level security reward; 0 = off
	ValidateEvery  int     `toml:"validate_every"`
	ImportanceCap  float64 `toml:"importance_cap"` // limit of each token's weight from sampler to trainer; 0 = no weights

	// With advantage "gae" a critic is trained.
	Gamma       float64 `toml:"gamma"`        // what a reward one token later is worth
	Lambda      float64 `toml:"lambda"`       // 0 = one step and the critic, 1 = what was earned, less the critic
	ValueWeight float64 `toml:"value_weight"` // of the critic's loss
	ValueClip   float64 `toml:"value_clip"`   // how far a value may move in one update; 0 = as far as it likes
	ValueWarmup int     `toml:"value_warmup"` // first iterations, in which the head alone is trained
	Whiten      bool    `toml:"whiten"`       // advantages of a batch get mean 0 and variance 1
}

// Variant is one run of PPO: where it starts, what it is paid for, what differs.
type Variant struct {
	Name          string          `toml:"name"`
	About         string          `toml:"about"`
	Start         string          `toml:"start,omitempty"` // another variant, whose best adapter it starts from; empty = SFT
	Schedule      reward.Schedule `toml:"schedule"`
	Iterations    *int            `toml:"iterations,omitempty"`
	LearningRate  *float64        `toml:"learning_rate,omitempty"`
	MinibatchSize *int            `toml:"minibatch_size,omitempty"`
	KLWeight      *float64        `toml:"kl_weight,omitempty"`
	KLMode        *string         `toml:"kl_mode,omitempty"`
	TargetKL      *float64        `toml:"target_kl,omitempty"`
	Epochs        *int            `toml:"epochs,omitempty"`
	EntropyWeight *float64        `toml:"entropy_weight,omitempty"`
	Advantage     *string         `toml:"advantage,omitempty"`
	TokenSecurity *float64        `toml:"token_security,omitempty"`
	ImportanceCap *float64        `toml:"importance_cap,omitempty"`
	Gamma         *float64        `toml:"gamma,omitempty"`
	Lambda        *float64        `toml:"lambda,omitempty"`
	ValueWeight   *float64        `toml:"value_weight,omitempty"`
	ValueClip     *float64        `toml:"value_clip,omitempty"`
	ValueWarmup   *int            `toml:"value_warmup,omitempty"`
	Whiten        *bool           `toml:"whiten,omitempty"`
}

// Evaluation is what every policy is measured on.
type Evaluation struct {
	Problems           int `toml:"problems"` // of the test split
	Samples            int `toml:"samples"`  // per problem, beside one greedy program
	ValidationProblems int `toml:"validation_problems"`
	ValidationSamples  int `toml:"validation_samples"`
}

// Judge limits one test of one program.
type Judge struct {
	CPU     time.Duration `toml:"cpu"`
	Wall    time.Duration `toml:"wall"`
	Memory  int64         `toml:"memory"` // bytes of address space
	Output  int64         `toml:"output"` // bytes of standard output
	Workers int           `toml:"workers"`
	Tier    string        `toml:"tier"`            // auto, A or B
	Rules   scan.Set      `toml:"rules,omitempty"` // the scanner's rule set: bandit (also where it is empty) or bandit+x
}

// Default returns the settings of the default job without variants. Sources: the
// pilot study (experiments/README.md) for shapes and rates, ppo.Default for the
// losses; for a critic the usual numbers (Huang et al. 2022, "The 37 implementation
// details of PPO": lambda 0.95, weight 0.5, clip 0.2), with gamma 1, since a program
// is not worth less for being long.
func Default() Settings {
	p := ppo.Default()
	return Settings{
		Seeds: []uint64{1},
		Model: Model{Vocabulary: 512, HiddenSize: 80, IntermediateSize: 208, Layers: 3, Heads: 4, RopeTheta: 1000, PromptSlots: 44, ProgramSlots: 68},
		LoRA:  LoRA{Rank: 8, Alpha: 16, Targets: []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}},
		Base:  Base{Seed: 1, TokenizerDocuments: 3000, Steps: 600, BatchSize: 32, LearningRate: 4e-3, Beta2: 0.98, Warmup: 50, ClipNorm: 1, WeightDecay: 1e-5, Described: 0.8, CheckpointEvery: 200},
		SFT:   SFT{Rows: 2500, Steps: 80, BatchSize: 32, MicrobatchSize: 16, LearningRate: 3e-3, Beta2: 0.98, Warmup: 10, ClipNorm: 1, Insecure: 0.5, CheckpointEvery: 40, ProbeCorrect: 100, ProbeSamples: 2048, ProbeGreedy: 320},
		PPO: PPO{Iterations: 24, Prompts: 32, Samples: 4, Advantage: "leave-one-out", StdFloor: 0.1, LearningRate: 1e-3, Beta2: 0.95, ClipNorm: 1,
			Clip: p.Clip, KLWeight: p.KLWeight, KLMode: p.KLMode, EntropyWeight: p.EntropyWeight, TargetKL: p.TargetKL, Epochs: 1,
			MinibatchSize: 64, MicrobatchSize: 32, Temperature: 1, ValidateEvery: 4,
			Gamma: 1, Lambda: 0.95, ValueWeight: 0.5, ValueClip: 0.2, ValueWarmup: 2, Whiten: true},
		Evaluation: Evaluation{Problems: 96, Samples: 2, ValidationProblems: 64, ValidationSamples: 2},
		Judge:      Judge{CPU: time.Second, Wall: 5 * time.Second, Memory: 512 << 20, Output: 64 << 10, Workers: 2, Tier: "auto"},
	}
}

// Config is the decoder of these settings.
func (s Settings) Config() decoder.Config {
	c := decoder.Tiny(s.Model.Vocabulary)
	c.HiddenSize, c.IntermediateSize = s.Model.HiddenSize, s.Model.IntermediateSize
	c.NumHiddenLayers = s.Model.Layers
	c.NumAttentionHeads, c.NumKeyValueHeads = s.Model.Heads, s.Model.Heads
	c.HeadDim = s.Model.HiddenSize / s.Model.Heads
	c.RopeTheta = s.Model.RopeTheta
	c.MaxPositionEmbeddings = s.Model.PromptSlots + s.Model.ProgramSlots
	return c
}

// Adapter is the LoRA of these settings.
func (s Settings) Adapter() decoder.LoRA {
	return decoder.LoRA{Rank: s.LoRA.Rank, Alpha: s.LoRA.Alpha, Targets: s.LoRA.Targets}
}

// Of returns the PPO settings of a variant: the shared ones with its own on top.
func (p PPO) Of(v Variant) PPO {
	set(&p.Iterations, v.Iterations)
	set(&p.LearningRate, v.LearningRate)
	set(&p.MinibatchSize, v.MinibatchSize)
	set(&p.KLWeight, v.KLWeight)
	set(&p.KLMode, v.KLMode)
	set(&p.TargetKL, v.TargetKL)
	set(&p.Epochs, v.Epochs)
	set(&p.EntropyWeight, v.EntropyWeight)
	set(&p.Advantage, v.Advantage)
	set(&p.TokenSecurity, v.TokenSecurity)
	set(&p.ImportanceCap, v.ImportanceCap)
	set(&p.Gamma, v.Gamma)
	set(&p.Lambda, v.Lambda)
	set(&p.ValueWeight, v.ValueWeight)
	set(&p.ValueClip, v.ValueClip)
	set(&p.ValueWarmup, v.ValueWarmup)
	set(&p.Whiten, v.Whiten)
	return p
}

func set[T any](dst *T, src *T) {
	if src != nil {
		*dst = *src
	}
}

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
	atLeast("model.vocabulary", m.Vocabulary, 260)
	atLeast("model.layers", m.Layers, 1)
	atLeast("model.heads", m.Heads, 1)
	atLeast("model.hidden_size", m.HiddenSize, 2)
	atLeast("model.intermediate_size", m.IntermediateSize, 1)
	atLeast("model.prompt_slots", m.PromptSlots, 3)
	atLeast("model.program_slots", m.ProgramSlots, 2)
	if m.Heads > 0 && (m.HiddenSize%m.Heads != 0 || m.HiddenSize/m.Heads%2 != 0) {
		bad("model.heads", "must divide hidden_size %d into even widths, got %d", m.HiddenSize, m.Heads)
	}
	if m.RopeTheta <= 1 {
		bad("model.rope_theta", "must be above 1, got %g", m.RopeTheta)
	}
	atLeast("lora.rank", s.LoRA.Rank, 1)
	if s.LoRA.Alpha <= 0 {
		bad("lora.alpha", "must be positive, got %g", s.LoRA.Alpha)
	}
	if len(s.LoRA.Targets) == 0 {
		bad("lora.targets", "must name at least one projection")
	}
	for _, t := range s.LoRA.Targets {
		if !slices.Contains(Default().LoRA.Targets, t) {
			bad("lora.targets", "unknown projection %q; there are: %v", t, Default().LoRA.Targets)
		}
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
