package policy

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"securecoderl/securerl/completion"
	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/prompt"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/tokenizer"
)

// ErrLaw reports a sampling law that a policy gradient must not be computed from.
var ErrLaw = errors.New("policy: sampling law")

// ErrPolicy reports a policy whose parts do not fit together.
var ErrPolicy = errors.New("policy: incomplete")

// Policy is a model that writes programs. The fields are set once, before its first
// use; it is then safe for concurrent use.
type Policy struct {
	Engine      *engine.Engine
	Config      decoder.Config
	LoRA        decoder.LoRA
	Base        *engine.Tree // frozen weights
	Adapter     *engine.Tree // nil = the base alone
	Tokenizer   *tokenizer.Tokenizer
	Template    prompt.Template
	PromptSlots int // most tokens of a prompt, P
	MaxNew      int // most tokens of a completion with its end token, T

	BatchSize int         // rows sampled or scored together, at most; 0 = decoder.MaxSlots
	Stops     []string    // strings that end a completion in whose text they stand
	Label     string      // what Name returns; "" = "policy"
	Law       decoder.Law // the law of Complete; the zero value means temperature 1

	Samplers *Samplers // compiled graphs to share with other policies of this shape; nil = own ones

	mu sync.Mutex
}

// Samplers are the compiled graphs of one engine and one shape of model and
// adapter. Policies of that shape may share them, whatever their weights are.
type Samplers struct {
	mu       sync.Mutex
	samplers map[sampling]*decoder.Sampler
	scores   map[scoring]*engine.Func
}

// sampling is what a sampler is compiled for.
type sampling struct {
	law     decoder.Law
	adapter bool
}

// Trajectory is one completion and what is known of how it was written. All slices
// are [T], one entry per token of the completion, its end token included.
type Trajectory struct {
	Problem    string
	Sample     int // which sample of the prompt
	Key        rng.Key
	Prompt     prompt.Prompt
	Completion string
	IDs        []int32
	Spans      []tokenizer.Span // bytes of Completion each token wrote; the end token an empty range at the end
	LogProbs   []float32        // of each token under the law used
	Plain      []float32        // under the model alone, at the law's temperature
	Finish     completion.Finish
	Cut        int // bytes of Completion before the stop string that ended it; all where none did
}

// CheckTraining returns ErrLaw unless samples of the law may be trained on: the
// model's own distribution at a temperature. Any other law needs corrections that
// would have to enter the ratio too (defect W4 of the first paper's code). Stop strings
// are allowed: they end a text and change no probability in it.
func CheckTraining(law decoder.Law) error {
	if !law.IsPlain() {
		return fmt.Errorf("%w: %+v cannot be trained on; use a temperature and nothing else", ErrLaw, law)
	}
	return nil
}

// With returns a policy with another adapter over the same base. It shares all
// compiled graphs with p.
func (p *Policy) With(adapter *engine.Tree) *Policy {
	return &Policy{Engine: p.Engine, Config: p.Config, LoRA: p.LoRA, Base: p.Base, Adapter: adapter, Tokenizer: p.Tokenizer, Template: p.Template,
		PromptSlots: p.PromptSlots, MaxNew: p.MaxNew, BatchSize: p.BatchSize, Stops: p.Stops, Label: p.Label, Law: p.Law, Samplers: p.compiled()}
}

// NewSamplers returns an empty set of compiled graphs.
func NewSamplers() *Samplers {
	return &Samplers{samplers: map[sampling]*decoder.Sampler{}, scores: map[scoring]*engine.Func{}}
}

func (p *Policy) compiled() *Samplers {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Samplers == nil {
		p.Samplers = NewSamplers()
	}
	return p.Samplers
}

func (p *Policy) check() error {
	switch {
	case p.Engine == nil || p.Base == nil || p.Tokenizer == nil:
		return fmt.Errorf("%w: engine, base and tokenizer must be set", ErrPolicy)
	case p.PromptSlots < 1 || p.MaxNew < 1:
		return fmt.Errorf("%w: PromptSlots and MaxNew must be positive, got %d and %d", ErrPolicy, p.PromptSlots, p.MaxNew)
	case len(p.Config.EOS) == 0:
		return fmt.Errorf("%w: the model has no end token", ErrPolicy)
	}
	return nil
}

func (p *Policy) lora() *decoder.LoRA {
	if p.Adapter == nil {
		return nil
	}
	return &p.LoRA
}

func (p *Policy) sampler(law decoder.Law) *decoder.Sampler {
	g := p.compiled()
	g.mu.Lock()
	defer g.mu.Unlock()
	key := sampling{law, p.Adapter != nil}
	if g.samplers[key] == nil {
		g.samplers[key] = decoder.NewSampler(p.Engine, p.Config, p.lora(), law, p.PromptSlots, p.MaxNew, p.Config.EOS...)
	}
	return g.samplers[key]
}

