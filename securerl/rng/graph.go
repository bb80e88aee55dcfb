package rng

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Bits builds random words: row i holds the n words of key i at position i.
// Word c is the first output of Threefry at counter (pos, c) for c < (n+1)/2, and
// the second output at counter (pos, c-(n+1)/2) above; the host gives the same bits.
//
// Shapes: keys uint32 [B, 2], pos int32 [B], result uint32 [B, n].
func Bits(keys, pos *Node, n int) *Node {
	rows := keys.Shape().Dim(0)
	keys.AssertDims(rows, 2)
	pos.AssertDims(rows)
	half := (n + 1) / 2
	k0 := Slice(keys, AxisRange(), AxisRange(0, 1))
	k1 := Slice(keys, AxisRange(), AxisRange(1, 2))
	column := Iota(keys.Graph(), shapes.Make(dtypes.Uint32, 1, half), 1)
	a, b := threefry(k0, k1, Reshape(ConvertDType(pos, dtypes.Uint32), rows, 1), column)
	return Slice(Concatenate([]*Node{a, b}, 1), AxisRange(), AxisRange(0, n))
}

// threefry is Threefry in a graph; all arguments are uint32 and broadcast to each other.
func threefry(k0, k1, c0, c1 *Node) (x0, x1 *Node) {
	word := func(v uint32) *Node { return Const(k0.Graph(), v) }
	schedule := [3]*Node{k0, k1, BitwiseXor(word(parity), BitwiseXor(k0, k1))}
	x0, x1 = Add(c0, k0), Add(c1, k1)
	for r := range 20 {
		x0 = Add(x0, x1)
		n := uint32(rotations[r%8])
		x1 = BitwiseOr(BitwiseShiftLeftScalar(x1, n), BitwiseShiftRightLogicalScalar(x1, 32-n))
		x1 = BitwiseXor(x1, x0)
		if r%4 == 3 {
			j := r/4 + 1
			x0 = Add(x0, schedule[j%3])
			x1 = Add(Add(x1, schedule[(j+1)%3]), word(uint32(j)))
		}
	}
	return x0, x1
}

// Gumbel turns random words into standard Gumbel noise, -log(-log1p(-u)), so that
// the argmax of logits plus noise is a draw from their softmax. A word b stands
// for u = (b + 1/2) / 2^32: near u = 0, which decides an argmax, all 32 bits count.
//
// Shapes: bits uint32 [...], result float32 [...], between -2.82 and 22.88.
//
// Source: Gumbel 1954; Maddison, Tarlow, Minka 2014 (arXiv:1411.0030), section 2.
func Gumbel(bits *Node) *Node {
	u := AddScalar(MulScalar(ConvertDType(bits, dtypes.F32), 1.0/(1<<32)), 0.5/(1<<32))
	u = MinScalar(u, 1-1.0/(1<<24)) // the last float32 below 1
	return Neg(Log(Neg(Log1P(Neg(u)))))
}
