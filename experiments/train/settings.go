package train

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/ppo"
	"securecoderl/securerl/reward"
	"securecoderl/securerl/runlog"
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
	Data       Data       `toml:"data,omitempty"`
	LoRA       LoRA       `toml:"lora"`
	Base       Base       `toml:"base"`
	SFT        SFT        `toml:"sft"`
	PPO        PPO        `toml:"ppo"`
	Evaluation Evaluation `toml:"evaluation"`
	Judge      Judge      `toml:"judge"`
	Variants   []Variant  `toml:"variants,omitempty"`
}

// Model is the policy and its token slots: a Hugging Face folder, or the shape of a
// model that the run trains from nothing.
type Model struct {
	Folder   string `toml:"folder,omitempty"`   // config.json, weights and tokenizer.json; then no shape is given and nothing is pretrained
	Template string `toml:"template,omitempty"` // form of the requests, a name of package prompt; empty = tiny

	Vocabulary       int     `toml:"vocabulary,omitempty"` // tokens of the byte-level BPE, specials included
	HiddenSize       int     `toml:"hidden_size,omitempty"`
	IntermediateSize int     `toml:"intermediate_size,omitempty"`
	Layers           int     `toml:"layers,omitempty"`
	Heads            int     `toml:"heads,omitempty"`
	RopeTheta        float64 `toml:"rope_theta,omitempty"`

	PromptSlots  int `toml:"prompt_slots"`  // longest prompt, tokens
	ProgramSlots int `toml:"program_slots"` // longest completion with its end token
	SampleRows   int `toml:"sample_rows"`   // rows that are sampled together, at most

	BF16         bool `toml:"bf16,omitempty"`         // compute in bfloat16
	Checkpointed bool `toml:"checkpointed,omitempty"` // compute layers again in the backward pass instead of keeping them
	LossTokens   int  `toml:"loss_tokens,omitempty"`  // tokens whose logits a loss holds together; 0 = all of a micro-batch
}

// shape are the numbers that a folder gives instead.
func (m Model) shape() [6]float64 {
	return [6]float64{float64(m.Vocabulary), float64(m.HiddenSize), float64(m.IntermediateSize), float64(m.Layers), float64(m.Heads), m.RopeTheta}
}

// compute is how the model is computed.
func (m Model) compute() decoder.Compute {
	return decoder.Compute{BF16: m.BF16, Checkpointed: m.Checkpointed, LossTokens: m.LossTokens}
}

// Data says where problems and rows come from. Empty, they are generated.
type Data struct {
	Problems   string  `toml:"problems,omitempty"`   // a file of problems
	Format     string  `toml:"format,omitempty"`     // its form, of corpus.Formats; empty = by its content
	Validation float64 `toml:"validation,omitempty"` // share of its problems, where it names no splits
	Test       float64 `toml:"test,omitempty"`
	Hidden     int     `toml:"hidden,omitempty"` // of each problem's tests, where it has no hidden ones
	Rows       string  `toml:"rows,omitempty"`   // JSON lines with prompt and completion, to fine-tune on
	Reward     float64 `toml:"reward,omitempty"` // least reward of a row
}

// LoRA is the adapter of SFT and PPO.
type LoRA struct {
	Rank    int      `toml:"rank"`
	Alpha   float64  `toml:"alpha"`
	Targets []string `toml:"targets"`
	RSLoRA  bool     `toml:"rslora,omitempty"`  // scale by alpha/sqrt(rank)
	Dropout float64  `toml:"dropout,omitempty"` // of the adapter's inputs, in SFT
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
	Adapter         string  `toml:"adapter,omitempty"` // a PEFT folder to take instead of training one
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
		Model: Model{Vocabulary: 512, HiddenSize: 80, IntermediateSize: 208, Layers: 3, Heads: 4, RopeTheta: 1000, PromptSlots: 44, ProgramSlots: 68, SampleRows: 128},
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

// Decode reads a settings file over s, as runlog.Decode does. A model that comes from a
// folder has no shape of its own: giving one beside it is an error.
func (s *Settings) Decode(name string, text []byte) error {
	return s.overlay(layer{name, text})
}

// layer is a piece of settings with the name that errors call it by.
type layer struct {
	name string
	text []byte
}

// overlay reads layers, each over those before, and then looks at the whole.
func (s *Settings) overlay(layers ...layer) error {
	type unchecked Settings
	before, name := s.Model, ""
	for _, l := range layers {
		name = l.name
		if err := runlog.Decode(name, l.text, (*unchecked)(s)); err != nil {
			return err
		}
	}
	if s.Model.Folder != "" {
		if s.Model.shape() != before.shape() && s.Model.shape() != (Model{}).shape() {
			return fmt.Errorf("%w: %s: model.folder: the folder says what shape the model has; leave out vocabulary, hidden_size, intermediate_size, layers, heads and rope_theta", runlog.ErrSettings, name)
		}
		m := &s.Model
		m.Vocabulary, m.HiddenSize, m.IntermediateSize, m.Layers, m.Heads, m.RopeTheta = 0, 0, 0, 0, 0, 0
	}
	if err := s.Validate(); err != nil {
		return fmt.Errorf("%w: %s: %w", runlog.ErrSettings, name, err)
	}
	return nil
}

// set reads KEY=VALUE over s, all before the whole is looked at. A value that is no TOML
// is text.
func (s *Settings) set(list ...string) error {
	var layers []layer
	for _, x := range list {
		key, value, ok := strings.Cut(x, "=")
		if !ok {
			return fmt.Errorf("%w: -set %s: want KEY=VALUE", errUsage, x)
		}
		var probe map[string]any
		if toml.Unmarshal([]byte("x = "+value), &probe) != nil {
			value = strconv.Quote(value)
		}
		layers = append(layers, layer{"-set " + x, []byte(key + " = " + value)})
	}
	if len(layers) == 0 {
		return nil
	}
	return s.overlay(layers...)
}

// slots are the tokens of the longest row.
func (m Model) slots() int { return m.PromptSlots + m.ProgramSlots }

// config is the decoder of a shape.
func (m Model) config() decoder.Config {
	c := decoder.Tiny(m.Vocabulary)
	c.HiddenSize, c.IntermediateSize = m.HiddenSize, m.IntermediateSize
	c.NumHiddenLayers = m.Layers
	c.NumAttentionHeads, c.NumKeyValueHeads = m.Heads, m.Heads
	c.HeadDim = m.HiddenSize / m.Heads
	c.RopeTheta = m.RopeTheta
	c.MaxPositionEmbeddings = m.slots()
	c.Compute = m.compute()
	return c
}

// Adapter is the LoRA of these settings.
func (s Settings) Adapter() decoder.LoRA {
	return decoder.LoRA{Rank: s.LoRA.Rank, Alpha: s.LoRA.Alpha, Targets: s.LoRA.Targets, RSLoRA: s.LoRA.RSLoRA, Dropout: s.LoRA.Dropout}
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
