// Package moment opens a stored policy as it was before one update of PPO, with the
// rollout that the update was made from: so that the update can be made again, by the
// library and by hand.
//
//	a run's extract --Open--> Moment{Policy, Reference, Optimizer, Rows, Samples, Config, Key} --ppo.Update--> the next adapter
//
// An extract keeps the base in bfloat16, so its log-probabilities are not those that the
// run recorded. Old and reference log-probabilities are therefore computed again, as one
// does where sampler and trainer are different programs; Gap says by how much they moved.
// Advantages are the run's.
//
// The extract is made by `runs extract -before` (experiments/runs).
package moment
