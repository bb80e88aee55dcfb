package decoder

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/law"
	"securecoderl/securerl/rng"
)

// Law is the distribution that tokens are drawn from.
type Law = law.Law

// Sampled is one completion.
type Sampled struct {
	Tokens   []int32   // the token that ended it is part of it
	LogProbs []float32 // of each token under the law used
	Plain    []float32 // under the model alone, at the law's temperature (1 for a greedy law)
	Ended    bool      // by an end token
	Stopped  bool      // by Job.Stop; neither = the slots were full
}

// ErrPrompt reports a prompt that does not fit the slots.
var ErrPrompt = errors.New("decoder: prompt")

// Sampler decodes batches with a cache of keys and values. Its graphs are compiled
// once per bucket; weights are inputs, so one sampler serves every adapter. It is safe
// for concurrent use.
//
// On XLA many rounds are one While, whose state carries everything, the weights too; on
// the pure-Go backend, where that is slower, the host runs every round. Both give the
// same tokens.
type Sampler struct {
	e       *engine.Engine
	config  Config
	lora    *LoRA
	law     Law
	prompts int // most prompt slots P
	steps   int // program slots T
	ends    []int32
	pace    pace

	prefill, start, admit, loop, one *engine.Func
}

// NewSampler prepares a sampler for prompts of at most promptSlots tokens and
// completions of at most maxNew, which any of the end tokens ends. A nil adapter shape
// means the base alone.
func NewSampler(e *engine.Engine, c Config, l *LoRA, law Law, promptSlots, maxNew int, ends ...int32) *Sampler {
	s := &Sampler{e: e, config: c, lora: l, law: law, prompts: promptSlots, steps: maxNew, ends: ends, pace: onDevice}
	if e.IsGo() {
		s.pace = onHost
	}
	s.prefill = e.NewFunc("prefill", s.buildPrefill)
	s.start = e.NewFunc("start", s.buildStart)
	s.admit = e.NewFunc("admit", s.buildAdmit)
	s.loop = e.NewFunc("decode", s.buildLoop)
	s.one = e.NewFunc("decode one", s.buildOne)
	return s
}

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

// cacheType is what keys and values are kept in: what the network computes them in.
func (s *Sampler) cacheType() dtypes.DType { return (&Net{Config: s.config}).dtype() }

// remembers is the number of tensors that say which tokens the rows hold: one,
// float32 [B, V], for a law that asks for it.
func (s *Sampler) remembers() int {
	if s.law.Penalizes() {
		return 1
	}
	return 0
}

// outputs is the number of nodes that draw returns.
func (s *Sampler) outputs() int {
	if s.law.Bends() {
		return 3
	}
	return 2
}

// buildPrefill: tokens [M, P], lengths [M], weights -> logits [M, V] after the last
// prompt token, then keys and values of every layer, [M, K, P, D].
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
			cache = append(cache, ConvertDType(Mul(x, ConvertDType(keep, x.DType())), s.cacheType()))
		}
		return k, v
	}
	states := n.layers(tokens, at)
	h := states[len(states)-1]
	last := OneHot(SubScalar(lengths, 1), p, h.DType())
	return append([]*Node{n.Logits(ReduceSum(Mul(h, ExpandAxes(last, -1)), 1))}, cache...)
}

// buildStart gives all slots of a batch to prompts that were prefilled, and draws the
// first token of each: source [B] (the prefilled row that a slot is given), state of the
// rows; and of the prefilled prompts logits [M, V], what they remember, cache
// [M, K, P, D] -> what draw returns, what the rows remember, cache [B, K, P+T, D].
func (s *Sampler) buildStart(in []*Node) []*Node {
	from, row, in := Reshape(in[0], in[0].Shape().Dim(0), 1), rowState(in[1:1+rowInputs]), in[1+rowInputs:]
	var told []*Node
	for _, x := range in[1 : 1+s.remembers()] {
		told = append(told, Gather(x, from))
	}
	drawn, told := s.draw(Gather(in[0], from), row, told)
	var cache []*Node
	for _, x := range in[1+s.remembers():] {
		given := Gather(x, from)
		room := Zeros(x.Graph(), shapes.Make(x.DType(), given.Shape().Dim(0), x.Shape().Dim(1), s.steps, x.Shape().Dim(3)))
		cache = append(cache, Concatenate([]*Node{given, room}, 2))
	}
	return slices.Concat(drawn, told, cache)
}

