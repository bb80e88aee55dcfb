package sft

import (
	"errors"
	"fmt"
	"math"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/rng"
)

// ErrDiverged reports a loss or gradient that is not a number or infinite. The
// weights of before the step are kept.
var ErrDiverged = errors.New("sft: loss is not finite")

// ErrRow reports a row that cannot be trained on.
var ErrRow = errors.New("sft: row")

// Row is one example. The loss is on Target only: the program and its end token.
type Row struct{ Prompt, Target []int32 }

// Config holds the numbers of a fit.
type Config struct {
	optim.AdamW
	Steps          int            // length of the schedule
	Warmup         int            // steps of linear warm-up, then linear decay to zero
	Schedule       optim.Schedule // another schedule; nil = as Steps and Warmup say
	BatchSize      int            // rows of a step; another number is ErrRow; 0 = any
	MicrobatchSize int            // rows that run together, rounded up to a multiple of the devices; 0 = the whole batch
	Length         int            // most tokens of a row; more is ErrRow; 0 = any
	Key            rng.Key        // randomness of the adapter's dropout, by step and row
}

func (c Config) rate(step int) float64 {
	if c.Schedule != nil {
		return c.LearningRate * c.Schedule.Rate(step)
	}
	return c.LearningRate * optim.Linear{Warmup: c.Warmup, Total: c.Steps}.Rate(step)
}

// Stats describe one step.
type Stats struct {
	Loss   float64 // nats per target token
	Norm   float64 // global norm of the gradient before clipping
	Rate   float64 // learning rate used
	Tokens int     // target tokens
}

// Trainer makes steps, one at a time. Its graphs are compiled once per row length.
type Trainer struct {
	config  Config
	model   decoder.Config
	lora    *decoder.LoRA
	grads   *engine.Func
	stepper *optim.Stepper
	zeros   *engine.Tree // where sums of gradients start
}

// New prepares a trainer of an adapter, or of all weights if lora is nil.
func New(e *engine.Engine, c decoder.Config, lora *decoder.LoRA, config Config) *Trainer {
	t := &Trainer{config: config, model: c, lora: lora, stepper: optim.NewStepper(e, config.AdamW)}
	rows := []int{0, 1, 2} // tokens, targets, mask
	if t.drops() {
		rows = append(rows, 4)
	}
	t.grads = e.NewFunc("sft gradient", func(in []*Node) []*Node { return t.build(e, in) }).Spread(rows...)
	return t
}

// drops tells whether steps zero inputs of the adapter.
func (t *Trainer) drops() bool { return t.lora != nil && t.lora.Dropout > 0 }

// build: tokens, targets, mask, 1/tokens, keys of the rows (for dropout), sums of
// gradients so far, frozen weights (for an adapter), parameters -> loss, new sums.
func (t *Trainer) build(e *engine.Engine, in []*Node) []*Node {
	tokens, targets, mask, share := in[0], in[1], in[2], in[3]
	fixed := 4
	if t.drops() {
		fixed = 5
	}
	base := len(decoder.BaseNames(t.model))
	n := base
	if t.lora != nil {
		n = len(decoder.AdapterNames(t.model, *t.lora))
	}
	sums, params := in[fixed:fixed+n], in[len(in)-n:]
	var net *decoder.Net
	if t.lora != nil {
		net = decoder.Bind(e, t.model, t.lora, in[fixed+n:fixed+n+base], params)
	} else {
		net = decoder.Bind(e, t.model, nil, params, nil)
	}
	if t.drops() {
		net = net.WithDropout(in[4])
	}
	logp, _ := net.TokenLogProbs(net.Hidden(tokens), targets, nil)
	loss := Neg(Mul(ReduceAllSum(Mul(logp, mask)), share))
	out := []*Node{loss}
	for i, g := range Gradient(loss, params...) {
		out = append(out, Add(sums[i], g))
	}
	return out
}

// Step fits an adapter (over the frozen base) to rows. step counts from zero; the
// state is updated in place. Errors: ErrRow, and ErrDiverged with the parameters and
// the state as they were.
func (t *Trainer) Step(base, params *engine.Tree, s *optim.State, rows []Row, step int) (*engine.Tree, Stats, error) {
	b := batch{texts: make([][]int32, len(rows)), prompts: make([]int, len(rows))}
	for i, r := range rows {
		if len(r.Prompt) == 0 || len(r.Target) == 0 {
			return params, Stats{}, fmt.Errorf("%w %d of %d: prompt and target must not be empty (%d and %d tokens)", ErrRow, i, len(rows), len(r.Prompt), len(r.Target))
		}
		b.texts[i], b.prompts[i] = append(append([]int32(nil), r.Prompt...), r.Target...), len(r.Prompt)
	}
	return t.step(base, params, s, b, step)
}

