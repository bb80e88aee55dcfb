package fit

import (
	"fmt"

	"securecoderl/experiments/train"
)

// outlook says what time and disk the settings take, by the speeds that were measured.
// Programs are taken to be as long as their slots: what ends earlier is faster. Judging is
// not in it: programs are judged while others are written.
func (f *fitting) outlook() error {
	s := f.lab.Settings
	seconds := hours(s, f.speeds)
	bytes := disk(s, int64(f.adapter.Parameters()))
	f.say(fmt.Sprintf("these settings take about %s here at most, judging apart: SFT %s, sampling %s, scoring %s, PPO updates %s; and %.2f GB of disk (checkpoints of adapter, best adapter and two moments; samples)",
		span(seconds.total()), span(seconds.sft), span(seconds.sampling), span(seconds.scoring), span(seconds.updates), float64(bytes)/1e9),
		map[string]float64{"seconds": seconds.total(), "sft_seconds": seconds.sft, "sampling_seconds": seconds.sampling, "scoring_seconds": seconds.scoring, "update_seconds": seconds.updates, "disk_bytes": float64(bytes)}, nil, "")
	return nil
}

// cost is time in seconds.
type cost struct{ sft, sampling, scoring, updates float64 }

func (c cost) total() float64 { return c.sft + c.sampling + c.scoring + c.updates }

// hours is the time of all seeds and variants.
func hours(s train.Settings, v speeds) (c cost) {
	row := float64(s.Model.PromptSlots + s.Model.ProgramSlots)
	program := float64(s.Model.ProgramSlots)
	seeds := float64(len(s.Seeds))
	if s.SFT.Adapter == "" {
		c.sft = seeds * float64(s.SFT.Steps*s.SFT.BatchSize) * row / v.train
	}
	samples := seeds * float64(s.SFT.ProbeSamples+s.SFT.ProbeGreedy)
	policies := 1 + seeds // base, and SFT of each seed
	for _, variant := range s.Variants {
		p := s.PPO.Of(variant)
		rollout := seeds * float64(p.Iterations*p.Prompts*p.Samples)
		samples += rollout + seeds*float64((p.Iterations/p.ValidateEvery+1)*s.Evaluation.ValidationProblems*s.Evaluation.ValidationSamples)
		c.scoring += 2 * rollout * row / v.score // the policy's and the reference's log-probabilities
		c.updates += rollout * float64(p.Epochs) * row / v.train
		policies += 2 * seeds // best and last
	}
	samples += policies * float64(s.Evaluation.Problems*(s.Evaluation.Samples+1))
	c.sampling = samples * program / v.sample
	return c
}

// disk is what a run folder holds at its largest, in bytes.
func disk(s train.Settings, parameters int64) int64 {
	const (
		float   = 4
		kept    = 2 + 1   // newest checkpoints, and the one that is being written
		sampled = 6 << 10 // a row of samples.jsonl: verdict, scores
		token   = 60      // and its ids, log-probabilities, rewards and advantages
	)
	adapter := parameters * float
	n := kept * 4 * adapter // adapter, best, m, v
	seeds := int64(len(s.Seeds))
	n += seeds * adapter
	rows := int64(1+len(s.Seeds)) * int64(s.Evaluation.Problems*(s.Evaluation.Samples+1))
	for _, v := range s.Variants {
		p := s.PPO.Of(v)
		n += seeds * 2 * adapter
		rows += seeds * int64(p.Iterations*p.Prompts*p.Samples+2*s.Evaluation.Problems*(s.Evaluation.Samples+1))
	}
	return n + rows*(sampled+token*int64(s.Model.ProgramSlots))
}

// span is a time for people.
func span(seconds float64) string {
	switch {
	case seconds >= 2*3600:
		return fmt.Sprintf("%.1f h", seconds/3600)
	case seconds >= 120:
		return fmt.Sprintf("%.0f min", seconds/60)
	}
	return fmt.Sprintf("%.1f s", seconds)
}
