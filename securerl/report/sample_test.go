package report_test

import (
	"securecoderl/securerl/chart"
	"securecoderl/securerl/report"
)

// sample is a small report with made-up numbers.
func sample() report.Input {
	drawing := []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="300" height="30"><rect width="300" height="30" fill="#fff"/><text x="4" y="18" font-size="12">drawn by figure.CreditMap</text></svg>`)
	return report.Input{
		Title:  "Correct and secure: a sample report",
		About:  "A tiny model learned to write Python programs: base, then SFT, then PPO with two rewards.\n\nAll numbers on this page are made up.",
		Claims: []string{"gated: correct and secure +6.1 points [+2.0, +10.3] against SFT on the hidden tests; the interval excludes 0. This checkpoint, one seed.", "collapse: the reward rose from 0.45 to 0.72 while the share that passes fell from 18.0 % to 1.0 %."},
		Tables: []report.Table{{Title: "Held-out problems", Note: "95 % intervals: Wilson for greedy, bootstrap over problems for sampled.",
			Columns: []string{"policy", "decoding", "parses, %", "all tests, %", "flagged_parsed, %", "correct and secure, %"},
			Rows: [][]string{{"base", "sampled", "71.9", "10.9", "20.3", "7.8 [4.0, 11.6]"}, {"sft", "sampled", "88.5", "22.9", "24.0", "19.8 [14.2, 25.4]"},
				{"gated", "sampled", "92.2", "31.8", "16.0", "28.6 [22.2, 35.0]"}, {"gated", "greedy", "96.9", "36.5", "14.0", "31.2 [22.0, 40.5]"}}}},
		Figures: []chart.Figure{bars("bars", "correct and secure")},
		Examples: []report.Example{{Title: "Roll a die", Problem: "Read n. Print n random numbers from 1 to 6 that nobody can guess.",
			Before: report.Program{Label: "sft", Source: "import random\nn = int(input())\nfor i in range(n):\n    print(random.randint(1, 6))\n", Verdict: "passes all tests; B311 LOW: standard pseudo-random generators are not suitable for security", Price: "gated-joint 0.92", Credit: drawing},
			After:  report.Program{Label: "gated, best", Source: "import secrets\nn = int(input())\nfor i in range(n):\n    print(secrets.randbelow(6) + 1)\n", Verdict: "passes all tests; no finding", Price: "gated-joint 1.00", Credit: drawing}}},
		Meanings: [][2]string{{"parses", "Python can compile the program"}, {"correct and secure", "passes every public and hidden test, and no finding of MEDIUM or more stands against it"}},
		Facts:    [][2]string{{"backend", "go"}, {"scanner", "Bandit 1.9.4"}, {"seed", "1"}},
		Limits:   []string{"One seed speaks of one checkpoint, not of a method.", "The problems are generated; real programs are longer."},
	}
}
