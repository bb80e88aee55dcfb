// Package judge states the facts about a program: what a scanner finds in it, and
// what its tests came to.
//
//	Submission{Problem, Source} --Judge--> Verdict{Status, Findings, Public, Hidden}, Cost
//
//	scan (syntax, findings) --compiles, not empty--> public tests --> hidden tests
//
// A Verdict prices nothing: package reward does, and old runs can be priced again
// without running a program. It holds no clock either, so that equal programs have
// equal verdicts; what judging took travels beside it as Cost.
//
// A fault of the machinery is an error and stops the batch. It never becomes a
// verdict, so it never becomes a reward: in the first paper's code a failing scanner
// reads as "no findings" and a failing run as 0, below the 0.4 that garbage earns.
//
// Verdicts are cached by a digest of all they depend on: source, tests, comparator,
// limits, skip policy, sandbox tier, and the versions of interpreter and scanner. The
// variants of a run share the cache.
//
// A program parses if Python compiles it. Options.ASTParse takes the first paper's rule
// instead, ast.parse, which also accepts a return outside a function; such a program
// then crashes on every test. Verdicts keep both facts (Parsed, ASTOnly).
//
// Submissions may come one by one (Batch): they are judged while the next are written.
// The queue is bounded, so that nobody writes faster than is judged. In the first pass
// a program gets a quarter of its processor time and half of its real time; the few
// that need more go on, from the test they were at, when the first pass is over, alone
// and with all their time. Only then can a test time out, so that a busy machine makes
// no verdict worse.
//
// The cache's folder is shared by processes and pruned by size, the longest unused
// first. A verdict with skipped tests never answers a request for all of them: the skip
// policy is part of the key.
//
// A lost worker says nothing about its program, which runs again on another. A
// scanner that stalls or dies on a source twice says something about the source: it
// is never taken for clean.
//
// A problem of call style (problem.Test.Assert) has the same verdicts, test by test.
// Package call says what its tests come to:
//
//	every assert holds                      Passed
//	one does not, something was returned    WrongOutput; with Exception if it could not be told (abs of a list)
//	one does not, only None was returned    NoOutput, as where the process ends with status 0 and no answer
//	the program raises, lacks the function  Crashed, OutOfMemory: Exception, Line; Status 1
//	its process ends in another way         as for a test of standard input
//	its values keep the test busy           TimedOut
//
// Returned (something other than None) stands for printed, the values of a test's
// calls for its output: StdoutBytes and StdoutDigest are of them.
//
// Expected output never enters the sandbox, and status 0 is not trusted: a pass
// needs the right output as well.
package judge
