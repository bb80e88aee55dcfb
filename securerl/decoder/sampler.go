package decoder

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/law"
	"securecoderl/securerl/rng"
)

// Law is the distribution that tokens are drawn from.
type Law = law.Law

// Sampled is one completion.
type Sampled struct {
	Tokens   []int32   // the end token is part of it
	LogProbs []float32 // of each token under the law used
	Plain    []float32 // under the model alone, at the law's temperature (1 for a greedy law)
	Ended    bool      // the end token was drawn; false = the slots were full
}

// ErrPrompt reports a prompt that does not fit the slots.
var ErrPrompt = errors.New("decoder: prompt")

// batchSizes are the buckets a batch is padded to. Within a bucket the tokens of a
// row depend on its key, prompt and weights alone; across buckets XLA may pick
// other kernels, which moves log-probabilities in their seventh digit.
var batchSizes = []int{8, 16, 32, 64, 128}

// Sampler decodes batches with a cache of keys and values. Its graphs are compiled
// once per bucket; weights are inputs, so one sampler serves every adapter.
//
// On XLA the whole loop is one While, whose state carries everything, the weights
// too; on the pure-Go backend, where that is slower, the host runs the loop. Both
// give the same tokens.
type Sampler struct {
	e       *engine.Engine
	config  Config
	lora    *LoRA
	law     Law
	prompts int // prompt slots P
	steps   int // program slots T
	ends    []int32

	prefill, first, loop, one *engine.Func
}

// NewSampler prepares a sampler for prompts of at most promptSlots tokens and
// completions of at most maxNew, which any of the end tokens ends. A nil adapter shape
// means the base alone.
func NewSampler(e *engine.Engine, c Config, l *LoRA, law Law, promptSlots, maxNew int, ends ...int32) *Sampler {
	s := &Sampler{e: e, config: c, lora: l, law: law, prompts: promptSlots, steps: maxNew, ends: ends}
	s.prefill = e.NewFunc("prefill", s.buildPrefill)
	s.first = e.NewFunc("first token", s.buildFirst)
	s.loop = e.NewFunc("decode", s.buildLoop)
	s.one = e.NewFunc("decode one", s.buildOne)
	return s
}

// slots is the length of the cache.
func (s *Sampler) slots() int { return s.prompts + s.steps }

// weights splits inputs into what precedes the weights, and a Net of the weights.
func (s *Sampler) weights(in []*Node) (rest []*Node, n *Net) {
	base, adapter := len(BaseNames(s.config)), 0
	if s.lora != nil {
		adapter = len(AdapterNames(s.config, *s.lora))
	}
	at := len(in) - base - adapter
	if s.lora == nil {
		return in[:at], Bind(s.e, s.config, nil, in[at:], nil)
	}
	return in[:at], Bind(s.e, s.config, s.lora, in[at:at+base], in[at+base:])
}

// buildPrefill: tokens [B, P], lengths [B], weights -> logits [B, V] after the last
// prompt token, then keys and values of every layer, [B, K, P+T, D].
func (s *Sampler) buildPrefill(in []*Node) []*Node {
	rest, n := s.weights(in)
	tokens, lengths := rest[0], rest[1]
	g, b, p := tokens.Graph(), tokens.Shape().Dim(0), tokens.Shape().Dim(1)
	at := n.whole(g, p)
	real := LessThan(Iota(g, shapes.Make(dtypes.Int32, 1, p), 1), Reshape(lengths, b, 1))
	keep := Reshape(ConvertDType(real, dtypes.F32), b, 1, p, 1)
	var cache []*Node
	at.cache = func(_ int, k, v *Node) (*Node, *Node) {
		for _, x := range []*Node{k, v} { // rows past the prompt stay zero: decoding adds to them
			kept := Mul(x, keep)
			zeros := Zeros(g, shapes.Make(dtypes.F32, b, n.NumKeyValueHeads, s.steps, n.HeadDim))
			cache = append(cache, Concatenate([]*Node{kept, zeros}, 2))
		}
		return k, v
	}
	states := n.layers(tokens, at)
	h := states[len(states)-1]
	last := OneHot(SubScalar(lengths, 1), p, h.DType())
	return append([]*Node{n.Logits(ReduceSum(Mul(h, ExpandAxes(last, -1)), 1))}, cache...)
}

