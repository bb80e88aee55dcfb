// Ppo trains one variant of a run by PPO, with every stage it starts from.
//
//	ppo -preset quick -out runs/quick -variant gated
//	ppo -resume runs/quick -variant gated
package main

import (
	"context"
	"flag"
	"os"

	"securecoderl/experiments/train"
)

func main() {
	var o train.Options
	o.Flags(flag.CommandLine)
	variant := flag.String("variant", "gated", "variant to train, as named in the settings")
	flag.Parse()
	os.Exit(train.Main(o, func(l *train.Lab, ctx context.Context) error { return l.OptimizeOnly(ctx, *variant) }))
}
