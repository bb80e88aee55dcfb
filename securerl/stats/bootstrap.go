package stats

// ClusterBootstrap gives the percentile interval of the mean over clusters: x[i] are the values of problem i.
func ClusterBootstrap(x [][]float64, resamples int, level float64, key [2]uint32) Interval {
	return Interval{}
}

// PairedBootstrap gives the 95 % percentile interval of mean(b) - mean(a) over problems: a[i], b[i] are the values of problem i.
func PairedBootstrap(a, b [][]float64, resamples int, key [2]uint32) Interval { return Interval{} }

// SeedBootstrap is two-level: x[s][i] are the values of seed s on problem i; seeds and problems are resampled.
func SeedBootstrap(x [][][]float64, resamples int, level float64, key [2]uint32) Interval {
	return Interval{}
}

// PairedSeedBootstrap is the two-level paired difference mean(b) - mean(a).
func PairedSeedBootstrap(a, b [][][]float64, resamples int, level float64, key [2]uint32) Interval {
	return Interval{}
}
