package rng

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Bits returns uint32 [B, n] for keys uint32 [B, 2] and positions int32 [B]: the
// words of the counters (position, column). The bits are those of Threefry on the
// host, on every backend.
func Bits(keys, pos *Node, n int) *Node {
	g := keys.Graph()
	b := keys.Shape().Dim(0)
	k0 := Slice(keys, AxisRange(), AxisRange(0, 1))
	k1 := Slice(keys, AxisRange(), AxisRange(1, 2))
	column := Iota(g, shapes.Make(dtypes.Uint32, 1, (n+1)/2), 1)
	x, y := threefry(k0, k1, Reshape(ConvertDType(pos, dtypes.Uint32), b, 1), column)
	return Slice(Concatenate([]*Node{x, y}, 1), AxisRange(), AxisRange(0, n)) // both output words are used
}

// threefry is Threefry on nodes: uint32, broadcastable to each other.
func threefry(k0, k1, c0, c1 *Node) (*Node, *Node) {
	g := k0.Graph()
	word := func(v uint32) *Node { return Const(g, v) }
	schedule := [3]*Node{k0, k1, BitwiseXor(word(parity), BitwiseXor(k0, k1))}
	x0, x1 := Add(c0, schedule[0]), Add(c1, schedule[1])
	for r := range 20 {
		x0 = Add(x0, x1)
		n := rotations[r%8]
		x1 = BitwiseOr(BitwiseShiftLeftScalar(x1, uint32(n)), BitwiseShiftRightLogicalScalar(x1, uint32(32-n)))
		x1 = BitwiseXor(x1, x0)
		if r%4 == 3 {
			j := r/4 + 1
			x0 = Add(x0, schedule[j%3])
			x1 = Add(Add(x1, schedule[(j+1)%3]), word(uint32(j)))
		}
	}
	return x0, x1
}

// Gumbel turns uint32 bits into standard Gumbel noise, -log(E) with E exponential.
// E = -log1p(-u) keeps full relative precision where E is small, the tail that
// decides an argmax.
func Gumbel(bits *Node) *Node {
	u := AddScalar(MulScalar(ConvertDType(bits, dtypes.F32), 1.0/(1<<32)), 0.5/(1<<32))
	u = MinScalar(u, 1-1.0/(1<<24))
	return Neg(Log(Neg(Log1P(Neg(u)))))
}
