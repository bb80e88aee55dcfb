// Package decoder is a decoder transformer with LoRA, as pure graph functions: its
// network and its sampler. Its files are read by package decoder/checkpoint.
//
//	Config, weights, adapter
//	tokens [B, S] --Net.Hidden--> [B, S, E] --Net.Logits--> [B, S, V] --TokenLogProbs--> [B, S]
//	[]Job{Prompt, Key, Stop}, law --Sampler.Run--> Sampled{Tokens, LogProbs, Plain, ...} as each ends
//
//	embedding -> L x ( norm -> attention (grouped heads, window) -> + -> norm -> feed-forward -> + ) -> norm -> head
//
//	           positions          norm       feed-forward   biases        attention's maps
//	llama      rotary             RMSNorm    SwiGLU         if stated     q, k, v, o
//	qwen2      rotary             RMSNorm    SwiGLU         q, k, v       q, k, v, o; a window in later layers
//	starcoder2 rotary             LayerNorm  tanh GELU      all           q, k, v, o; a window
//	gpt2       a learned table    LayerNorm  tanh GELU      all           one for q, k and v; o
//
// How a run of the sampler goes:
//
//	waiting jobs --prefill (next prompts, each once)--> source: logits, cache [M, K, P, D]
//	free slots, source --admit--> first tokens, cache [B, K, P+T, D] --rounds--> tokens
//	      ^------------------------- rows that ended are handed out ----------------'
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
//   - The sampler returns the log-probability of exactly the law it drew from, and beside
//     it that under the model alone. Each row's tokens depend on its key, prompt and
//     weights alone: PPO's ratio starts at one, and a sample can be drawn again in other
//     company. That holds to the last bit within a bucket, whatever rows stand beside it,
//     in whatever order, and whether its slot was another's before. A bucket is a number
//     of slots (8 to 128 by doubling; on the pure-Go backend 12 to 120, since its kernels
//     treat the rows that are left over after threes and fours otherwise) and a length of
//     prompts: that of the longest in the run, rounded up to the lengths that batches of
//     training rows have (rows.go), or the most that the sampler was made for. Across
//     buckets other kernels sum in another order, so that two scores within 1e-4 of each
//     other may change places: experiments/LOG.md has the count.
//   - Slots that become free are given to jobs that wait. Otherwise a batch runs until its
//     longest completion ends while most of its rows have long ended. It is the only way
//     there is: with no job that waits it is a plain batch. To give slots away costs about
//     two rounds on XLA (what is returned from a loop is copied), so it is done when as
//     many are free as make it cheapest for the lengths seen so far (session.worth).
//   - Samples of one prompt share its prefill; at most 8,192 prompt slots are prefilled
//     together, so that long prompts need no more memory.
//   - The While loop of the sampler carries everything in its state, the weights too:
//     under go-xla v0.4.5 a closure may use nothing from outside. It runs at most 64 rounds
//     before the host hands out what has ended, looks for a cancelled context, and goes on.
//   - A stop (Job.Stop) is the host's: it is told tokens and knows their bytes, the device
//     does not. It sees them after the rounds of one loop; what came after it is dropped.
//   - Weights may lie as their files have them and be of 16 bits: the network multiplies
//     by the transpose and widens where it computes, so that loading is a copy.
//
// Sources: Touvron et al. 2023 (arXiv:2302.13971); Su et al. 2021 (arXiv:2104.09864);
// Shazeer 2020 (arXiv:2002.05202); Hu et al. 2021 (arXiv:2106.09685); Radford et al. 2019
// (GPT-2); Lozhkov et al. 2024 (StarCoder2, arXiv:2402.19173); Yang et al. 2024 (Qwen2,
// arXiv:2407.10671). Golden numbers: PyTorch, Transformers and PEFT, in testdata/models,
// testdata/checkpoint and testdata/lora.
package decoder
