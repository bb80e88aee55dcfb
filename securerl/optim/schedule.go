package optim

import "math"

// Schedule scales the peak rate by the step, counted from 0.
type Schedule interface{ Rate(step int) float64 }

// WarmupSteps is the number of warm-up steps that a share of all steps makes,
// rounded up, as Transformers' warmup_ratio does.
func WarmupSteps(total int, share float64) int { return int(math.Ceil(float64(total) * share)) }

// warmup is the factor while a schedule rises. With fromZero the first of n steps
// has rate 0, as in Transformers; without, it has 1/n, so that no step is lost.
func warmup(step, n int, fromZero bool) float64 {
	if !fromZero {
		step++
	}
	return float64(step) / float64(n)
}

// Linear is a rate that rises over Warmup steps and falls to zero at Total.
type Linear struct {
	Warmup, Total int
	FromZero      bool // the first step of the warm-up has rate 0
}

// Rate is the factor of the peak rate at a step; in [0, 1].
func (l Linear) Rate(step int) float64 {
	switch {
	case step < l.Warmup:
		return warmup(step, l.Warmup, l.FromZero)
	case l.Total <= l.Warmup:
		return 1
	}
	return math.Max(0, float64(l.Total-step)/float64(l.Total-l.Warmup))
}

// Constant keeps the peak rate after a linear warm-up.
type Constant struct {
	Warmup   int
	FromZero bool // the first step of the warm-up has rate 0
}

// Rate is the factor of the peak rate at a step; in [0, 1].
func (c Constant) Rate(step int) float64 {
	if step < c.Warmup {
		return warmup(step, c.Warmup, c.FromZero)
	}
	return 1
}

// Cosine is a rate that rises over Warmup steps and falls along half a cosine to
// Floor at Total, where it stays. Source: Loshchilov and Hutter 2017
// (arXiv:1608.03983), eq. 5, without restarts.
type Cosine struct {
	Warmup, Total int
	Floor         float64 // smallest factor, in [0, 1]
	FromZero      bool    // the first step of the warm-up has rate 0
}

// Rate is the factor of the peak rate at a step; in [0, 1].
func (c Cosine) Rate(step int) float64 {
	switch {
	case step < c.Warmup:
		return warmup(step, c.Warmup, c.FromZero)
	case c.Total <= c.Warmup:
		return 1
	}
	progress := math.Min(1, float64(step-c.Warmup)/float64(c.Total-c.Warmup))
	return c.Floor + (1-c.Floor)*(1+math.Cos(math.Pi*progress))/2
}
