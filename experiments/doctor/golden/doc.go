// Package golden compares what the library computes with a folder of reference numbers
// that PyTorch and the Hugging Face libraries made.
//
//	DIR, an engine --Check--> a Result per part and quantity: largest difference, tolerance
//
//	models/NAME     logits, hidden states, log-probabilities, entropies, losses, greedy tokens, gradients
//	lora/NAME       PEFT adapter: logits, gradients, ten steps of AdamW, merging
//	ppo/numbers     arithmetic per token, in float64      ppo/update  one whole update
//	optim sampling stats tokenizers safetensors
//
// The form is that of testdata/models, lora, ppo, optim, law, stats, tokenizer and
// safetensors. Nothing is assumed about names, sizes, seeds or settings: they are read
// from the folder. A field that is missing, or has another shape than its neighbours ask
// for, is one error that names file and field, and the other parts are looked at all the
// same.
//
// # Why so
//
//   - Tolerances are those of float32 against float32 that are stated with the data, far
//     above the differences between two right implementations and below the smallest
//     effect of a known fault.
//   - A quantity that the library does not compute is a Result with the reason, so that
//     nobody takes silence for agreement.
//   - Hidden states are compared layer by layer: the first one beyond the tolerance names
//     the layer that is wrong.
//
// Sources of the numbers: PyTorch 2.11, Transformers 5.23, PEFT 0.21, TRL 1.16, scipy,
// statsmodels, safetensors and tokenizers.
package golden
