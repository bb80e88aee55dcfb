package main

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
	"securecoderl/securerl/safetensors"
)

func TestAPeerThatDoesOtherWorkIsNamed(t *testing.T) {
	checks := []check{{"sft_loss_1", 10, 1e-3}, {"ppo_loss_1", 0.001, 1e-3}}
	var same, other, broken, silent results
	same.add("sft_loss_1", 10.009)
	same.add("ppo_loss_1", 0.00109)
	other.add("sft_loss_1", 10.02)
	broken.add("ppo_loss_1", math.NaN())
	silent.add("tokenize_phi-2_cpu_ms", 3)
	assert.NoError(t, agree(checks, same))
	assert.NoError(t, agree(checks, silent))
	assert.ErrorIs(t, agree(checks, broken), errOther)
	err := agree(checks, other)
	require.ErrorIs(t, err, errOther)
	assert.Contains(t, err.Error(), "sft_loss_1 is 10.02 there, 10 here")
}

func TestMediansOfProcessorTimesAndTheBestWallTime(t *testing.T) {
	var ours, theirs results
	for _, x := range []float64{30, 10, 20} {
		ours.add("step_cpu_ms", x)
		ours.add("step_wall_ms", x)
		theirs.add("step_cpu_ms", 2*x)
	}
	var b strings.Builder
	require.NoError(t, report(&b, ours, theirs))
	assert.Equal(t, `{"name":"step_cpu_ms","value":20,"peer":40,"ratio":0.5,"n":3}`+"\n"+`{"name":"step_wall_ms","value":10,"n":3}`+"\n", b.String())
}

// By hand: the 1.3 B shape has 24 layers of 4 x 2048^2 + 3 x 2048 x 5504 numbers and a
// head of 32256 x 2048; its adapter 24 x 4 maps of 2 x 2048 x 16.
func TestTheArithmeticOfAStep(t *testing.T) {
	s, err := sizes("1.3b")
	require.NoError(t, err)
	maps := 24.0*(4*2048*2048+3*2048*5504) + 32256*2048
	assert.Equal(t, maps, s.matrices())
	assert.Equal(t, 4*maps+6*6291456+12*24*512*2048, s.flops())
	assert.Equal(t, 2*(maps+2*24*2048*192*64), s.traffic())
	_, err = sizes("70b")
	assert.ErrorContains(t, err, "tiny and 1.3b")
}

// Both ways through the code at a size, on every backend present.
func TestASmallSizeIsMeasured(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		if e.IsGo() {
			return // bfloat16 is slow there, and nobody measures it
		}
		s, err := sizes("tiny")
		require.NoError(t, err)
		s.seconds, s.config.NumHiddenLayers = 0, 1
		works, err := at(e, s)
		require.NoError(t, err)
		var r results
		for _, w := range works {
			require.NoError(t, r.once(w))
		}
		for _, name := range []string{"peak_tflops", "peak_gb_s", "train_tokens_s", "train_flop_use", "train_process_gb"} {
			require.Len(t, r.values[name], 1, name)
			assert.Positive(t, r.values[name][0], name)
		}
		assert.Len(t, r.values["decode_tokens_s"], 1)
	})
}

func TestThePeersWorkIsWhatIsDoneHere(t *testing.T) {
	e, err := engine.Open("go")
	require.NoError(t, err)
	defer e.Close()
	dir, h := t.TempDir(), newTraining(e)
	require.NoError(t, save(dir, "base", h.base))
	f, err := safetensors.Open(filepath.Join(dir, "base.safetensors"))
	require.NoError(t, err)
	for i, name := range h.base.Names {
		x, err := f.Tensor(name)
		require.NoError(t, err)
		values, err := x.Float32()
		require.NoError(t, err)
		assert.Equal(t, tensors.MustCopyFlatData[float32](h.base.Tensors[i]), values, name)
		assert.Equal(t, h.base.Tensors[i].Shape().Dimensions, x.Shape, name)
	}
	require.NoError(t, f.Close())
}