// buildAdmit does so for some slots, while others go on: source is -1 for a slot that
// stays as it is, and what the rows remember and their cache come before the prefilled
// prompts. Slots that stay draw nothing of meaning.
func (s *Sampler) buildAdmit(in []*Node) []*Node {
	layers := 2 * s.config.NumHiddenLayers
	at := 1 + rowInputs
	before, fresh := in[at:at+s.remembers()+layers], GreaterOrEqual(in[0], ScalarZero(in[0].Graph(), dtypes.Int32))
	out := s.buildStart(slices.Concat([]*Node{MaxScalar(in[0], 0)}, in[1:at], in[at+len(before):]))
	for i, x := range before {
		out[s.outputs()+i] = Where(fresh, out[s.outputs()+i], x)
	}
	return out
}

// rowState is the state of the rows that the host keeps: the token that comes next [B],
// its position [B], the lengths of the prompts [B], the positions from which on rows are
// full [B], keys [B, 2], and the temperature.
type rowState []*Node

const rowInputs = 6

func (r rowState) token() *Node       { return r[0] }
func (r rowState) pos() *Node         { return r[1] }
func (r rowState) length() *Node      { return r[2] }
func (r rowState) full() *Node        { return r[3] }
func (r rowState) keys() *Node        { return r[4] }
func (r rowState) temperature() *Node { return r[5] }

// draw takes one token per row by the Gumbel-max rule (greedy: by the maximum), as the
// successor of the one at row.pos. It returns the token [B], its log-probability [B],
// for a law that bends the logits also that under the model alone; and what the rows
// remember now.
func (s *Sampler) draw(logits *Node, row rowState, seen []*Node) (drawn, next []*Node) {
	g, v := logits.Graph(), logits.Shape().Dim(-1)
	text := law.Text{Ends: s.ends}
	if s.law.Penalizes() {
		text.Seen = seen[0]
	}
	if s.law.MinNew > 0 {
		text.Early = LessThan(Sub(row.pos(), row.length()), Const(g, int32(s.law.MinNew-1)))
	}
	bent := s.law.Apply(logits, row.temperature(), text)
	score := bent
	if !s.law.Greedy {
		score = Add(bent, rng.Gumbel(rng.Bits(row.keys(), row.pos(), v)))
	}
	token := ArgMax(score, -1, dtypes.Int32)
	logp := func(z *Node) *Node {
		shifted := Sub(z, ReduceAndKeep(z, ReduceMax, -1))
		lse := Log(ReduceSum(Exp(shifted), -1))
		return Sub(ReduceSum(Mul(shifted, OneHot(token, v, dtypes.F32)), -1), lse)
	}
	drawn = []*Node{token, logp(bent)}
	if s.law.Bends() {
		drawn = append(drawn, logp(Div(logits, row.temperature())))
	}
	for _, x := range seen {
		next = append(next, Max(x, OneHot(token, v, dtypes.F32)))
	}
	return drawn, next
}

// step runs one token per row against the cache.
func (s *Sampler) step(n *Net, row rowState, cache []*Node) (logits *Node, next []*Node) {
	g, b, slots := row.token().Graph(), row.token().Shape().Dim(0), cache[0].Shape().Dim(2)
	kv, d := n.NumKeyValueHeads, n.HeadDim
	next = make([]*Node, len(cache))
	place := Reshape(row.pos(), b, 1)
	slot := Iota(g, shapes.Make(dtypes.Int32, 1, slots), 1)
	// Implicit broadcasting only: an explicit one inside a While fails on the pure-Go backend.
	mask := func(window int) *Node {
		seen := LessOrEqual(slot, place)
		if window > 0 {
			seen = LogicalAnd(seen, GreaterThan(slot, SubScalar(place, window)))
		}
		return Reshape(Where(seen, ScalarZero(g, dtypes.F32), Const(g, float32(-1e9))), b, 1, 1, slots)
	}
	at := Iota(g, shapes.Make(dtypes.Int32, b*kv), 0)
	at = Add(MulScalar(Reshape(at, b, kv), slots), place)
	write := func(i int, x *Node) *Node { // the slot is still zero: adding is writing
		c := cache[i]
		flat := ScatterSum(Reshape(c, b*kv*slots, d), Reshape(at, b*kv, 1), ConvertDType(Reshape(x, b*kv, d), c.DType()), false, true)
		next[i] = Reshape(flat, b, kv, slots, d)
		return ConvertDType(next[i], x.DType())
	}
	states := n.layers(Reshape(row.token(), b, 1), scene{places: place, count: slots, mask: mask, cache: func(l int, k, v *Node) (*Node, *Node) {
		return write(2*l, k), write(2*l+1, v)
	}})
	return n.Logits(Reshape(states[len(states)-1], b, n.HiddenSize)), next
}

