package decoder

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The linear maps of a layer, by what they do.
const (
	query, key, value, queryKeyValue, out = "q", "k", "v", "qkv", "o"
	gate, up, down                        = "gate", "up", "down"
)

// family is how the tensors of a family are called, and in which order their files'
// matrices lie.
type family struct {
	embed, positions, norm, head string
	layer                        string // of a layer's tensors: a format of its number
	before, between              string // norms of a layer: before attention, before the feed-forward maps
	maps                         []linear
	inOut                        bool // files hold matrices as [in, out], not as [out, in]
}

// linear is one map of a layer: what it does and its path in the layer.
type linear struct{ role, path string }

var llama = family{embed: "model.embed_tokens", norm: "model.norm", head: "lm_head", layer: "model.layers.%d.", before: "input_layernorm", between: "post_attention_layernorm",
	maps: []linear{{query, "self_attn.q_proj"}, {key, "self_attn.k_proj"}, {value, "self_attn.v_proj"}, {out, "self_attn.o_proj"}, {gate, "mlp.gate_proj"}, {up, "mlp.up_proj"}, {down, "mlp.down_proj"}}}

// families are the known ones by model_type. Names are those of the files.
var families = map[string]family{
	"llama": llama,
	"qwen2": llama,
	"starcoder2": {embed: llama.embed, norm: llama.norm, head: llama.head, layer: llama.layer, before: llama.before, between: llama.between,
		maps: []linear{llama.maps[0], llama.maps[1], llama.maps[2], llama.maps[3], {up, "mlp.c_fc"}, {down, "mlp.c_proj"}}},
	"gpt2": {embed: "transformer.wte", positions: "transformer.wpe", norm: "transformer.ln_f", head: "lm_head", layer: "transformer.h.%d.", before: "ln_1", between: "ln_2",
		maps: []linear{{queryKeyValue, "attn.c_attn"}, {out, "attn.c_proj"}, {up, "mlp.c_fc"}, {down, "mlp.c_proj"}}, inOut: true},
}

// Families lists the model_type of every supported family.
func Families() []string { return slices.Sorted(maps.Keys(families)) }

func (f family) has(role string) bool {
	return slices.ContainsFunc(f.maps, func(m linear) bool { return m.role == role })
}

// fused tells whether queries, keys and values come from one map.
func (f family) fused() bool { return f.has(queryKeyValue) }

// module is the path of a map in the model: what PEFT calls a module.
func (f family) module(layer int, role string) string {
	i := slices.IndexFunc(f.maps, func(m linear) bool { return m.role == role })
	return fmt.Sprintf(f.layer, layer) + f.maps[i].path
}

// widths of a map: inputs and outputs.
func (c Config) widths(role string) (in, outputs int) {
	heads, kv := c.NumAttentionHeads*c.HeadDim, c.NumKeyValueHeads*c.HeadDim
	switch role {
	case query:
		return c.HiddenSize, heads
	case key, value:
		return c.HiddenSize, kv
	case queryKeyValue:
		return c.HiddenSize, heads + 2*kv
	case out:
		return heads, c.HiddenSize
	case down:
		return c.IntermediateSize, c.HiddenSize
	}
	return c.HiddenSize, c.IntermediateSize
}

func (c Config) biased(role string) bool {
	switch role {
	case query, key, value, queryKeyValue:
		return c.QKVBias
	case out:
		return c.OutBias
	}
	return c.MLPBias
}

// Weight is one tensor of a model or adapter.
type Weight struct {
	Name   string
	Dims   []int // in memory
	Turned bool  // files hold the transpose

	fanIn    int  // inputs of a linear map; 0 for tables, norms and biases
	residual bool // a map that writes to the residual stream
}

// FileDims is the shape in a file.
func (p Weight) FileDims() []int {
	if !p.Turned {
		return p.Dims
	}
	return []int{p.Dims[1], p.Dims[0]}
}

// Count is how many numbers tensors hold together.
func Count(list []Weight) (n int64) {
	for _, w := range list {
		size := int64(1)
		for _, d := range w.Dims {
			size *= int64(d)
		}
		n += size
	}
	return n
}

// Parameters lists the tensors of a base model in Tree order.
func (c Config) Parameters() []Weight {
	f := families[c.Family]
	matrix := func(name string, in, outputs int, inOut bool) Weight {
		p := Weight{Name: name, Dims: []int{in, outputs}, Turned: !inOut, fanIn: in}
		if c.AsStored && !inOut {
			p.Dims, p.Turned = []int{outputs, in}, false
		}
		return p
	}
	ps := []Weight{{Name: f.embed + ".weight", Dims: []int{c.VocabSize, c.HiddenSize}}}
	if c.LearnedPositions {
		ps = append(ps, Weight{Name: f.positions + ".weight", Dims: []int{c.MaxPositionEmbeddings, c.HiddenSize}})
	}
	norm := func(path string) {
		ps = append(ps, Weight{Name: path + ".weight", Dims: []int{c.HiddenSize}})
		if c.LayerNorm {
			ps = append(ps, Weight{Name: path + ".bias", Dims: []int{c.HiddenSize}})
		}
	}
	for l := range c.NumHiddenLayers {
		prefix := fmt.Sprintf(f.layer, l)
		norm(prefix + f.before)
		for _, m := range f.maps {
			in, outputs := c.widths(m.role)
			p := matrix(prefix+m.path+".weight", in, outputs, f.inOut)
			p.residual = m.role == out || m.role == down
			ps = append(ps, p)
			if c.biased(m.role) {
				ps = append(ps, Weight{Name: prefix + m.path + ".bias", Dims: []int{outputs}})
			}
		}
		norm(prefix + f.between)
	}
	norm(f.norm)
	if !c.TieWordEmbeddings {
		ps = append(ps, matrix(f.head+".weight", c.HiddenSize, c.VocabSize, false))
	}
	return ps
}

// Tied returns the names of the head, and of the embedding it is tied to: some files
// hold both.
func (c Config) Tied() (head, embedding string) {
	f := families[c.Family]
	return f.head + ".weight", f.embed + ".weight"
}

// Projections are the maps of a layer of the Llama family, by the names that adapters
// know them by, in the order of the computation.
var Projections = []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}

// Modules lists the maps of a layer by their paths in it: what an adapter can change.
func (c Config) Modules() []string {
	var list []string
	for _, m := range families[c.Family].maps {
		list = append(list, m.path)
	}
	return list
}

// suffixes of a module's path are the names that adapters know it by: PEFT takes a
// target for a module whose path is the target or ends in a dot and the target.
func suffixes(module string) (list []string) {
	for {
		list = append(list, module)
		_, rest, more := strings.Cut(module, ".")
		if !more {
			return list
		}
		module = rest
	}
}

func names(ps []Weight) []string {
	list := make([]string, len(ps))
	for i, p := range ps {
		list[i] = p.Name
	}
	return list
}

// BaseNames lists the tensors of a base model in Tree order.
func BaseNames(c Config) []string { return names(c.Parameters()) }

// AdapterNames lists the tensors of an adapter in Tree order.
func AdapterNames(c Config, l LoRA) []string { return names(c.AdapterParameters(l)) }
