// Doctor says whether this machine is fit: sandbox tier and its probes, interpreter,
// scanner and its canary, programs with known verdicts and prices, reward hacks, and
// the backend that trains. Each check is a line; one that fails says why and names a cure.
//
//	doctor [-backend auto] [-all] [-json] [-hostile DIR] [-hacks FILE] [-compare FILE] [-scan FILE]
//
// The last four run sets with known answers, in the form of testdata/sandbox/hostile,
// testdata/reward/hacks.jsonl, testdata/compare/compare.jsonl and
// testdata/scan/hostile.jsonl, and say what was answered otherwise.
//
// Judging needs no backend: without one (-backend none, or a plugin that is missing)
// all other checks are made all the same. Throughput is a figure and never fails.
//
// It exits with 0 when all is well, 1 when something is wrong, 2 for wrong usage.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// Exit codes.
const (
	exitFit   = 0
	exitUnfit = 1
	exitUsage = 2
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program: arguments in, checks out, exit code.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	f := flag.NewFlagSet("doctor", flag.ContinueOnError)
	f.SetOutput(errs)
	backends := []string{"auto", "go", "xla:cpu", "xla:cuda", "none"}
	backend := f.String("backend", "auto", strings.Join(backends, ", ")+"; judging needs none")
	all := f.Bool("all", false, "judge every reference program, not a tenth (minutes)")
	asJSON := f.Bool("json", false, "print a list of {area, what, ok, error, cure, figures}")
	var s sets
	f.StringVar(&s.hostile, "hostile", "", "folder of programs that attack the sandbox, with index.json")
	f.StringVar(&s.hacks, "hacks", "", "file of programs that attack the reward, with bounds")
	f.StringVar(&s.compare, "compare", "", "file of outputs to compare, with verdicts")
	f.StringVar(&s.scan, "scan", "", "file of sources that attack the scanner, with outcomes")
	switch err := f.Parse(args); {
	case err == flag.ErrHelp:
		return exitFit
	case err != nil:
		return exitUsage
	case f.NArg() > 0:
		fmt.Fprintf(errs, "doctor: %q is no flag; see doctor -h\n", f.Arg(0))
		return exitUsage
	case !slices.Contains(backends, *backend):
		fmt.Fprintf(errs, "doctor: -backend %q is unknown; there are %s\n", *backend, strings.Join(backends, ", "))
		return exitUsage
	}
	d := &doctor{out: out, json: *asJSON}
	d.machine()
	d.judging(ctx, *all, s)
	if *backend != "none" {
		d.backend(*backend)
	}
	if err := d.end(); err != nil || d.wrong > 0 {
		return exitUnfit
	}
	return exitFit
}
