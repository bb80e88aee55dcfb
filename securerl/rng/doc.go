// Package rng makes every random choice from a key, so that the same run, step,
// problem and sample give the same numbers, in any order and on any backend.
//
// In: a seed and numbers that say what the choice is for. Out: a Key, and from it
// either a Stream of numbers on the host or words inside a computation graph.
//
//	New(seed) --Name("ppo")--> Key --Fold(step, problem, sample)--> Key
//	                                       |                         |
//	                     Stream: Uint64, IntN, Shuffle    Bits, Gumbel [B, n] in a graph
//
// Why keys and not one generator: a generator's numbers depend on how often it
// was asked before. With keys a batch may be cut, reordered or resumed, and row 7
// still draws the same tokens. A key is cheap to derive (one block of 20 rounds).
//
// Why Threefry: it is a short pure function of additions, rotations and
// exclusive-ors on 32-bit words, which every backend computes exactly. The
// generators of the backends themselves differ from each other.
//
// Use a key either for a Stream or in Bits or as a parent. The counters of the
// three do not meet, but two Streams of one key are the same numbers.
//
// Sources: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1,
// 2, 3", SC 2011; the test vectors are those of its Random123 library (BSD licence).
package rng
