package decoder_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/problem/families"
	"securecoderl/securerl/prompt"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/tokenizer"
)

// trained is the small policy of a stored run, which writes programs of 10 to 68 tokens.
type trained struct {
	config        decoder.Config
	lora          decoder.LoRA
	base, adapter *engine.Tree
	prompts       [][]int32 // of n problems
}

const stored = "../../testdata/runlog/checkpoints"

func openTrained(t testing.TB, n int) (x trained) {
	t.Helper()
	var err error
	x.config, x.base, err = checkpoint.Load(filepath.Join(stored, "base"))
	require.NoError(t, err)
	x.lora, x.adapter, err = checkpoint.LoadAdapter(filepath.Join(stored, "sft-1"), x.config)
	require.NoError(t, err)
	tok, err := tokenizer.Load(filepath.Join(stored, "base", "tokenizer.json"))
	require.NoError(t, err)
	problems, template := families.Build().Problems, prompt.Tiny(44)
	rng.New(3).Stream().Shuffle(len(problems), func(i, j int) { problems[i], problems[j] = problems[j], problems[i] })
	for _, q := range problems[:n] {
		p, err := template.Render(tok, q)
		require.NoError(t, err)
		x.prompts = append(x.prompts, p.IDs)
	}
	return x
}
