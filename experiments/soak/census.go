package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// census is what there is of this program and everything below it.
type census struct {
	Processes   int   `json:"processes"` // below this one
	Zombies     int   `json:"zombies"`
	Descriptors int   `json:"descriptors"`
	MemoryFiles int   `json:"memory_files"`
	Resident    int64 `json:"resident"` // bytes, of all
}

func (c census) String() string {
	return fmt.Sprintf("%d processes, %d zombies, %d descriptors, %d memory files, %d MiB", c.Processes, c.Zombies, c.Descriptors, c.MemoryFiles, c.Resident>>20)
}

// settle is how long a killed process may take to be gone.
const settle = 5 * time.Second

// look counts when nothing runs. servers is how many fork-servers there may be; each is
// two processes in tier A, and the scanner's has a child.
func look(servers int) (c census) {
	for end := time.Now().Add(settle); ; time.Sleep(20 * time.Millisecond) {
		c = count()
		if c.Zombies == 0 && c.MemoryFiles == 0 && c.Processes <= 2*servers+1 || time.Now().After(end) {
			return c
		}
	}
}

// faults compares a census with an early one.
func (c census) faults(first census) (list []string) {
	say := func(bad bool, format string, args ...any) {
		if bad {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	say(c.Zombies > 0, "%d zombies", c.Zombies)
	say(c.MemoryFiles > 0, "%d memory files are open", c.MemoryFiles)
	say(c.Processes > first.Processes+1, "%d processes, at first %d", c.Processes, first.Processes)
	say(c.Descriptors > first.Descriptors+1, "%d descriptors, at first %d", c.Descriptors, first.Descriptors)
	say(c.Resident > first.Resident+first.Resident/4+64<<20, "%d MiB, at first %d", c.Resident>>20, first.Resident>>20)
	return list
}

// process is an entry of /proc.
type process struct{ pid, parent int }

// kill ends it; false if it was gone.
func (p process) kill() bool { return syscall.Kill(p.pid, syscall.SIGKILL) == nil }

// children lists the processes started by this one: the fork-servers.
func children() (list []process) {
	for _, p := range tree() {
		if p.parent == os.Getpid() {
			list = append(list, p)
		}
	}
	return list
}

// tree lists the processes below this one.
func tree() (list []process) {
	below := map[int][]process{}
	paths, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		var state string
		p := process{}
		p.pid, _ = strconv.Atoi(strings.Split(path, "/")[2]) // digits
		if _, err := fmt.Sscan(string(b[bytes.LastIndexByte(b, ')')+1:]), &state, &p.parent); err == nil {
			below[p.parent] = append(below[p.parent], p)
		}
	}
	for queue := below[os.Getpid()]; len(queue) > 0; queue = append(queue[1:], below[queue[0].pid]...) {
		list = append(list, queue[0])
	}
	return list
}

func count() (c census) {
	for _, p := range append(tree(), process{pid: os.Getpid()}) {
		dir := fmt.Sprintf("/proc/%d/", p.pid)
		b, err := os.ReadFile(dir + "stat")
		if err != nil {
			continue
		}
		fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if p.pid != os.Getpid() {
			c.Processes++
		}
		if fields[0] == "Z" {
			c.Zombies++
			continue
		}
		pages, _ := strconv.ParseInt(fields[21], 10, 64) // proc(5): rss, the 24th field
		c.Resident += pages * int64(os.Getpagesize())
	}
	open, _ := filepath.Glob("/proc/self/fd/*")
	c.Descriptors = len(open)
	for _, path := range open {
		if to, err := os.Readlink(path); err == nil && strings.HasPrefix(to, "/memfd:") {
			c.MemoryFiles++
		}
	}
	return c
}
