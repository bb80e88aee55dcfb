// Sft runs the first two phases alone: the base model and the SFT adapter of every
// seed. The run folder can be carried on by ppo or pipeline.
//
//	sft -preset quick -out runs/quick
package main

import (
	"flag"
	"os"

	"securecoderl/experiments/train"
)

func main() {
	var o train.Options
	o.Flags(flag.CommandLine)
	flag.Parse()
	os.Exit(train.Main(o, (*train.Lab).FineTuneAll))
}
