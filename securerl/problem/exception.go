package problem

import (
	"slices"
	"strings"
)

// Exception is a problem whose comparator does not follow from the rule of this
// package, with the sentence of its statement that calls for another one.
type Exception struct {
	ID      string
	Compare Comparator
	Quote   string
}

// exceptions are problems of Project CodeNet. Their statements ask for several numbers
// in an order and say nothing of lines, where the samples have one line or several.
// Of the 1,466 published solutions of the 510 problems looked at (6,290 tests), three
// fail by the rule (8 tests), one for each problem here: they print the right numbers
// on several lines where the sample has one, or the other way round. The sentences do
// not name a separator: that they leave it open is all they say for tokens.
var exceptions = []Exception{
	{"p02899", Tokens, "Print the student numbers of the students in the order the students entered the classroom."},
	{"p02984", Tokens, "Print N integers representing the number of liters of rain Mountain 1, Mountain 2, ..., Mountain N received, in this order."},
	{"p03108", Tokens, "In the order i = 1, 2, ..., M, print the inconvenience just after the i-th bridge collapses."},
}

// Exceptions lists them.
func Exceptions() []Exception { return slices.Clone(exceptions) }

// comparator applies the rule of this package: the exceptions, then float where the
// statement names a tolerance, lines elsewhere. An exception needs its sentence too, so
// that a problem of another set with the same id is not meant.
func comparator(id, statement string) (Comparator, float64) {
	for _, x := range exceptions {
		if x.ID == id && strings.Contains(statement, x.Quote) {
			return x.Compare, 0
		}
	}
	if eps, named := Tolerance(statement); named {
		return Float, eps
	}
	return Lines, 0
}
