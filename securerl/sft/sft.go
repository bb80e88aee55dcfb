package sft

import (
	"errors"
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/optim"
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
	Steps          int // length of the schedule
	Warmup         int // steps of linear warm-up, then linear decay to zero
	MicrobatchSize int // rows that run together
}

// Stats describe one step.
type Stats struct {
	Loss   float64 // nats per target token
	Norm   float64 // global norm of the gradient before clipping
	Rate   float64 // learning rate used
	Tokens int     // target tokens
}

// Trainer makes steps. Its graphs are compiled once per row length.
type Trainer struct {
	config  Config
	model   decoder.Config
	lora    *decoder.LoRA
	grads   *engine.Func
	stepper *optim.Stepper
}

// New prepares a trainer of an adapter, or of all weights if lora is nil.
func New(e *engine.Engine, c decoder.Config, lora *decoder.LoRA, config Config) *Trainer {
	t := &Trainer{config: config, model: c, lora: lora, stepper: optim.NewStepper(e, config.AdamW)}
	t.grads = e.NewFunc("sft gradient", func(in []*Node) []*Node { return t.build(e, in) })
	return t
}

// inputs of the gradient graph before its trees: tokens, targets, mask, 1/tokens.
const fixed = 4

// build: fixed inputs, sums of gradients so far, frozen weights (for an adapter),
// parameters -> loss, new sums.
func (t *Trainer) build(e *engine.Engine, in []*Node) []*Node {
	tokens, targets, mask, share := in[0], in[1], in[2], in[3]
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
	logp, _ := decoder.TokenLogProbs(net.Logits(net.Hidden(tokens)), targets, nil)
	loss := Neg(Mul(ReduceAllSum(Mul(logp, mask)), share))
	out := []*Node{loss}
	for i, g := range Gradient(loss, params...) {
		out = append(out, Add(sums[i], g))
	}
	return out
}

// Step fits an adapter (over the frozen base) to rows. step counts from zero; the
// state is updated in place. On ErrDiverged the parameters are returned unchanged.
func (t *Trainer) Step(base, params *engine.Tree, s *optim.State, rows []Row, step int) (*engine.Tree, Stats, error) {
	texts, prompts := make([][]int32, len(rows)), make([]int, len(rows))
	for i, r := range rows {
		if len(r.Prompt) == 0 || len(r.Target) == 0 {
			return params, Stats{}, fmt.Errorf("%w %d of %d: prompt and target must not be empty (%d and %d tokens)", ErrRow, i, len(rows), len(r.Prompt), len(r.Target))
		}
		texts[i], prompts[i] = append(append([]int32(nil), r.Prompt...), r.Target...), len(r.Prompt)
	}
	return t.step(base, params, s, texts, prompts, step)
}

// PackedStep fits all weights to packed rows of tokens.
func (t *Trainer) PackedStep(params *engine.Tree, s *optim.State, rows [][]int32, step int) (*engine.Tree, Stats, error) {
	prompts := make([]int, len(rows))
	for i, r := range rows {
		if len(r) < 2 {
			return params, Stats{}, fmt.Errorf("%w %d of %d: needs at least two tokens, got %d", ErrRow, i, len(rows), len(r))
		}
		prompts[i] = 1
	}
	return t.step(nil, params, s, rows, prompts, step)
}

func (t *Trainer) step(base, params *engine.Tree, s *optim.State, texts [][]int32, prompts []int, step int) (*engine.Tree, Stats, error) {
	lengths, tokens := make([]int, len(texts)), 0
	for i, x := range texts {
		lengths[i] = len(x)
		tokens += len(x) - prompts[i]
	}
	stats := Stats{Tokens: tokens, Rate: t.config.LearningRate * (optim.Linear{Warmup: t.config.Warmup, Total: t.config.Steps}).Rate(step)}
	sums := params.ZerosLike()
	for _, chunk := range decoder.Chunks(lengths, t.config.MicrobatchSize) {
		in, targets := chunk.Tokens(func(i int) []int32 { return texts[i] })
		mask := chunk.Values(func(i int) int { return prompts[i] }, func(i int) []float32 { return ones(len(texts[i]) - prompts[i]) })
		args := append([]*tensors.Tensor{in, targets, mask, tensors.FromScalar(float32(1 / float64(tokens)))}, sums.Tensors...)
		if base != nil {
			args = append(args, base.Tensors...)
		}
		out, err := t.grads.Call(append(args, params.Tensors...)...)
		if err != nil {
			return params, stats, err
		}
		stats.Loss += float64(tensors.ToScalar[float32](out[0]))
		if err := sums.Finalize(); err != nil {
			return params, stats, err
		}
		sums = sums.With(out[1:])
	}
	next, norm, ok, err := t.stepper.Step(params, sums, s, stats.Rate)
	stats.Norm = norm
	if err != nil {
		return params, stats, err
	}
	if !ok {
		return params, stats, fmt.Errorf("%w at step %d over %d rows: loss %g, gradient norm %g", ErrDiverged, step, len(texts), stats.Loss, norm)
	}
	return next, stats, sums.Finalize()
}

func ones(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = 1
	}
	return x
}
