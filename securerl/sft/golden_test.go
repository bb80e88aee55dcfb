package sft_test

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/safetensors"
	"securecoderl/securerl/sft"
)

// Ten steps of LoRA by PyTorch and PEFT: testdata/lora/r16_a32. Tolerances are those
// that its README states.
func TestTenStepsFollowPyTorch(t *testing.T) {
	const dir = "../../testdata/lora/r16_a32/"
	var want struct {
		Config struct {
			Lens, Prompts    []int
			LR, WD, Clip     float64
			Warmup, Steps, R int
		}
		Steps []struct {
			Loss, LR float64
			Norm     float64 `json:"grad_norm_before_clip"`
		}
	}
	b, err := os.ReadFile(dir + "expected.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &want))
	model, base, err := checkpoint.Load("../../testdata/models/llama_deepseek")
	require.NoError(t, err)
	lora, start, err := checkpoint.LoadAdapter(dir+"adapter", model)
	require.NoError(t, err)
	_, end, err := checkpoint.LoadAdapter(dir+"adapter_after", model)
	require.NoError(t, err)
	batches := goldenBatches(t, dir+"expected.safetensors", want.Config.Lens, want.Config.Prompts, want.Config.Steps)

	c := want.Config
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		trainer := sft.New(e, model, &lora, sft.Config{
			AdamW:    optim.AdamW{LearningRate: c.LR, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: c.WD, ClipNorm: c.Clip},
			Schedule: optim.Linear{Warmup: c.Warmup, Total: c.Steps, FromZero: true}, MicrobatchSize: 2,
		})
		base, adapter, state := base.Clone(), start.Clone(), optim.NewState(start)
		for step, rows := range batches {
			next, stats, err := trainer.Step(base, adapter, state, rows, step)
			require.NoError(t, err)
			w := want.Steps[step]
			assert.InDelta(t, w.Loss, stats.Loss, 5e-5, "step %d", step)
			assert.InEpsilon(t, w.Norm, stats.Norm, 2e-4, "step %d", step)
			assert.InDelta(t, w.LR, stats.Rate, 1e-12)
			adapter = next
		}
		for i, name := range end.Names {
			assert.InDeltaSlice(t, tensors.MustCopyFlatData[float32](end.Tensors[i]), tensors.MustCopyFlatData[float32](adapter.Tensors[i]), 1.5e-5, name)
		}
	})
}

// goldenBatches cuts the stored rows where labels say: -100 on prompt and padding.
func goldenBatches(t *testing.T, path string, lens, prompts []int, steps int) [][]sft.Row {
	t.Helper()
	f, err := safetensors.Open(path)
	require.NoError(t, err)
	defer f.Close()
	read := func(name string) (shape []int, values []int64) {
		x, err := f.Tensor(name)
		require.NoError(t, err)
		for i := 0; i < len(x.Data); i += 8 {
			values = append(values, int64(binary.LittleEndian.Uint64(x.Data[i:])))
		}
		return x.Shape, values
	}
	shape, ids := read("steps.input_ids")
	_, labels := read("steps.labels")
	width := shape[2]
	batches := make([][]sft.Row, steps)
	for s := range batches {
		for r, n := range lens {
			at := (s*len(lens) + r) * width
			row := make([]int32, n)
			for k := range row {
				row[k] = int32(ids[at+k])
			}
			for k := range width {
				require.Equal(t, k >= prompts[r] && k < n, labels[at+k] != -100)
			}
			batches[s] = append(batches[s], sft.Row{Prompt: row[:prompts[r]], Target: row[prompts[r]:]})
		}
	}
	return batches
}
