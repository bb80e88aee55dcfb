package sft

import (
	"math"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/rng"
)

// micro is a model of one layer, an adapter that already changes it, and one trainer
// of each kind, whose graphs the tests share.
type micro struct {
	e             *engine.Engine
	config        decoder.Config
	lora          decoder.LoRA
	base, adapter *engine.Tree
	tuner, full   *Trainer
}

func newMicro(e *engine.Engine) *micro {
	c := decoder.Tiny(24)
	c.HiddenSize, c.HeadDim, c.IntermediateSize, c.NumHiddenLayers, c.NumAttentionHeads, c.NumKeyValueHeads = 16, 8, 24, 1, 2, 1
	m := &micro{e: e, config: c, lora: decoder.LoRA{Rank: 2, Alpha: 4, Targets: decoder.Projections}, base: decoder.Init(c, rng.New(1))}
	m.adapter = decoder.InitAdapter(c, m.lora, rng.New(2))
	s := rng.New(3).Stream()
	for _, x := range m.adapter.Tensors {
		x.MustMutableFlatData(func(flat any) {
			for i := range flat.([]float32) {
				flat.([]float32)[i] += float32(0.2 * s.NormFloat64())
			}
		})
	}
	config := Config{AdamW: optim.AdamW{LearningRate: 1e-2, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-8, ClipNorm: 1}, Steps: 1000, MicrobatchSize: 4}
	m.tuner, m.full = New(e, c, &m.lora, config), New(e, c, nil, config)
	return m
}

// with is a trainer of other numbers over the same graphs.
func with(t *Trainer, change func(*Config)) *Trainer {
	u := *t
	change(&u.config)
	return &u
}

func draw(s *rng.Stream, n int) []int32 {
	x := make([]int32, n)
	for i := range x {
		x[i] = int32(4 + s.IntN(20))
	}
	return x
}

func rows(n int) []Row {
	s := rng.New(9).Stream()
	list := make([]Row, n)
	for i := range list {
		list[i] = Row{Prompt: draw(s, 1+s.IntN(5)), Target: append(draw(s, s.IntN(9)), 3)}
	}
	return list
}

func (rs batch) tokens() (n int) {
	for i, x := range rs.texts {
		n += len(x) - rs.prompts[i]
	}
	return n
}

func batchOf(rs []Row) batch {
	var b batch
	for _, r := range rs {
		b.texts, b.prompts = append(b.texts, slices.Concat(r.Prompt, r.Target)), append(b.prompts, len(r.Prompt))
	}
	return b
}

func flatten(t *engine.Tree) (all []float64) {
	for _, x := range t.Tensors {
		for _, v := range tensors.MustCopyFlatData[float32](x) {
			all = append(all, float64(v))
		}
	}
	return all
}

func distance(a, b []float64) (d, size float64) {
	for i := range a {
		d += (a[i] - b[i]) * (a[i] - b[i])
		size += a[i] * a[i]
	}
	return math.Sqrt(d), math.Sqrt(size)
}

func TestTrainer(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		m := newMicro(e)
		t.Run("the loss is the mean surprise of the targets alone", m.loss)
		t.Run("any partition gives the same gradient", m.partition)
		t.Run("a packed step is a step with the first token as prompt", m.packed)
		t.Run("training lowers the loss, adapter and all weights", m.learns)
		t.Run("divergence keeps the weights and names the rows", m.diverges)
		t.Run("rows that cannot be trained on are refused", m.refuses)
	})
}

// loss is computed here from the log-probability of every single token.
func (m *micro) loss(t *testing.T) {
	list := rows(4)
	b := batchOf(list)
	score := m.e.NewFunc("score", func(in []*Node) []*Node {
		n := m.base.Len()
		net := decoder.Bind(m.e, m.config, &m.lora, in[2:2+n], in[2+n:])
		logp, _ := decoder.TokenLogProbs(net.Logits(net.Hidden(in[0])), in[1], nil)
		return []*Node{logp}
	})
	want := 0.0
	for i, x := range b.texts {
		in, targets := tensors.FromFlatDataAndDimensions(padded(x[:len(x)-1]), 1, 16), tensors.FromFlatDataAndDimensions(padded(x[1:]), 1, 16)
		out, err := score.Call(slices.Concat([]*tensors.Tensor{in, targets}, m.base.Tensors, m.adapter.Tensors)...)
		require.NoError(t, err)
		for _, lp := range tensors.MustCopyFlatData[float32](out[0])[b.prompts[i]-1 : len(x)-1] {
			want -= float64(lp) / float64(b.tokens())
		}
	}
	_, stats, err := m.tuner.Step(m.base, m.adapter, optim.NewState(m.adapter), list, 0)
	require.NoError(t, err)
	assert.InDelta(t, want, stats.Loss, 1e-5)
	assert.Equal(t, b.tokens(), stats.Tokens)
}

