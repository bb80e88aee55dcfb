//go:build xla && linux

package engine

/*
#include <limits.h>
#include <malloc.h>

static void keep_memory(void) {
	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
	mallopt(M_TOP_PAD, 64 << 20);
	mallopt(M_ARENA_MAX, 1);
}
*/
import "C"

// XLA's CPU client takes and returns its scratch memory on every call. With glibc's
// defaults each call maps and unmaps it, and a fifth of a small training step is
// page faults; keeping freed memory saves 25 to 35 % of the CPU time.
func init() { C.keep_memory() }
