// Package rng is described in its own documentation below.
package rng
