package stats

// Wilson returns the score interval of k successes in n trials at a confidence level such as 0.95.
func Wilson(k, n int, level float64) Interval { return Interval{} }

// ClopperPearson returns the exact interval of k successes in n trials.
func ClopperPearson(k, n int, level float64) Interval { return Interval{} }

// PassAtK returns the unbiased estimate of the chance that at least one of k samples is correct, from c correct of n.
func PassAtK(n, c, k int) float64 { return 0 }
