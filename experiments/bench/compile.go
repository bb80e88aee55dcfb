package main

import (
	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/ppo"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/sft"
)

// compiling measures the processor milliseconds that a further layer adds to compiling
// a training step of an adapter on all maps, between 2 and 24 narrow layers: the width
// changes what the graph computes, hardly how long it takes to compile.
func compiling(e *engine.Engine) work {
	return work{name: "compile", single: true, measure: func() ([]line, error) {
		few, err := compileTime(e, 2)
		if err != nil {
			return nil, err
		}
		many, err := compileTime(e, 24)
		return []line{{Name: "compile_24_layers_cpu_ms", Value: many}, {Name: "compile_layer_cpu_ms", Value: (many - few) / 22}}, err
	}}
}

// compileTime is that of the first step, which also runs it once.
func compileTime(e *engine.Engine, layers int) (ms float64, err error) {
	c := decoder.Tiny(256)
	c.NumHiddenLayers = layers
	lora := decoder.LoRA{Rank: 8, Alpha: 16, Targets: decoder.Projections}
	base, adapter, s := decoder.Init(c, rng.New(1)), decoder.InitAdapter(c, lora, rng.New(2)), rng.New(3).Stream()
	state := optim.NewState(adapter)
	start := processorTime()
	trainer := sft.New(e, c, &lora, sft.Config{AdamW: ppo.Default().AdamW, Steps: 10})
	_, _, err = trainer.Step(base, adapter, state, []sft.Row{{Prompt: tokens(s, 1), Target: tokens(s, 64)}}, 1)
	return processorTime() - start, err
}
