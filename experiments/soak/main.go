// Soak judges programs for a long time, honest, broken and hostile ones mixed by key,
// kills workers at random, and looks whether anything grows, hangs, is left or lost.
//
//	soak [-programs 100000] [-minutes 30] [-kills 0.002] [-hostile testdata/sandbox/hostile,...] [-work FILE] [-seed 1] [-json]
//
// It ends after so many programs or minutes, whichever comes first. Between rounds, when
// nothing runs, it counts processes, zombies, descriptors, memory files and resident
// memory of the whole tree. A verdict that is missing, or differs from that of the same
// program before, is a fault. It exits with 0 when all is well, 1 when something is
// wrong, 2 for wrong usage.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, out, errs io.Writer) int {
	f := flag.NewFlagSet("soak", flag.ContinueOnError)
	f.SetOutput(errs)
	var o options
	f.IntVar(&o.programs, "programs", 100_000, "programs to judge")
	minutes := f.Float64("minutes", 30, "minutes after which it ends all the same")
	f.Float64Var(&o.kills, "kills", 0.002, "workers killed per program")
	hostile := f.String("hostile", "testdata/sandbox/hostile,testdata/sandbox/hostile-more", "folders of programs that attack the sandbox")
	f.StringVar(&o.work, "work", "testdata/judge/throughput_work.jsonl", "programs with tests")
	f.Uint64Var(&o.seed, "seed", 1, "of the mixture and the kills")
	asJSON := f.Bool("json", false, "print the report as JSON")
	switch err := f.Parse(args); {
	case err == flag.ErrHelp:
		return 0
	case err != nil:
		return 2
	case f.NArg() > 0 || o.programs < 1 || *minutes <= 0 || o.kills < 0 || o.kills > 1:
		fmt.Fprintln(errs, "soak: programs and minutes must be positive, kills between 0 and 1, and there are no other arguments; see soak -h")
		return 2
	}
	o.hostile = strings.FieldsFunc(*hostile, func(r rune) bool { return r == ',' })
	o.end = time.Now().Add(time.Duration(*minutes * float64(time.Minute)))
	r, err := soak(ctx, o, func(line string) {
		if !*asJSON {
			fmt.Fprintln(out, line)
		}
	})
	if err != nil {
		fmt.Fprintln(errs, "soak:", err)
		return 1
	}
	if *asJSON {
		if err := json.NewEncoder(out).Encode(r); err != nil {
			return 1
		}
	} else {
		r.print(out)
	}
	if len(r.Faults) > 0 {
		return 1
	}
	return 0
}
