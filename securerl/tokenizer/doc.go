// Package tokenizer is described in its own documentation below.
package tokenizer