// memory is what a law that bends the logits must be told of the rows besides: which
// tokens they hold (float32 [B, V]), the lengths of their prompts (int32 [B]).
func (s *Sampler) memory(prompts [][]int32, lengths *tensors.Tensor, own *owned) (list []*tensors.Tensor) {
	if s.law.Penalizes() {
		v := s.config.VocabSize
		seen := make([]float32, len(prompts)*v)
		for i, p := range prompts {
			for _, t := range p {
				seen[i*v+int(t)] = 1
			}
		}
		list = append(list, own.add(tensors.FromFlatDataAndDimensions(seen, len(prompts), v)))
	}
	if s.law.MinNew > 0 {
		list = append(list, lengths)
	}
	return list
}

// remembered is the number of tensors of a memory.
func (s *Sampler) remembered() (n int) {
	for _, needed := range []bool{s.law.Penalizes(), s.law.MinNew > 0} {
		if needed {
			n++
		}
	}
	return n
}

// buildFirst: logits [B, V], keys [B, 2], position [B], temperature, memory -> what draw
// returns.
func (s *Sampler) buildFirst(in []*Node) []*Node {
	drawn, memory := s.draw(in[0], in[1], in[2], in[3], in[4:])
	return append(drawn, memory...)
}

// draw takes one token per row by the Gumbel-max rule (greedy: by the maximum). It
// returns the token [B], its log-probability [B], for a law that bends the logits also
// that under the model alone, and the new memory.
func (s *Sampler) draw(logits, keys, pos, temperature *Node, memory []*Node) (drawn, next []*Node) {
	g, v := logits.Graph(), logits.Shape().Dim(-1)
	next = append(next, memory...)
	text := law.Text{Ends: s.ends}
	if s.law.Penalizes() {
		text.Seen = memory[0]
	}
	if s.law.MinNew > 0 {
		text.Early = LessThan(Sub(pos, memory[len(memory)-1]), Const(g, int32(s.law.MinNew-1)))
	}
	bent := s.law.Apply(logits, temperature, text)
	score := bent
	if !s.law.Greedy {
		score = Add(bent, rng.Gumbel(rng.Bits(keys, pos, v)))
	}
	token := ArgMax(score, -1, dtypes.Int32)
	logp := func(z *Node) *Node {
		shifted := Sub(z, ReduceAndKeep(z, ReduceMax, -1))
		lse := Log(ReduceSum(Exp(shifted), -1))
		return Sub(ReduceSum(Mul(shifted, OneHot(token, v, dtypes.F32)), -1), lse)
	}
	drawn = []*Node{token, logp(bent)}
	if s.law.Bends() {
		drawn = append(drawn, logp(Div(logits, temperature)))
	}
	if s.law.Penalizes() {
		next[0] = Max(memory[0], OneHot(token, v, dtypes.F32))
	}
	return drawn, next
}

// step runs one token per row against the cache: token [B], pos [B] (its position).
func (s *Sampler) step(n *Net, token, pos *Node, cache []*Node) (logits *Node, next []*Node) {
	g, b, slots := token.Graph(), token.Shape().Dim(0), s.slots()
	kv, d := n.NumKeyValueHeads, n.HeadDim
	next = make([]*Node, len(cache))
	place := Reshape(pos, b, 1)
	slot := Iota(g, shapes.Make(dtypes.Int32, 1, slots), 1)
	// Implicit broadcasting only: an explicit one inside a While fails on the pure-Go backend.
	mask := func(window int) *Node {
		seen := LessOrEqual(slot, place)
		if window > 0 {
			seen = LogicalAnd(seen, GreaterThan(slot, SubScalar(place, window)))
		}
		return Reshape(Where(seen, ScalarZero(g, dtypes.F32), Const(g, float32(-1e9))), b, 1, 1, slots)
	}
	row := Iota(g, shapes.Make(dtypes.Int32, b*kv), 0)
	row = Add(MulScalar(Reshape(row, b, kv), slots), place)
	write := func(c, x *Node) *Node { // the slot is still zero: adding is writing
		flat := ScatterSum(Reshape(c, b*kv*slots, d), Reshape(row, b*kv, 1), Reshape(x, b*kv, d), false, true)
		return Reshape(flat, b, kv, slots, d)
	}
	states := n.layers(Reshape(token, b, 1), scene{places: place, count: slots, mask: mask, cache: func(l int, k, v *Node) (*Node, *Node) {
		next[2*l], next[2*l+1] = write(cache[2*l], k), write(cache[2*l+1], v)
		return next[2*l], next[2*l+1]
	}})
	return n.Logits(Reshape(states[len(states)-1], b, n.HiddenSize)), next
}

