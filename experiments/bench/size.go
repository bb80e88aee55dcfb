package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/ppo"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/safetensors"
	"securecoderl/securerl/sft"
)

// size is a model at which the device is measured, and how much of it at a time.
type size struct {
	config       decoder.Config
	lora         decoder.LoRA
	rows, length int // of a training step
	batch        int // rows decoded together
	prompt, new  int // their tokens
	width        int // of the square matrices whose product gives the peak
	stream       int // numbers read and written to find the bandwidth
	seconds      float64
}

// sizes: 1.3b is the shape of DeepSeek-Coder-1.3B with the adapter of the first paper
// (6,291,456 parameters), for a GPU; tiny takes the same way through the code on a CPU.
func sizes(name string) (size, error) {
	c := decoder.Tiny(512)
	c.AsStored, c.TieWordEmbeddings, c.Compute.BF16, c.MaxPositionEmbeddings = true, false, true, 4096
	s := size{config: c, lora: decoder.LoRA{Rank: 16, Alpha: 32, Targets: []string{"q_proj", "k_proj", "v_proj", "o_proj"}},
		rows: 4, length: 64, batch: 8, prompt: 16, new: 16, width: 256, stream: 1 << 20, seconds: 0.2}
	switch name {
	case "tiny":
	case "1.3b":
		c.VocabSize, c.HiddenSize, c.IntermediateSize, c.NumHiddenLayers, c.NumAttentionHeads, c.NumKeyValueHeads, c.HeadDim = 32256, 2048, 5504, 24, 16, 16, 128
		c.RopeTheta, c.NormEps = 1e5, 1e-6
		c.Compute.LossTokens = 4096
		s.config, s.rows, s.length, s.batch, s.prompt, s.new, s.width, s.stream, s.seconds = c, 16, 512, 64, 128, 128, 8192, 1<<29, 3
	default:
		return s, fmt.Errorf("size %q is unknown; there are tiny and 1.3b", name)
	}
	return s, nil
}

// at measures training and decoding at a size beside what the device can do at most, in
// one run. Rates are those of the fastest call, by the wall clock.
func at(e *engine.Engine, s size) ([]work, error) {
	base, err := randomWeights(e, s.config)
	if err != nil {
		return nil, err
	}
	adapter := decoder.InitAdapter(s.config, s.lora, rng.New(3))
	peak, bandwidth := 0.0, 0.0
	return []work{
		{name: "peak", measure: func() (lines []line, err error) {
			if peak, err = products(e, s); err == nil {
				bandwidth, err = stream(e, s)
			}
			return []line{{Name: "peak_tflops", Value: peak / 1e12}, {Name: "peak_gb_s", Value: bandwidth / 1e9}}, err
		}},
		{name: "train", measure: func() ([]line, error) {
			best, processor, err := s.step(e, base, adapter)
			rate := float64(s.rows*s.length) / best
			lines := []line{{Name: "train_tokens_s", Value: rate}, {Name: "train_cpu_s", Value: processor}}
			if peak > 0 { // it was measured
				lines = append(lines, line{Name: "train_flop_use", Value: rate * s.flops() / peak})
			}
			return append(lines, memory(e, "train")...), err
		}},
		{name: "decode", measure: func() ([]line, error) {
			round, err := s.round(e, base, adapter)
			return append([]line{{Name: "decode_tokens_s", Value: float64(s.batch) / round}, {Name: "decode_bandwidth_use", Value: s.traffic() / round / bandwidth}}, memory(e, "decode")...), err
		}},
	}, nil
}

// memory is what was taken by the end of a work.
func memory(e *engine.Engine, name string) []line {
	m := e.PeakMemory()
	lines := []line{{Name: name + "_process_gb", Value: float64(m.Process) / 1e9}}
	if m.Device > 0 {
		lines = append(lines, line{Name: name + "_device_gb", Value: float64(m.Device) / 1e9})
	}
	return lines
}

// matrices counts the numbers of all maps, the head among them: those that a token is
// multiplied with. Tables and norms are left out.
func (s size) matrices() (n float64) {
	for _, p := range s.config.Parameters() {
		if len(p.Dims) == 2 && p.Name != decoder.BaseNames(s.config)[0] {
			n += float64(p.Dims[0] * p.Dims[1])
		}
	}
	return n
}

// flops is the arithmetic of a training step of the adapter, per token: 4 N for the N
// numbers of the frozen maps (2 N forward, 2 N for the gradient of the activations; that
// of the weights, the third 2 N of full training's 6 N, is not computed), 6 A for the A
// numbers of the adapter, and 12 L S H D for scores and values of the attention, counted
// for all pairs as they are computed. What checkpointing computes twice counts once.
func (s size) flops() float64 {
	c, adapter := s.config, 0.0
	for _, p := range c.AdapterParameters(s.lora) {
		adapter += float64(p.Dims[0] * p.Dims[1])
	}
	return 4*s.matrices() + 6*adapter + 12*float64(c.NumHiddenLayers*s.length*c.NumAttentionHeads*c.HeadDim)
}

// traffic is the least that a round of decoding must read, in bytes: the maps in
// bfloat16, and of every row the keys and values of its text so far (half of the new tokens, on
// average), counted in bfloat16 too.
func (s size) traffic() float64 {
	c := s.config
	cache := 2 * c.NumHiddenLayers * c.NumKeyValueHeads * c.HeadDim * (s.prompt + s.new/2) * s.batch
	return 2 * (s.matrices() + float64(cache))
}

