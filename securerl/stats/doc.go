// Package stats turns counts and scores into estimates with honest intervals.
//
// In: counts, or values grouped by problem (and by seed). Out: an Interval, or a p
// value. It works on plain numbers and knows nothing of runs.
//
//	k of n, one per problem -----------> Wilson, ClopperPearson
//	several samples per problem -------> ClusterBootstrap   [problem][sample]
//	  and several seeds ---------------> SeedBootstrap      [seed][problem][sample]
//	two policies, the same problems ---> PairedBootstrap, McNemar (one per problem), Wilcoxon
//	several comparisons ---------------> Holm
//	a planned comparison --------------> MinimumDetectable
//
// Why problems are resampled and not samples: the four samples of one prompt are
// much alike, so 4 x 100 samples say hardly more than 100. Resampling whole
// problems keeps what is alike together. Resampling seeds as well asks whether the
// method would do it again, not whether this checkpoint did it.
//
// Why differences are paired: two policies find the same problems hard. The
// difference per problem varies less than either rate.
//
// Random draws come from an explicit key, so an interval can be computed again.
//
// Sources stand at each function; the tests hold numbers of scipy 1.17 and statsmodels
// 0.15 to 1e-9 (testdata/stats).
package stats
