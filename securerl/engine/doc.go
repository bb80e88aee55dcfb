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
// Several devices (WithDevices) share the rows of a batch: a Func that is spread
// (Func.Spread) is compiled once for all of them by XLA's own partitioner, the weights
// lie whole on each, and the sums over a batch are exchanged inside the graph. So training
// and scoring are spread; sampling, a While loop, uses the first device. The
// code of a step is the same for one device and for several, and tests of it run on
// logical devices of a CPU, where they agree to 1e-5.
//
// The pure-Go backend needs no C compiler and is always linked; XLA comes with the
// build tag xla and a plugin file that make setup installs from a pinned wheel. The
// same graphs run on both; tests run on both through engine/enginetest.
//
// On this package's default machine, two CPU cores, XLA needs about a quarter of
// the CPU time of the pure-Go backend for a training step.
//
// Sources: GoMLX (github.com/gomlx/gomlx), go-xla, the successor of gopjrt; Xu et al.
// 2021 (arXiv:2105.04663) for the partitioner.
package engine
