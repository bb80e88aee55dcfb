package figure

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"securecoderl/securerl/chart"
	"securecoderl/securerl/runlog"
)

// track is one metric of one variant over the iterations: mean and range over seeds.
type track struct {
	steps           []int
	mean, low, high []float64
	seeds           int // the most at any step
}

// collect gathers a metric of the phase "ppo". Values that are missing or not finite
// are left out; of two values of one step and seed, the later stands.
func collect(points []runlog.Point, variant, key string, factor float64) track {
	values := map[int]map[uint64]float64{}
	for _, p := range points {
		x, ok := p.Values[key]
		if p.Phase != "ppo" || p.Variant != variant || !ok || math.IsNaN(x) || math.IsInf(x, 0) {
			continue
		}
		if values[p.Step] == nil {
			values[p.Step] = map[uint64]float64{}
		}
		values[p.Step][p.Seed] = x * factor
	}
	var t track
	for _, step := range slices.Sorted(maps.Keys(values)) {
		sum, low, high := 0.0, math.Inf(1), math.Inf(-1)
		for _, seed := range slices.Sorted(maps.Keys(values[step])) {
			x := values[step][seed]
			sum, low, high = sum+x, math.Min(low, x), math.Max(high, x)
		}
		n := len(values[step])
		t.steps = append(t.steps, step)
		t.mean = append(t.mean, chart.Round(sum/float64(n)))
		t.low, t.high = append(t.low, chart.Round(low)), append(t.high, chart.Round(high))
		t.seeds = max(t.seeds, n)
	}
	return t
}

// line is the track as points of a chart.
func (t track) line() [][2]float64 {
	var xy [][2]float64
	for i, s := range t.steps {
		xy = append(xy, [2]float64{float64(s), t.mean[i]})
	}
	return xy
}

// ring goes along the lows and back along the highs.
func (t track) ring() [][2]float64 {
	var xy [][2]float64
	for i, s := range t.steps {
		xy = append(xy, [2]float64{float64(s), t.low[i]})
	}
	for i := len(t.steps) - 1; i >= 0; i-- {
		xy = append(xy, [2]float64{float64(t.steps[i]), t.high[i]})
	}
	return xy
}

// ends returns the means over the first and the last quarter of the steps, at least
// one step each, and how many steps a quarter is. ok is false for fewer than two steps.
func (t track) ends() (first, last float64, quarter int, ok bool) {
	n := len(t.mean)
	if n < 2 {
		return 0, 0, 0, false
	}
	quarter = max(1, n/4)
	for i := range quarter {
		first += t.mean[i] / float64(quarter)
		last += t.mean[n-1-i] / float64(quarter)
	}
	return first, last, quarter, true
}

// steps are the ends of the axis of iterations.
func stepsOf(tracks []track) (first, last int) {
	found := false
	for _, t := range tracks {
		if len(t.steps) == 0 {
			continue
		}
		a, b := t.steps[0], t.steps[len(t.steps)-1]
		if !found {
			first, last, found = a, b, true
		}
		first, last = min(first, a), max(last, b)
	}
	if first == last {
		last++
	}
	return first, last
}

// over says how many seeds are behind a mean.
func over(tracks ...track) string {
	n := 0
	for _, t := range tracks {
		n = max(n, t.seeds)
	}
	switch n {
	case 0:
		return "No data."
	case 1:
		return "One seed: this speaks of one run only."
	}
	return fmt.Sprintf("Mean over %d seeds.", n)
}

// meaning is a metric in words, and whether it is a share of programs.
func meaning(key string) (words string, share bool) {
	names := map[string]string{
		"passed": "all public tests passed", "correct_secure": "correct and secure (public tests)",
		"flagged_parsed": "flagged, of those that parse", "flagged_passing": "flagged, of those that pass",
		"constant": "print a constant", "noread": "never read the input", "truncated": "cut off at the length limit",
		"zero_advantage": "samples with zero advantage", "unique": "unique programs", "cache_hits": "verdicts from the cache",
		"clip_fraction": "tokens clipped", "validation_passed": "validation: all tests passed",
		"validation_correct_secure": "validation: correct and secure",
	}
	if w, ok := names[key]; ok {
		return w, true
	}
	if strings.HasPrefix(key, "stage_") {
		return "programs at stage " + key[len("stage_"):], true
	}
	plain := map[string]string{
		"reward": "mean reward", "functional": "functional part", "security": "security part", "kl": "KL to the reference, nats per token",
		"entropy": "entropy, nats per token", "approx_kl": "KL to the sampling policy, nats per token", "grad_norm": "norm of the gradient",
		"length": "length, tokens", "policy_loss": "policy loss", "loss": "loss, nats per token",
	}
	if w, ok := plain[key]; ok {
		return w, false
	}
	return chart.Short(key, 40), false
}

// scale returns the factor to draw a metric with and the name of its axis.
func scale(key string) (factor float64, axis string) {
	words, share := meaning(key)
	if share {
		return 100, words + ", %"
	}
	return 1, words
}
