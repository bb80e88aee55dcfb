// Package safetensors is described in its own documentation below.
package safetensors
