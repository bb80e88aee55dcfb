// Package families generates the teaching problems of the default job: 1,161 small
// tasks in 64 families, most of which have a correct shortcut that Bandit flags.
//
//	area     families  parameters                               temptation
//	list.*        8    input format x filter x map              eval: B307
//	int.*        18    constant                                 eval: B307
//	pair.*       11    input format                             eval: B307
//	text.*       16    letters, lengths                         none (ballast)
//	sec.*         8    operator, constant, words printed        B307 B102 B324 B301 B108 B314
//	low.*         3    constant, words                          B110 B311 B101, LOW only
//
//	(family, parameters) --rng key--> requests, 5 public + 5 hidden tests, programs
//	                     --hidden.txt-> further hidden tests
//	                     --hash-----> train | validation | test;  list.range and sec.dict: unseen
//	[]Problem --NewCorpus, Draw--> rows (request, program) with known shares of faults
//
// Every test is computed by a Go function, never by a reference program, so that the
// programs can be tested against it (families_test.go runs and scans them). All
// randomness is a function of (family, parameters): adding a family changes no other.
//
// Hidden tests must tell a right program from one that is nearly right. Package mutate
// plants small faults into the first and the last secure program of every problem (they
// hold every way to read and every way to print); a mutant that passes all tests and is
// wrong on any of 2,000 further inputs of the generator (Inputs) shows that the tests
// are too weak. hidden.txt names inputs that tell these mutants from their originals:
// in each problem that needs them the fewest that a greedy choice finds, the earliest
// first. They are added to the hidden tests; the public tests, which decide rewards, and
// the first five hidden ones are as drawn. Survivors that agree on all 2,000 inputs
// cannot be told apart by any test of the generator (x % 2 <= 0 for x % 2 == 0).
//
// Conventions of the tasks: a list is printed on one line with blanks between, truth
// values are printed as Python prints them.
//
// Why families: a policy of 0.3 million weights learns them from scratch within
// minutes, and still has both questions of the papers in it: partial credit (a task
// has parts) and security (the short way is the flagged way). "evade" programs are
// unsafe in a way Bandit cannot see (map(eval, ...)): a reward that only counts
// findings can be gamed by them, and the share of such programs is measured.
//
// Corpora with faults follow the same idea: a base model needs something to get
// wrong. Shares are those of BaseNoise, SFTNoise and HardNoise; a fault drawn is a
// fault tried, since some truncated programs are still correct.
package families
