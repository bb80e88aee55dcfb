// Package advantage says how much better a sampled token or response was than could
// be expected. It works on plain slices and knows neither models nor tensors; the
// training loop chooses one function.
//
// In: rewards, per token with a critic's values or one per response of a group. Out:
// advantages of the same length.
//
//	rewards [T], values [T+1] --GAE----------------------> advantages [T]
//	rewards of one prompt [G] --LeaveOneOut|GRPO|DrGRPO--> advantages [G] --Normalize|Whiten--> over the batch
//
// Why leave-one-out is the default of the job: it needs no critic, it is unbiased
// (a reward is never part of its own baseline), and a group in which all rewards
// are equal has advantage exactly 0. GRPO divides by the spread of each group, which
// makes nearly solved prompts as loud as open ones; DrGRPO leaves that out.
//
// Why a floor in Normalize: when almost all rewards of a batch agree, dividing by
// their spread turns rounding-size differences into full steps.
//
// Sources stand at each function. Golden numbers: testdata/advantage.
package advantage