// Rollout samples every prompt so many times, in the order prompt 0 sample 0,
// prompt 0 sample 1, and so on. key gives each sample its randomness by the index
// of its prompt and its number. A trajectory comes as soon as it and all before it are
// written, while the rows after it go on. An error (also of ctx) ends the sequence.
func (p *Policy) Rollout(ctx context.Context, prompts []prompt.Prompt, samples int, law decoder.Law, key func(prompt, sample int) rng.Key) iter.Seq2[Trajectory, error] {
	jobs := make([]Trajectory, 0, len(prompts)*samples)
	for i, q := range prompts {
		for s := range samples {
			jobs = append(jobs, Trajectory{Problem: q.ProblemID, Sample: s, Key: key(i, s), Prompt: q})
		}
	}
	return p.sample(ctx, jobs, law)
}

// Collect reads a rollout to its end, or to its first error.
func Collect(rollout iter.Seq2[Trajectory, error]) ([]Trajectory, error) {
	var all []Trajectory
	for t, err := range rollout {
		if err != nil {
			return all, err
		}
		all = append(all, t)
	}
	return all, nil
}

// sample completes trajectories that hold a prompt and a key, and yields them in order.
func (p *Policy) sample(ctx context.Context, jobs []Trajectory, law decoder.Law) iter.Seq2[Trajectory, error] {
	return func(yield func(Trajectory, error) bool) {
		stops, err := completion.NewStops(p.Stops)
		if err = errors.Join(p.check(), err); err != nil {
			yield(Trajectory{}, err)
			return
		}
		asked, met := make([]decoder.Job, len(jobs)), make([]*completion.Matcher, len(jobs))
		for i, t := range jobs {
			asked[i] = decoder.Job{Prompt: t.Prompt.IDs, Key: t.Key}
			met[i] = stops.Matcher()
			if stops != nil {
				asked[i].Stop = func(token int32) bool { return met[i].Next(p.Tokenizer.Decode([]int32{token})) }
			}
		}
		waiting, next := map[int]Trajectory{}, 0 // written before one that comes first
		err = p.sampler(law).Run(ctx, p.Base, p.Adapter, asked, p.BatchSize, func(i int, d decoder.Sampled) bool {
			waiting[i] = p.finish(jobs[i], d, met[i].Start())
			for t, ok := waiting[next]; ok; t, ok = waiting[next] {
				delete(waiting, next)
				if next++; !yield(t, nil) {
					return false
				}
			}
			return true
		})
		if err != nil {
			yield(Trajectory{}, fmt.Errorf("policy: after %d of %d samples: %w", next, len(jobs), err))
		}
	}
}

// finish is a trajectory with what was drawn. stop is where a stop string begins, -1 = none.
func (p *Policy) finish(t Trajectory, d decoder.Sampled, stop int) Trajectory {
	t.IDs, t.LogProbs, t.Plain = d.Tokens, d.LogProbs, d.Plain
	t.Completion, t.Spans = p.Tokenizer.Decode(d.Tokens), p.Tokenizer.Spans(d.Tokens)
	t.Finish, t.Cut = completion.Length, len(t.Completion)
	switch {
	case d.Ended:
		t.Finish = completion.End
	case d.Stopped:
		t.Finish, t.Cut = completion.Stop, stop
	}
	return t
}

// Name is the label of the policy.
func (p *Policy) Name() string {
	if p.Label == "" {
		return "policy"
	}
	return p.Label
}

// Complete answers requests by the policy's Law. A request whose prompt does not
// fit is an error and ends the sequence. A text that a stop string ended is cut before
// it, as servers of the OpenAI form do; IDs and LogProbs still hold every token drawn.
func (p *Policy) Complete(ctx context.Context, requests []completion.Request) iter.Seq2[completion.Completion, error] {
	law := p.Law
	if law == (decoder.Law{}) {
		law.Temperature = 1
	}
	return func(yield func(completion.Completion, error) bool) {
		jobs := make([]Trajectory, len(requests))
		for i, q := range requests {
			r, err := p.Template.RenderRequest(p.Tokenizer, q.ProblemID, q.Prompt)
			if err != nil {
				yield(completion.Completion{}, fmt.Errorf("%w: request %d: %w", completion.ErrFailed, i, err))
				return
			}
			jobs[i] = Trajectory{Problem: q.ProblemID, Sample: q.Sample, Key: q.Key, Prompt: r}
		}
		for t, err := range p.sample(ctx, jobs, law) {
			if err != nil {
				yield(completion.Completion{}, fmt.Errorf("%w: %w", completion.ErrFailed, err))
				return
			}
			if !yield(completion.Completion{Text: t.Completion[:t.Cut], Finish: t.Finish, IDs: t.IDs, LogProbs: t.LogProbs}, nil) {
				return
			}
		}
	}
}
