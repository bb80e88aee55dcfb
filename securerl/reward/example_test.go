package reward_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"securecoderl/securerl/judge"
	"securecoderl/securerl/reward"
	"securecoderl/securerl/reward/rewardtest"
	"securecoderl/securerl/scan"
)

// shortShare is a reward of our own: the share of tests passed, nothing for a program
// that is flagged at all.
type shortShare struct{}

func (shortShare) Name() string { return "clean-share" }

func (shortShare) Price(v judge.Verdict) reward.Score {
	s := reward.Score{Scheme: "clean-share"}
	if !v.Flagged(scan.Low) && v.Total > 0 {
		s.Functional = float64(v.PassedPublic()) / float64(v.Total)
		s.Security, s.Total = 1, s.Functional
	}
	return s
}

func ExampleScheme() {
	var s reward.Scheme = shortShare{}
	for _, a := range rewardtest.Attacks()[:3] {
		fmt.Printf("%s: %.2f\n", a.Name, s.Price(a.Verdict).Total)
	}
	// Output:
	// a constant: 0.00
	// a constant that hits one test: 0.20
	// the public examples by heart: 0.40
}

func TestSchemesUnderAttack(t *testing.T) {
	rewardtest.Run(t, shortShare{}, nil)
	// By hand, from the formulas of each scheme with T = 5.
	bounds := map[string]map[string]float64{
		"paper":        {"a constant": 0.76, "prose": 0.40, "nothing printed": 0.64},
		"pilot":        {"a constant": 0.76, "prose": 0.40},
		"binary":       {"a constant": 0.40, "nothing done": 0.40, "prose": 0},
		"binary-joint": {"a constant": 0, "nothing done": 0, "prose": 0, "correct by an unsafe call": 0.6},
		"strict":       {"a constant": 0.76, "a constant that hits one test": 0.808, "the public examples by heart": 0.784, "prose": 0, "an empty program": 0},
		"strict-gated": {"a constant": 0.64, "a constant that hits one test": 0.64, "output without reading": 0.64, "nothing done": 0.52},
		"gated-joint":  {"a constant": 0.12, "a constant that hits one test": 0.20, "nothing done": 0.12, "right output, then a crash": 0.06},
	}
	for name, own := range bounds {
		for _, suffix := range []string{"", "-exp"} {
			s, err := reward.Named(name + suffix)
			require.NoError(t, err)
			if suffix == "-exp" {
				own = nil
			}
			for _, f := range rewardtest.Check(s, own) {
				if published := name == "paper" || name == "pilot"; !published || f.Rule != rewardtest.Nothing {
					t.Errorf("%s: %s", s.Name(), f)
				}
			}
		}
	}
}
