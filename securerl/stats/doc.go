// Package stats is described in its own documentation below.
package stats
