package policy

import (
	"fmt"
	"slices"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/decoder/checkpoint"
)

// Save writes the adapter as a PEFT folder. base names the model it belongs to.
func (p *Policy) Save(dir, base string) error {
	if p.Adapter == nil {
		return fmt.Errorf("%w: there is no adapter to save", ErrPolicy)
	}
	return checkpoint.SaveAdapter(dir, p.Config, p.LoRA, p.Adapter, base)
}

// Load returns p with the adapter of a PEFT folder. It must have p's shape of
// adapter: ErrPolicy says how it differs.
func (p *Policy) Load(dir string) (*Policy, error) {
	l, adapter, err := checkpoint.LoadAdapter(dir, p.Config)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	sorted := func(l decoder.LoRA) []string { return slices.Sorted(slices.Values(l.Targets)) }
	if l.Rank != p.LoRA.Rank || l.Scale() != p.LoRA.Scale() || !slices.Equal(sorted(l), sorted(p.LoRA)) {
		return nil, fmt.Errorf("%w: the adapter in %s is %+v, this policy's is %+v", ErrPolicy, dir, l, p.LoRA)
	}
	return p.With(adapter), nil
}