// going tells, for tokens [B], which of them end nothing.
func (s *Sampler) going(tokens *Node) *Node {
	var going *Node
	for _, end := range append([]int32{-1}, s.ends...)[min(1, len(s.ends)):] { // no token is -1
		if other := NotEqual(tokens, Const(tokens.Graph(), end)); going == nil {
			going = other
		} else {
			going = LogicalAnd(going, other)
		}
	}
	return going
}

// buildOne is one round of the host loop: token, pos, keys, temperature, memory, cache,
// weights -> what draw returns, pos+1, memory, cache.
func (s *Sampler) buildOne(in []*Node) []*Node {
	rest, n := s.weights(in)
	at := 4 + s.remembered()
	logits, next := s.step(n, rest[0], rest[1], rest[at:])
	drawn, memory := s.draw(logits, rest[2], rest[1], rest[3], rest[4:at])
	return slices.Concat(drawn, []*Node{AddScalar(rest[1], 1)}, memory, next)
}

// buildLoop is the whole loop: i, limit, token, pos, keys, temperature, what was drawn
// [B, n] each, memory, cache, weights -> what was drawn.
// Rows that have ended repeat their end token at log-probability zero; when all have,
// the loop stops.
//
// The form is dictated by go-xla v0.4.5: a closure may use nothing from outside,
// one kind of reduction may live in one function only, and constants are shared
// across functions. So the main function holds parameters alone, and the
// condition makes no constant.
func (s *Sampler) buildLoop(in []*Node) []*Node {
	g := in[0].Graph()
	b, count := in[6].Shape().Dim(0), in[6].Shape().Dim(1)
	drawnAt, memoryAt := 6, 6+s.outputs()
	cacheAt := memoryAt + s.remembered()
	parameters := func(g *Graph, prefix string) []*Node {
		ps := make([]*Node, len(in))
		for i, x := range in {
			ps[i] = Parameter(g, fmt.Sprintf("%s%d", prefix, i), x.Shape())
		}
		return ps
	}
	condition := NewClosure(g, func(g *Graph) []*Node {
		p := parameters(g, "c")
		return []*Node{LessThan(p[0], p[1])}
	})
	body := NewClosure(g, func(g *Graph) []*Node {
		p := parameters(g, "b")
		rest, n := s.weights(p)
		i, limit, token, pos, keys, temperature := rest[0], rest[1], rest[2], rest[3], rest[4], rest[5]
		logits, cache := s.step(n, token, pos, rest[cacheAt:])
		drawn, memory := s.draw(logits, keys, pos, temperature, rest[memoryAt:cacheAt])
		going := s.going(token)
		drawn[0] = Where(going, drawn[0], token)
		for k := range drawn[1:] {
			drawn[k+1] = Mul(drawn[k+1], ConvertDType(going, dtypes.F32))
		}
		alive := ReduceAllSum(ConvertDType(s.going(drawn[0]), dtypes.F32))
		limit = Where(GreaterThan(alive, Const(g, float32(0))), limit, i)
		at := Reshape(Equal(Iota(g, shapes.Make(dtypes.Int32, count), 0), i), 1, count)
		out := []*Node{AddScalar(i, 1), limit, drawn[0], AddScalar(pos, 1), keys, temperature}
		for k, x := range drawn {
			buffer := rest[drawnAt+k]
			out = append(out, Add(buffer, Mul(ConvertDType(at, buffer.DType()), Reshape(x, b, 1))))
		}
		return slices.Concat(out, memory, cache, p[len(rest):])
	})
	return While(condition, body, in...)[drawnAt:memoryAt]
}

// outputs is the number of nodes that draw returns besides the memory.
func (s *Sampler) outputs() int {
	if s.law.Bends() {
		return 3
	}
	return 2
}

// Sample completes every prompt with its own key. base and adapter are the weights
// (adapter nil where the sampler was made without one).
func (s *Sampler) Sample(base, adapter *engine.Tree, prompts [][]int32, keys []rng.Key) ([]Sampled, error) {
	if len(keys) != len(prompts) {
		return nil, fmt.Errorf("%w: %d prompts but %d keys", ErrPrompt, len(prompts), len(keys))
	}
	if err := s.law.Validate(); err != nil {
		return nil, err
	}
	weights := append([]*tensors.Tensor(nil), base.Tensors...)
	if s.lora != nil {
		weights = append(weights, adapter.Tensors...)
	}
	var all []Sampled
	for at := 0; at < len(prompts); {
		n := min(len(prompts)-at, batchSizes[len(batchSizes)-1])
		part, err := s.batch(weights, prompts[at:at+n], keys[at:at+n])
		if err != nil {
			return nil, err
		}
		all = append(all, part...)
		at += n
	}
	return all, nil
}
