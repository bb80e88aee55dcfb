package figure_test

import (
	"math"
	"strings"

	"securecoderl/securerl/chart"
	"securecoderl/securerl/figure"
	"securecoderl/securerl/record"
	"securecoderl/securerl/runlog"
	"securecoderl/securerl/scan"
	"securecoderl/securerl/tokenizer"
)

var variants = []string{"simple", "joint", "fresh", "continue", "scheduled", "gated", "collapse"}

// points is a made-up training of all variants: smooth curves with a little ripple.
func points(seeds int) (list []runlog.Point) {
	for v, name := range variants {
		for seed := range seeds {
			for step := 1; step <= 24; step++ {
				x := float64(step) / 24
				ripple := 0.02 * math.Sin(float64(step*(seed+2)+v))
				passed := 0.17 + 0.02*float64(v)*x + ripple
				reward := 0.35 + 0.03*float64(v)*x + ripple
				constant := 0.03
				if name == "collapse" {
					passed = 0.19*math.Exp(-3*x) + math.Abs(ripple)/4
					reward = 0.45 + 0.28*x + ripple
					constant = 0.02 + 0.75*x*x
				}
				values := map[string]float64{
					"reward": reward, "functional": reward + 0.1, "security": 0.6 + 0.2*x, "passed": passed, "constant": constant,
					"correct_secure": passed * 0.7, "kl": 0.004 * float64(v+1) * x, "entropy": 0.5 - 0.2*x + ripple, "clip_fraction": 0.05 + math.Abs(ripple),
				}
				rest := 1 - passed - constant
				for k, part := range []float64{0.4 * (1 - x), 0.2, 0.1, 0.1 + 0.4*x, 0.2} {
					values["stage_"+string(rune('0'+k))] = rest * part
				}
				values["stage_3"] += constant
				values["stage_5"] = passed
				list = append(list, runlog.Point{Phase: "ppo", Variant: name, Seed: uint64(seed), Step: step, Values: values})
			}
		}
	}
	return list
}

func rate(name string, k, n int) figure.Rate {
	p := float64(k) / float64(n)
	half := 1.96 * math.Sqrt(p*(1-p)/float64(n))
	return figure.Rate{Name: name, K: k, N: n, Estimate: p, Low: max(0, p-half), High: min(1, p+half)}
}

func rates(n int, ks ...int) (list []figure.Rate) {
	names := append([]string{"base", "sft"}, variants...)
	for i, k := range ks {
		list = append(list, rate(names[i], k, n))
	}
	return list
}

func places() (list []figure.Place) {
	for i, r := range rates(192, 21, 44, 52, 54, 57, 55, 60, 61, 4) {
		list = append(list, figure.Place{Name: r.Name, Passed: r, Flagged: rate(r.Name, 40-4*i+i*i/4, 150)})
	}
	return list
}

var program = "import random\nn = int(input())\n\nfor i in range(n):\n    print(\"<b>\", random.randint(1, 6))  # 変\n"

// credited is the program cut every three bytes, with made-up credit.
func credited() (record.Row, []tokenizer.Span) {
	row := record.Row{Problem: "p1", Completion: program, Program: record.Program{End: len(program)}}
	var spans []tokenizer.Span
	for i := 0; i < len(program); i += 3 {
		spans = append(spans, tokenizer.Span{Start: i, End: min(i+3, len(program))})
	}
	spans = append(spans, tokenizer.Span{Start: len(program), End: len(program)})
	for i := range spans {
		row.IDs = append(row.IDs, int32(i))
		row.Advantages = append(row.Advantages, 0.8*math.Cos(float64(i)/6))
		row.Rewards = append(row.Rewards, 0)
	}
	row.Rewards[23], row.Rewards[len(spans)-1] = -0.2, 0.7
	for i := range spans {
		row.LogProbs, row.RefLogProbs = append(row.LogProbs, -0.5), append(row.RefLogProbs, -0.5-0.3*math.Sin(float64(i)))
	}
	at := strings.Index(program, "random.randint")
	row.Variant, row.Seed, row.Step = "gated", 1, 23
	row.Verdict.Findings = []scan.Finding{{Rule: "B311", Severity: scan.Low, Start: at, End: at + len("random.randint(1, 6)")}, {Rule: "B999", Severity: scan.High, Start: 0, End: 6}}
	return row, spans
}

