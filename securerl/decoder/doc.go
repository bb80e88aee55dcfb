// Package decoder is a decoder transformer with LoRA, as pure graph functions: its
// network and its sampler. Its files are read by package decoder/checkpoint.
//
//	Config, weights, adapter
//	tokens [B, S] --Net.Hidden--> [B, S, E] --Net.Logits--> [B, S, V] --TokenLogProbs--> [B, S]
//	prompts, keys, law --Sampler.Sample--> []Sampled{Tokens, LogProbs, Plain, Ended}
//
//	embedding -> L x ( norm -> attention (grouped heads, window) -> + -> norm -> feed-forward -> + ) -> norm -> head
//
//	           positions          norm       feed-forward   biases        attention's maps
//	llama      rotary             RMSNorm    SwiGLU         if stated     q, k, v, o
//	qwen2      rotary             RMSNorm    SwiGLU         q, k, v       q, k, v, o; a window in later layers
//	starcoder2 rotary             LayerNorm  tanh GELU      all           q, k, v, o; a window
//	gpt2       a learned table    LayerNorm  tanh GELU      all           one for q, k and v; o
//
// Why it is written as it is:
//
//   - A family is data: flags of Config and a table of names (names.go). The tiny model of
//     the default job and a published one run through the same lines of code.
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
//   - Weights may lie as their files have them and be of 16 bits: the network multiplies
//     by the transpose and widens where it computes, so that loading is a copy.
//
// Sources: Touvron et al. 2023 (arXiv:2302.13971); Su et al. 2021 (arXiv:2104.09864);
// Shazeer 2020 (arXiv:2002.05202); Hu et al. 2021 (arXiv:2106.09685); Radford et al. 2019
// (GPT-2); Lozhkov et al. 2024 (StarCoder2, arXiv:2402.19173); Yang et al. 2024 (Qwen2,
// arXiv:2407.10671). Golden numbers: PyTorch, Transformers and PEFT, in testdata/models,
// testdata/checkpoint and testdata/lora.
package decoder
