// Package filter writes the system call filters of the sandbox.
//
//	Architecture --Compile(Policy)--> bytes for seccomp(2), places of the process's own pid
//
// A filter is an allow-list in classic BPF. A fork-server runs under ForServer and puts
// ForProgram or ForBinary on top of it in every child; the kernel applies the stricter
// answer of all. A compiler runs under ForBuild alone. What is in no list fails with
// EPERM; what has no honest use ends the process.
//
// The tables of call numbers, for amd64 and arm64, are tested against those of
// golang.org/x/sys, and the filters by running them in a virtual machine.
//
// Sources: seccomp(2); linux/seccomp.h; the kernel's syscall_64.tbl and
// asm-generic/unistd.h.
package filter