// live tells [B] which rows go on: those whose token ends nothing and that are not full.
func (s *Sampler) live(token, pos, full *Node) *Node {
	live := LessThan(pos, full)
	for _, end := range s.ends {
		live = LogicalAnd(live, NotEqual(token, Const(token.Graph(), end)))
	}
	return live
}

// buildOne is one round of the host's loop: state of the rows, what they remember, cache,
// weights -> what draw returns, what the rows remember, cache.
func (s *Sampler) buildOne(in []*Node) []*Node {
	rest, n := s.weights(in)
	row, seen, cache := rowState(rest[:rowInputs]), rest[rowInputs:rowInputs+s.remembers()], rest[rowInputs+s.remembers():]
	logits, next := s.step(n, row, cache)
	drawn, told := s.draw(logits, row, seen)
	return slices.Concat(drawn, told, next)
}

// Where the loop's inputs stand: the number of rounds done, how many there shall be, the
// number of live rows at which it stops, state of the rows, what was drawn [B, n] each,
// what the rows remember, cache, weights.
const (
	loopRows  = 3
	loopDrawn = loopRows + rowInputs
)

// buildLoop is several rounds at once -> the number of rounds done, what was drawn, what
// the rows remember, cache. Rows that have ended, or are full, repeat their token at
// log-probability zero and their place. Few enough live rows stop the loop: no row, or so
// many that the free slots are worth filling.
//
// The form is dictated by go-xla v0.4.5: a closure may use nothing from outside,
// one kind of reduction may live in one function only, and constants are shared
// across functions. So the main function holds parameters alone, and the
// condition makes no constant.
func (s *Sampler) buildLoop(in []*Node) []*Node {
	g := in[0].Graph()
	b, count := in[loopDrawn].Shape().Dim(0), in[loopDrawn].Shape().Dim(1)
	seenAt := loopDrawn + s.outputs()
	cacheAt := seenAt + s.remembers()
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
		i, limit, enough, row := rest[0], rest[1], rest[2], rowState(rest[loopRows:loopDrawn])
		logits, cache := s.step(n, row, rest[cacheAt:])
		drawn, told := s.draw(logits, row, rest[seenAt:cacheAt])
		live := s.live(row.token(), row.pos(), row.full())
		drawn[0] = Where(live, drawn[0], row.token())
		for k := range drawn[1:] {
			drawn[k+1] = Mul(drawn[k+1], ConvertDType(live, dtypes.F32))
		}
		pos := Add(row.pos(), ConvertDType(live, dtypes.Int32))
		alive := ReduceAllSum(ConvertDType(s.live(drawn[0], pos, row.full()), dtypes.F32))
		limit = Where(GreaterThan(alive, enough), limit, i)
		at := Reshape(Equal(Iota(g, shapes.Make(dtypes.Int32, count), 0), i), 1, count)
		out := []*Node{AddScalar(i, 1), limit, enough, drawn[0], pos, row.length(), row.full(), row.keys(), row.temperature()}
		for k, x := range drawn {
			buffer := rest[loopDrawn+k]
			out = append(out, Add(buffer, Mul(ConvertDType(at, buffer.DType()), Reshape(x, b, 1))))
		}
		return slices.Concat(out, told, cache, p[len(rest):])
	})
	out := While(condition, body, in...)
	return append([]*Node{out[0]}, out[loopDrawn:cacheAt+2*s.config.NumHiddenLayers]...)
}
