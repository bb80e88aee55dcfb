package train

import (
	"context"
	"fmt"
	"strings"
)

// FineTuneAll runs the base model and the SFT adapters alone.
func (l *Lab) FineTuneAll(ctx context.Context) error {
	return l.through(ctx, func(name string) bool { return name == "base" || strings.HasPrefix(name, "sft-") })
}

// OptimizeOnly runs one variant, with every stage it starts from.
func (l *Lab) OptimizeOnly(ctx context.Context, variant string) error {
	wanted := map[string]bool{}
	for name := variant; name != ""; {
		found := false
		for _, v := range l.Settings.Variants {
			if v.Name == name {
				wanted[name], name, found = true, v.Start, true
				break
			}
		}
		if !found {
			return fmt.Errorf("%w: the settings name no variant %q", errUsage, name)
		}
	}
	return l.through(ctx, func(name string) bool {
		base, _, _ := strings.Cut(name, "-")
		if cut := strings.LastIndex(name, "-"); cut > 0 && !strings.HasPrefix(name, "evaluate ") {
			base = name[:cut]
		}
		return name == "base" || strings.HasPrefix(name, "sft-") || wanted[base]
	})
}

// estimate says beforehand what the run will take.
func (l *Lab) estimate() {
	s := l.Settings
	if s.Model.Folder != "" {
		l.Console.Say("estimate       bin/doctor -model %s measures what this model takes here", s.Model.Folder)
		return
	}
	iterations, policies := 0, 1+len(s.Seeds)
	for _, v := range s.Variants {
		iterations += s.PPO.Of(v).Iterations * len(s.Seeds)
		policies += 2 * len(s.Seeds)
	}
	// Seconds on two quiet cores, measured on the default shape (experiments/LOG.md).
	size := float64(l.config.HiddenSize*l.config.NumHiddenLayers) / 240
	seconds := size * (0.16*float64(s.Base.Steps) + 0.12*float64(s.SFT.Steps*len(s.Seeds)))
	perSample := 0.013
	seconds += float64(iterations) * perSample * float64(s.PPO.Prompts*s.PPO.Samples)
	seconds += float64(policies) * perSample * 1.5 * float64(s.Evaluation.Problems*(s.Evaluation.Samples+1))
	seconds += float64(len(s.Seeds)) * perSample * 1.5 * float64(s.SFT.ProbeSamples/2+s.SFT.ProbeGreedy)
	if l.Engine.IsGo() {
		seconds *= 4
	}
	megabytes := float64(iterations*s.PPO.Prompts*s.PPO.Samples)*0.006 + 10
	free := ""
	if b := diskFree(l.Run.Dir()); b > 0 {
		free = fmt.Sprintf(", %.1f GB free", float64(b)/1e9)
	}
	l.Console.Say("estimate       %.0f minutes and graph compilation; %.0f MB in %s%s", seconds/60+1, megabytes, l.Run.Dir(), free)
}
