// Package mutate measures how good the tests of a problem are: it plants one small
// fault at a time into programs that solve the problem and counts how many of these
// mutants the tests tell from the original.
//
//	reference program --Mutator.Mutants--> mutants, each with one change at one place
//	problems, mutants --Try--------------> Result{killed, survivors by problem, operator, line and change}
//
// A mutant is killed by the first test it fails, times out on or crashes on; public and
// hidden tests count alike. One that passes all of them has survived. It may be
// equivalent to the original, which no program can decide in general. Where a problem
// comes from a generator, survivors are run on more of its inputs (Options.Inputs): one
// that is wrong on any of them is a fault of the tests, and Survivor.Wrong says where.
//
// Mutants are made inside the sandbox from the syntax tree, but written as a change of
// bytes, so that a mutant differs from its original in one place only. Those that do
// not compile, or have the same tree as the original or as an earlier mutant, are left
// out. Expressions inside of f-strings and names of types are not changed.
//
// Why these operators: arithmetic, relational, logical, unary and constant changes are
// close to Offutt's sufficient set; three relations stand for each, as the others are
// subsumed; statements, returned values, removed calls and moved bounds are what the
// mutation tools of practice add. Separators are ours: programs here are judged by
// what they print.
//
// The many inputs of a survivor run inside one process (the sandbox confines it as a
// whole): only programs that we wrote ourselves, one change aside, are run so, and
// where they go wrong there they are run once more alone. Programs of a model are
// never run this way.
//
// Sources: Jia and Harman, An analysis and survey of the development of mutation
// testing, IEEE TSE 37(5), 2011; Offutt, Lee, Rothermel, Untch and Zapf, An
// experimental determination of sufficient mutant operators, ACM TOSEM 5(2), 1996;
// Kaminski, Ammann and Offutt, Better predicate testing, AST 2011; Coles and others,
// PIT: a practical mutation testing tool for Java, ISSTA 2016 (calls replaced by their
// receiver or argument).
package mutate
