package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/ppo"
	"securecoderl/securerl/safetensors"
	"securecoderl/securerl/sft"
)

// workVariable tells a peer the folder that holds the work of training and sampling:
// work.json, and base, adapter and whole.safetensors (float32, maps as [in, out]).
const workVariable = "SECURERL_BENCH_WORK"

// homework is what a peer needs to do the same work. Its fields are those of the
// packages, whose names JSON keeps.
type homework struct {
	Model, Tiny decoder.Config
	LoRA        decoder.LoRA
	SFT         optim.AdamW // its rate is that of every step
	PPO         ppo.Config
	Rows        []sft.Row    // of an SFT step
	Rollout     []ppo.Sample // of a PPO minibatch
	Packed      [][]int32    // of a pretraining step
	Prompts     [][]int32    // of a generation
	NewTokens   int
	Greedy      [][]int32 // what greedy decoding gives here
}

// hand writes the work for a peer and says where by the variable of the environment.
func (t *training) hand(dir string) ([]check, error) {
	checks, greedy, err := t.checks()
	if err != nil {
		return nil, err
	}
	h := homework{Model: t.model, Tiny: t.tiny, LoRA: t.lora, SFT: t.fit.AdamW, PPO: t.update, Rows: t.rows, Rollout: t.rollout, Packed: t.packed, Prompts: t.prompts, NewTokens: newTokens, Greedy: greedy}
	h.SFT.LearningRate *= optim.Linear{Warmup: t.fit.Warmup, Total: t.fit.Steps}.Rate(1)
	b, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	return checks, errors.Join(os.WriteFile(filepath.Join(dir, "work.json"), b, 0o644), save(dir, "base", t.base), save(dir, "adapter", t.adapter), save(dir, "whole", t.whole),
		os.Setenv(workVariable, dir))
}

func save(dir, name string, t *engine.Tree) (err error) {
	f, err := os.Create(filepath.Join(dir, name+".safetensors"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	list := make([]safetensors.NamedTensor, t.Len())
	for i, x := range t.Tensors {
		one, err := safetensors.FromFloat32("F32", x.Shape().Dimensions, tensors.MustCopyFlatData[float32](x))
		if err != nil {
			return err
		}
		list[i] = safetensors.NamedTensor{Name: t.Names[i], Tensor: one}
	}
	return safetensors.Write(f, list, nil)
}
