// Package advantage is described in its own documentation below.
package advantage
