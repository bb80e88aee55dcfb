package stats

// McNemar returns the exact two-sided p value: b pairs where only the first succeeds, c where only the second does.
func McNemar(b, c int) float64 { return 1 }

// McNemarMidP returns the mid-p value.
func McNemarMidP(b, c int) float64 { return 1 }

// Holm returns the p values adjusted for being one of several.
func Holm(ps []float64) []float64 { return nil }

// Kappa returns Cohen's kappa of a square table of counts.
func Kappa(table [][]int) (float64, error) { return 0, nil }
