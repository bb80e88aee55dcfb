package train

import (
	"context"
	"fmt"
)

// stage is one step of the pipeline: it runs once, and is resumed when it was
// interrupted.
type stage struct {
	name string
	run  func(context.Context) error
}

// stages lists the whole job in order.
func (l *Lab) stages() []stage {
	base := l.Pretrain
	if l.Settings.Model.Folder != "" {
		base = func(context.Context) error { return l.loadBase() }
	}
	list := []stage{{"base", base}}
	evaluate := func(p policyName) {
		list = append(list, stage{"evaluate " + p.String(), func(ctx context.Context) error { return l.Evaluate(ctx, p) }})
	}
	for _, seed := range l.Settings.Seeds {
		list = append(list, stage{sftName(seed), func(ctx context.Context) error { return l.FineTune(ctx, seed) }})
		for _, v := range l.Settings.Variants {
			list = append(list, stage{variantStage(v.Name, seed), func(ctx context.Context) error { return l.Optimize(ctx, v, seed) }})
		}
	}
	evaluate(policyName{Variant: "base"})
	for _, seed := range l.Settings.Seeds {
		evaluate(policyName{Variant: "sft", Seed: seed})
		for _, v := range l.Settings.Variants {
			evaluate(policyName{Variant: v.Name, Checkpoint: "best", Seed: seed})
			evaluate(policyName{Variant: v.Name, Checkpoint: "last", Seed: seed})
		}
	}
	return list
}

// Pipeline runs every stage that is not finished.
func (l *Lab) Pipeline(ctx context.Context) error {
	return l.through(ctx, func(string) bool { return true })
}

// through runs the unfinished stages that want names, in order.
func (l *Lab) through(ctx context.Context, want func(name string) bool) error {
	if err := l.load(); err != nil {
		return err
	}
	for _, s := range l.stages() {
		if l.state.finished(s.name) || !want(s.name) {
			continue
		}
		if err := l.begin(s.name); err != nil {
			return err
		}
		if err := s.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if err := l.finish(s.name); err != nil {
			return err
		}
	}
	return nil
}
