// Bench measures the compute of training, sampling and tokenizing in CPU milliseconds,
// and sets it against any command that prints the same JSON lines.
//
//	bench [-backend auto] [-rounds 5] [-only tokenize] [-sources DIR] [-peer 'command']
//	bench -size 1.3b [-rows 16] [-length 512] [-checkpointed]
//
// Each round runs every work here and then the peer once, so that both see the same
// machine. A peer prints lines {"name": "sft_step_cpu_ms", "value": 91.0}; names it does
// not print are left out. peers/ holds two: jax_peer.py and tokenizers_peer.py. A peer of
// training finds weights, rows and settings in the folder $SECURERL_BENCH_WORK, and prints
// the losses of its first steps: where they are not those found here, it does other work,
// and bench fails. Only ratios mean something on a shared machine.
//
// With -size the device is measured instead, at a model of that size with random weights:
// a training step of an adapter and decoding, in tokens/s, and as a share of what the
// device can do at most, its matrix products and its memory measured in the same run.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"securecoderl/securerl/engine"
)

// options are the flags.
type options struct {
	backend, peer, only, sources, size string
	rounds, devices, rows, length      int
	float32                            bool
	checkpointed                       bool
}

func main() {
	var o options
	flag.StringVar(&o.backend, "backend", "auto", "auto, go, xla:cpu or xla:cuda")
	flag.IntVar(&o.devices, "devices", 1, "devices that share the rows of a training step")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds; medians are printed, and the best of wall times")
	flag.StringVar(&o.peer, "peer", "", "command that prints the same JSON lines")
	flag.StringVar(&o.only, "only", "", "measure only what begins with this name")
	flag.StringVar(&o.sources, "sources", "", "folder of Python sources to tokenize (default: the standard library of .venv)")
	flag.StringVar(&o.size, "size", "", "measure the device at this size instead: tiny or 1.3b")
	flag.IntVar(&o.rows, "rows", 0, "rows of a training step at that size (0 = its own)")
	flag.IntVar(&o.length, "length", 0, "tokens of a row at that size (0 = its own)")
	flag.BoolVar(&o.checkpointed, "checkpointed", false, "at that size, compute the layers again for the backward pass instead of keeping them")
	flag.BoolVar(&o.float32, "float32", false, "at that size, compute in float32: what a CPU is fast at")
	flag.Parse()
	if err := o.run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (o options) run() error {
	e, err := engine.Open(o.backend, engine.WithDevices(o.devices))
	if err != nil {
		return err
	}
	defer e.Close()
	fmt.Fprintf(os.Stderr, "backend %s; %s\n", e.Info().Note, e.Info().Device)
	var checks []check
	works, err := o.works(e)
	if err == nil && o.peer != "" && o.size == "" {
		var dir string
		if dir, err = os.MkdirTemp("", "bench"); err == nil {
			defer os.RemoveAll(dir)
			checks, err = newTraining(e).hand(dir)
		}
	}
	if err != nil {
		return err
	}
	works = slices.DeleteFunc(works, func(w work) bool { return !strings.HasPrefix(w.name, o.only) })
	var ours, theirs results
	for round := range o.rounds {
		for _, w := range works {
			if w.single && round > 0 {
				continue
			}
			if err := ours.once(w); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
		}
		if o.peer != "" {
			if err := theirs.ask(o.peer); err != nil {
				return err
			}
		}
	}
	return errors.Join(report(os.Stdout, ours, theirs), agree(checks, theirs))
}

// works are those of a size, or those of training, sampling, compiling and tokenizing.
func (o options) works(e *engine.Engine) ([]work, error) {
	if o.size != "" {
		s, err := sizes(o.size)
		if err != nil {
			return nil, err
		}
		if o.rows > 0 {
			s.rows = o.rows
		}
		if o.length > 0 {
			s.length = o.length
		}
		s.config.Compute.Checkpointed, s.config.Compute.BF16 = o.checkpointed, !o.float32
		return at(e, s)
	}
	works, err := newTraining(e).works()
	if err != nil {
		return nil, err
	}
	works = append(works, compiling(e))
	more, err := tokenizing(o.sources)
	return append(works, more...), err
}
