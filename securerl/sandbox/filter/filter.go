package filter

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/net/bpf"
)

// The system calls of a program. Whatever is in no list fails with EPERM.
var (
	// allowed calls touch nothing but the process itself.
	allowed = strings.Fields(`read write readv writev pread64 pwrite64 close fstat newfstatat stat lstat statx lseek mmap mprotect munmap brk
		rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack access faccessat faccessat2 dup dup2 dup3 getcwd getdents64 readlink readlinkat getpid gettid getppid
		getuid geteuid getgid getegid getgroups getrusage times uname clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time select pselect6 poll ppoll
		pipe pipe2 futex set_robust_list set_tid_address rseq exit exit_group sched_yield sched_getaffinity getrandom madvise mremap arch_prctl membarrier
		restart_syscall alarm setitimer getitimer fadvise64 ftruncate close_range getpgrp statfs fstatfs sysinfo setrlimit getrlimit umask epoll_create1 epoll_ctl
		epoll_wait epoll_pwait eventfd2 recvfrom`)

	// serving calls are those of the fork-server, beside the allowed ones. The inner
	// filter takes them away again from every program.
	serving = strings.Fields(`wait4 recvmsg sendmsg pidfd_open`)

	// building calls are what a compiler needs beside all of these: it starts others
	// and writes files, in a folder that vanishes with it.
	building = strings.Fields(`fork vfork execve waitid unlink unlinkat rename renameat renameat2 mkdir mkdirat rmdir chmod fchmod fchmodat fchmodat2
		link linkat symlink symlinkat truncate utimensat fallocate creat chdir fchdir copy_file_range getpgid setpgid getsid sched_setaffinity get_robust_list`)

	// fatal calls have no honest use here: SIGSYS ends the program.
	fatal = strings.Fields(`ptrace process_vm_readv process_vm_writev bpf perf_event_open mount umount2 pivot_root setns unshare userfaultfd io_uring_setup
		keyctl add_key request_key init_module finit_module reboot swapon swapoff iopl ioperm open_by_handle_at name_to_handle_at kexec_load move_mount open_tree
		fsopen mount_setattr chroot`)
)

// Return values of a seccomp filter and numbers of the Linux ABI (linux/seccomp.h,
// asm-generic/fcntl.h, linux/sched.h, linux/net.h, linux/prctl.h).
const (
	allowCall = 0x7fff0000
	killCall  = 0x80000000
	failCall  = 0x00050000

	ePERM, eAGAIN, eNOTTY, eROFS, eNOSYS = 1, 11, 25, 30, 38

	openForWriting   = 0x1 | 0x2 | 0x40 | 0x200 | 0x400000 // WRONLY, RDWR, CREAT, TRUNC, TMPFILE
	cloneThread      = 0x10000
	cloneNamespaces  = 0x7e020080
	unixFamily       = 1
	streamSocket     = 1
	socketTypeFilter = 0xf
	emptyPath        = 0x1000 // AT_EMPTY_PATH
	pdeathsig        = 1
	noNewPrivs       = 38
)

// Architecture is what the filters must know of a processor.
type Architecture struct {
	audit uint32            // AUDIT_ARCH value
	x32   bool              // has a second table of calls, above 0x40000000, to be refused
	calls map[string]uint32 // numbers by name; a name may be missing
}

// Policy is what a filter is for.
type Policy int

// The policies. A fork-server runs under ForServer; its children put ForProgram or ForBinary on
// top of it, and the kernel applies the stricter answer of both. Most of the work is
// so done once, not per program. A compiler runs under
// ForBuild alone.
const (
	ForServer Policy = iota
	ForProgram
	ForBinary // as ForProgram, but it must start by executing its own descriptor
	ForBuild
)

// code is a filter in the making.
type code struct {
	Architecture
	list []bpf.Instruction
}

func ret(v uint32) bpf.Instruction      { return bpf.RetConstant{Val: v} }
func fail(errno uint32) bpf.Instruction { return ret(failCall | errno) }
func arg(i uint32) bpf.Instruction      { return bpf.LoadAbsolute{Off: 16 + 8*i, Size: 4} }
func is(v uint32, skip int) bpf.Instruction {
	return bpf.JumpIf{Cond: bpf.JumpEqual, Val: v, SkipTrue: uint8(skip)}
}

// on adds what happens at a call, if the architecture has it. The last instruction
// must return.
func (c *code) on(name string, then ...bpf.Instruction) {
	if n, ok := c.calls[name]; ok {
		c.list = append(append(c.list, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: n, SkipTrue: uint8(len(then))}), then...)
	}
}

// all adds the same answer for many calls.
func (c *code) all(names []string, then bpf.Instruction) {
	for _, name := range names {
		c.on(name, then)
	}
}

// oneOf allows a call whose argument is one of the values.
func oneOf(i uint32, errno uint32, values ...uint32) []bpf.Instruction {
	list := []bpf.Instruction{arg(i)}
	for k, v := range values {
		list = append(list, is(v, len(values)-k))
	}
	return append(list, fail(errno), ret(allowCall))
}

