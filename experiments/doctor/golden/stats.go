package golden

import (
	"fmt"
	"math"
	"slices"

	"securecoderl/securerl/stats"
)

// statsFile is the part of stats/stats.json that the library computes.
type statsFile struct {
	Proportions []struct {
		K, N           int
		Alpha          float64
		Wilson         [2]float64
		ClopperPearson [2]float64 `json:"clopper_pearson"`
	} `json:"proportion_intervals"`
	Bootstrap struct {
		Cases []bootstrapCase
	} `json:"paired_bootstrap"`
	McNemar []struct {
		First  int      `json:"only_first"`
		Second int      `json:"only_second"`
		Exact  float64  `json:"exact_p"`
		MidP   *float64 `json:"mid_p"`
	}
	Fisher []struct {
		Table     [2][2]int
		OddsRatio number  `json:"odds_ratio_sample"`
		TwoSided  float64 `json:"p_two_sided"`
		Less      float64 `json:"p_less"`
		Greater   float64 `json:"p_greater"`
	}
	Multiple []struct {
		P, Holm []float64
		BH      []float64 `json:"fdr_bh"`
	} `json:"multiple_tests"`
	PassAtK struct {
		Rows [][]float64
	} `json:"pass_at_k"`
	Kappa []struct {
		Table                         [][]int
		Unweighted, Linear, Quadratic kappaCase
	}
	Wilcoxon []map[string]any
	Others   struct {
		X, Z     []float64
		Spearman []float64 `json:"spearman_x_z"`
		Kendall  []float64 `json:"kendall_tau_b_x_z"`
		Pearson  []float64 `json:"pearson_x_z"`
	}
	MDE struct {
		Cases []struct {
			N            int
			Share        float64 `json:"discordant_share"`
			Alpha, Power float64
			MDE          *float64
		}
	} `json:"paired_mde"`
	Power []struct {
		N          int
		Share      float64 `json:"discordant_share"`
		Difference float64
		Alpha      float64
		Power      float64
	} `json:"exact_mcnemar_power"`
}

type kappaCase struct {
	Kappa float64
	CI    [2]float64 `json:"ci95"`
}

type bootstrapCase struct {
	Data         [][2]float64 `json:"data_columns_a_b"`
	Draws        [][]int      `json:"resample_indices"`
	Statistic    string
	Level        float64
	Estimate     float64
	Percentile   [2]float64
	BCa          [2]float64
	Z0           float64
	Acceleration float64
	Error        float64 `json:"standard_error"`
	Basic        [2]float64
}

// number compares to the tolerance of float64, relative to at least a thousandth.
func (p *part) stat(quantity string, want, got float64, where string, a ...any) {
	p.relative(quantity, exactTolerance, 1e-3, want, got, where, a...)
}

// statistics compares intervals and tests.
func (p *part) statistics() {
	path := p.path()
	var g statsFile
	p.json(path, &g)
	p.others(path, "note", "proportion_intervals", "paired_bootstrap", "mcnemar", "fisher", "multiple_tests", "pass_at_k", "kappa", "wilcoxon", "others", "paired_mde", "exact_mcnemar_power")
	for field, n := range map[string]int{"proportion_intervals": len(g.Proportions), "paired_bootstrap.cases": len(g.Bootstrap.Cases), "mcnemar": len(g.McNemar), "fisher": len(g.Fisher),
		"multiple_tests": len(g.Multiple), "pass_at_k.rows": len(g.PassAtK.Rows), "kappa": len(g.Kappa), "wilcoxon": len(g.Wilcoxon), "others.x": len(g.Others.X), "paired_mde.cases": len(g.MDE.Cases), "exact_mcnemar_power": len(g.Power)} {
		need(n > 0, path, field, "is missing or empty")
	}
	p.proportions(g)
	p.tests(g)
	for i, c := range g.Bootstrap.Cases {
		p.bootstrap(c, i)
	}
	p.wilcoxon(g)
	p.planning(g)
	p.uncomputed("Agresti-Coull and continuity-corrected Wilson intervals", "McNemar's chi-squared", "Bonferroni", "one-sided exact Wilcoxon", "Mann-Whitney, paired t and p-values of correlations")
}

