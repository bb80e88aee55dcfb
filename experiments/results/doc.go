// Package results makes the report of a finished run: tables, figures, examples and
// the sentences its intervals allow.
//
//	metrics.jsonl, evaluation.jsonl --Write--> figures/*.svg|csv|txt, report.md, report.html
//
// Everything is read from disk (package stored, which draws the figures too), so that
// a stored run can be reported again.
package results
