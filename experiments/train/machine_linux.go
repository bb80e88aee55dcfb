package train

import (
	"os"

	"golang.org/x/sys/unix"
)

// schedulers are the signals that job schedulers send besides SIGTERM.
var schedulers = []os.Signal{unix.SIGUSR1}

// freeBytes is the space that this user may still fill; 0 if unknown.
func freeBytes(dir string) int64 {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return 0
	}
	return int64(s.Bavail) * s.Bsize
}

// processSeconds is the processor time of this process and its ended children.
func processSeconds() float64 {
	total := 0.0
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		if unix.Getrusage(who, &u) == nil {
			total += float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
		}
	}
	return total
}
