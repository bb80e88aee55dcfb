// Pipeline runs the main job: base model, SFT, every PPO variant, evaluation and
// report, in one process, so that each graph is compiled once.
//
//	pipeline -preset quick -backend auto -out runs/quick     a new run
//	pipeline -settings runs/quick/settings.toml -out runs/b  the same run again
//	pipeline -resume runs/quick                              go on after a stop
//
// It exits with 0 when the report is written, 2 when an input was wrong, 130 when
// it was asked to stop and left a checkpoint, 1 otherwise.
package main

import (
	"context"
	"flag"
	"os"

	"securecoderl/experiments/results"
	"securecoderl/experiments/train"
)

func main() {
	var o train.Options
	o.Flags(flag.CommandLine)
	flag.Parse()
	os.Exit(train.Main(o, func(l *train.Lab, ctx context.Context) error {
		if err := l.Pipeline(ctx); err != nil {
			return err
		}
		return results.Write(ctx, l)
	}))
}
