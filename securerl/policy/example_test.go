package policy_test

import (
	"context"
	"fmt"
	"slices"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/policy"
	"securecoderl/securerl/prompt"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/tokenizer"
)

// A fresh model writes two programs for one request. They are noise, but everything
// a policy gradient needs is known of them.
func ExamplePolicy_Rollout() {
	e, err := engine.Open("go")
	if err != nil {
		panic(err)
	}
	defer e.Close()
	tok, err := tokenizer.Train(slices.Values([]string{"print(int(input()) * 2)"}), 270, []string{"<pad>", "<s>", "<code>", "</s>"})
	if err != nil {
		panic(err)
	}
	p := &policy.Policy{Engine: e, Config: decoder.Tiny(tok.VocabSize()), Base: decoder.Init(decoder.Tiny(tok.VocabSize()), rng.New(1)),
		Tokenizer: tok, Template: prompt.Tiny(32), PromptSlots: 32, MaxNew: 6}
	request, err := p.Template.RenderRequest(tok, "twice", "Print twice the number.")
	if err != nil {
		panic(err)
	}
	law := decoder.Law{Temperature: 1}
	if err := policy.CheckTraining(law); err != nil {
		panic(err)
	}
	for t, err := range p.Rollout(context.Background(), []prompt.Prompt{request}, 2, law, func(i, sample int) rng.Key { return rng.New(1).Fold(uint32(i), uint32(sample)) }) {
		if err != nil {
			panic(err)
		}
		fmt.Println(t.Problem, t.Sample, len(t.IDs) == len(t.Spans), len(t.IDs) == len(t.LogProbs), t.Finish)
	}
	// Output:
	// twice 0 true true length
	// twice 1 true true length
}
