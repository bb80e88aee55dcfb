// Package call runs tests that call the functions of an untrusted program, as those
// of MBPP and HumanEval do, with the expected values out of the program's reach.
//
//	problem.Test{Assert}, source --Evaluator.Evaluate--> Ending{Kind, Exception, Line, ...}
//
//	evaluator (trusted, confined)          Go                      program (hostile, sandbox)
//	assert f(3) == 9
//	       f(3)?  -- need: f, (3,) -->  starts a process  -->  driver: f(3)
//	                                   checks the answer  <--  "returned 9", a claim
//	assert 9 == 9 <-- result: 9 -----
//	       passed ------------------>  Ending
//
// The usual way puts program and asserts into one process. There a program can read
// the expected values, replace what == or assert means, or leave with status 0. Here
// the process of the program sees one call with its arguments and nothing else, and
// the process of the test sees values and nothing of the program. A program that
// forges its answer has only answered.
//
// The evaluator runs the statements of a test with stubs in place of the program's
// functions. A stub that is called for the first time ends the attempt; Go has the
// call made, and the statements run again with its result, until they end. So any
// Python works around the calls: round trips through two functions, tolerances,
// loops, try and except. Randomness in a test is seeded, and each run must ask for
// the same calls.
//
// Values travel in a text of their own (literal.py), which Go checks byte for byte
// before the evaluator reads it. Subclasses are written as the type of Python's own
// they come from, by that type's methods: a list that claims to be equal to
// everything arrives as a list. Iterators arrive as iterators over up to 4,096 values.
// Anything else is opaque: true or false, not None, equal to nothing. Exceptions
// arrive as the nearest class of Python's own. Arguments that a call changed in place
// are changed in the test too; that two values are the same object is lost.
//
// Every call is a process of its own: a program keeps no state from one to the next.
//
// What the program's values do to a test (an assert on a number of a million digits)
// is the program's doing if a fresh evaluator that has just proved itself shows it
// again: Stalled. Without any value it is the test's: ErrTest. All else is
// ErrEvaluator, and no verdict. A test that calls nothing cannot pass: ErrTest.
//
// Sources: the test forms of HumanEval (arXiv:2107.03374) and MBPP (arXiv:2108.07732).
package call
