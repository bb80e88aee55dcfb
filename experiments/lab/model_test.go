package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/notebook"
	"securecoderl/securerl/notebook/session"
	"securecoderl/securerl/tokenizer"
)

// golden is a copy of a golden checkpoint that a test may touch.
func golden(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "llama_deepseek")
	require.NoError(t, os.CopyFS(dir, os.DirFS("../../testdata/models/llama_deepseek")))
	return dir
}

// direct are the log-probabilities of ids after the prompt, by the network alone.
func direct(t *testing.T, dir string, prompt, ids []int32, temperature float64) []float64 {
	t.Helper()
	e, err := engine.Open("go")
	require.NoError(t, err)
	defer e.Close()
	c, base, err := checkpoint.Load(dir)
	require.NoError(t, err)
	row := append(append([]int32{}, prompt...), ids...)
	n := len(row) - 1
	f := e.NewFunc("direct", func(in []*Node) []*Node {
		net := decoder.Bind(e, c, nil, in[2:], nil)
		lp, _ := decoder.TokenLogProbs(DivScalar(net.Logits(net.Hidden(in[0])), temperature), in[1], nil)
		return []*Node{lp}
	})
	out, err := f.Call(append([]*tensors.Tensor{tensors.FromFlatDataAndDimensions(row[:n], 1, n), tensors.FromFlatDataAndDimensions(row[1:], 1, n)}, base.Tensors...)...)
	require.NoError(t, err)
	var list []float64
	for _, x := range tensors.MustCopyFlatData[float32](out[0])[len(prompt)-1:] {
		list = append(list, float64(x))
	}
	return list
}

func TestAModelOfAFolderStaysWarmWritesAndScores(t *testing.T) {
	checkout(t)
	dir := golden(t)
	tok, err := tokenizer.Load(filepath.Join(dir, "tokenizer.json"))
	require.NoError(t, err)
	m := notebook.OpenModel(dir)
	assert.False(t, m.Warm)
	assert.Equal(t, "llama", m.Family)
	assert.EqualValues(t, 208320, m.Parameters)
	assert.EqualValues(t, 4*208320, m.Bytes)
	assert.Equal(t, 256, m.Positions)
	assert.Contains(t, m.Plan, "in all")
	assert.Contains(t, m.Chats, "deepseek-coder")
	assert.NotContains(t, m.Chats, "qwen2", "its tokenizer has no <|im_start|>")

	const prompt = "def add(a, b):\n"
	q := notebook.Request{Prompt: prompt, Samples: 3, MaxNew: 10, Temperature: 0.8, Seed: 3}
	texts := m.Write(q)
	require.Len(t, texts, 3)
	asked := tok.Wrap(tok.Encode(prompt)).IDs
	for _, x := range texts {
		var ids []int32
		var logp []float64
		for _, token := range x.Tokens {
			ids, logp = append(ids, token.ID), append(logp, token.LogProb)
		}
		assert.LessOrEqual(t, len(ids), 10)
		assert.Equal(t, tok.Decode(ids), x.String(), "bytes come back as they are, UTF-8 or not")
		assert.InDeltaSlice(t, direct(t, dir, asked, ids, 0.8), logp, 1e-4)
		assert.Equal(t, x.Ended, len(ids) < 10 || ids[len(ids)-1] == 511)
	}
	assert.Equal(t, texts, m.Write(q), "equal requests give equal texts")
	q.Seed = 4
	assert.NotEqual(t, texts, m.Write(q))
	again := notebook.OpenModel(dir)
	assert.True(t, again.Warm)

	const answer = "    return a + b\n"
	scored := m.Score(notebook.Request{Prompt: prompt}, answer)
	assert.Equal(t, answer, scored.String())
	ids := tok.EncodeContinuation(answer).IDs
	require.Len(t, scored.Tokens, len(ids))
	sum, parts := 0.0, ""
	for i, lp := range direct(t, dir, asked, ids, 1) {
		assert.InDelta(t, lp, scored.Tokens[i].LogProb, 1e-4)
		sum, parts = sum+lp, parts+scored.Tokens[i].String()
	}
	assert.InDelta(t, sum, scored.LogProb(), 1e-3)
	assert.Equal(t, answer, parts)
	chat := m.Score(notebook.Request{Prompt: prompt, Chat: "deepseek-coder"}, "x")
	assert.NotEqual(t, m.Score(notebook.Request{Prompt: prompt}, "x").LogProb(), chat.LogProb(), "another prompt")
	one := m.Write(notebook.Request{Prompt: prompt, Greedy: true, MaxNew: 3})
	require.Len(t, one, 1)
	assert.Equal(t, one, m.Write(notebook.Request{Prompt: prompt, Greedy: true, MaxNew: 3, Seed: 9}), "greedy draws nothing")
}

