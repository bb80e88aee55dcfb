package rng

import (
	"crypto/sha256"
	"encoding/binary"
)

// Key is a Threefry-2x32 key: two words that name one stream of random numbers.
type Key [2]uint32

// New is the root key of a seed.
func New(seed uint64) Key { return Key{uint32(seed), uint32(seed >> 32)} }

// Fold derives a child key. The order of the parts matters; distinct paths give
// unrelated keys.
func (k Key) Fold(parts ...uint32) Key {
	for _, p := range parts {
		k[0], k[1] = Threefry(k, p, 0x5EC0DE)
	}
	return k
}

// Name derives a child key from a string, by the first words of its SHA-256.
func (k Key) Name(s string) Key {
	h := sha256.Sum256([]byte(s))
	return k.Fold(binary.LittleEndian.Uint32(h[:]), binary.LittleEndian.Uint32(h[4:]))
}

var rotations = [8]int{13, 15, 26, 6, 17, 29, 16, 24}

// parity is the constant of the key schedule (Threefish's C240, upper half).
const parity = 0x1BD11BDA

// Threefry is Threefry-2x32 with 20 rounds: two counter words in, two random words
// out. Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
func Threefry(k Key, c0, c1 uint32) (uint32, uint32) {
	schedule := [3]uint32{k[0], k[1], parity ^ k[0] ^ k[1]}
	x0, x1 := c0+schedule[0], c1+schedule[1]
	for r := range 20 {
		x0 += x1
		n := rotations[r%8]
		x1 = x1<<n | x1>>(32-n)
		x1 ^= x0
		if r%4 == 3 {
			j := r/4 + 1
			x0 += schedule[j%3]
			x1 += schedule[(j+1)%3] + uint32(j)
		}
	}
	return x0, x1
}
