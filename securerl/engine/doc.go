// Package engine opens the machine that computes: the pure-Go backend of GoMLX, or
// XLA on a CPU or a CUDA device. It knows tensors and graphs, not models.
//
//	"auto" --Open--> Engine --NewFunc(graph builder)--> Func --Call(tensors)--> tensors
//	                                                          Tree = ordered named tensors
//
// Everything is functional: weights are inputs of a graph and updated weights are
// its outputs. A step that fails loses nothing, a While loop gets its weights
// through its state, and several adapters share one base without a copy.
//
// The pure-Go backend needs no C compiler and is always linked; XLA comes with the
// build tag xla and a plugin file that make setup installs from a pinned wheel. The
// same graphs run on both; tests run on both through engine/enginetest.
//
// On this package's default machine, two CPU cores, XLA needs about a quarter of
// the CPU time of the pure-Go backend for a training step.
//
// Sources: GoMLX (github.com/gomlx/gomlx), go-xla, the successor of gopjrt.
package engine
