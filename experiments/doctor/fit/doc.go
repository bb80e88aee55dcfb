// Package fit says what training a model from a Hugging Face folder takes on this machine.
//
//	FOLDER, settings --Check--> folder, tokenizer, problems agree?    (nothing large is read)
//	                        --> memory plan against what is free      (refused with numbers)
//	                        --> loading, with progress
//	                        --> speed of a scoring pass, a LoRA step, sampling
//	                        --> hours and disk that these settings take
//	                        --> a smoke run: SFT steps, sampling, judging, one PPO iteration
//
// # Why so
//
//   - What is wrong with a folder is found before anything large is read: headers, shapes,
//     dtypes, the tokenizer's vocabulary, the template's tokens, the adapter's base.
//   - Speeds are measured at the shapes of the settings. Where such a batch would take more
//     than its share of the time that was given, a smaller one is measured and the line
//     says so: an estimate then scales it by tokens.
//   - The smoke run goes through the loops of package train, on a run of its own that is
//     removed. It fails on what is not finite; that a loss does not fall in a few steps is
//     said and nobody's fault.
package fit
