// Nb keeps the notebooks short, in step with the library and true, without Jupyter.
//
//	nb strip [-w] [FILE...]            the form in which a notebook is committed, printed or written back
//	nb diff [FILE...]                  fails where a notebook is not in that form or breaks a rule
//	nb check [FILE...]                 type-checks and vets every cell, in seconds
//	nb run [-timeout 3m] [FILE...]     runs every cell and proves every exercise
//
// Without names it takes notebooks/*.ipynb of the checkout. It exits with 0, with 1 and a
// line for each finding, with 2 for a wrong call:
//
//	05-graded-rewards.ipynb cell 4 line 2: undefined: x
//
// Cells are counted as Jupyter counts them after Run All: code cells from 1.
//
//	notebook --read--> cells --plan--> steps --write--> .cache/nbcheck/NOTEBOOK/{programs,tests}/cNN
//	                     |                                  |                        |
//	                   strip, diff                     check: one go vet      run: two go commands, then
//	                                                                          each program in order
//
// # Rules of form (diff)
//
// The file is named like 05-graded-rewards.ipynb, is under 60,000 bytes, and is stored as
// strip writes it: no outputs, counts or times, but tags and folded cells stay. The first
// cell is Markdown: a heading, one question, "N minutes", "Prerequisites". At most 25 code
// cells of at most 25 lines; no function or type longer than 15 lines (longer code belongs
// in the library, with tests). At least one cell makes the claim, at least one exercise.
//
// # Tags
//
//	check                        a cell that ends with status 1 if the notebook's claim fails
//	check, raises-exception      a %test cell: the check of an exercise
//	solution                     Markdown after it: <details><summary>, one ```go fence, </details>
//	raises-exception             a cell that is meant to fail, and must
//	shell                        allows ! lines and %%bash; they must end with status 0
//
// # Exercises (run)
//
// The check must fail with the stub above it and pass with the fence laid over the stub. A
// check that does not compile, or that ends before a test ran, has not failed: it proves
// nothing. A test that is skipped has not passed.
//
// # Why so
//
// A cell of GoNB is a whole program, and what is carried from cell to cell is source. So
// no kernel is needed to know what a cell does: package gonb writes the same program, with
// line marks that lead errors and stack traces back to the cell.
//
// Imports are not guessed. The kernel runs goimports, whose choice between two packages of
// one name (math/rand, crypto/rand) depends on its version; a notebook that passes here
// needs no guess. A cell without imports for what it uses works in Jupyter and fails here.
//
// Shell lines are refused unless tagged, because GoNB answers "ok" to !false.
//
// Cells run in the notebook's folder, with the kernel's flags and programs, without
// network for the go command and without input. All cells of one call share one session
// (SECURERL_KERNEL is the process id of nb), which ends with nb. The timeout is for all
// cells of a notebook together; compiling is not counted, since a first build takes minutes.
// After a cell that fails the next ones still run, as in Jupyter, so that one call shows
// every finding; after the timeout nothing more of that notebook runs.
//
// Not done: displays are not collected (there is no page), live updates and interrupts are
// not tried: make notebooks runs Jupyter itself for that. %env, %cd, %goflags, %rm and
// other magics are refused: they change later cells behind the reader's back.
//
// Sources: GoNB v0.11.5, internal/goexec/parser.go, composer.go, execcode.go and
// internal/specialcmd; the notebook format 4.5 (nbformat.readthedocs.io).
package main
