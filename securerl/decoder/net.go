package decoder

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/rng"
)

// ErrLong reports a text, or slots of a sampler, beyond the positions of a model.
var ErrLong = errors.New("decoder: text too long")

// Net is a decoder whose weights are nodes of one graph. Several may share a base:
// the policy and its frozen reference differ in their adapter alone. Base weights may
// be of a narrower dtype than float32: they are widened where they are used.
type Net struct {
	Config
	family family
	lora   *LoRA
	node   map[string]*Node
	nn     bool  // write small products so that their gradients keep the fast layout of the pure-Go backend
	keys   *Node // of dropout, uint32 [B, 2]; nil = none

	scoring bool // see Scoring
	spare   bool // see sparing
}

// Bind makes a Net of weight nodes, given in the order of BaseNames and
// AdapterNames. Without an adapter (nil) it is the base alone. It panics if the
// number of nodes is wrong.
func Bind(e *engine.Engine, c Config, l *LoRA, base, adapter []*Node) *Net {
	n := &Net{Config: c, family: families[c.Family], node: map[string]*Node{}, nn: e.IsGo()}
	n.bind(BaseNames(c), base)
	if adapter != nil {
		n.lora = l
		n.bind(AdapterNames(c, *l), adapter)
	}
	return n
}

func (n *Net) bind(names []string, nodes []*Node) {
	if len(names) != len(nodes) {
		panic(fmt.Errorf("decoder: %d weights for %d names", len(nodes), len(names)))
	}
	for i, name := range names {
		n.node[name] = nodes[i]
	}
}

// WithDropout returns a Net whose adapter zeroes a share LoRA.Dropout of its inputs
// and scales up the others, as a training step does; what a row loses depends on its
// key alone. keys are uint32 [B, 2].
func (n *Net) WithDropout(keys *Node) *Net {
	m := *n
	m.keys = keys
	return &m
}

// Hidden returns the normed hidden states [B, S, E] of tokens int32 [B, S]. Rows are
// right-padded; since attention is causal, padding needs no mask: states of real
// tokens never see it. It panics with ErrLong while building, which Func.Call returns,
// if S is above Config.Longest.
// Source: Touvron et al. 2023 (arXiv:2302.13971), section 2.2.
func (n *Net) Hidden(tokens *Node) *Node {
	states := n.States(tokens)
	return states[len(states)-1]
}

// States returns the residual stream [B, S, E] after the embedding and after every
// layer, and last the normed states that Hidden returns: L+2 nodes.
func (n *Net) States(tokens *Node) []*Node {
	return n.sparing().layers(tokens, n.whole(tokens.Graph(), tokens.Shape().Dim(1)))
}

// scene is what the layers are told about the tokens: where they stand, what they see.
type scene struct {
	places *Node // int32 [B, 1], the position of the one token of each row; nil: tokens stand at 0..S-1
	count  int   // positions there are
	// mask is added to the scores, for a window (0 = none); it broadcasts to [B, 1, S, keys].
	mask func(window int) *Node
	// cache may replace a layer's new keys and values [B, K, S, D] by all it knows; nil = they are all.
	cache func(layer int, k, v *Node) (*Node, *Node)
}

// whole is the scene of whole rows of s tokens.
func (n *Net) whole(g *Graph, s int) scene {
	i := Iota(g, shapes.Make(dtypes.Int32, s, s), 0)
	j := Iota(g, shapes.Make(dtypes.Int32, s, s), 1)
	return scene{count: s, mask: func(window int) *Node {
		seen := GreaterOrEqual(i, j)
		if window > 0 {
			seen = LogicalAnd(seen, LessThan(Sub(i, j), Const(g, int32(window))))
		}
		return Reshape(Where(seen, ScalarZero(g, dtypes.F32), Const(g, float32(-1e9))), 1, 1, s, s)
	}}
}

