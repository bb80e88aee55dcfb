package decoder

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/rng"
)

// bucket is the smallest batch size that holds n rows.
func bucket(n int) int {
	for _, b := range batchSizes {
		if n <= b {
			return b
		}
	}
	return batchSizes[len(batchSizes)-1]
}

// batch decodes the prompts of one bucket.
func (s *Sampler) batch(weights []*tensors.Tensor, prompts [][]int32, keys []rng.Key) ([]Sampled, error) {
	b := bucket(len(prompts))
	ids, lengths, last, words := make([]int32, b*s.prompts), make([]int32, b), make([]int32, b), make([]uint32, 2*b)
	filled := make([][]int32, b)
	for i := range b {
		src := min(i, len(prompts)-1) // rows that only fill the bucket repeat the last prompt
		p := prompts[src]
		if len(p) == 0 || len(p) > s.prompts {
			return nil, fmt.Errorf("%w: %d tokens, must be 1 to %d", ErrPrompt, len(p), s.prompts)
		}
		if at := slices.IndexFunc(p, func(t int32) bool { return t < 0 || int(t) >= s.config.VocabSize }); at >= 0 {
			return nil, fmt.Errorf("%w: token %d of %d is %d, the vocabulary has %d", ErrPrompt, at, len(p), p[at], s.config.VocabSize)
		}
		filled[i] = p
		copy(ids[i*s.prompts:], p)
		lengths[i], last[i] = int32(len(p)), int32(len(p)-1)
		words[2*i], words[2*i+1] = keys[src][0], keys[src][1]
	}
	own := &owned{}
	defer own.finalize()
	key := own.add(tensors.FromFlatDataAndDimensions(words, b, 2))
	size := own.add(tensors.FromFlatDataAndDimensions(lengths, b))
	temperature := 1.0
	if !s.law.Greedy {
		temperature = s.law.Temperature
	}
	heat := own.add(tensors.FromScalar(float32(temperature)))
	in := []*tensors.Tensor{own.add(tensors.FromFlatDataAndDimensions(ids, b, s.prompts)), size}
	state, err := s.prefill.Call(append(in, weights...)...)
	if err != nil {
		return nil, err
	}
	own.add(state...)
	memory := s.memory(filled, size, own)
	head, err := s.first.Call(append([]*tensors.Tensor{state[0], key, own.add(tensors.FromFlatDataAndDimensions(last, b)), heat}, memory...)...)
	if err != nil {
		return nil, err
	}
	own.add(head...)
	k := s.outputs()
	carried := append(slices.Clone(head[k:]), state[1:]...)
	all := newDecoded(b)
	all.add(head[:k], len(prompts), 1)
	switch {
	case s.steps == 1:
	case s.e.IsGo():
		err = s.hostLoop(all, weights, head[0], size, key, heat, carried, len(prompts))
	default:
		err = s.deviceLoop(all, own, weights, head[0], size, key, heat, carried, len(prompts))
	}
	if err != nil {
		return nil, err
	}
	out := make([]Sampled, len(prompts))
	for i := range out {
		out[i] = s.cut(all, i)
	}
	return out, nil
}

// cut is a row up to its first end token.
func (s *Sampler) cut(d *decoded, row int) Sampled {
	x := Sampled{Tokens: d.tokens[row], LogProbs: d.logps[row], Plain: d.plain[row]}
	for i, t := range x.Tokens {
		if slices.Contains(s.ends, t) {
			x = Sampled{Tokens: x.Tokens[:i+1], LogProbs: x.LogProbs[:i+1], Plain: x.Plain[:min(i+1, len(x.Plain))], Ended: true}
			break
		}
	}
	if !s.law.Bends() {
		x.Plain = x.LogProbs
	}
	return x
}

// decoded holds what was drawn, per row.
type decoded struct {
	tokens       [][]int32
	logps, plain [][]float32
}

func newDecoded(rows int) *decoded {
	return &decoded{tokens: make([][]int32, rows), logps: make([][]float32, rows), plain: make([][]float32, rows)}
}

// add appends what was drawn in n rounds, [B] or [B, n] each, and returns the tokens.
func (d *decoded) add(drawn []*tensors.Tensor, rows, n int) []int32 {
	tokens := tensors.MustCopyFlatData[int32](drawn[0])
	for i := range rows {
		d.tokens[i] = append(d.tokens[i], tokens[i*n:(i+1)*n]...)
	}
	for k, into := range [][][]float32{d.logps, d.plain}[:len(drawn)-1] {
		x := tensors.MustCopyFlatData[float32](drawn[k+1])
		for i := range rows {
			into[i] = append(into[i], x[i*n:(i+1)*n]...)
		}
	}
	return tokens
}

func (s *Sampler) deviceLoop(d *decoded, o *owned, weights []*tensors.Tensor, token, pos, key, heat *tensors.Tensor, carried []*tensors.Tensor, rows int) error {
	b, n := token.Shape().Dim(0), s.steps-1
	in := []*tensors.Tensor{o.add(tensors.FromScalar(int32(0))), o.add(tensors.FromScalar(int32(n))), token, pos, key, heat, o.add(tensors.FromShape(shapes.Make(dtypes.Int32, b, n)))}
	for range s.outputs() - 1 {
		in = append(in, o.add(tensors.FromShape(shapes.Make(dtypes.F32, b, n))))
	}
	out, err := s.loop.Call(slices.Concat(in, carried, weights)...)
	if err != nil {
		return err
	}
	o.add(out...)
	d.add(out, rows, n)
	return nil
}

func (s *Sampler) hostLoop(d *decoded, weights []*tensors.Tensor, token, pos, key, heat *tensors.Tensor, carried []*tensors.Tensor, rows int) error {
	ended := make([]bool, rows)
	mark := func(tokens []int32) (alive bool) {
		for i := range ended {
			ended[i] = ended[i] || slices.Contains(s.ends, tokens[i])
			alive = alive || !ended[i]
		}
		return alive
	}
	alive := mark(tensors.MustCopyFlatData[int32](token))
	var last *owned
	defer func() { last.finalize() }()
	for range s.steps - 1 {
		if !alive {
			break
		}
		out, err := s.one.Call(slices.Concat([]*tensors.Tensor{token, pos, key, heat}, carried, weights)...)
		last.finalize()
		last = nil
		if err != nil {
			return err
		}
		last = &owned{}
		last.add(out...)
		k := s.outputs()
		alive = mark(d.add(out[:k], rows, 1))
		token, pos, carried = out[0], out[k], out[k+1:]
	}
	return nil
}

// owned collects tensors to be freed together.
type owned struct{ list []*tensors.Tensor }

// add takes tensors over and returns the first.
func (o *owned) add(xs ...*tensors.Tensor) *tensors.Tensor {
	o.list = append(o.list, xs...)
	return xs[0]
}

func (o *owned) finalize() {
	if o == nil {
		return
	}
	for _, x := range o.list {
		x.MustFinalizeAll()
	}
}
