// Doctor says whether this machine is fit: backend and self-check, sandbox tier and
// its probes, interpreter, scanner and its canary, and reference programs that must
// earn full marks.
//
//	doctor [-backend auto] [-all]
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
	flag.Parse()
	d := &doctor{out: os.Stdout}
	d.machine()
	lab, err := train.Open(context.Background(), train.Default(), *backend, nil, train.Quiet())
	d.check("backend, sandbox, interpreter, scanner", err, "see the line above; make setup installs what is missing")
	if err == nil {
		d.lab(context.Background(), lab, *all)
		d.check("clean end", lab.Close(), "")
	}
	if d.wrong > 0 {
		os.Exit(1)
	}
}
