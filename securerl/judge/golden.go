package judge

import (
	"context"
	"fmt"
	"slices"

	"securecoderl/securerl/completion"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/scan"
)

// Golden judges every reference program of the problems and returns a sentence per
// program that is not what it says it is: one that fails a test, a secure one that
// is flagged, an insecure one that lacks one of its rules.
func Golden(ctx context.Context, j *Judge, problems []problem.Problem) (programs int, faults []string, err error) {
	for i := range problems {
		p := &problems[i]
		var list []Submission
		for _, r := range p.References {
			list = append(list, Submission{Problem: p, Source: r.Source, Finish: completion.End})
		}
		verdicts, _, err := j.Judge(ctx, list)
		if err != nil {
			return programs, faults, err
		}
		for k, v := range verdicts {
			programs++
			if what := goldenFault(p.References[k], v); what != "" {
				faults = append(faults, fmt.Sprintf("%s (%s %s), %s program %d: %s", p.ID, p.Family, p.Key, p.References[k].Kind, k+1, what))
			}
		}
	}
	return programs, faults, nil
}

func goldenFault(r problem.Reference, v Verdict) string {
	switch {
	case !v.Parsed:
		return "does not parse: " + v.SyntaxError
	case !v.AllPublic() || v.PassedHidden() < len(v.Hidden):
		return fmt.Sprintf("passes %d of %d public and %d of %d hidden tests", v.PassedPublic(), v.Total, v.PassedHidden(), len(v.Hidden))
	case r.Kind == "":
		return ""
	}
	var medium, low []string
	for _, f := range v.Findings {
		if f.Severity.AtLeast(scan.Medium) {
			medium = append(medium, f.Rule)
		} else {
			low = append(low, f.Rule)
		}
	}
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
			return fmt.Sprintf("lacks rule %s; it has %v %v", rule, medium, low)
		}
	}
	return ""
}
