// Runs looks after stored runs.
//
//	runs list FOLDER                      the runs below a folder
//	runs compare A B                      whether two runs have the same deterministic bytes
//	runs against RUN "A last" "B last"    two policies of a run: every rate, and B less A with its interval
//	runs prune RUN                        remove the verdict cache; logs and checkpoints stay
//	runs extract -out DIR RUN             a small copy for reading: thinned logs, base in bfloat16
//	runs table -check|-write README DIR   the README's result table from a stored evaluation
//
// It exits with 0, with 1 where runs or tables differ, with 2 for a wrong call.
package main

import (
	"errors"
	"fmt"
	"os"
)

func main() {
	err := run(os.Args[1:])
	switch {
	case err == nil:
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: runs list FOLDER | compare A B | against RUN A B | prune RUN | extract [-before RUN] -out DIR RUN | table -check|-write README DIR")

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "list":
		return list(os.Stdout, args[1])
	case len(args) == 3 && args[0] == "compare":
		return compare(args[1], args[2])
	case len(args) == 4 && args[0] == "against":
		return against(os.Stdout, args[1], args[2], args[3])
	case len(args) == 2 && args[0] == "prune":
		return prune(args[1])
	case len(args) > 1 && args[0] == "extract":
		return extract(args[1:])
	case len(args) == 4 && args[0] == "table" && (args[1] == "-check" || args[1] == "-write"):
		return table(args[1] == "-write", args[2], args[3])
	}
	return errUsage
}
