// Bench measures the compute of training, sampling and tokenizing in CPU milliseconds,
// and sets it against any command that prints the same JSON lines.
//
//	bench [-backend auto] [-rounds 5] [-only tokenize] [-sources DIR] [-peer 'command']
//
// Each round runs every work here and then the peer once, so that both see the same
// machine. A peer prints lines {"name": "sft_step_cpu_ms", "value": 91.0}; names it
// does not print are left out; tokenizers_peer.py is one. Only ratios mean something on a shared machine.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"securecoderl/securerl/engine"
)

func main() {
	backend := flag.String("backend", "auto", "auto, go, xla:cpu or xla:cuda")
	rounds := flag.Int("rounds", 5, "rounds; medians are printed")
	peer := flag.String("peer", "", "command that prints the same JSON lines")
	only := flag.String("only", "", "measure only what begins with this name")
	dir := flag.String("sources", "", "folder of Python sources to tokenize (default: the standard library of .venv)")
	flag.Parse()
	if err := run(*backend, *rounds, *peer, *only, *dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(backend string, rounds int, peer, only, dir string) error {
	e, err := engine.Open(backend)
	if err != nil {
		return err
	}
	defer e.Close()
	fmt.Fprintln(os.Stderr, "backend", e.Info().Note)
	works, err := prepare(e)
	if err != nil {
		return err
	}
	more, err := tokenizing(dir)
	if err != nil {
		return err
	}
	works = slices.DeleteFunc(append(works, more...), func(w work) bool { return !strings.HasPrefix(w.name, only) })
	ours, theirs := map[string][]float64{}, map[string][]float64{}
	for range rounds {
		for _, w := range works {
			ms, err := cpuMilliseconds(w.repeat, w.run)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			ours[w.name] = append(ours[w.name], ms)
		}
		if peer != "" {
			if err := ask(peer, theirs); err != nil {
				return err
			}
		}
	}
	return report(os.Stdout, works, ours, theirs)
}
