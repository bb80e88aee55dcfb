package law

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// ErrLaw reports numbers that make no law.
var ErrLaw = errors.New("law: out of range")

// Removed is the logit of a token that cannot be drawn: its probability is exactly zero,
// and no arithmetic with it gives a NaN.
const Removed = -1e30

// Law says what is done to logits. Zero fields do nothing.
type Law struct {
	Temperature float64 // positive; a greedy law does not use it
	Greedy      bool    // the most probable token, after penalty and MinNew, as in Transformers

	RepetitionPenalty float64 // logits of tokens in the text are divided by it if positive, else multiplied; 1 = none
	MinNew            int     // no end token among the first MinNew tokens
	TopK              int     // only the TopK most probable, and those that tie with the last
	TopP              float64 // only the most probable whose sum reaches TopP; 1 = all
	MinP              float64 // only those with at least MinP times the largest probability
}

// IsPlain tells whether the law is the model's own at a temperature: the only kind
// whose log-probabilities a policy gradient may use as they are.
func (l Law) IsPlain() bool { return !l.Greedy && l.Temperature > 0 && !l.Bends() }

// Bends tells whether anything but the temperature changes the logits.
func (l Law) Bends() bool {
	return l.Penalizes() || l.MinNew > 0 || !l.Greedy && (l.TopK > 0 || l.cuts() || l.MinP > 0)
}

// Penalizes tells whether the law needs to know which tokens stand in the text.
func (l Law) Penalizes() bool { return l.RepetitionPenalty != 0 && l.RepetitionPenalty != 1 }

func (l Law) cuts() bool { return l.TopP > 0 && l.TopP < 1 }

// Validate returns ErrLaw with every fault.
func (l Law) Validate() error {
	var faults []string
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	bad(!l.Greedy && !(l.Temperature > 0 && l.Temperature < math.Inf(1)), "temperature must be positive, got %g", l.Temperature)
	bad(!(l.RepetitionPenalty >= 0 && l.RepetitionPenalty < math.Inf(1)), "repetition penalty must be positive, got %g", l.RepetitionPenalty)
	bad(l.MinNew < 0, "minimum of new tokens must not be negative, got %d", l.MinNew)
	bad(l.TopK < 0, "top-k must not be negative, got %d", l.TopK)
	bad(!(l.TopP >= 0 && l.TopP <= 1), "top-p must be above 0 and at most 1, got %g", l.TopP)
	bad(!(l.MinP >= 0 && l.MinP <= 1), "min-p must be 0 to 1, got %g", l.MinP)
	if len(faults) > 0 {
		return fmt.Errorf("%w: %s", ErrLaw, strings.Join(faults, "; "))
	}
	return nil
}

// Text is what a law may need to know about the rows it is applied to.
type Text struct {
	Seen  *Node   // float32 [B, V], above zero for tokens of the text; for a law that Penalizes
	Early *Node   // bool [B], rows that must not end yet; for a law with MinNew
	Ends  []int32 // end tokens
}

// Apply returns the logits [B, V] whose softmax is the law. temperature is a positive
// scalar node, a graph input so that another one needs no other graph; nil means
// l.Temperature.
func (l Law) Apply(logits, temperature *Node, text Text) *Node {
	g := logits.Graph()
	if !l.Bends() {
		return Div(logits, l.heat(g, temperature))
	}
	z := MaxScalar(logits, Removed)
	if l.Penalizes() {
		bent := Where(LessThan(z, ZerosLike(z)), MulScalar(z, l.RepetitionPenalty), DivScalar(z, l.RepetitionPenalty))
		z = MaxScalar(Where(GreaterThan(text.Seen, ZerosLike(z)), bent, z), Removed)
	}
	if l.MinNew > 0 && len(text.Ends) > 0 {
		token := Iota(g, shapes.Make(dtypes.Int32, 1, z.Shape().Dim(1)), 1)
		early := Reshape(text.Early, z.Shape().Dim(0), 1)
		for _, end := range text.Ends {
			z = remove(z, LogicalAnd(early, Equal(token, Const(g, end))))
		}
	}
	if l.Greedy {
		return z
	}
	z = MaxScalar(Div(z, l.heat(g, temperature)), Removed)
	if l.TopK > 0 && l.TopK < z.Shape().Dim(1) {
		u := ordered(z)
		z = remove(z, LessThan(u, border(u, OnesLike(z), Const(g, float32(l.TopK)))))
	}
	if l.cuts() {
		z = nucleus(z, float32(l.TopP))
	}
	if l.MinP > 0 {
		z = remove(z, LessThan(z, AddScalar(ReduceAndKeep(z, ReduceMax, -1), math.Log(l.MinP))))
	}
	return z
}

func (l Law) heat(g *Graph, temperature *Node) *Node {
	switch {
	case temperature != nil:
		return temperature
	case l.Greedy:
		return Const(g, float32(1))
	}
	return Const(g, float32(l.Temperature))
}

func remove(z, gone *Node) *Node { return Where(gone, Scalar(z.Graph(), z.DType(), Removed), z) }

// ordered turns float32 into uint32 of the same order: the sign bit of positive numbers
// is set, all bits of negative ones are turned. The two zeros become one number.
func ordered(z *Node) *Node {
	g := z.Graph()
	bits := Bitcast(z, dtypes.Uint32)
	negative := LessThan(z, ZerosLike(z))
	return Where(negative, BitwiseNot(bits), BitwiseOr(bits, Const(g, uint32(1<<31))))
}

// border returns, for each row, the largest number that tokens of a total weight of at
// least enough reach, [B, 1]; zero if they do not. It is the number of a token.
func border(u, weight, enough *Node) *Node {
	g, rows := u.Graph(), u.Shape().Dim(0)
	at := Zeros(g, shapes.Make(dtypes.Uint32, rows, 1))
	for bit := 31; bit >= 0; bit-- {
		try := BitwiseOr(at, Const(g, uint32(1)<<bit))
		reached := ReduceAndKeep(Where(GreaterOrEqual(u, try), weight, ZerosLike(weight)), ReduceSum, -1)
		at = Where(GreaterOrEqual(reached, enough), try, at)
	}
	return at
}

// nucleus keeps the most probable tokens until their sum reaches p, at least one. Of
// tokens that tie at the border as many stay as are needed, those with the largest
// numbers, as after the stable ascending sort in Transformers.
func nucleus(z *Node, p float32) *Node {
	g := z.Graph()
	e := Exp(Sub(z, ReduceAndKeep(z, ReduceMax, -1)))
	prob := Div(e, ReduceAndKeep(e, ReduceSum, -1))
	u := ordered(z)
	limit := border(u, prob, Const(g, p))
	zero := ZerosLike(prob)
	sum := func(which *Node) *Node { return ReduceAndKeep(Where(which, prob, zero), ReduceSum, -1) }
	tie := Equal(u, limit)
	above := sum(GreaterThan(u, limit))
	one := ReduceAndKeep(Where(tie, prob, zero), ReduceMax, -1)
	needed := Max(Ceil(Div(Sub(Const(g, p), above), MaxScalar(one, 1e-38))), Const(g, float32(1)))
	// Numbers of tokens, from one on, so that zero means all ties.
	number := Add(Iota(g, shapes.Make(dtypes.Uint32, z.Shape().Dimensions...), 1), Const(g, uint32(1)))
	from := border(number, Where(tie, OnesLike(prob), zero), needed)
	return remove(z, LogicalOr(LessThan(u, limit), LogicalAnd(tie, LessThan(number, from))))
}
