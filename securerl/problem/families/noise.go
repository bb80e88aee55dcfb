package families

import (
	"fmt"
	"regexp"
	"strings"

	"securecoderl/securerl/rng"
)

// Noise gives the shares of faulty rows; the rest is correct. Shares are in [0, 1]
// and sum to at most 1.
type Noise struct {
	Syntax   float64 // lost or doubled bracket, lost quote or colon, cut off, lost indent, Python 2 print
	NoPrint  float64 // the answer left as an expression
	Crash    float64 // forgotten import, missing int(), misspelt call, wrong name
	Label    float64 // "Answer:" printed before the answer
	Constant float64 // prints a constant or its input
	Near     float64 // a correct program of a problem of the same group
	Far      float64 // a correct program of any problem
}

// The kinds of rows, as in Row.NoiseKind.
const (
	Correct  = "correct"
	Syntax   = "syntax"
	NoPrint  = "no_print"
	Crash    = "crash"
	Label    = "label"
	Constant = "constant"
	Near     = "near"
	Far      = "far"
)

// NoiseKinds lists the faults in the order in which Noise names them.
func NoiseKinds() []string { return []string{Syntax, NoPrint, Crash, Label, Constant, Near, Far} }

// Shares returns the share of every kind of NoiseKinds.
func (n Noise) Shares() []float64 {
	return []float64{n.Syntax, n.NoPrint, n.Crash, n.Label, n.Constant, n.Near, n.Far}
}

// BaseNoise is the noise of the base model's corpus: 56 % of the rows are correct.
func BaseNoise() Noise {
	return Noise{Syntax: 0.10, NoPrint: 0.05, Crash: 0.07, Label: 0.02, Constant: 0.02, Near: 0.12, Far: 0.06}
}

// SFTNoise is the noise of the default SFT rows: 40 % are correct.
func SFTNoise() Noise {
	return Noise{Syntax: 0.20, NoPrint: 0.10, Crash: 0.08, Label: 0.04, Constant: 0.03, Near: 0.12, Far: 0.03}
}

// HardNoise is the noise of the hard start: 1 % of the rows are correct.
func HardNoise() Noise {
	return Noise{Syntax: 0.50, NoPrint: 0.18, Crash: 0.12, Label: 0.06, Constant: 0.04, Near: 0.06, Far: 0.03}
}

func (n Noise) mustBeShares() {
	total := 0.0
	for _, share := range n.Shares() {
		if !(share >= 0) {
			panic(fmt.Sprintf("families: %+v has a share that is not in [0, 1]", n))
		}
		total += share
	}
	if !(total <= 1+1e-9) {
		panic(fmt.Sprintf("families: the shares of %+v sum to %g, at most 1 is possible", n, total))
	}
}

// draw returns a fault or Correct.
func (n Noise) draw(s *rng.Stream) string {
	u := s.Float64()
	for i, share := range n.Shares() {
		if u < share {
			return NoiseKinds()[i]
		}
		u -= share
	}
	return Correct
}

// spoil puts a fault of a kind into a program; kinds it does not know leave it as it is.
func spoil(kind, program string, s *rng.Stream) string {
	switch kind {
	case Syntax:
		return breakSyntax(program, s)
	case NoPrint:
		return dropPrint(program)
	case Crash:
		return makeCrash(program, s)
	case Label:
		return strings.Replace(program, "print(", "print('Answer:', ", 1)
	case Constant:
		return one(s, []string{"print(0)", "print(1)", "print('YES')", "print('NO')", "n = input()\nprint(0)", "s = input()\nprint(s)", "print(input())"})
	}
	return program
}

// places lists the byte offsets of any of the characters.
func places(program, characters string) []int {
	var at []int
	for i := range len(program) {
		if strings.IndexByte(characters, program[i]) >= 0 {
			at = append(at, i)
		}
	}
	return at
}

func breakSyntax(program string, s *rng.Stream) string {
	switch s.IntN(5) {
	case 0: // lose a bracket, colon or quote
		if at := places(program, "():'[]"); len(at) > 0 {
			i := one(s, at)
			return program[:i] + program[i+1:]
		}
	case 1: // cut off; may still parse
		low := max(1, len(program)/3)
		return program[:between(s, low, max(low, len(program)-2))]
	case 2: // double a bracket
		if at := places(program, "()"); len(at) > 0 {
			i := one(s, at)
			return program[:i] + program[i:i+1] + program[i:]
		}
	case 3: // lose an indent
		if strings.Contains(program, "\n    ") {
			return strings.Replace(program, "\n    ", "\n", 1)
		}
	}
	if strings.Contains(program, "print(") {
		return strings.Replace(program, "print(", "print ", 1) // Python 2
	}
	return program[:max(0, len(program)-1)]
}

func dropPrint(program string) string {
	if i := strings.LastIndex(program, "print("); i >= 0 && strings.HasSuffix(program, ")") {
		return program[:i] + program[i+len("print("):len(program)-1]
	}
	return strings.ReplaceAll(program, "print(", "(")
}

var (
	letters     = strings.Split("nasxtbpdwc", "")
	misspelt    = [][2]string{{"print", "pritn"}, {"input", "inptu"}, {"sum", "sums"}, {"range", "rang"}, {"split", "spilt"}, {"len", "lenght"}}
	letterAlone = regexp.MustCompile(`\b[nasxtbpd]\b`)
)

func makeCrash(program string, s *rng.Stream) string {
	switch s.IntN(4) {
	case 0: // forgotten import
		if _, rest, found := strings.Cut(program, "\n"); found && strings.Contains(program, "import ") {
			return rest
		}
	case 1: // text where a number is needed
		if strings.Contains(program, "int(input())") {
			return strings.Replace(program, "int(input())", "input()", 1)
		}
	case 2: // misspelt call
		order := append([][2]string(nil), misspelt...)
		s.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, m := range order {
			if strings.Contains(program, m[0]+"(") {
				return strings.Replace(program, m[0]+"(", m[1]+"(", 1)
			}
		}
	}
	if s.IntN(10) < 3 {
		return program + "\nprint(" + one(s, letters) + "[9])"
	}
	last := strings.LastIndexByte(program, '\n') + 1 // wrong name in the last line
	if at := letterAlone.FindStringIndex(program[last:]); at != nil {
		return program[:last+at[0]] + one(s, letters) + program[last+at[1]:]
	}
	return program
}
