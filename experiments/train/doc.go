// Package train holds the loops of the laboratory, spelled out: how a base model
// is pretrained, how an adapter is fine-tuned, how PPO runs, how policies are
// measured. The programs of experiments/ are flags around these functions.
//
// What goes in: Settings (a TOML overlay over Default) and a runlog.Run. What
// comes out: a run folder with logs, checkpoints and stored policies; package results
// makes the report of it.
//
//	Pipeline = Pretrain -> for each seed: FineTune -> for each variant: Optimize
//	           -> Evaluate each policy on the same problems
//
// The base model is pretrained here, or lies in a Hugging Face folder (Settings.Model.Folder);
// problems are generated, or read from files by package corpus.
//
// Every arrow is a stage with a name ("base", "sft-1", "gated-1", "evaluate
// gated-1-best"). A stage that is finished is never run again; a stage that was
// interrupted goes on from its last checkpoint, and the deterministic files
// (metrics, samples, evaluation) end with the same bytes as without the
// interruption. Times go to timings.jsonl, which is never compared.
//
// An advantage is a group's baseline or, by the name "gae", a critic's expectation: a
// head on the policy's hidden states, which learns alone for value_warmup iterations
// and then in one loss with the policy. It travels in checkpoints with its moments, and
// lies beside the adapter of a stored policy (value_head.safetensors). Values are of
// training only: no evaluation reads them.
//
// Sampler and trainer are compared at every rollout (gap_mean, gap_max). In float32 a
// gap above policy.GapLimit stops the run. In bfloat16 old log-probabilities are the
// trainer's, and importance_cap weighs every token for the gap.
//
// Randomness is keyed, never ordered: the key of a rollout is (seed, "rollout",
// iteration, problem, sample), the same for all variants of a seed, so that
// variants differ by their reward and not by their luck, and share verdicts.
package train
