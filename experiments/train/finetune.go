package train

import (
	"context"
	"errors"
	"fmt"

	"securecoderl/experiments/train/corpus"
	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/policy"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/problem/families"
	"securecoderl/securerl/prompt"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/runlog"
	"securecoderl/securerl/scan"
	"securecoderl/securerl/sft"
	"securecoderl/securerl/stats"
)

// FineTune trains the LoRA adapter of one seed on a fixed set of noisy rows: the
// loss is on the program and its end token, never on the request. It leaves
// checkpoints/sft-SEED, a PEFT folder, and measures what the adapter writes.
func (l *Lab) FineTune(ctx context.Context, seed uint64) error {
	if err := l.loadBase(); err != nil {
		return err
	}
	s := l.Settings.SFT
	if s.Adapter != "" {
		return l.take(ctx, s.Adapter, seed)
	}
	root := rng.New(seed).Name("sft")
	rows, err := l.sftRows(root.Name("rows"))
	if err != nil {
		return err
	}
	config, lora := l.config, l.Settings.Adapter()
	adapter := decoder.InitAdapter(config, lora, root.Name("adapter"))
	moments := optim.NewState(adapter)
	saved := map[string]**engine.Tree{"adapter": &adapter, "m": &moments.M, "v": &moments.V}
	if err := l.restore(saved); err != nil {
		return err
	}
	moments.Step = l.state.Step
	trainer := sft.New(l.Engine, config, &lora, sft.Config{
		AdamW: optim.AdamW{LearningRate: s.LearningRate, Beta1: 0.9, Beta2: s.Beta2, Epsilon: 1e-8, WeightDecay: s.WeightDecay, ClipNorm: s.ClipNorm},
		Steps: s.Steps, MicrobatchSize: s.MicrobatchSize, Warmup: s.Warmup, Length: l.Settings.Model.slots(), Key: root.Name("dropout"),
	})
	bar := l.Console.Bar(sftName(seed), s.Steps, l.state.Step)
	note := ""
	for step := l.state.Step; step < s.Steps; step++ {
		stream := root.Name("batch").Fold(uint32(step)).Stream()
		batch := make([]sft.Row, s.BatchSize)
		for i := range batch {
			batch[i] = rows[stream.IntN(len(rows))]
		}
		next, st, err := trainer.Step(l.base, adapter, moments, batch, step)
		if err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
		adapter = next
		point := runlog.Point{Phase: "sft", Variant: "sft", Seed: seed, Step: step, Values: map[string]float64{"loss": st.Loss, "grad_norm": st.Norm, "rate": st.Rate}}
		if err := l.metric(point); err != nil {
			return err
		}
		note = fmt.Sprintf("loss %.3f", st.Loss)
		bar.Step(note)
		if err := l.checkpoint(ctx, step+1, s.CheckpointEvery, step+1 == s.Steps, saved); err != nil {
			return err
		}
	}
	bar.Done(note)
	if err := l.saveAdapter(policyName{Variant: "sft", Seed: seed}, adapter); err != nil {
		return err
	}
	return l.probe(ctx, adapter, seed)
}

// sftRows draws the fixed rows of SFT. A row that does not fit the slots is cut at
// the end, as a training example of a real corpus would be.
func (l *Lab) sftRows(key rng.Key) ([]sft.Row, error) {
	if l.Settings.Data.Rows != "" {
		return l.storedRows(key)
	}
	noisy, stream := l.corpus(families.SFTNoise(), l.Settings.SFT.Insecure), key.Stream()
	rows := make([]sft.Row, l.Settings.SFT.Rows)
	for i := range rows {
		row := noisy.Draw(stream)
		p, err := l.template().RenderRequest(l.tokenizer, row.Problem.ID, row.Request)
		if err != nil {
			return nil, err
		}
		target := append(l.tokenizer.EncodeContinuation(row.Program).IDs, l.end())
		rows[i] = sft.Row{Prompt: p.IDs, Target: target[:min(len(target), l.Settings.Model.ProgramSlots)]}
	}
	return rows, nil
}

// storedRows are the rows of a file: SFT.Rows of them, chosen by key, if there are more.
// What does not fit the slots is left out; a program without its end would teach
// that programs have none.
func (l *Lab) storedRows(key rng.Key) ([]sft.Row, error) {
	stored, poor, err := corpus.Rows(l.Settings.Data.Rows, l.Settings.Data.Reward)
	if err != nil {
		return nil, err
	}
	key.Stream().Shuffle(len(stored), func(i, j int) { stored[i], stored[j] = stored[j], stored[i] })
	var rows []sft.Row
	long := 0
	for _, r := range stored {
		p, err := l.template().RenderRequest(l.tokenizer, r.ID, r.Request)
		if err != nil && !errors.Is(err, prompt.ErrTooLong) {
			return nil, err
		}
		target := append(l.tokenizer.EncodeContinuation(r.Program).IDs, l.end())
		if err != nil || len(target) > l.Settings.Model.ProgramSlots {
			long++
		} else if len(rows) < l.Settings.SFT.Rows {
			rows = append(rows, sft.Row{Prompt: p.IDs, Target: target})
		}
	}
	l.Console.Say("rows           %d of %d; %d with a reward below %g, %d longer than the slots", len(rows), len(stored)+poor, poor, l.Settings.Data.Reward, long)
	if len(rows) == 0 {
		return nil, fmt.Errorf("%w: %s: no row fits the slots of the settings", corpus.ErrFile, l.Settings.Data.Rows)
	}
	return rows, l.Run.AddFacts(map[string]any{"sft_rows": map[string]any{"used": len(rows), "poor": poor, "long": long}})
}

