package sft_test

import (
	"errors"
	"syscall"
	"testing"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/sft"
)

// cpuMilliseconds of this process so far, system time included.
func cpuMilliseconds(b *testing.B) float64 {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return float64(r.Utime.Sec+r.Stime.Sec)*1e3 + float64(r.Utime.Usec+r.Stime.Usec)/1e3
}

// BenchmarkStep is one LoRA step of a model of 0.46 million parameters on 16 rows of
// 112 targets.
func BenchmarkStep(b *testing.B) {
	c := decoder.Tiny(256)
	c.HiddenSize, c.IntermediateSize, c.NumHiddenLayers, c.NumAttentionHeads, c.NumKeyValueHeads, c.HeadDim, c.RopeTheta = 128, 384, 2, 4, 4, 32, 1e4
	l := decoder.LoRA{Rank: 8, Alpha: 16, Targets: []string{"q_proj", "k_proj", "v_proj", "o_proj"}}
	stream, rows := rng.New(1).Stream(), make([]sft.Row, 16)
	for i := range rows {
		ids := make([]int32, 113)
		for k := range ids {
			ids[k] = int32(4 + stream.IntN(250))
		}
		rows[i] = sft.Row{Prompt: ids[:38], Target: ids[38:]}
	}
	for _, name := range []string{"xla:cpu", "go"} {
		e, err := engine.Open(name)
		if errors.Is(err, engine.ErrUnavailable) && name != "go" {
			b.Logf("%s is not measured here: %v", name, err)
			continue
		} else if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			trainer := sft.New(e, c, &l, sft.Config{AdamW: optim.AdamW{LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, ClipNorm: 1}, Steps: 1 << 20})
			base, adapter := decoder.Init(c, rng.New(1)), decoder.InitAdapter(c, l, rng.New(2))
			state, tokens := optim.NewState(adapter), 0
			step := func() {
				next, stats, err := trainer.Step(base, adapter, state, rows, 0)
				if err != nil {
					b.Fatal(err)
				}
				if err := adapter.Finalize(); err != nil {
					b.Fatal(err)
				}
				adapter, tokens = next, tokens+stats.Tokens
			}
			step() // compiles
			tokens = 0
			start := cpuMilliseconds(b)
			for b.Loop() {
				step()
			}
			b.ReportMetric((cpuMilliseconds(b)-start)/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
		})
		e.Close()
	}
}
