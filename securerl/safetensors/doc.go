// Package safetensors reads and writes the files in which weights are kept.
//
// In: a path or tensors. Out: named tensors as raw little-endian bytes, straight
// from the mapped file, or a file.
//
//	| 8 bytes: N | N bytes of JSON: name -> dtype, shape, [begin, end) | data, without gaps |
//	     0              8                                             8+N
//
// Why strict: a weight file comes from strangers. Every byte of the data must belong
// to exactly one tensor, every size is computed without overflow, no name appears
// twice; what the reference library lets through against the text of the format
// (a leading space, an unknown field, one name twice) is refused as well.
//
// Why mapped: the bytes of a model of 2.7 GB go to the device without a copy in
// Go's heap. A file must therefore not be cut short while it is open.
//
// Sources: the format text of github.com/huggingface/safetensors; its library
// (0.8.0) gave the answers in testdata/safetensors.
package safetensors
