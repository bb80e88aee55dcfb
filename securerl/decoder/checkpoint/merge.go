package checkpoint

import (
	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/safetensors"
)

// merged is W + scale A B in the dtype of W. A is [in, rank], B [rank, out]; W lies as
// [out, in] where it is turned, else as [in, out].
func merged(w safetensors.Tensor, turned bool, l decoder.LoRA, a, b *tensors.Tensor) (safetensors.Tensor, error) {
	values, err := w.Float32()
	if err != nil {
		return w, err
	}
	left, err := float32s(a)
	if err != nil {
		return w, err
	}
	right, err := float32s(b)
	if err != nil {
		return w, err
	}
	in, out, scale := a.Shape().Dim(0), b.Shape().Dim(1), l.Scale()
	row := make([]float64, out)
	for i := range in {
		clear(row)
		for r := range l.Rank {
			x := float64(left[i*l.Rank+r])
			for o, y := range right[r*out : (r+1)*out] {
				row[o] += x * float64(y)
			}
		}
		for o, sum := range row {
			at := i*out + o
			if turned {
				at = o*in + i
			}
			values[at] = float32(float64(values[at]) + scale*sum)
		}
	}
	return safetensors.FromFloat32(w.DType, w.Shape, values)
}
