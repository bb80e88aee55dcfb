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

// LoRA describes an adapter: y = x W + scale (dropout(x) A) B on every target map.
// Source: Hu et al. 2021 (arXiv:2106.09685); rsLoRA: Kalajdzievski 2023
// (arXiv:2312.03732).
type LoRA struct {
	Rank    int
	Alpha   float64
	Targets []string // modules, by the end of their paths: q_proj, attn.c_proj, model.layers.0.mlp.up_proj
	RSLoRA  bool     // scale by alpha/sqrt(rank) instead of alpha/rank
	// Dropout is the share of the adapter's inputs, [0, 1), that supervised training
	// zeroes (Net.WithDropout). PPO never does: it compares log-probabilities, and
	// dropout would move them.
	Dropout float64
}

// Scale is the factor of the adapter's contribution.
func (l LoRA) Scale() float64 {
	if l.RSLoRA {
		return l.Alpha / math.Sqrt(float64(l.Rank))
	}
	return l.Alpha / float64(l.Rank)
}

// Validate returns ErrConfig with every fault of an adapter for models of this config.
func (l LoRA) Validate(c Config) error {
	var faults []string
	if l.Rank < 1 || l.Rank > 1<<20 {
		faults = append(faults, fmt.Sprintf("rank must be positive, and at most 2^20, got %d", l.Rank))
	}
	if math.IsNaN(l.Alpha) || math.IsInf(l.Alpha, 0) {
		faults = append(faults, fmt.Sprintf("alpha must be a number, got %g", l.Alpha))
	}
	if !(l.Dropout >= 0 && l.Dropout < 1) {
		faults = append(faults, fmt.Sprintf("dropout must be at least 0 and below 1, got %g", l.Dropout))
	}
	if len(l.Targets) == 0 {
		faults = append(faults, "no target modules")
	}
	known := map[string]bool{}
	c.eachModule(func(module string, _ linear) {
		for _, name := range suffixes(module) {
			known[name] = true
		}
	})
	for _, t := range l.Targets {
		if !known[t] {
			faults = append(faults, fmt.Sprintf("unknown target module %q (a layer of %s has %s)", t, c.Family, strings.Join(c.Modules(), ", ")))
			break // one name is enough; a hostile list may be long
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("%w: LoRA: %s", ErrConfig, strings.Join(faults, "; "))
	}
	return nil
}

// AdapterParameters lists the tensors of an adapter in Tree order. They lie as
// [in, rank] and [rank, out] in memory, and transposed in files, in every family.
func (c Config) AdapterParameters(l LoRA) []Weight {
	targets := map[string]bool{}
	for _, t := range l.Targets {
		targets[t] = true
	}
	var ps []Weight
	c.eachModule(func(module string, m linear) {
		if slices.ContainsFunc(suffixes(module), func(name string) bool { return targets[name] }) {
			in, outputs := c.widths(m.role)
			ps = append(ps, Weight{Name: module + ".lora_A", Dims: []int{in, l.Rank}, Turned: true}, Weight{Name: module + ".lora_B", Dims: []int{l.Rank, outputs}, Turned: true})
		}
	})
	return ps
}

// eachModule visits the maps of all layers, in the order of the computation.
func (c Config) eachModule(visit func(module string, m linear)) {
	f := families[c.Family]
	for layer := range c.NumHiddenLayers {
		for _, m := range f.maps {
			visit(f.module(layer, m.role), m)
		}
	}
}

// Init draws a base model: norms are one, biases zero, the embedding has a standard
// deviation of 0.2 (Llama does not scale it up, and with 0.05 the layers drown it: after
// the same training the tiny policy then solves a quarter as many problems,
// experiments/LOG.md), a map 1/sqrt(in); those that write to the residual stream are
// smaller by sqrt(2L), so that its variance does not grow with depth (Radford et al.
// 2019, section 2.3).
func Init(c Config, k rng.Key) *engine.Tree {
	t := &engine.Tree{}
	for _, p := range c.Parameters() {
		std := 0.2
		if p.fanIn > 0 {
			std = 1 / math.Sqrt(float64(p.fanIn))
		}
		if p.residual {
			std /= math.Sqrt(2 * float64(c.NumHiddenLayers))
		}
		switch {
		case strings.HasSuffix(p.Name, ".bias"):
			t.Add(p.Name, filled(p.Dims, func() float32 { return 0 }))
		case len(p.Dims) == 1:
			t.Add(p.Name, filled(p.Dims, func() float32 { return 1 }))
		default:
			t.Add(p.Name, normal(p.Dims, std, k.Name(p.Name)))
		}
	}
	return t
}

// InitAdapter draws an adapter that changes nothing yet: A is normal with a standard
// deviation of 1/sqrt(in), B is zero.
func InitAdapter(c Config, l LoRA, k rng.Key) *engine.Tree {
	t := &engine.Tree{}
	for _, p := range c.AdapterParameters(l) {
		if strings.HasSuffix(p.Name, ".lora_B") {
			t.Add(p.Name, filled(p.Dims, func() float32 { return 0 }))
			continue
		}
		t.Add(p.Name, normal(p.Dims, 1/math.Sqrt(float64(p.Dims[0])), k.Name(p.Name)))
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
