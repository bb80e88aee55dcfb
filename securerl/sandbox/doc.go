// Package sandbox runs untrusted programs under limits and says what happened, seen
// from outside.
//
//	Program, stdin --Sandbox.Run--> Result{Outcome, Status, Stdout, StdinRead, ...}
//	C source --Sandbox.Compile----> Build{Program, Messages}
//	request  --Server.Call--------> answer        (a confined function, for the scanner)
//
//	Go --SEQPACKET, 4 sealed memfds--> fork-server (locks itself up once) --fork--> one child per program
//	                                   Go keeps the expected output; status comes from wait4
//
// A program is a Python source or a static binary; the rest does not know which.
// Python is CPython 3.9 or newer. A program's fault is a Result; an error is the
// machinery's and says nothing about the program. Each limit has an outcome of its own.
//
// # Tiers
//
//	A     user, pid, net, ipc, uts, cgroup and mount namespaces, read-only root of /usr
//	      and the interpreter, system call filters, rlimits, no capabilities, Landlock
//	      where the kernel has it
//	B     Landlock, system call filters and rlimits, where namespaces are refused (most
//	      containers)
//	none  rlimits alone: UnsafeNoSandbox, only in code, only where neither tier works,
//	      never as root; Info says so
//
// Both tiers give the same verdicts on the hostile programs of testdata/sandbox, as
// root (who becomes nobody first) and as an ordinary user. Every New tries the ways out
// and counts a tier only if all are refused. Without either, New fails with the reason
// and the cure.
//
// # Threat model
//
// The attacker wrote the program, knows this source, and wants a verdict it does not
// deserve, data of this machine, or to disturb the run. Defended:
//
//   - Files, environment, network, other processes: not visible (A), not readable (B; of
//     files outside /usr it can learn that they exist, by stat). Nothing is writable.
//   - Other programs: each is a process of its own with its own descriptors. It cannot
//     signal, trace or write to the fork-server, which holds no program's text; the
//     fork-server dies and is replaced after N programs and after any lost answer.
//   - Verdicts: expected output never enters, no verdict comes out. What a program says
//     on standard error chooses at most between two kinds of failure.
//   - Resources: processor time of all threads (read from outside, to the millisecond),
//     real time, address space, output, descriptors, threads. A second process is never
//     allowed, so nothing can outlive the child; the kernel kills the rest when the
//     trainer dies (pid namespace, parent-death signals).
//   - The scanner and the compiler read hostile text and are confined in the same way.
//
// Not defended: a fault of the kernel reachable through the 100 or so allowed calls;
// side channels (caches, timing, load); hosts shared with other tenants who trust each
// other less than you trust a model; what /usr holds (keep no secrets there); a program
// that reads the interpreter's own files or this package's code in its own memory. To
// go further, run the whole trainer in gVisor or a microVM: tier B works in both where
// they have Landlock, tier A where they have namespaces.
//
// # Decisions
//
// Why a fork-server: starting Python costs 15 ms and more; forking one that is warm and
// locked up costs 2 ms of processor time, 1.25 times that of a bare fork that runs the
// same program. Why it unshares itself: a Go process that creates namespaces cannot
// vfork, and pays for its whole heap at every start. Why two filters: the long list is
// loaded once, by the fork-server; a child adds the few calls it loses. Why the
// processor's clock is read by the parent: rlimits know seconds only. Why a static
// binary: the filter must let a child execute its own descriptor, so Landlock and the
// read-only root decide what else could be executed: nothing that leaves the filter.
//
// amd64 and arm64 have tables of calls, tested against those of golang.org/x/sys and by
// running the filters in a virtual machine; arm64 has run nothing else here.
//
// Sources: seccomp(2), landlock(7), namespaces(7), clock_getcpuclockid(3); measurements
// in experiments/LOG.md.
package sandbox
