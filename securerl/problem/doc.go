// Package problem holds tasks with tests and where they come from.
//
//	CodeNet JSONL, the first paper's JSON v2.0, APPS rows or folders --Read*--> Set
//	MBPP, HumanEval JSONL (call style: tests are asserts)            --Read*--> Set
//	package families --Build--> Set (the generated teaching problems)
//
//	Set --Validate--> every fault at once
//	Set --Split-----> []Problem{ Statement, Public tests (reward), Hidden tests (evaluation), References }
//
// A Problem is data: nothing here runs a program. Readers are strict. A row that
// cannot be judged as stated is an error with file, line and key, never a guess: the
// first paper's reader turned 2,634 function-call items into unsolvable stdin tasks
// without a word, and dropped missing values from inputs and outputs separately,
// which shifts every later pair. Here rows whose tests are function calls of a form
// that cannot be judged come back as ErrCallStyle beside the problems of all others.
//
// A test is either input with output, or, where the problem names its Entry
// functions, Python statements that call them (package call runs those). A test of
// HumanEval is one assert: its check function is split, so that k of T is known.
//
// The comparator of a read problem is float where its statement names a tolerance
// (the rule is that of Tolerance), lines everywhere else. Exceptions lists the problems
// where that is not so, each with the sentence of its statement. The paper's own
// comparison is Peer; whoever repeats its numbers sets it.
//
// Sources: Project CodeNet (github.com/IBM/Project_CodeNet), APPS
// (arXiv:2105.09938), MBPP (arXiv:2108.07732), HumanEval (arXiv:2107.03374), the data tools of the first paper's release.
package problem
