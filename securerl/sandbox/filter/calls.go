package filter

import "runtime"

// architectures holds the numbers of the system calls that the filter names.
// Sources: the kernel's syscall_64.tbl (amd64) and asm-generic/unistd.h (arm64).
// Calls that an architecture does not have are missing.
var architectures = map[string]Architecture{
	"amd64": {audit: 0xc000003e, x32: true, calls: map[string]uint32{
		"access": 21, "add_key": 248, "alarm": 37, "arch_prctl": 158, "bpf": 321, "brk": 12, "capset": 126, "chdir": 80, "chmod": 90, "chroot": 161,
		"clock_getres": 229, "clock_gettime": 228, "clock_nanosleep": 230, "clone": 56, "clone3": 435, "close": 3, "close_range": 436,
		"copy_file_range": 326, "creat": 85, "dup": 32, "dup2": 33, "dup3": 292, "epoll_create1": 291, "epoll_ctl": 233, "epoll_pwait": 281,
		"epoll_wait": 232, "eventfd2": 290, "execve": 59, "execveat": 322, "exit": 60, "exit_group": 231, "faccessat": 269, "faccessat2": 439,
		"fadvise64": 221, "fallocate": 285, "fchdir": 81, "fchmod": 91, "fchmodat": 268, "fchmodat2": 452, "fcntl": 72, "finit_module": 313, "fork": 57,
		"fsopen": 430, "fstat": 5, "fstatfs": 138, "ftruncate": 77, "futex": 202, "get_robust_list": 274, "getcwd": 79, "getdents64": 217, "getegid": 108,
		"geteuid": 107, "getgid": 104, "getgroups": 115, "getitimer": 36, "getpgid": 121, "getpgrp": 111, "getpid": 39, "getppid": 110, "getrandom": 318,
		"getrlimit": 97, "getrusage": 98, "getsid": 124, "gettid": 186, "gettimeofday": 96, "getuid": 102, "init_module": 175, "io_uring_setup": 425,
		"ioctl": 16, "ioperm": 173, "iopl": 172, "kexec_load": 246, "keyctl": 250, "kill": 62, "landlock_add_rule": 445, "landlock_create_ruleset": 444,
		"landlock_restrict_self": 446, "link": 86, "linkat": 265, "lseek": 8, "lstat": 6, "madvise": 28, "membarrier": 324, "mkdir": 83, "mkdirat": 258,
		"mmap": 9, "mount": 165, "mount_setattr": 442, "move_mount": 429, "mprotect": 10, "mremap": 25, "munmap": 11, "name_to_handle_at": 303,
		"nanosleep": 35, "newfstatat": 262, "open": 2, "open_by_handle_at": 304, "open_tree": 428, "openat": 257, "perf_event_open": 298,
		"pidfd_open": 434, "pipe": 22, "pipe2": 293, "pivot_root": 155, "poll": 7, "ppoll": 271, "prctl": 157, "pread64": 17, "prlimit64": 302,
		"process_vm_readv": 310, "process_vm_writev": 311, "pselect6": 270, "ptrace": 101, "pwrite64": 18, "read": 0, "readlink": 89, "readlinkat": 267,
		"readv": 19, "reboot": 169, "recvfrom": 45, "recvmsg": 47, "rename": 82, "renameat": 264, "renameat2": 316, "request_key": 249,
		"restart_syscall": 219, "rmdir": 84, "rseq": 334, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "sched_getaffinity": 204,
		"sched_setaffinity": 203, "sched_yield": 24, "seccomp": 317, "select": 23, "sendmsg": 46, "sendto": 44, "set_robust_list": 273,
		"set_tid_address": 218, "setitimer": 38, "setns": 308, "setpgid": 109, "setrlimit": 160, "sigaltstack": 131, "socketpair": 53, "stat": 4,
		"statfs": 137, "statx": 332, "swapoff": 168, "swapon": 167, "symlink": 88, "symlinkat": 266, "sysinfo": 99, "tgkill": 234, "time": 201,
		"times": 100, "truncate": 76, "umask": 95, "umount2": 166, "uname": 63, "unlink": 87, "unlinkat": 263, "unshare": 272, "userfaultfd": 323,
		"utimensat": 280, "vfork": 58, "wait4": 61, "waitid": 247, "write": 1, "writev": 20,
	}},
	"arm64": {audit: 0xc00000b7, calls: map[string]uint32{
		"add_key": 217, "bpf": 280, "brk": 214, "capset": 91, "chdir": 49, "chroot": 51, "clock_getres": 114, "clock_gettime": 113, "clock_nanosleep": 115,
		"clone": 220, "clone3": 435, "close": 57, "close_range": 436, "copy_file_range": 285, "dup": 23, "dup3": 24, "epoll_create1": 20, "epoll_ctl": 21,
		"epoll_pwait": 22, "eventfd2": 19, "execve": 221, "execveat": 281, "exit": 93, "exit_group": 94, "faccessat": 48, "faccessat2": 439,
		"fadvise64": 223, "fallocate": 47, "fchdir": 50, "fchmod": 52, "fchmodat": 53, "fchmodat2": 452, "fcntl": 25, "finit_module": 273, "fsopen": 430,
		"fstat": 80, "fstatfs": 44, "ftruncate": 46, "futex": 98, "get_robust_list": 100, "getcwd": 17, "getdents64": 61, "getegid": 177, "geteuid": 175,
		"getgid": 176, "getgroups": 158, "getitimer": 102, "getpgid": 155, "getpid": 172, "getppid": 173, "getrandom": 278, "getrlimit": 163,
		"getrusage": 165, "getsid": 156, "gettid": 178, "gettimeofday": 169, "getuid": 174, "init_module": 105, "io_uring_setup": 425, "ioctl": 29,
		"kexec_load": 104, "keyctl": 219, "kill": 129, "landlock_add_rule": 445, "landlock_create_ruleset": 444, "landlock_restrict_self": 446,
		"linkat": 37, "lseek": 62, "madvise": 233, "membarrier": 283, "mkdirat": 34, "mmap": 222, "mount": 40, "mount_setattr": 442, "move_mount": 429,
		"mprotect": 226, "mremap": 216, "munmap": 215, "name_to_handle_at": 264, "nanosleep": 101, "newfstatat": 79, "open_by_handle_at": 265,
		"open_tree": 428, "openat": 56, "perf_event_open": 241, "pidfd_open": 434, "pipe2": 59, "pivot_root": 41, "ppoll": 73, "prctl": 167, "pread64": 67,
		"prlimit64": 261, "process_vm_readv": 270, "process_vm_writev": 271, "pselect6": 72, "ptrace": 117, "pwrite64": 68, "read": 63, "readlinkat": 78,
		"readv": 65, "reboot": 142, "recvfrom": 207, "recvmsg": 212, "renameat": 38, "renameat2": 276, "request_key": 218, "restart_syscall": 128,
		"rseq": 293, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "sched_getaffinity": 123, "sched_setaffinity": 122,
		"sched_yield": 124, "seccomp": 277, "sendmsg": 211, "sendto": 206, "set_robust_list": 99, "set_tid_address": 96, "setitimer": 103, "setns": 268,
		"setpgid": 154, "setrlimit": 164, "sigaltstack": 132, "socketpair": 199, "statfs": 43, "statx": 291, "swapoff": 225, "swapon": 224,
		"symlinkat": 36, "sysinfo": 179, "tgkill": 131, "times": 153, "truncate": 45, "umask": 166, "umount2": 39, "uname": 160, "unlinkat": 35,
		"unshare": 97, "userfaultfd": 282, "utimensat": 88, "wait4": 260, "waitid": 95, "write": 64, "writev": 66,
	}},
}

// Here is the architecture of this program, if it has a table.
func Here() (Architecture, bool) {
	a, ok := architectures[runtime.GOARCH]
	return a, ok
}
