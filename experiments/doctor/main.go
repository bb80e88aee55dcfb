// Doctor says whether this machine is fit: sandbox tier and its probes, interpreter,
// scanner and its canary, programs with known verdicts and prices, reward hacks, and
// the backend that trains. Each check is a line; one that fails says why and names a cure.
//
//	doctor [-backend auto] [-all] [-json] [-hostile DIR] [-hacks FILE] [-compare FILE] [-scan FILE] [-parity FILE] [-agree FILE] [-tokenizers DIR]
//	doctor -problems FILE|families [-format auto] [-mutants 20] [-all] [-json]
//	doctor -golden DIR [-backend auto] [-json]
//	doctor -model FOLDER [-config tiny-hf|FILE] [-set KEY=VALUE]... [-minutes 5] [-backend auto] [-json]
//
// -hostile to -scan run sets with known answers, in the form of testdata/sandbox/hostile,
// testdata/reward/hacks.jsonl, testdata/compare/compare.jsonl and
// testdata/scan/hostile.jsonl, and say what was answered otherwise. With -parity FILE|DIR
// the scanner's findings and places are compared with stock Bandit's on sources one
// trusts, with -agree FILE|DIR its marks with dlint's and ruff's (after make second).
// -tokenizers DIR reads folders in the form of those of testdata/tokenizer.
//
// Judging needs no backend: without one (-backend none, or a plugin that is missing)
// all other checks are made all the same. Throughput is a figure and never fails.
//
// With -problems it looks at a set of problems instead: are its reference programs right
// under the comparators of their problems, which mutants of them do its tests miss, what
// do its splits share? Of a large set a tenth is run, chosen by key; -all runs everything.
//
// With -golden it compares the library with a folder of reference numbers instead (package
// golden says of which form): the largest difference of each quantity beside its tolerance,
// and the quantities that the library does not compute.
//
// With -model it looks at a Hugging Face folder under the settings of a preset or file: do
// folder, tokenizer, template and problems belong together, does the memory plan fit, how
// fast are scoring, a LoRA step and sampling, what time and disk do the settings take, and
// does a smoke run of SFT and PPO end with finite numbers.
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

// wanted is what the command line asks for.
type wanted struct {
	backend   string
	all, json bool
	sets      sets
	opinions  opinions
	problems  problemSet
	golden    string
	model     modelFit
}

var backends = []string{"auto", "go", "xla:cpu", "xla:cuda", "none"}

// parse reads the command line. A negative code: go on.
func parse(args []string, errs io.Writer) (w wanted, code int) {
	f := flag.NewFlagSet("doctor", flag.ContinueOnError)
	f.SetOutput(errs)
	f.StringVar(&w.backend, "backend", "auto", strings.Join(backends, ", ")+"; judging needs none")
	f.BoolVar(&w.all, "all", false, "judge every reference program, not a tenth (minutes); with -problems also every survivor is listed")
	f.BoolVar(&w.json, "json", false, "print a list of {area, what, ok, error, cure, figures}")
	f.StringVar(&w.sets.hostile, "hostile", "", "folder of programs that attack the sandbox, with index.json")
	f.StringVar(&w.sets.hacks, "hacks", "", "file of programs that attack the reward, with bounds")
	f.StringVar(&w.sets.compare, "compare", "", "file of outputs to compare, with verdicts")
	f.StringVar(&w.sets.scan, "scan", "", "file of sources that attack the scanner, with outcomes")
	f.StringVar(&w.sets.tokenizers, "tokenizers", "", "folder of tokenizers with texts and their ids, in the form of testdata/tokenizer")
	f.StringVar(&w.opinions.parity, "parity", "", "file or folder of trusted sources: findings and places against stock Bandit's")
	f.StringVar(&w.opinions.agree, "agree", "", "file or folder of sources: how far dlint and ruff agree with Bandit")
	f.StringVar(&w.golden, "golden", "", "folder of reference numbers to compare the library with")
	f.StringVar(&w.model.folder, "model", "", "Hugging Face folder to look at: does it fit, how fast is it, what do settings take, does it train")
	f.StringVar(&w.model.config, "config", "tiny-hf", "preset or settings file for it")
	f.Func("set", "`KEY=VALUE` over these settings; may be repeated", func(x string) error {
		w.model.set = append(w.model.set, x)
		return nil
	})
	f.Float64Var(&w.model.minutes, "minutes", 5, "time for its smoke run; measurements are cut to shares of it")
	f.StringVar(&w.problems.path, "problems", "", "file of problems to examine, or families")
	f.StringVar(&w.problems.format, "format", "auto", "of that file: stdin (JSON lines), paper, apps, mbpp, humaneval; auto = by content")
	f.IntVar(&w.problems.most, "mutants", 20, "mutants per problem of that file, chosen by key; 0 = all (families: always all)")
	switch err := f.Parse(args); {
	case err == flag.ErrHelp:
		return w, exitFit
	case err != nil:
		return w, exitUsage
	case f.NArg() > 0:
		fmt.Fprintf(errs, "doctor: %q is no flag; see doctor -h\n", f.Arg(0))
		return w, exitUsage
	case !slices.Contains(backends, w.backend):
		fmt.Fprintf(errs, "doctor: -backend %q is unknown; there are %s\n", w.backend, strings.Join(backends, ", "))
		return w, exitUsage
	case w.several():
		fmt.Fprintln(errs, "doctor: -golden, -model and -problems are three questions; ask one at a time")
		return w, exitUsage
	case w.golden+w.model.folder != "" && w.backend == "none":
		fmt.Fprintln(errs, "doctor: -golden and -model compute: they need a -backend")
		return w, exitUsage
	case !(w.model.minutes > 0):
		fmt.Fprintf(errs, "doctor: -minutes must be positive, got %g\n", w.model.minutes)
		return w, exitUsage
	}
	w.problems.all = w.all
	return w, -1
}

// several tells whether more than one question was asked.
func (w wanted) several() bool {
	n := 0
	for _, x := range []string{w.golden, w.model.folder, w.problems.path} {
		if x != "" {
			n++
		}
	}
	return n > 1
}

// run is the program: arguments in, checks out, exit code.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	w, code := parse(args, errs)
	if code >= 0 {
		return code
	}
	d := &doctor{out: out, json: w.json}
	switch {
	case w.problems.path != "":
		d.problems(ctx, w.problems)
	case w.golden != "":
		d.golden(ctx, w.backend, w.golden)
	case w.model.folder != "":
		d.model(ctx, w.backend, w.model)
	default:
		d.machine()
		d.judging(ctx, w)
		if w.backend != "none" {
			d.backend(w.backend)
		}
	}
	if err := d.end(); err != nil || d.wrong > 0 {
		return exitUnfit
	}
	return exitFit
}
