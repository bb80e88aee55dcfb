package ppo_test

import (
	"errors"
	"syscall"
	"testing"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/ppo"
	"securecoderl/securerl/rng"
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

// BenchmarkMinibatch is one PPO step of a model of 0.46 million parameters on 16 rows
// of 112 tokens, 65 of them completion; the reference's log-probabilities are given.
func BenchmarkMinibatch(b *testing.B) {
	c := decoder.Tiny(256)
	c.HiddenSize, c.IntermediateSize, c.NumHiddenLayers, c.NumAttentionHeads, c.NumKeyValueHeads, c.HeadDim, c.RopeTheta = 128, 384, 2, 4, 4, 32, 1e4
	l := decoder.LoRA{Rank: 8, Alpha: 16, Targets: []string{"q_proj", "k_proj", "v_proj", "o_proj"}}
	stream, rollout := rng.New(1).Stream(), make([]ppo.Sample, 16)
	for i := range rollout {
		ids := make([]int32, 113)
		for k := range ids {
			ids[k] = int32(4 + stream.IntN(250))
		}
		s := ppo.Sample{Prompt: ids[:48], Completion: ids[48:]}
		for range s.Completion {
			s.Old, s.Reference, s.Advantages = append(s.Old, -5.5), append(s.Reference, -5.5), append(s.Advantages, float64(i%2)*2-1)
		}
		rollout[i] = s
	}
	config := ppo.Default()
	config.LearningRate, config.TargetKL, config.MinibatchSize, config.MicrobatchSize = 1e-4, 0, 16, 16
	for _, name := range []string{"xla:cpu", "go"} {
		e, err := engine.Open(name)
		if errors.Is(err, engine.ErrUnavailable) && name != "go" {
			b.Logf("%s is not measured here: %v", name, err)
			continue
		} else if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			u, err := ppo.New(e, c, l, config)
			if err != nil {
				b.Fatal(err)
			}
			base, adapter := decoder.Init(c, rng.New(1)), decoder.InitAdapter(c, l, rng.New(2))
			state, tokens := optim.NewState(adapter), 0
			update := func() {
				next, stats, err := u.Update(base, adapter, state, rollout, rng.New(1))
				if err != nil {
					b.Fatal(err)
				}
				if err := adapter.Finalize(); err != nil {
					b.Fatal(err)
				}
				adapter, tokens = next, tokens+stats.Tokens
			}
			update() // compiles
			tokens = 0
			start := cpuMilliseconds(b)
			for b.Loop() {
				update()
			}
			b.ReportMetric((cpuMilliseconds(b)-start)/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
		})
		e.Close()
	}
}