// fastest calls a function for a while, after one call that compiles.
func (s size) fastest(f func() error) (seconds float64, err error) {
	if err := f(); err != nil {
		return 0, err
	}
	best := math.Inf(1)
	for start, n := time.Now(), 0; n < 3 || time.Since(start).Seconds() < s.seconds; n++ {
		called := time.Now()
		if err := f(); err != nil {
			return 0, err
		}
		best = min(best, time.Since(called).Seconds())
	}
	return best, nil
}

// products is the rate of products of square matrices in bfloat16, in FLOP/s.
func products(e *engine.Engine, s size) (float64, error) {
	const chain = 16
	f := e.NewFunc("products", func(in []*Node) []*Node {
		x := in[0]
		for range chain {
			x = Dot(x, in[1]).General([]int{1}, nil, []int{0}, nil)
		}
		return []*Node{ReduceAllMax(x)}
	})
	x, err := filled(e, s.width, s.width)
	if err != nil {
		return 0, err
	}
	best, err := s.fastest(func() error { return called(f, x, x) })
	return chain * 2 * math.Pow(float64(s.width), 3) / best, freed(err, x)
}

// stream is the rate of reading numbers and writing as many, in bytes/s.
func stream(e *engine.Engine, s size) (float64, error) {
	f := e.NewFunc("stream", func(in []*Node) []*Node { return []*Node{MulScalar(in[0], -1)} })
	x, err := filled(e, s.stream)
	if err != nil {
		return 0, err
	}
	best, err := s.fastest(func() error { return called(f, x) })
	return 2 * 2 * float64(s.stream) / best, freed(err, x)
}

// step is the time of a training step, and the least processor time of one, in seconds.
func (s size) step(e *engine.Engine, base, adapter *engine.Tree) (seconds, processor float64, err error) {
	fit := sft.New(e, s.config, &s.lora, sft.Config{AdamW: ppo.Default().AdamW, Steps: 1 << 20, Warmup: 1})
	stream, state, params := rng.New(7).Stream(), optim.NewState(adapter), adapter
	rows := make([]sft.Row, s.rows)
	for i := range rows {
		rows[i] = sft.Row{Prompt: tokens(stream, 1), Target: tokens(stream, s.length)}
	}
	processor = math.Inf(1)
	seconds, err = s.fastest(func() error {
		before := processorTime()
		next, _, err := fit.Step(base, params, state, rows, 1)
		processor = min(processor, (processorTime()-before)/1e3)
		if err == nil && params != adapter {
			err = params.Finalize()
		}
		params = next
		return err
	})
	return seconds, processor, err
}

// round is the time of one decoded token of every row, in seconds: what all further
// tokens take beyond the first, by their number.
func (s size) round(e *engine.Engine, base, adapter *engine.Tree) (float64, error) {
	stream := rng.New(8).Stream()
	prompts, keys := make([][]int32, s.batch), make([]rng.Key, s.batch)
	for i := range prompts {
		prompts[i], keys[i] = tokens(stream, s.prompt), rng.New(9).Fold(uint32(i))
	}
	var times []float64
	for _, n := range []int{1, s.new} {
		sampler := decoder.NewSampler(e, s.config, &s.lora, decoder.Law{Temperature: 1}, s.prompt, n, -1)
		best, err := s.fastest(func() error { _, err := sampler.Sample(base, adapter, prompts, keys); return err })
		if err != nil {
			return 0, err
		}
		times = append(times, best)
	}
	return (times[1] - times[0]) / float64(s.new-1), nil
}

// called runs a function and frees what it returns.
func called(f *engine.Func, in ...*tensors.Tensor) error {
	out, err := f.Call(in...)
	return freed(err, out...)
}

// randomWeights are repetitions of one block of normal numbers with the deviation of a
// trained model's: how long a computation takes does not depend on them.
func randomWeights(e *engine.Engine, c decoder.Config) (*engine.Tree, error) {
	t := &engine.Tree{}
	for _, p := range c.Parameters() {
		x, err := filled(e, p.Dims...)
		if err != nil {
			return nil, err
		}
		t.Add(p.Name, x)
	}
	return t, nil
}

// filled is a tensor of normal numbers in bfloat16, on the device.
func filled(e *engine.Engine, dims ...int) (*tensors.Tensor, error) {
	shape := shapes.Make(dtypes.BFloat16, dims...)
	one := block()
	all := slices.Repeat(one, (2*shape.Size()+len(one)-1)/len(one))
	return tensors.FromRaw(e.Backend(), 0, shape, all[:2*shape.Size()])
}

// block is 2^16 normal numbers of deviation 0.02 in bfloat16.
var block = sync.OnceValue(func() []byte {
	s, values := rng.New(10).Stream(), make([]float32, 1<<16)
	for i := range values {
		values[i] = float32(0.02 * s.NormFloat64())
	}
	x, err := safetensors.FromFloat32("BF16", []int{len(values)}, values)
	if err != nil {
		panic(err) // the arguments are those above
	}
	return x.Data
})

// errorsOf frees tensors and joins what went wrong.
func freed(err error, xs ...*tensors.Tensor) error {
	errs := []error{err}
	for _, x := range xs {
		errs = append(errs, x.FinalizeAll())
	}
	return errors.Join(errs...)
}