func (p *part) proportions(g statsFile) {
	for _, c := range g.Proportions {
		need(c.N > 0 && c.K >= 0 && c.K <= c.N && c.Alpha > 0 && c.Alpha < 1, p.path(), "proportion_intervals", "hold %d of %d at %g", c.K, c.N, c.Alpha)
		w, e := stats.Wilson(c.K, c.N, 1-c.Alpha), stats.ClopperPearson(c.K, c.N, 1-c.Alpha)
		for k, pair := range [][2]float64{{c.Wilson[0], w.Low}, {c.Wilson[1], w.High}, {c.ClopperPearson[0], e.Low}, {c.ClopperPearson[1], e.High}} {
			p.stat([]string{"Wilson intervals", "Clopper-Pearson intervals"}[k/2], pair[0], pair[1], "%d of %d at %g", c.K, c.N, c.Alpha)
		}
	}
	for _, r := range g.PassAtK.Rows {
		need(len(r) == 4 && r[2] >= 1 && r[2] <= r[0] && r[1] <= r[0], p.path(), "pass_at_k.rows", "hold %v", r)
		p.stat("pass@k", r[3], stats.PassAtK(int(r[0]), int(r[1]), int(r[2])), "%v", r[:3])
	}
}

func (p *part) tests(g statsFile) {
	for _, c := range g.McNemar {
		p.stat("McNemar's test", c.Exact, stats.McNemar(c.First, c.Second), "%d against %d", c.First, c.Second)
		if c.MidP != nil {
			p.stat("McNemar's test", *c.MidP, stats.McNemarMidP(c.First, c.Second), "%d against %d, mid-p", c.First, c.Second)
		}
	}
	for _, c := range g.Fisher {
		r := stats.Fisher(c.Table[0][0], c.Table[0][1], c.Table[1][0], c.Table[1][1])
		for name, pair := range map[string][2]float64{"two-sided": {c.TwoSided, r.TwoSided}, "less": {c.Less, r.Less}, "greater": {c.Greater, r.Greater}, "odds ratio": {float64(c.OddsRatio), r.OddsRatio}} {
			if name == "odds ratio" && !finite(pair[0]) {
				p.equal("odds ratios that are no number", fmt.Sprint(pair[0]) == fmt.Sprint(pair[1]), "%v: %v, not %v", c.Table, pair[1], pair[0])
				continue
			}
			p.stat("Fisher's test", pair[0], pair[1], "%v, %s", c.Table, name)
		}
	}
	for i, c := range g.Multiple {
		need(len(c.Holm) == len(c.P) && len(c.BH) == len(c.P), p.path(), fmt.Sprintf("multiple_tests[%d]", i), "hold lists of unequal lengths")
		holm, bh := stats.Holm(c.P), stats.BenjaminiHochberg(c.P)
		for k := range c.P {
			p.stat("Holm and Benjamini-Hochberg", c.Holm[k], holm[k], "case %d, entry %d", i, k)
			p.stat("Holm and Benjamini-Hochberg", c.BH[k], bh[k], "case %d, entry %d", i, k)
		}
	}
	for _, c := range g.Kappa {
		for weight, want := range map[stats.Weight]kappaCase{stats.Unweighted: c.Unweighted, stats.Linear: c.Linear, stats.Quadratic: c.Quadratic} {
			i, err := stats.Kappa(c.Table, weight, 0.95)
			must(err)
			for k, pair := range [][2]float64{{want.Kappa, i.Estimate}, {want.CI[0], i.Low}, {want.CI[1], i.High}} {
				p.stat("kappa", pair[0], pair[1], "%v, number %d", c.Table, k)
			}
		}
	}
	o := g.Others
	need(len(o.X) == len(o.Z) && len(o.Spearman) > 0 && len(o.Kendall) > 0 && len(o.Pearson) > 0, p.path(), "others", "lacks a correlation, or x and z differ in length")
	p.stat("correlations", o.Spearman[0], stats.Spearman(o.X, o.Z), "Spearman")
	p.stat("correlations", o.Kendall[0], stats.Kendall(o.X, o.Z), "Kendall")
	p.stat("correlations", o.Pearson[0], stats.Pearson(o.X, o.Z), "Pearson")
}

