package optim_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/optim"
)

func ExampleStepper() {
	e, err := engine.Open("go")
	if err != nil {
		panic(err)
	}
	defer e.Close()
	weights, gradients := &engine.Tree{}, &engine.Tree{}
	weights.Add("w", tensors.FromValue([]float32{1, -1}))
	gradients.Add("w", tensors.FromValue([]float32{30, 40}))

	adamw := optim.AdamW{LearningRate: 0.1, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, ClipNorm: 1}
	schedule := optim.Linear{Warmup: 2, Total: 10}
	state := optim.NewState(weights)
	weights, norm, finite, err := optim.NewStepper(e, adamw).Step(weights, gradients, state, adamw.LearningRate*schedule.Rate(0))
	if err != nil {
		panic(err)
	}
	fmt.Printf("norm %.0f, finite %v, weights %.2f\n", norm, finite, weights.Get("w").Value())
	// Output: norm 50, finite true, weights [0.95 -1.05]
}
