// Package results makes the report of a finished run: tables, figures, examples and
// the sentences its intervals allow.
//
//	metrics.jsonl, evaluation.jsonl --Write--> figures/*.svg|csv|txt, report.md, report.html
//
// Everything is read from disk, so that a stored run can be reported again.
package results