// PackedStep fits all weights to packed rows of tokens; the loss is on every token
// but the first of a row, which nothing predicts. Otherwise it is Step.
func (t *Trainer) PackedStep(params *engine.Tree, s *optim.State, rows [][]int32, step int) (*engine.Tree, Stats, error) {
	b := batch{texts: rows, prompts: make([]int, len(rows))}
	for i, r := range rows {
		if len(r) < 2 {
			return params, Stats{}, fmt.Errorf("%w %d of %d: needs at least two tokens, got %d", ErrRow, i, len(rows), len(r))
		}
		b.prompts[i] = 1
	}
	return t.step(nil, params, s, b, step)
}

// batch is rows of tokens; the first prompts[i] tokens of row i carry no loss.
type batch struct {
	texts   [][]int32
	prompts []int
}

func (t *Trainer) check(b batch) error {
	if len(b.texts) == 0 || t.config.BatchSize > 0 && len(b.texts) != t.config.BatchSize {
		return fmt.Errorf("%w count: %d rows in a step of %d", ErrRow, len(b.texts), t.config.BatchSize)
	}
	for i, x := range b.texts {
		if t.config.Length > 0 && len(x) > t.config.Length {
			return fmt.Errorf("%w %d of %d: %d tokens, at most %d fit", ErrRow, i, len(b.texts), len(x), t.config.Length)
		}
	}
	return nil
}

func (t *Trainer) step(base, params *engine.Tree, s *optim.State, b batch, step int) (*engine.Tree, Stats, error) {
	stats := Stats{Rate: t.config.rate(step)}
	if err := t.check(b); err != nil {
		return params, stats, err
	}
	for i, x := range b.texts {
		stats.Tokens += len(x) - b.prompts[i]
	}
	sums, loss, bad, err := t.accumulate(base, params, b, stats.Tokens, step)
	if err != nil {
		return params, stats, err
	}
	stats.Loss = loss
	if len(bad) > 0 {
		stats.Norm = math.NaN()
		return params, stats, errors.Join(fmt.Errorf("%w at step %d: loss %g in rows %v of %d", ErrDiverged, step, loss, bad, len(b.texts)), sums.Finalize())
	}
	next, norm, ok, err := t.stepper.Step(params, sums, s, stats.Rate)
	if stats.Norm = norm; err == nil && !ok {
		err = fmt.Errorf("%w at step %d: gradient norm %g over %d rows, loss %g", ErrDiverged, step, norm, len(b.texts), loss)
	}
	return next, stats, errors.Join(err, sums.Finalize())
}

// accumulate sums loss and gradient over the micro-batches; both are means over the
// target tokens of the whole batch. bad lists the rows of micro-batches whose loss is
// not finite.
func (t *Trainer) accumulate(base, params *engine.Tree, b batch, tokens, step int) (sums *engine.Tree, loss float64, bad []int, err error) {
	if t.zeros == nil {
		t.zeros = params.ZerosLike()
	}
	lengths := make([]int, len(b.texts))
	for i, x := range b.texts {
		lengths[i] = len(x)
	}
	size := t.config.MicrobatchSize
	if size <= 0 {
		size = len(b.texts)
	}
	sums = t.zeros
	for _, chunk := range decoder.Chunks(lengths, t.grads.Rows(size)) {
		in, targets := chunk.Tokens(func(i int) []int32 { return b.texts[i] })
		mask := chunk.Values(func(i int) int { return b.prompts[i] }, func(i int) []float32 { return slices.Repeat([]float32{1}, lengths[i]-b.prompts[i]) })
		own := []*tensors.Tensor{in, targets, mask, tensors.FromScalar(float32(1 / float64(tokens)))}
		if t.drops() {
			own = append(own, t.keys(chunk, step))
		}
		args := append(slices.Clone(own), sums.Tensors...)
		if base != nil {
			args = append(args, base.Tensors...)
		}
		out, err := t.grads.Call(append(args, params.Tensors...)...)
		if err != nil {
			return nil, 0, nil, err
		}
		part := float64(tensors.ToScalar[float32](out[0]))
		if math.IsNaN(part) || math.IsInf(part, 0) {
			bad = append(bad, chunk.Rows...)
		}
		loss += part
		own = append(own, out[0])
		if sums != t.zeros {
			own = append(own, sums.Tensors...)
		}
		for _, x := range own {
			x.MustFinalizeAll()
		}
		sums = sums.With(out[1:])
	}
	slices.Sort(bad)
	return sums, loss, bad, nil
}

// keys are those of a chunk's rows, uint32 [Size, 2]: whatever else is in the chunk, a
// row loses the same inputs.
func (t *Trainer) keys(c decoder.Chunk, step int) *tensors.Tensor {
	words := make([]uint32, 2*c.Size)
	for at, i := range c.Rows {
		k := t.config.Key.Fold(uint32(step)).Fold(uint32(i))
		words[2*at], words[2*at+1] = k[0], k[1]
	}
	return tensors.FromFlatDataAndDimensions(words, c.Size, 2)
}
