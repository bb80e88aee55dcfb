package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"

	"golang.org/x/sys/unix"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/ppo"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/sft"
)

// work is one thing that is timed.
type work struct {
	name   string
	repeat int // calls per round
	run    func() error
}

// sizeA is the decoder that the compute engine was chosen with: 0.46 M parameters,
// LoRA of rank 8 on the attention.
func sizeA() (decoder.Config, decoder.LoRA) {
	c := decoder.Tiny(256)
	c.HiddenSize, c.HeadDim, c.IntermediateSize, c.NumHiddenLayers = 128, 32, 384, 2
	c.RopeTheta, c.MaxPositionEmbeddings = 1e4, 128
	return c, decoder.LoRA{Rank: 8, Alpha: 16, Targets: []string{"q_proj", "k_proj", "v_proj", "o_proj"}}
}

func tokens(s *rng.Stream, n int) []int32 {
	x := make([]int32, n)
	for i := range x {
		x[i] = int32(4 + s.IntN(250))
	}
	return x
}

func prepare(e *engine.Engine) ([]work, error) {
	c, lora := sizeA()
	base, s := decoder.Init(c, rng.New(1)), rng.New(2).Stream()
	adapter := decoder.InitAdapter(c, lora, rng.New(3))
	fit := sft.New(e, c, &lora, sft.Config{AdamW: ppo.Default().AdamW, Steps: 1 << 20, MicrobatchSize: 16, Warmup: 1})
	var rows []sft.Row
	for range 16 {
		rows = append(rows, sft.Row{Prompt: tokens(s, 1), Target: tokens(s, 112)})
	}
	fitState, fitted := optim.NewState(adapter), adapter
	config := ppo.Default()
	config.MinibatchSize, config.MicrobatchSize, config.TargetKL = 16, 16, 0
	updater, err := ppo.New(e, c, lora, config)
	if err != nil {
		return nil, err
	}
	var rollout []ppo.Sample
	for range 16 {
		x := ppo.Sample{Prompt: tokens(s, 48), Completion: tokens(s, 65)}
		for range x.Completion {
			x.Old, x.Reference, x.Advantages = append(x.Old, -5.5), append(x.Reference, -5.5), append(x.Advantages, s.NormFloat64())
		}
		rollout = append(rollout, x)
	}
	ppoState, tuned := optim.NewState(adapter), adapter
	sampler := decoder.NewSampler(e, c, &lora, decoder.Law{Temperature: 1}, 48, 64, -1)
	var prompts [][]int32
	var keys []rng.Key
	for i := range 32 {
		prompts, keys = append(prompts, tokens(s, 48)), append(keys, rng.New(4).Fold(uint32(i)))
	}
	tiny := decoder.Tiny(512)
	full := sft.New(e, tiny, nil, sft.Config{AdamW: ppo.Default().AdamW, Steps: 1 << 20, MicrobatchSize: 32, Warmup: 1})
	weights := decoder.Init(tiny, rng.New(5))
	fullState := optim.NewState(weights)
	var packed [][]int32
	for range 32 {
		packed = append(packed, tokens(s, 112))
	}
	return []work{
		{"sft_step_cpu_ms", 10, func() (err error) { fitted, _, err = fit.Step(base, fitted, fitState, rows, 1); return err }},
		{"ppo_minibatch_cpu_ms", 10, func() (err error) {
			tuned, _, err = updater.Update(base, tuned, ppoState, rollout, rng.New(6))
			return err
		}},
		{"generate_cpu_ms", 5, func() error { _, err := sampler.Sample(base, adapter, prompts, keys); return err }},
		{"pretrain_step_cpu_ms", 5, func() (err error) { weights, _, err = full.PackedStep(weights, fullState, packed, 1); return err }},
	}, nil
}

// cpuMilliseconds is the processor time of a call, after one call that compiles.
func cpuMilliseconds(repeat int, f func() error) (float64, error) {
	if err := f(); err != nil {
		return 0, err
	}
	start := processorTime()
	for range repeat {
		if err := f(); err != nil {
			return 0, err
		}
	}
	return (processorTime() - start) / float64(repeat), nil
}

func processorTime() float64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Sec+u.Stime.Sec)*1e3 + float64(u.Utime.Usec+u.Stime.Usec)/1e3
}

// line is what a peer prints, and what is printed here.
type line struct {
	Name  string   `json:"name"`
	Value float64  `json:"value"`
	Peer  *float64 `json:"peer,omitempty"`
	Ratio *float64 `json:"ratio,omitempty"` // ours / peer, of medians
	N     int      `json:"n,omitempty"`
}

// ask runs the peer and collects its lines.
func ask(peer string, into map[string][]float64) error {
	cmd := exec.Command("sh", "-c", peer)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("peer: %w", err)
	}
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		var l line
		if json.Unmarshal(s.Bytes(), &l) == nil && l.Name != "" {
			into[l.Name] = append(into[l.Name], l.Value)
		}
	}
	return nil
}

func median(xs []float64) float64 {
	sorted := slices.Sorted(slices.Values(xs))
	return sorted[len(sorted)/2]
}

func report(w io.Writer, works []work, ours, theirs map[string][]float64) error {
	e := json.NewEncoder(w)
	for _, k := range works {
		l := line{Name: k.name, Value: median(ours[k.name]), N: len(ours[k.name])}
		if p := theirs[k.name]; len(p) > 0 {
			m := median(p)
			r := l.Value / m
			l.Peer, l.Ratio = &m, &r
		}
		if err := e.Encode(l); err != nil {
			return err
		}
	}
	return nil
}