func padded(x []int32) []int32 { return append(slices.Clone(x), make([]int32, 16-len(x))...) }

func (m *micro) partition(t *testing.T) {
	list := batchOf(rows(7))
	var want []float64
	loss := 0.0
	for _, size := range []int{0, 1, 4} { // 0 = all seven at once
		sums, got, bad, err := with(m.tuner, func(c *Config) { c.MicrobatchSize = size }).accumulate(m.base, m.adapter, list, list.tokens(), 0)
		require.NoError(t, err)
		require.Empty(t, bad)
		if want == nil {
			want, loss = flatten(sums), got
		}
		d, n := distance(want, flatten(sums))
		assert.LessOrEqual(t, d, 1e-5*n, "micro-batches of %d", size)
		assert.InDelta(t, loss, got, 1e-5)
	}
}

func (m *micro) packed(t *testing.T) {
	s := rng.New(4).Stream()
	var texts [][]int32
	var list []Row
	for range 4 {
		x := draw(s, 12)
		texts, list = append(texts, x), append(list, Row{Prompt: x[:1], Target: x[1:]})
	}
	a, first, err := m.full.PackedStep(m.base, optim.NewState(m.base), texts, 0)
	require.NoError(t, err)
	b, second, err := m.full.Step(nil, m.base, optim.NewState(m.base), list, 0)
	require.NoError(t, err)
	assert.Equal(t, 44, first.Tokens)
	if m.e.Info().Backend == "xla:cuda" { // it adds up in the order in which threads arrive
		assert.InDelta(t, first.Loss, second.Loss, 1e-5)
		return
	}
	assert.Equal(t, first, second)
	assert.Equal(t, a.Digest(), b.Digest())
}

func (m *micro) learns(t *testing.T) {
	// Two ranks over a frozen random base can learn less than all weights.
	for name, share := range map[string]float64{"adapter": 0.9, "all weights": 0.5} {
		start := map[string]*engine.Tree{"adapter": m.adapter, "all weights": m.base}[name]
		params, state := start, optim.NewState(start)
		var first, last Stats
		for step := range 60 {
			var err error
			if name == "adapter" {
				params, last, err = m.tuner.Step(m.base, params, state, rows(4), step)
			} else {
				params, last, err = m.full.PackedStep(params, state, batchOf(rows(4)).texts, step)
			}
			require.NoError(t, err)
			if step == 0 {
				first = last
			}
		}
		assert.Less(t, last.Loss, share*first.Loss, name)
		assert.Equal(t, 60, state.Step)
	}
}

func (m *micro) diverges(t *testing.T) {
	params := m.adapter.Clone()
	params.Tensors[1].MustMutableFlatData(func(flat any) { flat.([]float32)[0] = float32(math.Inf(1)) })
	state, before := optim.NewState(params), params.Digest()
	after, _, err := with(m.tuner, func(c *Config) { c.MicrobatchSize = 1 }).Step(m.base, params, state, rows(3), 17)
	require.ErrorIs(t, err, ErrDiverged)
	assert.Contains(t, err.Error(), "step 17")
	assert.Contains(t, err.Error(), "rows [0 1 2] of 3")
	assert.Equal(t, before, after.Digest())
	assert.Zero(t, state.Step)
}

func (m *micro) refuses(t *testing.T) {
	state := optim.NewState(m.adapter)
	tuner := with(m.tuner, func(c *Config) { c.BatchSize, c.Length = 2, 8 })
	good := Row{Prompt: []int32{1}, Target: []int32{3}}
	for name, list := range map[string][]Row{
		"no rows": nil, "too few": {good}, "too many": {good, good, good},
		"no prompt": {good, {Target: []int32{3}}}, "no target": {good, {Prompt: []int32{1}}},
		"too long": {good, {Prompt: make([]int32, 5), Target: make([]int32, 4)}},
	} {
		_, _, err := tuner.Step(m.base, m.adapter, state, list, 0)
		assert.ErrorIs(t, err, ErrRow, name)
	}
	_, _, err := m.full.PackedStep(m.base, optim.NewState(m.base), [][]int32{{1}}, 0)
	assert.ErrorIs(t, err, ErrRow)
	assert.Zero(t, state.Step)
}
