// Doctor says whether this machine is fit: backend and self-check, sandbox tier and
// its probes, interpreter, scanner and its canary, and reference programs that must
// earn full marks.
//
//	doctor [-backend auto] [-all] [-json] [-hostile DIR] [-hacks FILE] [-compare FILE] [-scan FILE] [-tokenizers DIR]
//
// The last five run sets with known answers, in the form of testdata/sandbox/hostile,
// testdata/reward/hacks.jsonl, testdata/compare/compare.jsonl,
// testdata/scan/hostile.jsonl and the folders of testdata/tokenizer, and say what was
// answered otherwise.
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
	all := flag.Bool("all", false, "judge every reference program, not a tenth (minutes)")
	var s sets
	flag.StringVar(&s.hostile, "hostile", "", "folder of programs that attack the sandbox, with index.json")
	flag.StringVar(&s.hacks, "hacks", "", "file of programs that attack the reward, with bounds")
	flag.StringVar(&s.compare, "compare", "", "file of outputs to compare, with verdicts")
	flag.StringVar(&s.scan, "scan", "", "file of sources that attack the scanner, with outcomes")
	flag.StringVar(&s.tokenizers, "tokenizers", "", "folder of tokenizers, each with texts and their tokens (parity.jsonl or vectors.jsonl)")
	asJSON := flag.Bool("json", false, "print a list of {what, ok, error, cure}")
	flag.Parse()
	d := &doctor{out: os.Stdout, json: *asJSON}
	d.machine()
	lab, err := train.Open(context.Background(), train.Default(), *backend, nil, train.Quiet())
	d.check("backend, sandbox, interpreter, scanner", err, "see the line above; make setup installs what is missing")
	if err == nil {
		d.lab(context.Background(), lab, *all)
		d.known(context.Background(), lab, s)
		d.check("clean end", lab.Close(), "")
	}
	if err := d.end(); err != nil || d.wrong > 0 {
		os.Exit(1)
	}
}