// layers returns the states of the residual stream.
func (n *Net) layers(tokens *Node, at scene) []*Node {
	if limit := n.Longest(); limit > 0 && at.count > limit {
		panic(fmt.Errorf("%w: %d tokens, the model has positions for %d", ErrLong, at.count, limit))
	}
	var cos, sin *Node
	x := n.wide(Gather(n.node[n.family.embed+".weight"], ExpandAxes(tokens, -1)))
	if n.LearnedPositions {
		x = Add(x, n.wide(n.placed(n.node[n.family.positions+".weight"], at)))
	} else {
		cos, sin = n.ropeTables(tokens.Graph(), at)
	}
	mask := at.mask(0)
	inWindow := mask
	if n.SlidingWindow > 0 && n.SlidingWindow < at.count && n.FullLayers < n.NumHiddenLayers {
		inWindow = at.mask(n.SlidingWindow)
	}
	states := []*Node{x}
	for l := range n.NumHiddenLayers {
		prefix, seen := fmt.Sprintf(n.family.layer, l), mask
		if l >= n.FullLayers {
			seen = inWindow
		}
		if n.Compute.Checkpointed && at.cache == nil {
			x = x.Checkpoint()
		}
		h := n.norm(x, prefix+n.family.before)
		x = Add(x, n.wide(n.attention(l, h, cos, sin, seen, at.cache)))
		x = Add(x, n.wide(n.forward(l, n.norm(x, prefix+n.family.between))))
		states = append(states, x)
	}
	if n.Compute.Checkpointed && at.cache == nil {
		x = x.StopCheckpoint()
	}
	return append(states, n.norm(x, n.family.norm))
}

// forward is the part of a layer that treats every token alone.
func (n *Net) forward(l int, h *Node) *Node {
	if !n.Gated {
		return n.project(n.activate(n.project(h, l, up)), l, down)
	}
	g := n.project(h, l, gate)
	return n.project(Mul(n.activate(g), n.project(h, l, up)), l, down)
}

// activate is SiLU, or GELU by its tanh formula (Hendrycks and Gimpel 2016,
// arXiv:1606.08415, section 2), which differs from the exact one by up to 5e-4.
func (n *Net) activate(x *Node) *Node {
	if n.Activation == "silu" {
		return Mul(x, Sigmoid(x))
	}
	cubic := Add(x, MulScalar(Mul(Square(x), x), 0.044715))
	return Mul(MulScalar(x, 0.5), AddScalar(Tanh(MulScalar(cubic, math.Sqrt(2/math.Pi))), 1))
}

func (n *Net) attention(l int, h, cos, sin, mask *Node, cache func(int, *Node, *Node) (*Node, *Node)) *Node {
	b, s, d := h.Shape().Dim(0), h.Shape().Dim(1), n.HeadDim
	q, k, v := n.queries(l, h)
	if cos != nil {
		q, k = n.rotate(q, cos, sin), n.rotate(k, cos, sin)
	}
	q = MulScalar(TransposeAllDims(q, 0, 2, 1, 3), 1/math.Sqrt(float64(d)))
	k, v = TransposeAllDims(k, 0, 2, 1, 3), TransposeAllDims(v, 0, 2, 1, 3)
	if cache != nil {
		k, v = cache(l, n.wide(k), n.wide(v))
		k, v = ConvertDType(k, q.DType()), ConvertDType(v, q.DType())
	}
	if groups := n.NumAttentionHeads / n.NumKeyValueHeads; groups > 1 {
		// Query heads of a group share keys: the group becomes part of the rows.
		q = Reshape(q, b, n.NumKeyValueHeads, groups*s, d)
		mask = repeatRows(mask, groups)
	}
	var scores *Node
	if n.nn {
		scores = n.batched(q, TransposeAllDims(k, 0, 1, 3, 2))
	} else {
		scores = Dot(q, k).General([]int{3}, []int{0, 1}, []int{3}, []int{0, 1})
	}
	y := n.batched(ConvertDType(softmax(Add(n.wide(scores), mask)), v.DType()), v)
	y = Reshape(y, b, n.NumAttentionHeads, s, d)
	return n.project(Reshape(TransposeAllDims(y, 0, 2, 1, 3), b, s, n.NumAttentionHeads*d), l, out)
}

