package ppo_test

import (
	"fmt"
	"math"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/ppo"
	"securecoderl/securerl/rng"
)

// Two answers to one prompt, one better than its group, one worse. Before the first
// step all log-probabilities are those of a fresh model, nearly uniform.
func ExampleUpdater_Update() {
	e, err := engine.Open("go")
	if err != nil {
		panic(err)
	}
	defer e.Close()
	model := decoder.Tiny(16)
	lora := decoder.LoRA{Rank: 4, Alpha: 8, Targets: decoder.Projections}
	base, adapter := decoder.Init(model, rng.New(1)), decoder.InitAdapter(model, lora, rng.New(2))

	uniform := []float64{-math.Log(16), -math.Log(16)}
	rollout := []ppo.Sample{
		{Prompt: []int32{5}, Completion: []int32{6, 3}, Old: uniform, Reference: uniform, Advantages: []float64{1, 1}},
		{Prompt: []int32{5}, Completion: []int32{7, 3}, Old: uniform, Reference: uniform, Advantages: []float64{-1, -1}},
	}
	config := ppo.Default()
	config.Epochs, config.TargetKL = 4, 0
	updater, err := ppo.New(e, model, lora, config)
	if err != nil {
		panic(err)
	}
	_, stats, err := updater.Update(base, adapter, optim.NewState(adapter), rollout, rng.New(3))
	if err != nil {
		panic(err)
	}
	fmt.Println(stats.Minibatches, "steps on", stats.Tokens, "tokens, stopped:", stats.Stopped)
	// Output: 4 steps on 4 tokens, stopped: false
}
