// Package sft fits a decoder to rows of text: all its weights (the base model of the
// default job) or a LoRA adapter (supervised fine-tuning). It owns one loss and one
// update, not the loop.
//
//	[]Row{Prompt, Target} --Trainer.Step--> adapter', Stats    loss on Target alone
//	[][]int32             --Trainer.PackedStep--> weights'     loss on every token
//
// The loss is the mean negative log-probability over the targets of the whole batch.
// A batch runs in micro-batches of rows sorted by length; each adds its gradient,
// already divided by the batch's token count, so any partition gives the same step.
//
// Prompt and padding carry no loss, and the end token does: the first paper's code
// trains on padding up to 2,048 tokens and on no end token (experiments/README.md).
package sft
