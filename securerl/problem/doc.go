// Package problem holds tasks with tests and where they come from.
//
//	codenet JSONL, the first paper's JSON v2.0, APPS rows --Read*--> Set --Split--> []Problem
//	package families --Build--> Set (the generated teaching problems)
//
// A Problem is data: nothing here runs a program. Readers are strict. A row that
// cannot be judged as stated is an error with file and line, never a guess: the
// first paper's reader turned 2,634 function-call items into unsolvable stdin tasks
// without a word.
package problem
