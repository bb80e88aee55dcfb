// Package session lets the cells of a notebook share one process.
//
// A cell is a whole program, so whatever it loads is gone when it ends. What is slow to
// make, a compiled renderer or a model with its graphs, lives in the session instead:
// one process per kernel, started by the first call that needs it.
//
//	cell --Call(name, in)--> unix socket --> Serve --> Handler(ctx, in, emit)
//	     <-- events ... then a result or an error, in lines of JSON --
//
// # Why so
//
//   - One connection per call: a cell that is interrupted drops it, and that cancels the
//     context of its handler. HTTP would do the same for 3 MB more in every cell.
//   - The socket lies in TMPDIR, is named by user and kernel, and only its user may
//     connect; a socket that belongs to somebody else is refused.
//   - The process stands in a terminal session of its own, so that an interrupt of the
//     cell does not reach it, and writes to a file, since a cell does not end while
//     another process holds its pipes.
//   - It looks for its kernel five times a second and leaves with it: restarting the
//     kernel frees the memory. It also leaves after an idle time.
//   - A panic in a handler is an error of that call: building a graph may panic, and that
//     must not take the loaded model away from the other cells.
//
// The kernel is the process named by SECURERL_KERNEL, else the parent of a GoNB cell,
// else this process itself. The program is bin/lab below the checkout, which is found
// from SECURERL_ROOT or by walking up from the working directory.
//
// Sources: unix(7), setsid(2), flock(2); GoNB v0.11.5 runs a cell as its own child.
package session
