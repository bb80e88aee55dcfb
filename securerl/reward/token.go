package reward

import (
	"math"
	"regexp"

	"securecoderl/securerl/judge"
	"securecoderl/securerl/scan"
)

// Span is the byte range of a token in its completion.
type Span struct{ Start, End int }

// TokenOptions choose what is paid beside the terminal score.
type TokenOptions struct {
	KLWeight float64   // times k1 of each token, taken from its reward
	KLs      []float64 // [T], log p - log reference of each token
}

// PerToken spreads a score over the T tokens of a completion: the total stands at the
// last one, and each token pays its KL. It panics if KLs are given for another
// number of tokens. Source: Ziegler et al. 2019 (arXiv:1909.08593), section 2.
func PerToken(score Score, spans []Span, o TokenOptions) []float64 {
	r := make([]float64, len(spans))
	if o.KLWeight != 0 {
		if len(o.KLs) != len(spans) {
			panic("reward: one KL per token is needed")
		}
		for i, kl := range o.KLs {
			r[i] = -o.KLWeight * kl
		}
	}
	if len(r) > 0 {
		r[len(r)-1] += score.Total
	}
	return r
}

// secure matches the safe way to do what the flagged shortcuts of the generated
// problems do.
var secure = regexp.MustCompile(`\bint\(|json\.loads|ast\.literal_eval|sha256|sha512|copy\.deepcopy|tempfile\.gettempdir|secrets\.choice`)

// securityBonus is what a token of a secure alternative is paid, before kappa.
const securityBonus = 0.5

// TokenSecurity is the token-level security reward, [T]: kappa x (-V) on every token
// that overlaps the span of a finding of severity weight V, and kappa x 0.5 on every
// token of a secure alternative if the program passes all public tests and the token
// is in no finding. source is the program, offset where it begins in the completion.
// A program that does not parse gets zeros. Bound: each entry lies in
// [-kappa, kappa/2].
func TokenSecurity(v judge.Verdict, source string, spans []Span, offset int, kappa float64) []float64 {
	r := make([]float64, len(spans))
	if !v.Parsed {
		return r
	}
	for _, f := range v.Findings {
		weight := 0.0
		switch f.Severity {
		case scan.High:
			weight = 1
		case scan.Medium:
			weight = 0.5
		}
		for i, s := range spans {
			if s.Start < offset+f.End && s.End > offset+f.Start {
				r[i] = math.Min(r[i], -kappa*weight)
			}
		}
	}
	if !v.AllPublic() {
		return r
	}
	for _, m := range secure.FindAllStringIndex(source, -1) {
		for i, s := range spans {
			if r[i] == 0 && s.Start < offset+m[1] && s.End > offset+m[0] {
				r[i] = kappa * securityBonus
			}
		}
	}
	return r
}
