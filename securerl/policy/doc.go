// Package policy is a model that writes programs and can say how probable they
// were: a frozen base, an adapter on it, and the tokenizer and template that turn
// requests into tokens.
//
//	[]prompt.Prompt --Rollout--> Trajectory{Completion, IDs, Spans, LogProbs, Plain, Finish}, ...
//	[]Trajectory    --LogProbs(adapter)--> [][]float64      the trainer's graph: reference, or a check
//	[]Trajectory    --Score(adapter, head)--> the same and the critic's values, in one pass
//	[]Request       --Complete--> completion.Completion     as any other completion.Model
//
// A Trajectory keeps the sampler's own token ids and log-probabilities. Its text is
// never tokenized again: that could give other tokens, and the end token would be
// lost. Spans say which bytes of the text each token wrote, so that a finding in a
// program can be credited to the tokens that caused it.
//
// A stop string (Policy.Stops) ends a completion with the token that completes it in the
// text, as in Transformers (which looks into the prompt too; here only the completion
// counts). The token stays: a Trajectory keeps all bytes of its tokens, and Cut says where
// the stop string begins. Complete cuts the text there, as vLLM and servers of the OpenAI
// form do. Control tokens have no text: a stop string cannot name one.
//
// Trajectories come in order, prompt by prompt, each as soon as all before it are written:
// a judge works on the first while the last are begun.
//
// Old log-probabilities must be of the law that was sampled. CheckTraining refuses
// every law but the model's own at a temperature, and Compare proves before an
// update that sampler and trainer agree to GapLimit; a sampler with a different
// law would make the first ratios differ from one. In bfloat16 rounding alone makes
// larger gaps: there Compare only measures them, and the caller takes the trainer's
// numbers as old.
//
// The critic is a linear head on the policy's own hidden states, a tree of its own
// (NewHead). Join puts it behind the adapter for an optimiser; a stored policy keeps it
// as value_head.safetensors beside the adapter, where PEFT does not look.
//
// On an engine of several devices LogProbs uses all of them, sampling the first alone.
//
// Policies made by With share the base and all compiled graphs, so that a job with
// many adapters compiles once.
//
// Sources: Schulman et al. 2017 (arXiv:1707.06347), algorithm 1; spec of the first
// paper's defects W4 and W5 in experiments/README.md.
package policy