// queries returns queries [B, S, H, D], keys and values [B, S, K, D].
func (n *Net) queries(l int, h *Node) (q, k, v *Node) {
	b, s := h.Shape().Dim(0), h.Shape().Dim(1)
	heads := func(x *Node, count int) *Node { return Reshape(x, b, s, count, n.HeadDim) }
	if !n.family.fused() {
		return heads(n.project(h, l, query), n.NumAttentionHeads), heads(n.project(h, l, key), n.NumKeyValueHeads), heads(n.project(h, l, value), n.NumKeyValueHeads)
	}
	all, at := n.project(h, l, queryKeyValue), 0
	part := func(count int) *Node {
		x := Slice(all, AxisRange(), AxisRange(), AxisRange(at, at+count*n.HeadDim))
		at += count * n.HeadDim
		return heads(x, count)
	}
	return part(n.NumAttentionHeads), part(n.NumKeyValueHeads), part(n.NumKeyValueHeads)
}

// repeatRows stacks a mask [B, 1, S, K] so that it fits query rows of several heads.
func repeatRows(mask *Node, times int) *Node {
	copies := make([]*Node, times)
	for i := range copies {
		copies[i] = mask
	}
	return Concatenate(copies, 2)
}

// wide turns weights, or what is taken from them, into float32.
func (n *Net) wide(x *Node) *Node { return ConvertDType(x, dtypes.F32) }

// dtype is what maps and attention are computed in.
func (n *Net) dtype() dtypes.DType {
	if n.Compute.BF16 {
		return dtypes.BF16
	}
	return dtypes.F32
}

// sparing returns a Net that widens a matrix when the input is there and no sooner. XLA
// would else make the copies of all layers at the start, 5.4 GB for 1.3 billion weights.
// The sampler wants just that: its loop reads the copies for every token.
func (n *Net) sparing() *Net {
	m := *n
	m.spare = !n.nn // the pure-Go backend has no such order to change
	return &m
}

// ready is a matrix in the dtype of the input x that it will be multiplied with.
func (n *Net) ready(w, x *Node) *Node {
	if w.DType() == x.DType() {
		return w
	}
	if n.spare {
		w = SchedulingBarrier(w, x)
	}
	return ConvertDType(w, x.DType())
}

// project applies a linear map and, where the adapter has one, its low-rank change.
func (n *Net) project(x *Node, layer int, role string) *Node {
	name := n.family.module(layer, role)
	x = ConvertDType(x, n.dtype())
	y := matmul(x, n.ready(n.node[name+".weight"], x), n.AsStored && !n.family.inOut)
	if bias := n.node[name+".bias"]; bias != nil {
		y = Add(y, ExpandLeftToRank(ConvertDType(bias, y.DType()), y.Rank()))
	}
	if a := n.node[name+".lora_A"]; a != nil {
		if n.keys != nil && n.lora.Dropout > 0 {
			x = n.drop(x, layer*len(n.family.maps)+slices.IndexFunc(n.family.maps, func(m linear) bool { return m.role == role }))
		}
		b := n.node[name+".lora_B"]
		y = Add(y, MulScalar(n.small(n.small(x, ConvertDType(a, x.DType())), ConvertDType(b, x.DType())), n.lora.Scale()))
	}
	return y
}

// drop zeroes inputs [B, S, E] of the map with this number, each with the probability
// Dropout, and scales the others up so that the mean stays.
func (n *Net) drop(x *Node, number int) *Node {
	b, s, e := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2)
	counter := AddScalar(Zeros(x.Graph(), shapes.Make(dtypes.Int32, b)), number)
	bits := Reshape(rng.Bits(n.keys, counter, s*e), b, s, e)
	kept := GreaterOrEqual(bits, Const(x.Graph(), uint32(n.lora.Dropout*(1<<32))))
	return Mul(x, MulScalar(ConvertDType(kept, x.DType()), 1/(1-n.lora.Dropout)))
}

// matmul multiplies by w [in, out], or by a w that lies as [out, in].
func matmul(x, w *Node, outIn bool) *Node {
	axis := 0
	if outIn {
		axis = 1
	}
	return Dot(x, w).General([]int{x.Rank() - 1}, nil, []int{axis}, nil)
}

// small is matmul for adapters. On the pure-Go backend the gradient is derived from
// a second formulation, whose products have the layout that is fast there; this
// makes a training step 1.3 to 1.6 times faster.
func (n *Net) small(x, w *Node) *Node {
	if !n.nn {
		return matmul(x, w, false)
	}
	y, _ := InternalFusedOpCaller(
		func() *Node { return matmul(x, w, false) },
		func() *Node { return matmul(x, Transpose(w, 0, 1), true) }, true)
	return y
}

