package rewardtest

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"securecoderl/securerl/judge"
	"securecoderl/securerl/reward"
	"securecoderl/securerl/scan"
)

// Rule names what a fair reward does.
type Rule string

// The rules.
const (
	Panics    Rule = "panics"     // every verdict has a price
	Range     Rule = "range"      // which lies in [0, 1]
	Pure      Rule = "pure"       // depends on the verdict alone, and leaves it as it is
	Symmetric Rule = "symmetric"  // does not depend on the order of the tests
	Paid      Rule = "paid"       // honest work is paid, in whatever form it comes
	FullMarks Rule = "full-marks" // nothing but honest work earns what honest work earns
	Bound     Rule = "bound"      // an attack earns no more than its share of that
	Nothing   Rule = "nothing"    // no program, an empty one, or no test: no reward
	Order     Rule = "order"      // who gets further earns no less
	Monotone  Rule = "monotone"   // one more test passed never lowers the price
	Findings  Rule = "findings"   // one more finding never raises it
	ScanFault Rule = "scan-fault" // what could not be scanned is priced as the worst finding, never as clean
)

// Share is what an attack that passes less than half of the tests may earn at most, of
// what an honest program earns. The scheme strict pays 0.808.
const Share = 0.85

// Fault is a rule that a reward breaks, and where.
type Fault struct {
	Rule   Rule
	Attack string // the program
	Detail string
}

// String is the fault as a sentence.
func (f Fault) String() string { return fmt.Sprintf("%s: %s %s", f.Rule, f.Attack, f.Detail) }

// slack forgives the last digits of a sum.
const slack = 1e-9

// checker collects the faults of one scheme.
type checker struct {
	scheme reward.Scheme
	faults []Fault
	broken bool // some verdict had no price that can be compared
}

func (c *checker) say(r Rule, attack, format string, a ...any) {
	c.faults = append(c.faults, Fault{r, attack, fmt.Sprintf(format, a...)})
}

// price prices a verdict; what cannot be a price is a fault and 0.
func (c *checker) price(a Attack) (score reward.Score) {
	defer func() {
		if r := recover(); r != nil {
			c.say(Panics, a.Name, "has no price: %v", r)
			score, c.broken = reward.Score{}, true
		}
	}()
	before := a.Verdict
	before.Findings, before.Public, before.Hidden = slices.Clone(before.Findings), slices.Clone(before.Public), slices.Clone(before.Hidden)
	score = c.scheme.Price(a.Verdict)
	if !reflect.DeepEqual(before, a.Verdict) {
		c.say(Pure, a.Name, "is changed by its price")
	}
	if !(score.Total >= 0 && score.Total <= 1+slack) { // NaN is neither
		c.say(Range, a.Name, "earns %g", score.Total)
		c.broken = true
		return reward.Score{}
	}
	return score
}

// prices prices a list forwards, and again backwards: who came before must not matter.
func (c *checker) prices(list []Attack) []reward.Score {
	scores := make([]reward.Score, len(list))
	for i, a := range list {
		scores[i] = c.price(a)
	}
	if c.broken {
		return scores
	}
	for i := len(list) - 1; i >= 0; i-- {
		if again := c.price(list[i]); again.Total != scores[i].Total {
			c.say(Pure, list[i].Name, "earns %.3f, and the next time %.3f", scores[i].Total, again.Total)
		}
	}
	return scores
}

// Check prices verdicts that are written down here, and returns every fault found.
// bounds states what some attacks may earn at most, as a price; nil states nothing.
func Check(s reward.Scheme, bounds map[string]float64) []Fault {
	c := &checker{scheme: s}
	attacks := Attacks()
	all := append([]Attack{{"an honest program", Honest()}}, attacks...)
	scores := c.prices(all)
	if c.broken {
		return c.faults // comparing prices that are none tells nothing
	}
	honest := scores[0].Total
	if honest <= 0 {
		c.say(Paid, all[0].Name, "earns nothing")
	}
	for i, a := range attacks {
		c.attack(a, scores[i+1].Total, honest)
		if bound, ok := bounds[a.Name]; ok && scores[i+1].Total > bound+slack {
			c.say(Bound, a.Name, "earns %.3f, more than %.3f", scores[i+1].Total, bound)
		}
	}
	c.ladder()
	c.scans(honest)
	for _, a := range slices.Concat(all, ladder()) {
		c.neighbours(a)
	}
	return c.faults
}