// Compile assembles a filter. It also returns the byte offsets at which a process
// must write its own pid: a program may signal itself and nobody else.
func (a Architecture) Compile(purpose Policy) (filter []byte, pidOffsets []int, err error) {
	c := &code{Architecture: a}
	c.start()
	switch purpose {
	case ForServer, ForBuild:
		c.outer(purpose == ForBuild)
	default:
		pidOffsets = c.inner(purpose == ForBinary)
	}
	filter, err = assemble(c.list)
	return filter, pidOffsets, err
}

// start refuses other architectures and loads the number of the call.
func (c *code) start() {
	c.list = append(c.list, bpf.LoadAbsolute{Off: 4, Size: 4}, is(c.audit, 1), ret(killCall), bpf.LoadAbsolute{Off: 0, Size: 4})
	if c.x32 {
		c.list = append(c.list, bpf.JumpIf{Cond: bpf.JumpLessThan, Val: 0x40000000, SkipTrue: 1}, ret(killCall))
	}
}

// outer is the allow-list.
func (c *code) outer(build bool) {
	c.all(allowed, ret(allowCall))
	c.all(serving, ret(allowCall))
	if build {
		c.all(building, ret(allowCall))
		c.all([]string{"open", "openat"}, ret(allowCall))
	} else {
		for _, x := range []struct {
			name  string
			flags uint32
		}{{"openat", 2}, {"open", 1}} {
			c.on(x.name, arg(x.flags), bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: openForWriting, SkipTrue: 1}, ret(allowCall), fail(eROFS))
		}
	}
	// DUPFD, GETFD, SETFD, GETFL, SETFL, DUPFD_CLOEXEC, GETPIPE_SZ: no owners, no leases, no locks.
	c.on("fcntl", oneOf(1, ePERM, 0, 1, 2, 3, 4, 1030, 1032)...)
	// FIONBIO, TCGETS, FIONREAD, FIOCLEX, FIONCLEX.
	c.on("ioctl", oneOf(1, eNOTTY, 0x5421, 0x5401, 0x541B, 0x5451, 0x5450)...)
	c.on("clone", arg(0), bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: cloneNamespaces, SkipTrue: 1}, ret(allowCall), ret(killCall))
	c.on("prlimit64", arg(0), is(0, 1), fail(ePERM), ret(allowCall))
	c.on("socketpair", arg(0), is(unixFamily, 1), fail(ePERM), arg(1), bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: socketTypeFilter}, is(streamSocket, 1), fail(ePERM), ret(allowCall))
	// Without an address: both halves of the pointer are zero.
	c.on("sendto", arg(4), is(0, 1), fail(ePERM), bpf.LoadAbsolute{Off: 16 + 8*4 + 4, Size: 4}, is(0, 1), fail(ePERM), ret(allowCall))
	c.all([]string{"tgkill", "kill", "seccomp"}, ret(allowCall)) // for the fork-server, see inner
	c.on("prctl", oneOf(0, ePERM, pdeathsig, noNewPrivs)...)
	c.on("execveat", arg(4), is(emptyPath, 1), fail(ePERM), ret(allowCall))
	c.all(fatal, ret(killCall))
	c.on("clone3", fail(eNOSYS)) // its arguments cannot be filtered; libc falls back to clone
	c.list = append(c.list, fail(ePERM))
}

// inner takes away from a program what its fork-server needs: whatever it does not
// name is left to the outer filter.
func (c *code) inner(binary bool) (pidOffsets []int) {
	c.all(append([]string{"prctl", "seccomp"}, serving...), fail(ePERM))
	start := fail(ePERM)
	if binary {
		start = ret(allowCall)
	}
	c.on("execveat", start)
	c.on("clone", arg(0), bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: cloneThread, SkipTrue: 1}, fail(eAGAIN), ret(allowCall))
	for _, name := range []string{"tgkill", "kill"} { // one's own pid is written in later
		if n, ok := c.calls[name]; ok {
			pidOffsets = append(pidOffsets, 8*(len(c.list)+2)+4)
			c.list = append(c.list, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: n, SkipTrue: 4}, arg(0), is(0, 1), fail(ePERM), ret(allowCall))
		}
	}
	c.list = append(c.list, ret(allowCall))
	return pidOffsets
}

// assemble turns a program into the bytes the kernel takes.
func assemble(p []bpf.Instruction) ([]byte, error) {
	raw, err := bpf.Assemble(p)
	if err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	var b bytes.Buffer
	for _, r := range raw {
		if err := binary.Write(&b, binary.LittleEndian, r); err != nil {
			return nil, fmt.Errorf("filter: %w", err)
		}
	}
	return b.Bytes(), nil
}

// Number is a system call's number, or 0 where the architecture does not have it.
func (a Architecture) Number(call string) uint32 { return a.calls[call] }
