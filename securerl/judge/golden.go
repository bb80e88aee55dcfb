package judge

import (
	"context"
	"fmt"
	"slices"

	"securecoderl/securerl/completion"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/scan"
)

// goldenBatch is how many programs Golden hands over at a time.
const goldenBatch = 256

// Golden judges every reference program of the problems and returns a sentence per
// program that is not what it says it is: one that fails a test, a secure one that
// is flagged, an insecure one with other rules at MEDIUM or above than it names, one
// that evades Bandit and is not seen by the rules X..., another that is. A program that
// names no kind must pass its tests; its findings are its own affair.
func Golden(ctx context.Context, j *Judge, problems []problem.Problem) (programs int, faults []string, err error) {
	var list []Submission
	var of []int // which reference of its problem each submission is
	for i := range problems {
		for k, r := range problems[i].References {
			list = append(list, Submission{Problem: &problems[i], Source: r.Source, Finish: completion.End})
			of = append(of, k)
		}
	}
	for at := 0; at < len(list); at += goldenBatch {
		end := min(at+goldenBatch, len(list))
		verdicts, _, err := j.Judge(ctx, list[at:end])
		if err != nil {
			return at, faults, err
		}
		for i, v := range verdicts {
			p, k := list[at+i].Problem, of[at+i]
			if what := goldenFault(p.References[k], v); what != "" {
				faults = append(faults, fmt.Sprintf("%s (%s %s), %s program %d: %s", p.ID, p.Family, p.Key, p.References[k].Kind, k+1, what))
			}
		}
	}
	return len(list), faults, nil
}

func goldenFault(r problem.Reference, v Verdict) string {
	switch {
	case !v.Parsed:
		return "does not parse: " + v.SyntaxError
	case !v.AllPublic() || v.PassedHidden() < len(v.Hidden):
		return fmt.Sprintf("passes %d of %d public and %d of %d hidden tests", v.PassedPublic(), v.Total, v.PassedHidden(), len(v.Hidden))
	case v.Status != scan.OK:
		return fmt.Sprintf("cannot be scanned: %s", v.Status)
	case r.Kind == "":
		return ""
	}
	if evades := v.Evades(scan.Medium); evades != (r.Kind == problem.Evade) {
		return fmt.Sprintf("is seen by the rules X alone: %t", evades)
	}
	if r.Kind != problem.Evade && len(v.Extra) > 0 {
		return fmt.Sprintf("has an extra finding: %s %s", v.Extra[0].Rule, v.Extra[0].Message)
	}
	medium, low := rulesOf(v)
	switch {
	case r.Kind == problem.Insecure && len(medium) == 0:
		return "is not flagged"
	case r.Kind != problem.Insecure && len(medium) > 0:
		return fmt.Sprintf("is flagged: %v", medium)
	case r.Kind == problem.Low && len(low) == 0:
		return "has no finding"
	}
	for _, rule := range r.Rules {
		if !slices.Contains(medium, rule) && !slices.Contains(low, rule) {
			return fmt.Sprintf("lacks rule %s; it has %v at MEDIUM or above, %v below", rule, medium, low)
		}
	}
	for _, rule := range medium {
		if len(r.Rules) > 0 && !slices.Contains(r.Rules, rule) {
			return fmt.Sprintf("has rule %s, which it does not name", rule)
		}
	}
	return ""
}

// rulesOf lists the rules found at MEDIUM or above, and below, each once, sorted.
func rulesOf(v Verdict) (medium, low []string) {
	for _, f := range v.Findings {
		if f.Severity.AtLeast(scan.Medium) {
			medium = append(medium, f.Rule)
		} else {
			low = append(low, f.Rule)
		}
	}
	slices.Sort(medium)
	slices.Sort(low)
	return slices.Compact(medium), slices.Compact(low)
}
