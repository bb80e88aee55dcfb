package checkpoint_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/rng"
)

func TestAPlanCountsEveryPart(t *testing.T) {
	c, l := deepseek()
	p := checkpoint.NewPlan(c, checkpoint.Work{Bits: 16, LoRA: &l, Adapters: 2, TrainRows: 1, TrainTokens: 128, SampleRows: 64, SampleSlots: 512})
	assert.EqualValues(t, 2*1_346_471_936, p.Weights)
	assert.EqualValues(t, 4*1_346_471_936, p.Widened)
	assert.EqualValues(t, 2*4*6_291_456, p.Adapters)
	assert.EqualValues(t, 2*4*6_291_456, p.Gradients)
	assert.EqualValues(t, 5*4*6_291_456, p.Optimiser)
	assert.EqualValues(t, 2*24*16*128*64*512*4, p.Cache)
	// 24 layers of 128 tokens x (6x2048 + 6x2048 + 4x5504 + 2x16x128) numbers, logits 4x32256.
	assert.EqualValues(t, 4*128*(24*(12*2048+4*5504+2*16*128)+4*32256), p.Activations)
	assert.Equal(t, p.Weights+p.Widened+p.Adapters+p.Gradients+p.Optimiser+p.Cache+p.Activations, p.Total())
	less := c
	less.Compute = decoder.Compute{Checkpointed: true, LossTokens: 32}
	q := checkpoint.NewPlan(less, checkpoint.Work{Bits: 16, LoRA: &l, TrainRows: 1, TrainTokens: 128})
	assert.EqualValues(t, 4*32256*2048, q.Widened, "the head is larger than a layer")
	assert.EqualValues(t, 4*128*(12*2048+4*5504+2*16*128)+4*128*2048*24+8*128*2048+16*32*32256, q.Activations)
	less.Compute.BF16 = true
	assert.Zero(t, checkpoint.NewPlan(less, checkpoint.Work{Bits: 16, LoRA: &l, TrainRows: 1, TrainTokens: 128}).Widened)
	only := checkpoint.NewPlan(c, checkpoint.Work{Bits: 32})
	assert.Equal(t, checkpoint.Plan{Weights: 4 * 1_346_471_936}, only)
	// Grouped heads keep fewer keys.
	c.NumKeyValueHeads = 4
	assert.Equal(t, p.Cache/4, checkpoint.NewPlan(c, checkpoint.Work{Bits: 16, SampleRows: 64, SampleSlots: 512}).Cache)
}

func TestTheWeightsOfAPlanAreThoseOfTheFiles(t *testing.T) {
	for name, bits := range map[string]int{"starcoder2": 32, "llama_deepseek": 32, "llama_codellama": 16} {
		f, err := checkpoint.Open(filepath.Join(models, name))
		require.NoError(t, err)
		assert.Equal(t, f.Bytes(), checkpoint.NewPlan(f.Config, checkpoint.Work{Bits: bits}).Weights, name)
		require.NoError(t, f.Close())
	}
	c := decoder.Tiny(512)
	assert.EqualValues(t, 4*decoder.Init(c, rng.New(1)).Parameters(), checkpoint.NewPlan(c, checkpoint.Work{Bits: 32}).Weights)
}

func TestAPlanThatDoesNotFitIsRefusedWithNumbers(t *testing.T) {
	c, l := deepseek()
	p := checkpoint.NewPlan(c, checkpoint.Work{Bits: 16, LoRA: &l, SampleRows: 512, SampleSlots: 1024})
	require.NoError(t, p.Fit(p.Total()))
	err := p.Fit(16e9)
	require.ErrorIs(t, err, checkpoint.ErrMemory)
	for _, want := range []string{"214.26 GB needed", "16.00 GB free", "largest part is the cache", "lower the rows that are sampled together", "weights             2.69 GB", "in all            214.26 GB"} {
		assert.ErrorContains(t, err, want)
	}
	assert.NotContains(t, p.String(), "optimiser", "parts that take nothing are left out")
}

// The file of a model of a terabyte has a hole where its numbers would be: nothing of
// it may be read before the answer is no.
func TestWeightsThatCannotFitAreNotCopied(t *testing.T) {
	const config = `{"model_type":"llama","vocab_size":268435456,"hidden_size":1024,"intermediate_size":1,"num_hidden_layers":1,"num_attention_heads":1,"head_dim":2,
		"max_position_embeddings":8,"hidden_act":"silu","rms_norm_eps":1e-5,"tie_word_embeddings":true}`
	c, err := read(t, config)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o644))
	header, at := "{", int64(0)
	for i, p := range c.Parameters() {
		dims, n := p.FileDims(), int64(4)
		for _, d := range dims {
			n *= int64(d)
		}
		shape, err := json.Marshal(dims)
		require.NoError(t, err)
		if i > 0 {
			header += ","
		}
		header += fmt.Sprintf(`%q:{"dtype":"F32","shape":%s,"data_offsets":[%d,%d]}`, p.Name, shape, at, at+n)
		at += n
	}
	header += "}"
	path := filepath.Join(dir, "model.safetensors")
	require.NoError(t, os.WriteFile(path, append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), 0o644))
	require.NoError(t, os.Truncate(path, int64(8+len(header))+at))
	f, err := checkpoint.Open(dir)
	require.NoError(t, err)
	assert.Equal(t, at, f.Bytes())
	e, err := engine.Open("go")
	require.NoError(t, err)
	defer e.Close()
	_, _, err = f.Place(t.Context(), e, func(int64, int64) { t.Error("something was copied") })
	assert.ErrorIs(t, err, checkpoint.ErrMemory)
	assert.ErrorContains(t, err, "1099.5")
	require.NoError(t, f.Close())
}

func TestPlacingCanBeStopped(t *testing.T) {
	f, err := checkpoint.Open(filepath.Join(models, "starcoder2"))
	require.NoError(t, err)
	e, err := engine.Open("go")
	require.NoError(t, err)
	defer e.Close()
	ctx, stop := context.WithCancel(t.Context())
	copied := 0
	_, _, err = f.Place(ctx, e, func(int64, int64) {
		if copied++; copied == 3 {
			stop()
		}
	})
	assert.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, 3, copied)
	require.NoError(t, f.Close())
}
