package main

import (
	"context"
	"fmt"
	"math"

	"securecoderl/experiments/train"
	"securecoderl/securerl/completion"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/reward"
)

// sample is a program whose verdict and price are known.
type sample struct {
	name, source string
	stage        judge.Stage
	passed       int     // of four tests
	strict       float64 // its price under strict, by hand: 0.6 R_func + 0.4 R_sec
}

var double = problem.Problem{ID: "double", Statement: "Print twice the integer that is read.", Public: []problem.Test{
	{Stdin: "3\n", Want: "6\n"}, {Stdin: "10\n", Want: "20\n"}, {Stdin: "0\n", Want: "0\n"}, {Stdin: "-4\n", Want: "-8\n"}}}

// right programs pass every test, each in another manner.
var right = []sample{
	{"plain", "print(2 * int(input()))", judge.Passes, 4, 1},
	{"main guard", "def main():\n    print(2 * int(input()))\n\nif __name__ == '__main__':\n    main()", judge.Passes, 4, 1},
	{"sys.stdin", "import sys\nsys.stdout.write(str(2 * int(sys.stdin.read())))", judge.Passes, 4, 1},
	{"open(0)", "print(2 * int(open(0).read()))", judge.Passes, 4, 1},
	{"os.read", "import os\nos.write(1, b'%d' % (2 * int(os.read(0, 99))))", judge.Passes, 4, 1},
	{"exit()", "print(2 * int(input()))\nexit()", judge.Passes, 4, 1},
	{"SystemExit(0)", "print(2 * int(input()))\nraise SystemExit(0)", judge.Passes, 4, 1},
	{"a class", "class N(int):\n    def __str__(self):\n        return '%d' % (self + self)\nprint(N(input()))", judge.Passes, 4, 1},
	{"recursion", "def f(n):\n    return 0 if n == 0 else f(n - 1) + 2 if n > 0 else -f(-n)\nprint(f(int(input())))", judge.Passes, 4, 1},
	{"imports", "from fractions import Fraction\nfrom functools import reduce\nimport re, math, json\nprint(reduce(lambda a, b: a + b, [Fraction(input())] * 2))", judge.Passes, 4, 1},
}

// broken programs are wrong, each at another place.
var broken = []sample{
	{"off by one", "print(2 * int(input()) + 1)", judge.Prints, 0, 0.76},                            // .6 a test
	{"forgets the sign", "print(2 * abs(int(input())))", judge.Some, 3, 0.94},                       // (3 + .6) / 4 = .9
	{"a constant", "input()\nprint(0)", judge.Some, 1, 0.82},                                        // (1 + 3 x .6) / 4 = .7
	{"prints nothing", "n = 2 * int(input())", judge.Runs, 0, 0.64},                                 // .4 a test
	{"divides by zero", "n = int(input())\n1 // n\nprint(2 * n)", judge.Parses, 3, 0.88},            // (3 + .2) / 4 = .8
	{"status 3", "print(2 * int(input()))\nexit(3)", judge.Parses, 0, 0.52},                         // .2 a test
	{"endless", "while True:\n    pass", judge.Parses, 0, 0.52},                                     // .2 a test
	{"a terabyte", "n = int(input())\nx = bytearray(1 << 40)\nprint(2 * n)", judge.Parses, 0, 0.52}, // .2 a test
	{"no Python", "Sure! Here is the program:\nprint(2 * int(input()))", judge.Unparsable, 0, 0},    // nothing
	{"an unsafe call", "print(2 * eval(input()))", judge.Passes, 4, 0.8},                            // 1; R_sec = .5
}

// empties are programs that do nothing; no scheme may pay more than emptyBound for one.
var empties = []string{"", "\n \n", "# print(2 * int(input()))", "'''print(2 * int(input()))'''", "\ufeff", "42"}

const emptyBound = 0

// schemes are all there are, in both forms of R_sec.
func schemes() (list []reward.Scheme) {
	for _, name := range reward.Names() {
		for _, suffix := range []string{"", "-exp"} {
			s, err := reward.Named(name + suffix)
			if err != nil {
				panic(err) // Names lists what Named knows
			}
			list = append(list, s)
		}
	}
	return list
}

// same tells whether two prices are the same but for the last digits of a sum.
func same(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

const judgeCure = "the judge of this checkout does not judge as it did: run make test, then report it"

// builtin judges the programs above.
func (d *doctor) builtin(ctx context.Context, l *train.Lab) {
	d.area = "judge"
	f, err := pricedAs(ctx, l.Training, right, true)
	d.check(fmt.Sprintf("golden programs: %d pass every test and earn full marks under all %d schemes", f.rows, len(schemes())), f.or(err), judgeCure)
	f, err = pricedAs(ctx, l.Training, broken, false)
	d.check(fmt.Sprintf("broken programs: %d stop at their stage and earn less under all %d schemes", f.rows, len(schemes())), f.or(err), judgeCure)
	f = found{}
	list := make([]sample, len(empties))
	for i, source := range empties {
		list[i] = sample{source: source}
	}
	verdicts, err := judged(ctx, l.Training, list)
	for i, v := range verdicts {
		for _, s := range schemes() {
			got := s.Price(v).Total
			f.say(got <= emptyBound, "%q earns %.3f under %s", empties[i], got, s.Name())
		}
	}
	d.check(fmt.Sprintf("empty programs: %d earn at most %d under all %d schemes", len(empties), emptyBound, len(schemes())), f.or(err), judgeCure)
}

func judged(ctx context.Context, j *judge.Judge, list []sample) ([]judge.Verdict, error) {
	var submissions []judge.Submission
	for _, x := range list {
		submissions = append(submissions, judge.Submission{Problem: &double, Source: x.source, Finish: completion.End})
	}
	verdicts, _, err := j.Judge(ctx, submissions)
	return verdicts, err
}

// pricedAs compares verdicts and prices with what is known of the programs.
func pricedAs(ctx context.Context, j *judge.Judge, list []sample, full bool) (f found, err error) {
	strict, err := reward.Named("strict")
	if err != nil {
		return f, err
	}
	verdicts, err := judged(ctx, j, list)
	for i, v := range verdicts {
		x := list[i]
		f.rows++
		f.say(v.Stage() == x.stage && v.PassedPublic() == x.passed, "%s: stage %s, %d of %d tests, want %s, %d", x.name, v.Stage(), v.PassedPublic(), v.Total, x.stage, x.passed)
		got := strict.Price(v).Total
		f.say(same(got, x.strict), "%s earns %.3f under strict, want %.3f", x.name, got, x.strict)
		for _, s := range schemes() {
			got := s.Price(v).Total
			f.say(same(got, 1) == full, "%s earns %.3f under %s", x.name, got, s.Name())
		}
	}
	return f, err
}