// attack compares what an attack earns with what an honest program earns.
func (c *checker) attack(a Attack, got, honest float64) {
	v := a.Verdict
	switch {
	case !v.Parsed || v.Empty() || v.NoTests():
		if got > slack {
			c.say(Nothing, a.Name, "earns %.3f", got)
		}
	case got >= honest-slack && honest > 0:
		c.say(FullMarks, a.Name, "earns %.3f, as much as an honest program (%.3f)", got, honest)
	case 2*v.PassedPublic() < v.Total && got > Share*honest+slack:
		c.say(Bound, a.Name, "earns %.3f, more than %.2f of what an honest program earns (%.3f)", got, Share, honest)
	}
}

// ladder checks that whoever gets further earns no less.
func (c *checker) ladder() {
	list := ladder()
	scores := c.prices(list)
	for i := 1; i < len(list); i++ {
		rule := Order
		if list[i-1].Verdict.Stage() >= judge.Prints {
			rule = Monotone
		}
		if scores[i].Total < scores[i-1].Total-slack {
			c.say(rule, list[i].Name, "earns %.3f, less than %s (%.3f)", scores[i].Total, list[i-1].Name, scores[i-1].Total)
		}
	}
}

// scans checks programs that are right and that the scanner could not handle.
func (c *checker) scans(honest float64) {
	worst := c.price(Attack{"correct by an unsafe call", unsafe(Honest())})
	for _, status := range faults {
		a := Attack{fmt.Sprintf("correct, with a scan that ended as %q,", status), unscanned(status)}
		got := c.price(a)
		switch {
		case got.Total >= honest-slack || got.Security >= 1:
			c.say(ScanFault, a.Name, "is priced as clean (%.3f)", got.Total)
		case got.Total > worst.Total+slack:
			c.say(ScanFault, a.Name, "earns %.3f, more than with a HIGH finding (%.3f)", got.Total, worst.Total)
		}
	}
}

// neighbours changes a verdict in one place and compares.
func (c *checker) neighbours(a Attack) {
	if len(a.Verdict.Public) == 0 {
		return
	}
	old := c.price(a).Total
	turned := a
	turned.Verdict.Public = slices.Clone(a.Verdict.Public)
	slices.Reverse(turned.Verdict.Public)
	if got := c.price(turned).Total; math.Abs(got-old) > slack {
		c.say(Symmetric, a.Name, "earns %.3f, and %.3f with its tests in reverse", old, got)
	}
	for _, severity := range []scan.Severity{scan.Low, scan.Medium, scan.High} {
		flagged := a
		flagged.Verdict.Findings = append([]scan.Finding{{Rule: "B000", Severity: severity}}, a.Verdict.Findings...)
		if got := c.price(flagged).Total; got > old+slack {
			c.say(Findings, a.Name, "earns %.3f, and %.3f with a %s finding more", old, got, severity)
		}
	}
	for i, t := range a.Verdict.Public {
		if t.Outcome != judge.WrongOutput {
			continue
		}
		better := a
		better.Verdict.Public = slices.Clone(a.Verdict.Public)
		better.Verdict.Public[i].Outcome, better.Verdict.Public[i].Equal = judge.Passed, true
		if got := c.price(better).Total; got < old-slack {
			c.say(Monotone, a.Name, "earns %.3f, and %.3f when test %d passes too", old, got, i+1)
		}
	}
}

// Run fails the test for every fault of the scheme. bounds is as in Check.
func Run(t testing.TB, s reward.Scheme, bounds map[string]float64) {
	t.Helper()
	for _, f := range Check(s, bounds) {
		t.Errorf("%s: %s", s.Name(), f)
	}
}
