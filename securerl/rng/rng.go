package rng

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// Key is a 64-bit key of Threefry-2x32-20. Equal keys give equal numbers on
// every machine and backend.
type Key [2]uint32

// Second counter words that keep the uses of one key apart. Bits counts columns
// from 0, far below all of them.
const (
	tagFold   = 0x464f4c44 // "FOLD"
	tagName   = 0x4e414d45 // "NAME"
	tagStream = 0x80000000 // plus the high word of a stream's block number
)

// New returns the root key of a run.
func New(seed uint64) Key { return Key{uint32(seed), uint32(seed >> 32)} }

// Fold derives a child key from numbers that say what it is for, such as step,
// problem and sample. Order matters; Fold(a, b) equals Fold(a).Fold(b).
func (k Key) Fold(parts ...uint32) Key {
	for _, part := range parts {
		k[0], k[1] = Threefry(k, part, tagFold)
	}
	return k
}

// Name derives a child key from a word, such as the name of a phase. It folds
// the first 64 bits of the word's SHA-256.
func (k Key) Name(s string) Key {
	sum := sha256.Sum256([]byte(s))
	for i := range 2 {
		k[0], k[1] = Threefry(k, binary.LittleEndian.Uint32(sum[4*i:]), tagName)
	}
	return k
}

// rotations and parity are the constants of Threefry-2x32 and of its key
// schedule (Salmon et al. 2011, table 2 and section 3.3).
var rotations = [8]int{13, 15, 26, 6, 17, 29, 16, 24}

const parity = 0x1BD11BDA

// Threefry encrypts the counter (c0, c1) under key k with 20 rounds of
// Threefry-2x32. Both output words are uniform over all 32-bit values.
//
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
func Threefry(k Key, c0, c1 uint32) (uint32, uint32) {
	schedule := [3]uint32{k[0], k[1], parity ^ k[0] ^ k[1]}
	x0, x1 := c0+schedule[0], c1+schedule[1]
	for r := range 20 {
		x0 += x1
		x1 = bits.RotateLeft32(x1, rotations[r%8]) ^ x0
		if r%4 == 3 {
			j := r/4 + 1
			x0 += schedule[j%3]
			x1 += schedule[(j+1)%3] + uint32(j)
		}
	}
	return x0, x1
}
