package checkpoint

import (
	"errors"
	"fmt"
	"strings"

	"securecoderl/securerl/decoder"
)

// ErrMemory reports work that needs more memory than is free.
var ErrMemory = errors.New("checkpoint: not enough memory")

// Work is what a model is to be loaded for. Zero fields need nothing.
type Work struct {
	Bits int // of a stored weight, 16 or 32

	LoRA     *decoder.LoRA // nil = no adapter; all weights are trained if rows are
	Adapters int           // kept over the base: the policy, an old policy, ...

	TrainRows, TrainTokens  int // a micro-batch: rows that run together, tokens of a row
	SampleRows, SampleSlots int // rows sampled together, tokens of prompt and completion
}

// Plan is how many bytes the parts of the work take at their peak, computed as
// Config.Compute says. Widened and Activations are estimates, and neither
// the program nor its compiled graphs are in the sum: a LoRA step of 1x128 tokens on the
// shape of DeepSeek-Coder-1.3B peaked on xla:cpu at 9.2 GB where the plan says 8.97, and
// Checkpointed at 4.1 GB where it says 3.28.
type Plan struct {
	Weights     int64 // as stored
	Widened     int64 // their copies in the dtype of the computation: of one layer, or of all where a backward pass or the sampler keeps them
	Adapters    int64
	Gradients   int64 // float32, with the sums over micro-batches
	Optimiser   int64 // two moments, and the new parameters and moments beside the old
	Cache       int64 // keys and values while sampling, float32
	Activations int64 // of a training step or of a scoring pass
}

// NewPlan computes the plan of a model before anything of it is loaded.
func NewPlan(c decoder.Config, w Work) Plan {
	const float = 4
	base := decoder.Count(c.Parameters())
	p := Plan{Weights: base * int64(w.Bits) / 8}
	compute := int64(float)
	if c.Compute.BF16 {
		compute = 2
	}
	if compute*8 != int64(w.Bits) && w.TrainRows+w.SampleRows > 0 {
		embedding := int64(c.VocabSize) * int64(c.HiddenSize)
		p.Widened = compute * max((base-2*embedding)/int64(c.NumHiddenLayers), embedding)
		if w.SampleRows > 0 || !c.Compute.Checkpointed {
			p.Widened = compute * base
		}
	}
	trained := base
	if w.LoRA != nil {
		trained = decoder.Count(c.AdapterParameters(*w.LoRA))
		p.Adapters = trained * float * int64(max(1, w.Adapters))
	}
	if w.TrainRows > 0 {
		p.Gradients = 2 * trained * float
		p.Optimiser = (2 + 3) * trained * float
		p.Activations = activations(c, w)
	}
	p.Cache = 2 * int64(c.NumHiddenLayers) * int64(c.NumKeyValueHeads) * int64(c.HeadDim) * int64(w.SampleRows) * int64(w.SampleSlots) * float
	return p
}

// activations counts what the backward pass of a row needs: per layer the residual
// stream, and what each map, norm and activation read, the scores and their softmax; the
// logits with their exponentials, one-hot targets and gradient.
func activations(c decoder.Config, w Work) int64 {
	tokens := int64(w.TrainRows) * int64(w.TrainTokens)
	hidden, inner := int64(c.HiddenSize), int64(c.IntermediateSize)
	heads, kv := int64(c.NumAttentionHeads*c.HeadDim), int64(c.NumKeyValueHeads*c.HeadDim)
	wide, size := int64(2), int64(4)
	if c.Gated {
		wide = 4
	}
	if c.Compute.BF16 {
		size = 2
	}
	scores := 2 * int64(c.NumAttentionHeads) * int64(w.TrainTokens)
	layer := tokens * (4*6*hidden + size*(3*heads+3*kv+wide*inner) + (size+4)/2*scores)
	kept := layer * int64(c.NumHiddenLayers)
	if c.Compute.Checkpointed {
		kept = layer + 4*tokens*hidden*int64(c.NumHiddenLayers)
	}
	held := tokens
	if part := int64(c.Compute.LossTokens); part > 0 && part < tokens {
		held = part
		kept += 2 * 4 * tokens * hidden // the gradients that the parts carry
	}
	return kept + 4*4*held*int64(c.VocabSize)
}

// Total is the sum of the parts, in bytes.
func (p Plan) Total() (n int64) {
	for _, part := range p.parts() {
		n += part.bytes
	}
	return n
}

type part struct {
	name  string
	bytes int64
	lower string // what to change where this part is too large
}

func (p Plan) parts() []part {
	return []part{
		{"weights", p.Weights, "its size, or store them in BF16"},
		{"widened weights", p.Widened, "the size of the model"},
		{"adapters", p.Adapters, "the rank or the targets of the adapter"},
		{"gradients", p.Gradients, "the rank or the targets of the adapter"},
		{"optimiser", p.Optimiser, "the rank or the targets of the adapter"},
		{"cache", p.Cache, "the rows that are sampled together, or the slots"},
		{"activations", p.Activations, "the rows of a micro-batch or their length, or compute layers again (checkpointed) and the loss in parts (loss_tokens)"},
	}
}

// String is a table of the parts that take memory, and their sum.
func (p Plan) String() string {
	var b strings.Builder
	for _, part := range append(p.parts(), part{"in all", p.Total(), ""}) {
		if part.bytes > 0 {
			fmt.Fprintf(&b, "%-16s %10s\n", part.name, bytesText(part.bytes))
		}
	}
	return b.String()
}

// Fit returns ErrMemory, with all numbers and what to lower, if the plan needs more than
// the free bytes.
func (p Plan) Fit(free int64) error {
	if p.Total() <= free {
		return nil
	}
	largest := p.parts()[0]
	for _, part := range p.parts() {
		if part.bytes > largest.bytes {
			largest = part
		}
	}
	return fmt.Errorf("%w: %s needed, %s free; the largest part is the %s: lower %s\n%s", ErrMemory, bytesText(p.Total()), bytesText(free), largest.name, largest.lower, p)
}

// bytesText is a number of bytes for people: powers of ten.
func bytesText(n int64) string {
	if n >= 1e9 {
		return fmt.Sprintf("%.2f GB", float64(n)/1e9)
	}
	return fmt.Sprintf("%.2f MB", float64(n)/1e6)
}