// batched multiplies [B, H, n, k] by [B, H, k, m]; see small.
func (n *Net) batched(a, b *Node) *Node {
	plain := func() *Node { return Dot(a, b).General([]int{3}, []int{0, 1}, []int{2}, []int{0, 1}) }
	if !n.nn {
		return plain()
	}
	y, _ := InternalFusedOpCaller(plain, func() *Node {
		return Dot(a, TransposeAllDims(b, 0, 1, 3, 2)).General([]int{3}, []int{0, 1}, []int{3}, []int{0, 1})
	}, true)
	return y
}

// Logits returns float32 [..., V] of hidden states [..., E].
func (n *Net) Logits(h *Node) *Node {
	h = ConvertDType(h, n.dtype())
	return n.logits(h, n.head(h))
}

// head is the last map, in the dtype of the states h.
func (n *Net) head(h *Node) *Node {
	if n.TieWordEmbeddings {
		return n.ready(n.node[n.family.embed+".weight"], h)
	}
	return n.ready(n.node[n.family.head+".weight"], h)
}

func (n *Net) logits(h, head *Node) *Node {
	return n.wide(matmul(h, head, n.AsStored || n.TieWordEmbeddings))
}

func softmax(x *Node) *Node {
	e := Exp(Sub(x, StopGradient(ReduceAndKeep(x, ReduceMax, -1))))
	return Div(e, ReduceAndKeep(e, ReduceSum, -1))
}

// norm is RMSNorm or LayerNorm with the weights at a path.
func (n *Net) norm(x *Node, path string) *Node {
	weight := func(name string) *Node { return ExpandLeftToRank(n.wide(n.node[path+name]), x.Rank()) }
	if n.LayerNorm {
		x = Sub(x, ReduceAndKeep(x, ReduceMean, -1))
	}
	y := Mul(Div(x, Sqrt(AddScalar(ReduceAndKeep(Square(x), ReduceMean, -1), n.NormEps))), weight(".weight"))
	if n.LayerNorm {
		y = Add(y, weight(".bias"))
	}
	return y
}

// rotate applies rotary position embedding to x [B, S, H, D] in the convention of
// Hugging Face: the first and second half of a head form the pairs. cos and sin
// broadcast to [B, S, 1, D/2]. Source: Su et al. 2021 (arXiv:2104.09864), eq. 34.
func (n *Net) rotate(x, cos, sin *Node) *Node {
	d, dtype := x.Shape().Dim(-1), x.DType()
	x = n.wide(x)
	a := Slice(x, AxisRange(), AxisRange(), AxisRange(), AxisRange(0, d/2))
	b := Slice(x, AxisRange(), AxisRange(), AxisRange(), AxisRange(d/2))
	return ConvertDType(Concatenate([]*Node{Sub(Mul(a, cos), Mul(b, sin)), Add(Mul(b, cos), Mul(a, sin))}, -1), dtype)
}

// ropeTables are constants of the graph: computed there, XLA would repeat the sines
// at every use. They are [1, S, 1, D/2], or [B, 1, 1, D/2] for the places of a scene.
func (n *Net) ropeTables(g *Graph, at scene) (cos, sin *Node) {
	half, frequencies := n.HeadDim/2, n.Frequencies()
	table := func(f func(float64) float64) *Node {
		x := make([]float32, at.count*half)
		for p := range at.count {
			for i, turn := range frequencies {
				x[p*half+i] = float32(f(float64(p) * turn))
			}
		}
		t := n.placed(ConstTensor(g, tensors.FromFlatDataAndDimensions(x, at.count, half)), at)
		return Reshape(t, t.Shape().Dim(0), t.Shape().Dim(1), 1, half)
	}
	return table(math.Cos), table(math.Sin)
}

// placed takes the rows of a table [positions, n] at the places of a scene, [B, 1, n],
// or its first rows, [1, S, n].
func (n *Net) placed(table *Node, at scene) *Node {
	width := table.Shape().Dim(1)
	if at.places != nil {
		return Reshape(Gather(table, at.places), at.places.Shape().Dim(0), 1, width)
	}
	if at.count < table.Shape().Dim(0) {
		table = Slice(table, AxisRange(0, at.count), AxisRange())
	}
	return Reshape(table, 1, at.count, width)
}
