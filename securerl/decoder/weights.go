package decoder

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/rng"
)

// LoRA describes an adapter: y = x W + scale (x A) B on every target projection.
// Source: Hu et al. 2021 (arXiv:2106.09685); rsLoRA: Kalajdzievski 2023.
type LoRA struct {
	Rank    int
	Alpha   float64
	Targets []string // q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj
	RSLoRA  bool     // scale by alpha/sqrt(rank) instead of alpha/rank
}

// Scale is the factor of the adapter's contribution.
func (l LoRA) Scale() float64 {
	if l.RSLoRA {
		return l.Alpha / math.Sqrt(float64(l.Rank))
	}
	return l.Alpha / float64(l.Rank)
}

// Validate returns ErrConfig with every fault.
func (l LoRA) Validate() error {
	var faults []string
	if l.Rank < 1 {
		faults = append(faults, fmt.Sprintf("rank must be positive, got %d", l.Rank))
	}
	if len(l.Targets) == 0 {
		faults = append(faults, "no target modules")
	}
	for _, t := range l.Targets {
		if !slices.Contains(Projections, t) {
			faults = append(faults, fmt.Sprintf("unknown target module %q", t))
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("%w: LoRA: %s", ErrConfig, strings.Join(faults, "; "))
	}
	return nil
}

// Projections are the linear maps of a layer, in the order of the computation.
var Projections = []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}

const (
	embedName = "model.embed_tokens.weight"
	normName  = "model.norm.weight"
	headName  = "lm_head.weight"
)

// module is the path of a projection inside its layer.
func module(layer int, projection string) string {
	block := "mlp"
	if projection[1] == '_' { // q_proj, k_proj, v_proj, o_proj
		block = "self_attn"
	}
	return fmt.Sprintf("model.layers.%d.%s.%s", layer, block, projection)
}

func inputNorm(layer int) string { return fmt.Sprintf("model.layers.%d.input_layernorm.weight", layer) }
func postNorm(layer int) string {
	return fmt.Sprintf("model.layers.%d.post_attention_layernorm.weight", layer)
}

// widths of a projection: inputs and outputs.
func (c Config) widths(projection string) (in, out int) {
	switch projection {
	case "q_proj":
		return c.HiddenSize, c.NumAttentionHeads * c.HeadDim
	case "k_proj", "v_proj":
		return c.HiddenSize, c.NumKeyValueHeads * c.HeadDim
	case "o_proj":
		return c.NumAttentionHeads * c.HeadDim, c.HiddenSize
	case "down_proj":
		return c.IntermediateSize, c.HiddenSize
	}
	return c.HiddenSize, c.IntermediateSize
}

// parameter is the name and shape of one tensor. Projections are [in, out] here and
// [out, in] in files.
type parameter struct {
	name string
	dims []int
}

func (c Config) parameters() []parameter {
	ps := []parameter{{embedName, []int{c.VocabSize, c.HiddenSize}}}
	for l := range c.NumHiddenLayers {
		ps = append(ps, parameter{inputNorm(l), []int{c.HiddenSize}})
		for _, p := range Projections {
			in, out := c.widths(p)
			ps = append(ps, parameter{module(l, p) + ".weight", []int{in, out}})
		}
		ps = append(ps, parameter{postNorm(l), []int{c.HiddenSize}})
	}
	ps = append(ps, parameter{normName, []int{c.HiddenSize}})
	if !c.TieWordEmbeddings {
		ps = append(ps, parameter{headName, []int{c.HiddenSize, c.VocabSize}})
	}
	return ps
}

func (c Config) adapterParameters(l LoRA) []parameter {
	var ps []parameter
	for layer := range c.NumHiddenLayers {
		for _, p := range Projections {
			if slices.Contains(l.Targets, p) {
				in, out := c.widths(p)
				ps = append(ps, parameter{module(layer, p) + ".lora_A", []int{in, l.Rank}}, parameter{module(layer, p) + ".lora_B", []int{l.Rank, out}})
			}
		}
	}
	return ps
}

func names(ps []parameter) []string {
	list := make([]string, len(ps))
	for i, p := range ps {
		list[i] = p.name
	}
	return list
}

// BaseNames lists the tensors of a base model in Tree order.
func BaseNames(c Config) []string { return names(c.parameters()) }

// AdapterNames lists the tensors of an adapter in Tree order.
func AdapterNames(c Config, l LoRA) []string { return names(c.adapterParameters(l)) }

// Init draws a base model: norms are one, the embedding has a standard deviation of
// 0.2 (Llama does not scale it up, and with 0.05 the layers drown it: after the same
// training the tiny policy then solves a quarter as many problems, experiments/LOG.md),
// a projection 1/sqrt(in); those that write to the residual stream (o_proj,
// down_proj) are smaller by sqrt(2L), so that its variance does not grow with depth
// (Radford et al. 2019, section 2.3).
func Init(c Config, k rng.Key) *engine.Tree {
	t := &engine.Tree{}
	for _, p := range c.parameters() {
		std := 0.2
		if len(p.dims) == 2 && p.name != embedName {
			std = 1 / math.Sqrt(float64(p.dims[0]))
			if strings.Contains(p.name, "o_proj") || strings.Contains(p.name, "down_proj") {
				std /= math.Sqrt(2 * float64(c.NumHiddenLayers))
			}
		}
		if len(p.dims) == 1 {
			t.Add(p.name, filled(p.dims, func() float32 { return 1 }))
			continue
		}
		t.Add(p.name, normal(p.dims, std, k.Name(p.name)))
	}
	return t
}

// InitAdapter draws an adapter that changes nothing yet: A is normal with a standard
// deviation of 1/sqrt(in), B is zero.
func InitAdapter(c Config, l LoRA, k rng.Key) *engine.Tree {
	t := &engine.Tree{}
	for _, p := range c.adapterParameters(l) {
		if strings.HasSuffix(p.name, ".lora_B") {
			t.Add(p.name, filled(p.dims, func() float32 { return 0 }))
			continue
		}
		t.Add(p.name, normal(p.dims, 1/math.Sqrt(float64(p.dims[0])), k.Name(p.name)))
	}
	return t
}

func normal(dims []int, std float64, k rng.Key) *tensors.Tensor {
	s := k.Stream()
	return filled(dims, func() float32 { return float32(s.NormFloat64() * std) })
}

func filled(dims []int, next func() float32) *tensors.Tensor {
	n := 1
	for _, d := range dims {
		n *= d
	}
	x := make([]float32, n)
	for i := range x {
		x[i] = next()
	}
	return tensors.FromFlatDataAndDimensions(x, dims...)
}