func TestWrongQuestionsToAModelSayWhatToAsk(t *testing.T) {
	checkout(t)
	dir, other := golden(t), golden(t)
	b, err := os.ReadFile("../../testdata/tokenizer/starcoder2/tokenizer.json")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(other, "tokenizer.json"), b, 0o600))
	cut := golden(t)
	require.NoError(t, os.Truncate(filepath.Join(cut, "model.safetensors"), 1000))
	ask := func(q notebook.Request) notebook.Writing { return notebook.Writing{Folder: dir, Request: q} }
	for _, tt := range []struct {
		call string
		in   any
		want []string
	}{
		{notebook.CallModel, notebook.Opening{Folder: "/nowhere"}, []string{"/nowhere", "no config.json"}},
		{notebook.CallModel, notebook.Opening{Folder: other}, []string{"tokenizer.json", "two models"}},
		{notebook.CallModel, notebook.Opening{Folder: cut}, []string{"model.safetensors"}},
		{notebook.CallWrite, ask(notebook.Request{Prompt: "x", MaxNew: 400}), []string{"256 positions", "lower MaxNew"}},
		{notebook.CallWrite, ask(notebook.Request{Prompt: "x", MaxNew: -1}), []string{"not negative"}},
		{notebook.CallWrite, ask(notebook.Request{Prompt: "x", TopP: 2}), []string{"top-p"}},
		{notebook.CallWrite, ask(notebook.Request{Prompt: "x", Chat: "mine"}), []string{`"mine"`, "deepseek-coder"}},
		{notebook.CallWrite, ask(notebook.Request{Prompt: "x", Chat: "qwen2"}), []string{"qwen2", "<|im_start|>"}},
		{notebook.CallScore, ask(notebook.Request{Prompt: "x"}), []string{"no text to score"}},
	} {
		err := session.Call(context.Background(), tt.call, tt.in, nil, nil)
		require.Error(t, err, "%v", tt.in)
		for _, w := range tt.want {
			assert.Contains(t, err.Error(), w)
		}
	}
}

// A model and a run take each other's place; a folder that has changed is loaded anew; a
// batch that does not fit is refused with numbers.
func TestAModelIsHeldUntilSomethingElseIsAskedAbout(t *testing.T) {
	run, dir := checkout(t), golden(t)
	l := newLab()
	ctx := context.Background()
	var seen []int64
	a, err := l.openModel(ctx, dir, func(done, total int64) {
		assert.EqualValues(t, 4*208320, total)
		seen = append(seen, done)
	})
	require.NoError(t, err)
	assert.IsIncreasing(t, seen)
	same, err := l.openModel(ctx, dir, nil)
	require.NoError(t, err)
	assert.Same(t, a, same, "warm")
	assert.ErrorIs(t, a.spare(1<<30, slots{128, 128}), checkpoint.ErrMemory)
	at, err := a.model.slots(33, 200)
	require.NoError(t, err)
	assert.Equal(t, slots{56, 200}, at, "within 256 positions")
	at, err = a.model.slots(5, 100)
	require.NoError(t, err)
	assert.Equal(t, slots{32, 128}, at)

	require.NoError(t, os.Chtimes(filepath.Join(dir, "config.json"), time.Now(), time.Now().Add(time.Hour)))
	b, err := l.openModel(ctx, dir, nil)
	require.NoError(t, err)
	assert.NotSame(t, a, b, "changed, so loaded anew")
	assert.False(t, a.model.base.Base.Tensors[0].Ok(), "the one before is freed")
	c, err := l.open(ctx, run)
	require.NoError(t, err)
	assert.Nil(t, c.model)
	assert.False(t, b.model.base.Base.Tensors[0].Ok())
	require.NoError(t, l.close())
}
