package engine

import (
	"runtime"
	"testing"
	"weak"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWeightsAreSentOnceAndFreedWithTheirTensor(t *testing.T) {
	e, err := Open("xla:cpu", WithDevices(2))
	if err != nil {
		t.Logf("not tested here: %v", err)
		return
	}
	defer e.Close()
	f := e.NewFunc("times", func(in []*Node) []*Node { return []*Node{Mul(in[0], in[1])} }).Spread(0)
	x, w := tensors.FromValue([]float32{1, 2}), tensors.FromValue([]float32{3})
	_, err = f.Call(x, w) // nobody holds its output, and nobody frees it
	require.NoError(t, err)
	sent := e.copies.of[weak.Make(w)]
	require.Len(t, sent, 1)
	device, err := sent[0].Device()
	require.NoError(t, err)
	assert.EqualValues(t, 1, device)
	assert.Equal(t, []float32{3}, sent[0].Value())

	out, err := f.Call(x, w)
	require.NoError(t, err)
	assert.Same(t, sent[0], e.copies.of[weak.Make(w)][0], "the second call sent the weights again")
	kept := e.copies.of[weak.Make(out[0])]
	require.Len(t, kept, 1)
	device, err = kept[0].Device()
	require.NoError(t, err)
	assert.EqualValues(t, 1, device, "an output stays where it was computed")
	assert.Equal(t, []float32{3, 6}, kept[0].Value())
	assert.Nil(t, e.copies.of[weak.Make(x)], "rows are not kept")

	out[0].MustFinalizeAll()
	runtime.GC()
	_, err = f.Call(x, w)
	require.NoError(t, err)
	assert.False(t, kept[0].Ok(), "a copy outlives its tensor")
	assert.LessOrEqual(t, len(e.copies.of), 2, "w and the last output")
}

func TestFlagsAreKeptWithoutPathsOfTheMachine(t *testing.T) {
	assert.Equal(t, "--xla_gpu_cuda_data_dir=PATH --xla_cpu_enable_fast_math=true --v", withoutPaths(" --xla_gpu_cuda_data_dir=/home/ada/nvidia/cu13  --xla_cpu_enable_fast_math=true --v"))
	assert.Empty(t, withoutPaths(""))
}
