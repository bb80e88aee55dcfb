// Package corpus brings what a policy is trained on from files: problems with tests,
// and rows to fine-tune on.
//
//	a file of problems --Problems--> problem.Set (split, with hidden tests), Report (what was left out, and why)
//	a file of rows     --Rows------> []Row{ID, Request, Program}
//
// Published sets have neither splits nor hidden tests. A problem gets its split by a
// key made of its id, so that a set that grows keeps the splits of what it held; its
// last tests become the hidden ones. What cannot be judged or asked fairly is left out
// and counted, never repaired.
package corpus
