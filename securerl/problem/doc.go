// Package problem holds tasks with tests and where they come from.
//
//	CodeNet JSONL, the first paper's JSON v2.0, APPS rows or folders --Read*--> Set
//	package families --Build--> Set (the generated teaching problems)
//
//	Set --Validate--> every fault at once
//	Set --Split-----> []Problem{ Statement, Public tests (reward), Hidden tests (evaluation), References }
//
// A Problem is data: nothing here runs a program. Readers are strict. A row that
// cannot be judged as stated is an error with file, line and key, never a guess: the
// first paper's reader turned 2,634 function-call items into unsolvable stdin tasks
// without a word, and dropped missing values from inputs and outputs separately,
// which shifts every later pair. Here rows whose tests are function calls come back
// as ErrCallStyle beside the problems of all other rows.
//
// The comparator of a read problem is float where its statement names a tolerance
// (the rule is that of Tolerance), lines everywhere else. Exceptions lists the problems
// where that is not so, each with the sentence of its statement. The paper's own
// comparison is Peer; whoever repeats its numbers sets it.
//
// Sources: Project CodeNet (github.com/IBM/Project_CodeNet), APPS
// (arXiv:2105.09938), the data tools of the first paper's release.
package problem
