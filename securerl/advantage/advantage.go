package advantage

import (
	"errors"
	"fmt"
	"math"
)

// ErrShape reports inputs whose lengths do not describe one trajectory.
var ErrShape = errors.New("advantage: shape mismatch")

// GAE returns generalized advantage estimates for one response: the sum over later
// tokens of (gamma lambda)^l (r + gamma v' - v), each token weighing less the later it is.
//
// Shapes: rewards [T], values [T+1] (the last entry bootstraps: 0 at an end of
// sequence, the critic's value where the response was cut off), result [T]. gamma
// and lambda are in [0, 1]. It returns ErrShape if len(values) != len(rewards)+1.
//
// Source: Schulman et al. 2016, eq. 16 (arXiv:1506.02438).
func GAE(rewards, values []float64, gamma, lambda float64) ([]float64, error) {
	if len(values) != len(rewards)+1 {
		return nil, fmt.Errorf("%w: rewards [%d] need values [%d], got [%d]", ErrShape, len(rewards), len(rewards)+1, len(values))
	}
	adv := make([]float64, len(rewards))
	next := 0.0
	for t := len(rewards) - 1; t >= 0; t-- {
		next = rewards[t] + gamma*values[t+1] - values[t] + gamma*lambda*next
		adv[t] = next
	}
	return adv, nil
}

// Returns adds the values back to the advantages of GAE: the targets of a critic.
//
// Shapes: advantages [T], values [T+1] as given to GAE, result [T].
func Returns(advantages, values []float64) ([]float64, error) {
	if len(values) != len(advantages)+1 {
		return nil, fmt.Errorf("%w: advantages [%d] need values [%d], got [%d]", ErrShape, len(advantages), len(advantages)+1, len(values))
	}
	out := make([]float64, len(advantages))
	for t := range out {
		out[t] = advantages[t] + values[t]
	}
	return out, nil
}

// ExplainedVariance says how much of the spread of returns a critic's values explain:
// 1 - var(returns - values) / var(returns). 1 is a perfect critic, 0 one that says
// nothing, and less a critic that misleads. Where all returns agree it is 0.
//
// Shapes: values [N], returns [N]. ErrShape if the lengths differ.
func ExplainedVariance(values, returns []float64) (float64, error) {
	if len(values) != len(returns) {
		return 0, fmt.Errorf("%w: values [%d], returns [%d]", ErrShape, len(values), len(returns))
	}
	left := make([]float64, len(returns))
	for i := range left {
		left[i] = returns[i] - values[i]
	}
	_, unexplained := moments(left)
	_, spread := moments(returns)
	if spread == 0 {
		return 0, nil
	}
	return 1 - unexplained/spread, nil
}

// LeaveOneOut returns, for the rewards of one group (the samples of one prompt),
// each reward less the mean of the others. A group of one has advantage 0.
//
// Source: Kool et al. 2019; Ahmadian et al. 2024, eq. 8 (RLOO, arXiv:2402.14740).
func LeaveOneOut(group []float64) []float64 {
	out := DrGRPO(group)
	if len(group) > 1 {
		scale := float64(len(group)) / float64(len(group)-1)
		for i := range out {
			out[i] *= scale
		}
	}
	return out
}

// GRPO returns each reward less the group's mean, divided by the group's unbiased
// standard deviation plus 1e-4. A group of one has advantage 0.
//
// Source: Shao et al. 2024, section 4.1.2 (arXiv:2402.03300); the estimator and
// 1e-4 are those of TRL 1.16.
func GRPO(group []float64) []float64 {
	out := DrGRPO(group)
	_, variance := moments(group)
	for i := range out {
		out[i] /= math.Sqrt(variance) + 1e-4
	}
	return out
}

// DrGRPO returns each reward less the group's mean, without any scaling.
//
// Source: Liu et al. 2025, section 3 (arXiv:2503.20783).
func DrGRPO(group []float64) []float64 {
	mean, _ := moments(group)
	out := make([]float64, len(group))
	for i, r := range group {
		out[i] = r - mean
	}
	return out
}

// Normalize divides advantages by max(std(rewards), floor), the population
// standard deviation over the whole batch. The floor (a positive number; 0.1
// for rewards in [0, 1]) keeps a batch of nearly equal rewards from being blown
// up to noise of full size.
//
// Shapes: adv [N], rewards [M] of the same batch, result [N].
func Normalize(adv, rewards []float64, floor float64) []float64 {
	_, variance := moments(rewards)
	if n := len(rewards); n > 1 {
		variance *= float64(n-1) / float64(n)
	}
	scale := max(math.Sqrt(variance), floor)
	out := make([]float64, len(adv))
	for i, a := range adv {
		out[i] = a / scale
	}
	return out
}

// Whiten subtracts the mean and divides by sqrt(unbiased variance + 1e-8), both
// over the entries whose mask is true; masked entries come back as 0. A nil mask
// takes all. keepMean adds the mean back, so that only the scale changes.
//
// Shapes: xs [N], mask [N] or nil, result [N]. ErrShape if the lengths differ.
//
// Source: Ziegler et al. 2019 (arXiv:1909.08593), as in TRL 0.11.4 masked_whiten.
func Whiten(xs []float64, mask []bool, keepMean bool) ([]float64, error) {
	if mask != nil && len(mask) != len(xs) {
		return nil, fmt.Errorf("%w: %d values, mask of %d", ErrShape, len(xs), len(mask))
	}
	var kept []float64
	for i, x := range xs {
		if mask == nil || mask[i] {
			kept = append(kept, x)
		}
	}
	mean, variance := moments(kept)
	out := make([]float64, len(xs))
	for i, x := range xs {
		if mask != nil && !mask[i] {
			continue
		}
		out[i] = (x - mean) / math.Sqrt(variance+1e-8)
		if keepMean {
			out[i] += mean
		}
	}
	return out, nil
}

// moments returns the mean and the unbiased variance; 0 where there are too few numbers.
func moments(xs []float64) (mean, variance float64) {
	if len(xs) == 0 {
		return 0, 0
	}
	for _, x := range xs {
		mean += x - xs[0] // exact where all are equal: such a group has advantage 0, not rounding noise
	}
	mean = xs[0] + mean/float64(len(xs))
	for _, x := range xs {
		variance += (x - mean) * (x - mean)
	}
	return mean, variance / max(1, float64(len(xs)-1))
}
