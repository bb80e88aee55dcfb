// Package ppo is one update of proximal policy optimization on tokens: losses as
// graph functions, and an Updater that runs minibatches over a rollout. It owns no
// loop, reads no file, and knows no reward: advantages come in, weights go out.
//
//	[]Sample{Prompt, Completion, Old, Reference, Advantages} --Updater.Update--> adapter', Stats
//
//	loss = -mean min(r A, clip(r, 1-c, 1+c) A) + KLWeight mean k3(reference) - EntropyWeight mean entropy
//	r    = exp(log p - old), per token; old is the sampler's own number
//
// Means are over the tokens of the whole minibatch. Micro-batches each contribute
// their sum divided by that one count, so any partition gives the same gradient.
//
// What differs from the first paper's released code (its defects W1 to W8 in
// experiments/README.md): ratios are per token, old log-probabilities are of the law
// that was sampled, the reference is the SFT adapter, the KL term has its minimum
// where policy and reference agree, and the target-KL stop watches the distance to
// the policy that sampled.
//
// Sources: Schulman et al. 2017 (arXiv:1707.06347), eq. 7; Schulman 2020,
// "Approximating KL divergence" (k1, k3).
package ppo
