// Package record is the one stored form of a judged program. Training, evaluation,
// benchmark, figures and notebooks read and write this type and no other.
//
//	Row --Encode--> one JSON line --Read--> Row
//
// A row holds what was asked, what was written, with which probabilities (under the law
// sampled and, where it differs, under the model alone), what is known of it (a judge.Verdict), and what schemes paid. Equal rows have equal bytes:
// floats are rounded to six digits, fields have a fixed order, and there is no clock.
package record
