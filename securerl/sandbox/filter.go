package sandbox

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
	// fatal calls have no honest use here: SIGSYS ends the program.
	fatal = strings.Fields(`ptrace process_vm_readv process_vm_writev bpf perf_event_open mount umount2 pivot_root setns unshare userfaultfd io_uring_setup
		keyctl add_key request_key init_module finit_module reboot swapon swapoff iopl ioperm open_by_handle_at name_to_handle_at kexec_load move_mount open_tree
		fsopen mount_setattr chroot`)
)

// Return values of a seccomp filter and numbers of the Linux ABI (linux/seccomp.h,
// asm-generic/fcntl.h, linux/sched.h, linux/net.h).
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
)

// architecture is what the filter must know of a processor.
type architecture struct {
	audit uint32            // AUDIT_ARCH value
	x32   bool              // has a second table of calls, above 0x40000000, to be refused
	calls map[string]uint32 // numbers by name; a name may be missing
}

// compile assembles the filter. It also returns the byte offsets at which a process
// must write its own pid: it may signal itself and nobody else.
func (a architecture) compile() (code []byte, pidOffsets []int, err error) {
	var p []bpf.Instruction
	ret := func(v uint32) bpf.Instruction { return bpf.RetConstant{Val: v} }
	fail := func(errno uint32) bpf.Instruction { return ret(failCall | errno) }
	arg := func(i uint32) bpf.Instruction { return bpf.LoadAbsolute{Off: 16 + 8*i, Size: 4} }
	number := bpf.LoadAbsolute{Off: 0, Size: 4}
	is := func(v uint32, skip int) bpf.Instruction {
		return bpf.JumpIf{Cond: bpf.JumpEqual, Val: v, SkipTrue: uint8(skip)}
	}
	p = append(p, bpf.LoadAbsolute{Off: 4, Size: 4}, is(a.audit, 1), ret(killCall), number)
	if a.x32 {
		p = append(p, bpf.JumpIf{Cond: bpf.JumpLessThan, Val: 0x40000000, SkipTrue: 1}, ret(killCall))
	}
	on := func(name string, then ...bpf.Instruction) {
		if n, ok := a.calls[name]; ok {
			p = append(append(p, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: n, SkipTrue: uint8(len(then))}), then...)
		}
	}
	for _, name := range allowed {
		on(name, ret(allowCall))
	}
	readOnly := func(flags uint32) []bpf.Instruction {
		return []bpf.Instruction{arg(flags), bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: openForWriting, SkipTrue: 1}, ret(allowCall), fail(eROFS)}
	}
	on("openat", readOnly(2)...)
	on("open", readOnly(1)...)
	oneOf := func(i uint32, errno uint32, values ...uint32) []bpf.Instruction {
		list := []bpf.Instruction{arg(i)}
		for k, v := range values {
			list = append(list, is(v, len(values)-k))
		}
		return append(list, fail(errno), ret(allowCall))
	}
	// DUPFD, GETFD, SETFD, GETFL, SETFL, DUPFD_CLOEXEC, GETPIPE_SZ: no owners, no leases, no locks.
	on("fcntl", oneOf(1, ePERM, 0, 1, 2, 3, 4, 1030, 1032)...)
	// FIONBIO, TCGETS, FIONREAD, FIOCLEX, FIONCLEX.
	on("ioctl", oneOf(1, eNOTTY, 0x5421, 0x5401, 0x541B, 0x5451, 0x5450)...)
	on("clone", arg(0), bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: cloneNamespaces, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: cloneThread, SkipTrue: 2}, fail(eAGAIN), ret(killCall), ret(allowCall))
	on("prlimit64", arg(0), is(0, 1), fail(ePERM), ret(allowCall))
	on("socketpair", arg(0), is(unixFamily, 1), fail(ePERM), arg(1), bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: socketTypeFilter}, is(streamSocket, 1), fail(ePERM), ret(allowCall))
	// Without an address: both halves of the pointer are zero.
	on("sendto", arg(4), is(0, 1), fail(ePERM), bpf.LoadAbsolute{Off: 16 + 8*4 + 4, Size: 4}, is(0, 1), fail(ePERM), ret(allowCall))
	for _, name := range []string{"tgkill", "kill"} { // one's own pid is written in later
		if n, ok := a.calls[name]; ok {
			pidOffsets = append(pidOffsets, 8*(len(p)+2)+4)
			p = append(p, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: n, SkipTrue: 4}, arg(0), is(0, 1), fail(ePERM), ret(allowCall))
		}
	}
	for _, name := range fatal {
		on(name, ret(killCall))
	}
	on("clone3", fail(eNOSYS)) // its arguments cannot be filtered; libc falls back to clone
	p = append(p, fail(ePERM))
	code, err = assemble(p)
	return code, pidOffsets, err
}

// assemble turns a program into the bytes the kernel takes.
func assemble(p []bpf.Instruction) ([]byte, error) {
	raw, err := bpf.Assemble(p)
	if err != nil {
		return nil, fmt.Errorf("sandbox: filter: %w", err)
	}
	var b bytes.Buffer
	for _, r := range raw {
		if err := binary.Write(&b, binary.LittleEndian, r); err != nil {
			return nil, fmt.Errorf("sandbox: filter: %w", err)
		}
	}
	return b.Bytes(), nil
}
