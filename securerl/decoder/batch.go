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
	for i := range b {
		src := min(i, len(prompts)-1) // rows that only fill the bucket repeat the last prompt
		p := prompts[src]
		if len(p) == 0 || len(p) > s.prompts {
			return nil, fmt.Errorf("%w: %d tokens, must be 1 to %d", ErrPrompt, len(p), s.prompts)
		}
		copy(ids[i*s.prompts:], p)
		lengths[i], last[i] = int32(len(p)), int32(len(p)-1)
		words[2*i], words[2*i+1] = keys[src][0], keys[src][1]
	}
	owned := &owned{}
	defer owned.finalize()
	key := owned.add(tensors.FromFlatDataAndDimensions(words, b, 2))
	size := owned.add(tensors.FromFlatDataAndDimensions(lengths, b))
	temperature := 1.0
	if !s.law.Greedy {
		temperature = s.law.Temperature
	}
	heat := owned.add(tensors.FromScalar(float32(temperature)))
	in := []*tensors.Tensor{owned.add(tensors.FromFlatDataAndDimensions(ids, b, s.prompts)), size}
	state, err := s.prefill.Call(append(in, weights...)...)
	if err != nil {
		return nil, err
	}
	owned.add(state...)
	head, err := s.first.Call(state[0], key, owned.add(tensors.FromFlatDataAndDimensions(last, b)), heat)
	if err != nil {
		return nil, err
	}
	owned.add(head...)
	rest := &decoded{tokens: make([][]int32, b), logps: make([][]float32, b)}
	switch {
	case s.steps == 1:
	case s.e.IsGo():
		rest, err = s.hostLoop(weights, head[0], size, key, heat, state[1:], len(prompts))
	default:
		rest, err = s.deviceLoop(owned, weights, head[0], size, key, heat, state[1:], b)
	}
	if err != nil {
		return nil, err
	}
	tokens, logps := tensors.MustCopyFlatData[int32](head[0]), tensors.MustCopyFlatData[float32](head[1])
	out := make([]Sampled, len(prompts))
	for i := range out {
		out[i] = s.cut(append([]int32{tokens[i]}, rest.tokens[i]...), append([]float32{logps[i]}, rest.logps[i]...))
	}
	return out, nil
}

// cut ends a row at its first end token.
func (s *Sampler) cut(tokens []int32, logps []float32) Sampled {
	for i, t := range tokens {
		if slices.Contains(s.ends, t) {
			return Sampled{Tokens: tokens[:i+1], LogProbs: logps[:i+1], Ended: true}
		}
	}
	return Sampled{Tokens: tokens, LogProbs: logps}
}

// decoded holds the tokens after the first, per row.
type decoded struct {
	tokens [][]int32
	logps  [][]float32
}

func (s *Sampler) deviceLoop(o *owned, weights []*tensors.Tensor, token, pos, key, heat *tensors.Tensor, cache []*tensors.Tensor, b int) (*decoded, error) {
	n := s.steps - 1
	in := []*tensors.Tensor{o.add(tensors.FromScalar(int32(0))), o.add(tensors.FromScalar(int32(s.steps - 1))), token, pos, key, heat,
		o.add(tensors.FromShape(shapes.Make(dtypes.Int32, b, n))), o.add(tensors.FromShape(shapes.Make(dtypes.F32, b, n)))}
	out, err := s.loop.Call(append(append(in, cache...), weights...)...)
	if err != nil {
		return nil, err
	}
	o.add(out...)
	tokens, logps := tensors.MustCopyFlatData[int32](out[0]), tensors.MustCopyFlatData[float32](out[1])
	d := &decoded{}
	for i := range b {
		d.tokens = append(d.tokens, tokens[i*n:(i+1)*n])
		d.logps = append(d.logps, logps[i*n:(i+1)*n])
	}
	return d, nil
}

func (s *Sampler) hostLoop(weights []*tensors.Tensor, token, pos, key, heat *tensors.Tensor, cache []*tensors.Tensor, rows int) (*decoded, error) {
	d := &decoded{tokens: make([][]int32, rows), logps: make([][]float32, rows)}
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
	for range s.steps - 1 {
		if !alive {
			break
		}
		in := append([]*tensors.Tensor{token, pos, key, heat}, cache...)
		out, err := s.one.Call(append(in, weights...)...)
		last.finalize()
		if err != nil {
			return nil, err
		}
		last = &owned{}
		last.add(out...)
		tokens, logps := tensors.MustCopyFlatData[int32](out[0]), tensors.MustCopyFlatData[float32](out[1])
		for i := range rows {
			d.tokens[i], d.logps[i] = append(d.tokens[i], tokens[i]), append(d.logps[i], logps[i])
		}
		alive = mark(tokens)
		token, pos, cache = out[0], out[2], out[3:]
	}
	last.finalize()
	return d, nil
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