// bootstrap resamples as the file says.
func (p *part) bootstrap(c bootstrapCase, at int) {
	field := fmt.Sprintf("paired_bootstrap.cases[%d]", at)
	for _, draw := range c.Draws {
		need(len(draw) > 0 && slices.Min(draw) >= 0 && slices.Max(draw) < len(c.Data), p.path(), field+".resample_indices", "name other rows than the %d there are", len(c.Data))
	}
	ratio := c.Statistic == "ratio_of_means"
	if !ratio && c.Statistic != "mean_difference" {
		p.uncomputed("bootstrap of " + c.Statistic)
		return
	}
	d := stats.Bootstrap(len(c.Data), slices.Values(c.Draws), func(units []int) float64 {
		a, b := 0.0, 0.0
		for _, i := range units {
			a, b = a+c.Data[i][0], b+c.Data[i][1]
		}
		if ratio {
			return b / a
		}
		return (b - a) / float64(len(units))
	})
	percentile, bca, basic := d.Percentile(c.Level), d.BCa(c.Level), d.Basic(c.Level)
	for k, pair := range [][2]float64{{c.Estimate, d.Estimate}, {c.Z0, d.Bias()}, {c.Acceleration, d.Acceleration()}, {c.Error, d.StandardError()},
		{c.Percentile[0], percentile.Low}, {c.Percentile[1], percentile.High}, {c.BCa[0], bca.Low}, {c.BCa[1], bca.High}, {c.Basic[0], basic.Low}, {c.Basic[1], basic.High}} {
		p.stat("bootstrap", pair[0], pair[1], "%s, number %d", field, k)
	}
}

func (p *part) wilcoxon(g statsFile) {
	pair := func(i int, x any, key string) (a, b float64) {
		list, _ := x.([]any)
		need(len(list) == 2, p.path(), fmt.Sprintf("wilcoxon[%d].%s", i, key), "is missing or no pair")
		a, ok1 := list[0].(float64)
		b, ok2 := list[1].(float64)
		need(ok1 && ok2, p.path(), fmt.Sprintf("wilcoxon[%d].%s", i, key), "holds %v", list)
		return a, b
	}
	for i, c := range g.Wilcoxon {
		var d []float64
		list, _ := c["differences"].([]any)
		for _, x := range list {
			v, ok := x.(float64)
			need(ok, p.path(), fmt.Sprintf("wilcoxon[%d].differences", i), "hold %v", x)
			d = append(d, v)
		}
		need(len(d) > 0, p.path(), fmt.Sprintf("wilcoxon[%d].differences", i), "are missing")
		for zeros, name := range []string{"wilcox", "pratt", "zsplit"} {
			for suffix, corrected := range map[string]bool{"": false, "_corrected": true} {
				key := "asymptotic_" + name + suffix
				a, b := pair(i, c[key], key)
				statistic, value := stats.Wilcoxon(d, stats.Zeros(zeros), corrected)
				p.stat("Wilcoxon's test", a, statistic, "%s of %d", key, i)
				p.stat("Wilcoxon's test", b, value, "%s of %d", key, i)
			}
		}
		if exact, ok := c["exact_two_sided"]; ok {
			a, b := pair(i, exact, "exact_two_sided")
			statistic, value, err := stats.WilcoxonExact(d)
			must(err)
			p.stat("Wilcoxon's test", a, statistic, "exact %d", i)
			p.stat("Wilcoxon's test", b, value, "exact %d", i)
		}
	}
}

func (p *part) planning(g statsFile) {
	for _, c := range g.MDE.Cases {
		d, ok := stats.MinimumDetectable(c.N, c.Share, c.Alpha, c.Power)
		p.equal("whether an effect can be detected", ok == (c.MDE != nil), "%+v", c)
		if ok && c.MDE != nil {
			p.stat("minimum detectable effects", *c.MDE, d, "n %d, share %g, alpha %g, power %g", c.N, c.Share, c.Alpha, c.Power)
		}
	}
	for _, c := range g.Power {
		p.stat("power of McNemar's test", c.Power, stats.McNemarPower(c.N, c.Share, c.Difference, c.Alpha), "n %d, share %g, difference %g", c.N, c.Share, math.Abs(c.Difference))
	}
}
