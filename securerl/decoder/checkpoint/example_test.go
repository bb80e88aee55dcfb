package checkpoint_test

import (
	"errors"
	"fmt"

	"securecoderl/securerl/decoder/checkpoint"
)

// What an adapter's training step on DeepSeek-Coder-1.3B needs, known before a byte of
// the model is read.
func ExampleNewPlan() {
	c, lora := deepseek()
	plan := checkpoint.NewPlan(c, checkpoint.Work{Bits: 16, LoRA: &lora, TrainRows: 1, TrainTokens: 128})
	fmt.Print(plan)
	fmt.Println(plan.Fit(24e9), errors.Is(plan.Fit(8e9), checkpoint.ErrMemory))
	// Output:
	// weights             2.69 GB
	// widened weights     5.39 GB
	// adapters           25.17 MB
	// gradients          50.33 MB
	// optimiser         125.83 MB
	// activations       688.91 MB
	// in all              8.97 GB
	// <nil> true
}
