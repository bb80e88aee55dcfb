package sandboxtest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Marker is in the name of everything that the programs of testdata try to leave
// behind, and Key is the key of their SysV objects.
const (
	Marker = "securerl-hostile"
	Key    = 0x5ec0de01
)

// trace is a thing outside the sandbox that a program may have made.
type trace struct{ name, where string }

// found lists things outside. SysV objects come with the user that owns them.
type found map[trace]int

// places are the folders in which ordinary programs may write.
func places() []string {
	list := []string{"/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run", "/", os.TempDir()}
	if dir, err := os.Getwd(); err == nil {
		list = append(list, dir)
	}
	if dir, err := os.UserHomeDir(); err == nil {
		list = append(list, dir)
	}
	return list
}

// traces looks for files, SysV objects and POSIX queues.
func traces() found {
	f := found{}
	for _, dir := range places() {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // not on this machine, or not for this user
		}
		for _, e := range entries {
			f[trace{e.Name(), dir}] = -1
		}
	}
	for _, kind := range []string{"shm", "msg", "sem"} {
		f.systemV(kind)
	}
	if queueExists(Marker) {
		f[trace{Marker, "POSIX queue"}] = -1
	}
	return f
}

// systemV reads a table such as /proc/sysvipc/shm: a heading, then a line for each.
func (f found) systemV(kind string) {
	b, err := os.ReadFile("/proc/sysvipc/" + kind)
	if err != nil {
		return
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	heading := strings.Fields(lines[0])
	for _, l := range lines[1:] {
		owner, name := -1, ""
		for i, v := range strings.Fields(l) {
			switch n, _ := strconv.Atoi(v); { // columns of numbers
			case i >= len(heading):
			case heading[i] == "uid":
				owner = n
			case i == 0 && uint32(n) == Key:
				name = Marker
			case i == 1:
				name += " " + v
			}
		}
		f[trace{name, "SysV " + kind}] = owner
	}
}

// queueExists asks the kernel, since queues need not be mounted anywhere.
func queueExists(name string) bool {
	p, err := unix.BytePtrFromString(name)
	if err != nil {
		return false
	}
	fd, _, errno := unix.Syscall6(unix.SYS_MQ_OPEN, uintptr(unsafe.Pointer(p)), unix.O_RDONLY, 0, 0, 0, 0)
	runtime.KeepAlive(p)
	if errno == 0 {
		unix.Close(int(fd))
	}
	return errno == 0 || errno == unix.EACCES
}

// since lists what is there now and was not before, if it bears the marker, or if it
// belongs to the programs' user and the program names it: other things come and go.
func (f found) since(source []byte, user int) (list []string) {
	for t, owner := range traces() {
		if _, old := f[t]; old {
			continue
		}
		if info, err := os.Lstat(filepath.Join(t.where, t.name)); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				owner = int(st.Uid)
			}
		}
		named := bytes.Contains(source, []byte("/"+t.name+`"`)) || bytes.Contains(source, []byte("/"+t.name+"'"))
		if strings.Contains(t.name, Marker) || owner == user && (named || strings.HasPrefix(t.where, "SysV")) {
			list = append(list, t.where+": "+t.name)
		}
	}
	return list
}

// marked lists the processes that run under a limit of so many bytes of address space.
func marked(memory int64) (pids []int) {
	want := strconv.FormatInt(memory, 10)
	paths, _ := filepath.Glob("/proc/[0-9]*/limits") // the pattern is well formed
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		for l := range strings.Lines(string(b)) {
			if rest, ok := strings.CutPrefix(l, "Max address space"); ok && strings.Contains(rest, want) {
				pid, _ := strconv.Atoi(strings.Split(path, "/")[2]) // digits
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// descendants lists the processes below this one.
func descendants() (pids []int) {
	children := map[int][]int{}
	paths, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		var state string
		var parent int
		after := string(b[bytes.LastIndexByte(b, ')')+1:]) // a name may hold anything
		if _, err := fmt.Sscan(after, &state, &parent); err != nil || state == "Z" {
			continue
		}
		pid, _ := strconv.Atoi(strings.Split(path, "/")[2]) // digits
		children[parent] = append(children[parent], pid)
	}
	for queue := []int{os.Getpid()}; len(queue) > 0; queue = queue[1:] {
		pids = append(pids, children[queue[0]]...)
		queue = append(queue, children[queue[0]]...)
	}
	return pids
}

// eventuallyNone waits for a list to become empty: a killed process takes a moment.
func eventuallyNone(list func() []int) (left []int) {
	for range 500 {
		if left = list(); len(left) == 0 {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return left
}

// self is what a program could try to change of the process that runs it.
func self() string {
	limits, _ := os.ReadFile("/proc/self/limits")       // empty where there is none
	score, _ := os.ReadFile("/proc/self/oom_score_adj") // the same
	nice, _ := unix.Getpriority(unix.PRIO_PROCESS, 0)
	var cores unix.CPUSet
	_ = unix.SchedGetaffinity(0, &cores)
	dir, _ := os.Getwd()
	return fmt.Sprintf("%s %s %d %d %s %q", limits, bytes.TrimSpace(score), nice, cores.Count(), dir, os.Environ())
}
