// Package sandbox runs untrusted Python programs under limits and says what
// happened, seen from outside.
//
//	source, stdin --Sandbox.Run--> Result{Outcome, Status, Stdout, StdinRead, ...}
//	request       --Server.Call--> answer        (a confined function, for the scanner)
//
//	Go --SEQPACKET, 4 memfds--> fork-server (locks itself up once) --fork--> one child per program
//	                            Go keeps the expected output; status comes from wait4
//
// Two tiers, each with the same verdicts on the hostile programs of testdata/sandbox:
//
//	A  user, pid, net, ipc, uts, cgroup and mount namespaces, read-only root of /usr
//	   and the interpreter, seccomp allow-list, rlimits, no capabilities, Landlock
//	   where the kernel has it
//	B  Landlock, seccomp and rlimits, where namespaces are refused (most containers)
//
// Without either, New fails with the reason and the cure: running a model's program
// unconfined is not an option of this package. Every New tries twelve ways out and
// counts a tier only if all are refused.
//
// A program's fault is a Result; an error is the machinery's and says nothing about
// the program. Each limit has an outcome of its own.
//
// Why a fork-server: starting Python costs 15 ms and more; forking one that is warm
// and locked up costs 3 ms, and makes per-test isolation affordable. Why the
// fork-server unshares itself: a Go process that creates namespaces cannot vfork, and
// pays for its whole heap at every start. What a program can still do: use a kernel
// fault reachable through the allowed calls, read the interpreter's own files, and
// measure time.
//
// Sources: seccomp(2), landlock(7), namespaces(7); measurements in
// experiments/LOG.md.
package sandbox
