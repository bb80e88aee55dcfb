package sft_test

import (
	"fmt"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/sft"
)

// A small model learns that prompt 5 is answered by 6, 7 and the end
// token 3, through its adapter alone.
func ExampleTrainer_Step() {
	e, err := engine.Open("go")
	if err != nil {
		panic(err)
	}
	defer e.Close()
	model := decoder.Tiny(16)
	lora := decoder.LoRA{Rank: 4, Alpha: 8, Targets: decoder.Projections}
	base, adapter := decoder.Init(model, rng.New(1)), decoder.InitAdapter(model, lora, rng.New(2))

	trainer := sft.New(e, model, &lora, sft.Config{AdamW: optim.AdamW{LearningRate: 0.02, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-8, ClipNorm: 1}, Steps: 30})
	state := optim.NewState(adapter)
	rows := []sft.Row{{Prompt: []int32{5}, Target: []int32{6, 7, 3}}}
	var stats sft.Stats
	for step := range 20 {
		if adapter, stats, err = trainer.Step(base, adapter, state, rows, step); err != nil {
			panic(err)
		}
	}
	fmt.Printf("%d target tokens, loss below half a nat: %v\n", stats.Tokens, stats.Loss < 0.5)
	// Output: 3 target tokens, loss below half a nat: true
}
