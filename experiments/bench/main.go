// Bench measures the compute of training and sampling in CPU milliseconds, and sets it
// against any command that prints the same JSON lines.
//
//	bench [-backend auto] [-rounds 5] [-peer 'command']
//
// Each round runs every work here and then the peer once, so that both see the same
// machine. A peer prints lines {"name": "sft_step_cpu_ms", "value": 91.0}; names it
// does not print are left out. Only ratios mean something on a shared machine.
package main

import (
	"flag"
	"fmt"
	"os"

	"securecoderl/securerl/engine"
)

func main() {
	backend := flag.String("backend", "auto", "auto, go, xla:cpu or xla:cuda")
	rounds := flag.Int("rounds", 5, "rounds; medians are printed")
	peer := flag.String("peer", "", "command that prints the same JSON lines")
	flag.Parse()
	if err := run(*backend, *rounds, *peer); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(backend string, rounds int, peer string) error {
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
