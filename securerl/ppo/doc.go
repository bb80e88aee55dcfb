// Package ppo is one update of proximal policy optimization on tokens: losses as
// graph functions, and an Updater that runs minibatches over a rollout. It owns no
// loop, reads no file, and knows no reward: advantages come in, weights go out.
//
//	[]Sample{Prompt, Completion, Old, Reference, Advantages, Values, Returns} --Updater.Update--> weights', Stats
//
//	loss = -mean w min(r A, clip(r, 1-c, 1+c) A) + KLWeight mean k3(reference) - EntropyWeight mean entropy
//	       + ValueWeight mean 1/2 max((V - R)^2, (clip(V, V_old-v, V_old+v) - R)^2)
//	r    = exp(log p - old), per token; old is the sampler's own number, or the trainer's
//	w    = min(exp(old - sampler), ImportanceCap), a number; 1 without a cap
//
// The critic's line is there if ValueWeight is positive. Its head (package policy) is
// then joined to the adapter, and one AdamW moves both, with one global norm; WarmUp
// moves the head alone. Without a critic weights are the adapter, and no graph knows of
// values.
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
// "Approximating KL divergence" (k1, k3); ValueLoss and Importance name theirs. A whole
// update with a critic is compared with PyTorch's in testdata/ppo/update.
package ppo