// take stores an adapter from elsewhere as that of SFT.
func (l *Lab) take(ctx context.Context, dir string, seed uint64) error {
	adapter, err := l.policy(nil).Load(dir)
	if err != nil {
		return err
	}
	if err := l.saveAdapter(policyName{Variant: "sft", Seed: seed}, adapter.Adapter); err != nil {
		return err
	}
	return l.probe(ctx, adapter.Adapter, seed)
}

// probe measures the SFT policy before PPO: what share of its correct programs is
// flagged, sampled on training problems and greedy on training and validation
// problems. The test split is not touched. The security term of a reward can move
// only where that share is neither 0 nor 1.
func (l *Lab) probe(ctx context.Context, adapter *engine.Tree, seed uint64) error {
	p := l.policy(adapter)
	training := l.picker()
	var sampled tally
	for round := 0; sampled.correct < l.Settings.SFT.ProbeCorrect && sampled.programs < l.Settings.SFT.ProbeSamples; round++ {
		draw := key(seed, "probe", round)
		stream := draw.Stream()
		problems := make([]*problem.Problem, min(128, l.Settings.SFT.ProbeSamples))
		for i := range problems {
			problems[i] = training.Pick(stream)
		}
		if err := l.count(ctx, &sampled, p, problems, decoder.Law{Temperature: 1}, draw.Name("samples")); err != nil {
			return err
		}
	}
	var greedy tally
	if err := l.count(ctx, &greedy, p, l.probeProblems(seed), decoder.Law{Greedy: true}, rng.New(seed).Name("probe greedy")); err != nil {
		return err
	}
	var validation tally
	problems := l.heldOut(problem.Validation, l.Settings.Evaluation.ValidationProblems)
	if err := l.count(ctx, &validation, p, problems, decoder.Law{Temperature: 1}, rng.New(seed).Name("probe validation")); err != nil {
		return err
	}
	l.Console.Say("sft seed %d     training problems, sampled: %s", seed, sampled)
	l.Console.Say("               training and validation problems, greedy: %s", greedy)
	l.Console.Say("               validation problems, sampled: %s", validation)
	if share := sampled.share(); sampled.correct < l.Settings.SFT.ProbeCorrect || share < 0.15 || share > 0.60 {
		l.Console.Say("               the security term cannot be trusted to move: want 15 to 60 %% flagged among at least %d correct programs", l.Settings.SFT.ProbeCorrect)
	}
	return errors.Join(l.metric(sampled.point("sampled", seed)), l.metric(greedy.point("greedy", seed)), l.metric(validation.point("validation", seed)))
}

// probeProblems picks the problems of the greedy probe by key.
func (l *Lab) probeProblems(seed uint64) []*problem.Problem {
	all := append(l.Problems.Split(problem.Train), l.Problems.Split(problem.Validation)...)
	rng.New(seed).Name("probe problems").Stream().Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	picked := make([]*problem.Problem, min(len(all), l.Settings.SFT.ProbeGreedy))
	for i := range picked {
		picked[i] = &all[i]
	}
	return picked
}

// tally counts the outcomes of a set of programs.
type tally struct{ programs, parsed, flaggedParsed, correct, flaggedCorrect int }

func (t *tally) add(v judge.Verdict) {
	t.programs++
	flagged := v.Flagged(scan.Medium)
	if v.Parsed {
		t.parsed++
		if flagged {
			t.flaggedParsed++
		}
	}
	if v.AllPassed() {
		t.correct++
		if flagged {
			t.flaggedCorrect++
		}
	}
}

func (t tally) share() float64 { return float64(t.flaggedCorrect) / float64(max(1, t.correct)) }

func (t tally) String() string {
	i := stats.Wilson(t.flaggedCorrect, t.correct, 0.95)
	return fmt.Sprintf("%d programs, %.1f %% parse, %.1f %% pass all tests; flagged: %.0f %% of those that parse, %.0f %% [%.0f, %.0f] of %d correct",
		t.programs, percent(t.parsed, t.programs), percent(t.correct, t.programs), percent(t.flaggedParsed, t.parsed), 100*t.share(), 100*i.Low, 100*i.High, t.correct)
}

func percent(k, n int) float64 { return 100 * float64(k) / float64(max(1, n)) }

func (t tally) point(name string, seed uint64) runlog.Point {
	return runlog.Point{Phase: "probe " + name, Variant: "sft", Seed: seed, Values: map[string]float64{
		"programs": float64(t.programs), "parsed": float64(t.parsed), "correct": float64(t.correct),
		"flagged_parsed": float64(t.flaggedParsed), "flagged_correct": float64(t.flaggedCorrect),
	}}
}

// count samples one program per problem and adds its verdict to the tally.
func (l *Lab) count(ctx context.Context, t *tally, p *policy.Policy, problems []*problem.Problem, law decoder.Law, draw rng.Key) error {
	prompts := make([]prompt.Prompt, len(problems))
	for i, q := range problems {
		var err error
		if prompts[i], err = p.Template.Render(p.Tokenizer, *q); err != nil {
			return err
		}
	}
	_, judging, err := judged(ctx, l.Evaluation, p.Rollout(ctx, prompts, 1, law, func(i, _ int) rng.Key { return draw.Fold(uint32(i)) }), problems, 1)
	if err != nil {
		return err
	}
	verdicts, _, err := judging.Wait()
	for _, v := range verdicts {
		t.add(v)
	}
	return err
}
