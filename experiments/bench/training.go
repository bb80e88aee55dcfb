package main

import (
	"fmt"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/ppo"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/sft"
)

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

const (
	promptSlots = 48
	newTokens   = 64
)

// training is the work of training and sampling, and what it works on.
type training struct {
	e             *engine.Engine
	model, tiny   decoder.Config
	lora          decoder.LoRA
	base, adapter *engine.Tree
	whole         *engine.Tree // all weights of the tiny model, which are pretrained
	fit           sft.Config
	update        ppo.Config

	rows    []sft.Row
	rollout []ppo.Sample
	prompts [][]int32
	packed  [][]int32
}

func newTraining(e *engine.Engine) *training {
	t := &training{e: e, tiny: decoder.Tiny(512), fit: sft.Config{AdamW: ppo.Default().AdamW, Steps: 1 << 20, Warmup: 1}, update: ppo.Default()}
	t.model, t.lora = sizeA()
	t.base, t.adapter, t.whole = decoder.Init(t.model, rng.New(1)), decoder.InitAdapter(t.model, t.lora, rng.New(3)), decoder.Init(t.tiny, rng.New(5))
	t.update.MinibatchSize, t.update.MicrobatchSize, t.update.TargetKL = 16, 16, 0
	s := rng.New(2).Stream()
	for range 16 {
		t.rows = append(t.rows, sft.Row{Prompt: tokens(s, 1), Target: tokens(s, 112)})
	}
	for range 16 {
		x := ppo.Sample{Prompt: tokens(s, promptSlots), Completion: tokens(s, newTokens+1)}
		for range x.Completion {
			x.Old, x.Reference, x.Advantages = append(x.Old, -5.5), append(x.Reference, -5.5), append(x.Advantages, s.NormFloat64())
		}
		t.rollout = append(t.rollout, x)
	}
	for range 32 {
		t.prompts = append(t.prompts, tokens(s, promptSlots))
	}
	for range 32 {
		t.packed = append(t.packed, tokens(s, 112))
	}
	return t
}

// sampler decodes without an end token, so that every program that does this work
// makes the same number of rounds.
func (t *training) sampler(law decoder.Law) func() ([]decoder.Sampled, error) {
	s := decoder.NewSampler(t.e, t.model, &t.lora, law, promptSlots, newTokens, -1)
	var keys []rng.Key
	for i := range t.prompts {
		keys = append(keys, rng.New(4).Fold(uint32(i)))
	}
	return func() ([]decoder.Sampled, error) { return s.Sample(t.base, t.adapter, t.prompts, keys) }
}

// sft makes a step of the adapter at every call, from its own start.
func (t *training) sft() func() (float64, error) {
	config := t.fit
	config.MicrobatchSize = len(t.rows)
	trainer, state, adapter := sft.New(t.e, t.model, &t.lora, config), optim.NewState(t.adapter), t.adapter
	return func() (float64, error) {
		next, stats, err := trainer.Step(t.base, adapter, state, t.rows, 1)
		adapter = next
		return stats.Loss, err
	}
}

// ppo makes an update of one minibatch at every call.
func (t *training) ppo() (func() (float64, error), error) {
	updater, err := ppo.New(t.e, t.model, t.lora, t.update)
	if err != nil {
		return nil, err
	}
	state, adapter := optim.NewState(t.adapter), t.adapter
	return func() (float64, error) {
		next, stats, err := updater.Update(t.base, adapter, state, t.rollout, rng.New(6))
		adapter = next
		return stats.PolicyLoss, err
	}, nil
}

// pretrain makes a step of all weights at every call.
func (t *training) pretrain() func() (float64, error) {
	config := t.fit
	config.MicrobatchSize = len(t.packed)
	trainer, state, weights := sft.New(t.e, t.tiny, nil, config), optim.NewState(t.whole), t.whole
	return func() (float64, error) {
		next, stats, err := trainer.PackedStep(weights, state, t.packed, 1)
		weights = next
		return stats.Loss, err
	}
}

func (t *training) works() ([]work, error) {
	fit, pretrain, sample := t.sft(), t.pretrain(), t.sampler(decoder.Law{Temperature: 1})
	update, err := t.ppo()
	if err != nil {
		return nil, err
	}
	alone := func(f func() (float64, error)) func() error {
		return func() error { _, err := f(); return err }
	}
	return []work{
		{name: "sft_step_cpu_ms", repeat: 10, run: alone(fit)},
		{name: "ppo_minibatch_cpu_ms", repeat: 10, run: alone(update)},
		{name: "generate_cpu_ms", repeat: 5, run: func() error { _, err := sample(); return err }},
		{name: "pretrain_step_cpu_ms", repeat: 5, run: alone(pretrain)},
	}, nil
}

// checks are the losses of the first steps, and the share of greedy tokens that a peer
// finds too: near-ties may fall otherwise, and change what follows in their row.
func (t *training) checks() ([]check, [][]int32, error) {
	update, err := t.ppo()
	if err != nil {
		return nil, nil, err
	}
	var list []check
	for _, kind := range []struct {
		name string
		step func() (float64, error)
	}{{"sft_loss", t.sft()}, {"ppo_loss", update}, {"pretrain_loss", t.pretrain()}} {
		for i := range 3 {
			loss, err := kind.step()
			if err != nil {
				return nil, nil, err
			}
			list = append(list, check{fmt.Sprintf("%s_%d", kind.name, i+1), loss, 1e-3})
		}
	}
	drawn, err := t.sampler(decoder.Law{Greedy: true})()
	if err != nil {
		return nil, nil, err
	}
	var greedy [][]int32
	for _, d := range drawn {
		greedy = append(greedy, d.Tokens)
	}
	return append(list, check{"generate_greedy_share", 1, 0.1}), greedy, nil
}
