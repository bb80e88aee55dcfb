package engine

import (
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// SelfCheck computes a small function and its gradient and compares them with
// numbers derived by hand: f(x) = sum(sigmoid(W x)) for W = [[1, 2], [3, 4]] and
// x = [1, -1] is 2 sigmoid(-1) = 0.5378828; with s' = sigmoid(-1) (1 - sigmoid(-1))
// = 0.1966119 its gradient is W^T [s', s'] = [0.7864477, 1.1796716].
func (e *Engine) SelfCheck() error {
	f := e.NewFunc("self-check", func(in []*Node) []*Node {
		y := ReduceAllSum(Sigmoid(Dot(in[0], in[1]).General([]int{1}, nil, []int{0}, nil)))
		return []*Node{y, Gradient(y, in[1])[0]}
	})
	out, err := f.Call(tensors.FromValue([][]float32{{1, 2}, {3, 4}}), tensors.FromValue([]float32{1, -1}))
	if err != nil {
		return err
	}
	got := append([]float32{tensors.ToScalar[float32](out[0])}, tensors.MustCopyFlatData[float32](out[1])...)
	for i, want := range []float64{0.5378828, 0.7864477, 1.1796716} {
		if math.Abs(float64(got[i])-want) > 1e-6 {
			return fmt.Errorf("%w: %s computes %v where %.7f is right", ErrUnavailable, e.info.Backend, got, want)
		}
	}
	return nil
}
