// Doctor says whether this machine is fit: backend and self-check, sandbox tier and
// its probes, interpreter, scanner and its canary, and reference programs that must
// earn full marks.
//
//	doctor [-backend auto] [-all] [-json] [-hostile DIR] [-hacks FILE] [-compare FILE] [-scan FILE]
//	doctor -problems FILE|families [-format auto] [-mutants 20] [-all] [-json]
//
// The last four run sets with known answers, in the form of testdata/sandbox/hostile,
// testdata/reward/hacks.jsonl, testdata/compare/compare.jsonl and
// testdata/scan/hostile.jsonl, and say what was answered otherwise.
//
// With -problems it looks at a set of problems instead: are its reference programs right
// under the comparators of their problems, which mutants of them do its tests miss, what
// do its splits share? Of a large set a tenth is run, chosen by key; -all runs everything.
//
// It exits with 0 when all is well, 1 when something is wrong.
package main

import (
	"context"
	"flag"
	"os"

	"securecoderl/experiments/train"
)

func main() {
	backend := flag.String("backend", "auto", "auto, go, xla:cpu or xla:cuda")
	all := flag.Bool("all", false, "judge every reference program, not a tenth (minutes); with -problems also every survivor is listed")
	var s sets
	flag.StringVar(&s.hostile, "hostile", "", "folder of programs that attack the sandbox, with index.json")
	flag.StringVar(&s.hacks, "hacks", "", "file of programs that attack the reward, with bounds")
	flag.StringVar(&s.compare, "compare", "", "file of outputs to compare, with verdicts")
	flag.StringVar(&s.scan, "scan", "", "file of sources that attack the scanner, with outcomes")
	var p problemSet
	flag.StringVar(&p.path, "problems", "", "file of problems to examine, or families")
	flag.StringVar(&p.format, "format", "auto", "of that file: stdin (JSON lines), paper, apps; auto = by content")
	flag.IntVar(&p.most, "mutants", 20, "mutants per problem of that file, chosen by key; 0 = all (families: always all)")
	asJSON := flag.Bool("json", false, "print a list of {what, ok, error, cure}")
	flag.Parse()
	d := &doctor{out: os.Stdout, json: *asJSON}
	if p.path != "" {
		p.all = *all
		d.problems(context.Background(), p)
		d.exit()
	}
	d.machine()
	lab, err := train.Open(context.Background(), train.Default(), *backend, nil, train.Quiet())
	d.check("backend, sandbox, interpreter, scanner", err, "see the line above; make setup installs what is missing")
	if err == nil {
		d.lab(context.Background(), lab, *all)
		d.known(context.Background(), lab, s)
		d.check("clean end", lab.Close(), "")
	}
	d.exit()
}

// exit ends the program: with 1 if something is wrong.
func (d *doctor) exit() {
	if err := d.end(); err != nil || d.wrong > 0 {
		os.Exit(1)
	}
	os.Exit(0)
}