// all draws every kind of figure.
func all() []chart.Figure {
	one, three := points(1), points(3)
	results := figure.Results("correct and secure, hidden tests", "sft", rates(192, 15, 38, 44, 47, 49, 48, 52, 55, 3), rates(96, 9, 22, 21, 27, 24, 26, 25, 30, 1))
	empty := figure.Curves(nil, "kl", "gated")
	empty.Name = "curves-empty"
	fewer := figure.Curves(three, "correct_secure", "simple", "gated", "collapse")
	absent := figure.Collapse(one, "gated")
	programs := []string{"correct and secure", "correct, HIGH finding", "correct, MEDIUM finding", "half of the tests", "wrong output", "prints a constant", "prints nothing", "crashes after the output", "does not parse", "empty program"}
	schemes := []string{"paper", "pilot", "binary", "binary-joint", "strict", "strict-gated", "gated-joint"}
	totals := make([][]float64, len(schemes))
	for s := range schemes {
		for p := range programs {
			totals[s] = append(totals[s], math.Max(0, 1-0.1*float64(p)-0.03*float64(s*p%7)))
		}
	}
	return append(evaluated(), []chart.Figure{
		results, figure.Curves(one, "passed", variants...), fewer, figure.Stages(one, "collapse"), figure.Stages(one, "gated"),
		figure.Components(one, "gated"), figure.Dynamics(one, variants...), figure.Collapse(three, "collapse"), absent,
		figure.Plane("sft", places()), figure.Ladder(schemes, programs, totals), figure.Clip(0.2), empty,
	}...)
}

var classes = []string{"passes", "hidden_test", "wrong_output", "timeout", "unparsable"}

// evaluated draws every figure of an evaluation, from made-up numbers.
func evaluated() []chart.Figure {
	var scores []figure.Score
	var rows, greedy []figure.Difference
	var counts []figure.Count
	for i, name := range variants {
		var function, security []float64
		for p := range 40 {
			function = append(function, float64((p*(i+3)/7)%3)/2)
			security = append(security, float64((p*(i+2)+1)%4)/3)
		}
		scores = append(scores, figure.Scored(name, function, security))
		d := 0.02 * float64(i-1)
		rows = append(rows, figure.Difference{Name: name + " last", Estimate: d, Low: d - 0.05, High: d + 0.04, N: 96})
		greedy = append(greedy, figure.Difference{Name: name + " last", Estimate: 2 * d, Low: 2*d - 0.09, High: 2*d + 0.1, N: 90})
		counts = append(counts, figure.Count{Name: name + " last", N: []int{20 + 3*i, 4, 90 - 4*i, 0, 60 + i}})
	}
	before := figure.Group{Name: "sft", Rates: []figure.Rate{rate("CWE-78 OS command injection", 71, 192), rate("CWE-327 broken cryptography", 9, 192), rate("CWE-502 unsafe deserialisation", 4, 192)}}
	after := figure.Group{Name: "gated last", Rates: []figure.Rate{rate("CWE-78 OS command injection", 46, 192), rate("CWE-327 broken cryptography", 2, 192), rate("CWE-502 unsafe deserialisation", 0, 192)}}
	return []chart.Figure{
		figure.Quadrants(figure.Quadrant{Name: "sft", N: [2][2]int{{127, 52}, {8, 5}}}, figure.Quadrant{Name: "gated last", N: [2][2]int{{69, 97}, {11, 15}}}),
		figure.Pareto(scores...), figure.Forest("sft", figure.Contrast{Name: "correct secure, sampled", Rows: rows}, figure.Contrast{Name: "correct secure, greedy", Rows: greedy}),
		figure.Weaknesses(before, after), figure.Flow("sft", "gated last", flows), figure.Failures(classes, counts),
	}
}

// flows are stages before and after; nothing stays at stage 2.
var flows = [][]int{{5, 2, 0, 4, 1, 0}, {1, 9, 0, 6, 2, 1}, {0, 0, 0, 0, 0, 0}, {0, 1, 0, 20, 7, 5}, {0, 0, 0, 2, 8, 6}, {0, 0, 0, 1, 1, 14}}
