// Package decoder is a decoder transformer of the Llama family with LoRA, as pure
// graph functions: its network, its files, and its sampler.
//
//	Config, weights (a Hugging Face folder), adapter (a PEFT folder)
//	tokens [B, S] --Net.Hidden--> [B, S, E] --Net.Logits--> [B, S, V] --TokenLogProbs--> [B, S]
//	prompts, keys --Sampler.Sample--> []Sampled{Tokens, LogProbs, Ended}
//
//	embedding -> L x ( RMSNorm -> attention (RoPE, grouped heads) -> + -> RMSNorm -> SwiGLU -> + ) -> RMSNorm -> head
//
// Why it is written as it is:
//
//   - Weights are inputs, never state. Policy, frozen reference and older policies are
//     one base with several adapters; a failed step loses nothing.
//   - Prompts are right-padded. Attention is causal, so padding needs no mask, and the
//     position of a token is its place in the row.
//   - Rotary tables are constants. Computed in the graph, XLA would repeat the sines at
//     every use.
//   - The sampler returns the log-probability of exactly the law it drew from, and each
//     row's tokens depend on its key alone: PPO's ratio starts at one, and a sample can
//     be drawn again in other company.
//   - The While loop of the sampler carries everything in its state, the weights too:
//     under go-xla v0.4.5 a closure may use nothing from outside.
//   - Config.json is read strictly. A field that changes the mathematics is supported or
//     refused by name.
//
// Sources: Touvron et al. 2023 (arXiv:2302.13971); Su et al. 2021 (arXiv:2104.09864);
// Shazeer 2020 (arXiv:2002.05202); Hu et al. 2021 (arXiv:2106.09685). Golden numbers:
// PyTorch, Transformers and PEFT, in testdata/models and testdata/lora.
package decoder
