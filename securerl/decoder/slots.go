package decoder

import (
	"slices"

	"github.com/gomlx/gomlx/core/tensors"
)

// give admits jobs whose prompts are prefilled, after prefilling more where the next is not.
func (r *session) give() error {
	if _, ok := r.source.at[r.texts[r.next]]; !ok {
		if err := r.cook(); err != nil {
			return err
		}
	}
	from, live := make([]int32, len(r.rows)), r.live()
	for i := range r.rows {
		from[i] = -1
		if r.rows[i].job >= 0 || r.next == len(r.jobs) {
			continue
		}
		if at, ok := r.source.at[r.texts[r.next]]; ok {
			from[i], r.rows[i] = at, row{job: r.next, length: int32(len(r.jobs[r.next].Prompt))}
			r.next++
		}
	}
	own := &owned{}
	defer own.finalize()
	admit, state, source := r.admit, r.state.list, from
	if live == 0 { // nothing goes on: a slot that is given to nobody may hold anything
		admit, state, source = r.start, nil, slices.Clone(from)
		for i, at := range source {
			source[i] = max(at, 0)
		}
	}
	in := []*tensors.Tensor{own.add(tensors.FromFlatDataAndDimensions(source, len(source)))}
	out, err := admit.Call(slices.Concat(in, r.rowTensors(own), state, r.source.list)...)
	if err != nil {
		return err
	}
	r.keep(out, own)
	r.take(out[:r.outputs()], 1, func(slot int) bool { return from[slot] >= 0 })
	return nil
}

// together is the number of prompts that are prefilled together: it follows from the
// buckets alone.
func (r *session) together() int {
	m := r.pace.sizes[0]
	for _, b := range r.pace.sizes {
		if b <= len(r.rows) && b*r.prompts <= r.pace.prefill {
			m = b
		}
	}
	return m
}

// cook prefills the next prompts that wait, each once.
func (r *session) cook() error {
	r.source.finalize()
	r.source = source{at: map[string]int32{}}
	m, v := r.together(), r.config.VocabSize
	ids, lengths := make([]int32, m*r.prompts), make([]int32, m)
	var seen []float32
	if r.law.Penalizes() {
		seen = make([]float32, m*v)
	}
	for i := r.next; i < len(r.jobs) && len(r.source.at) < m; i++ {
		if _, ok := r.source.at[r.texts[i]]; ok {
			continue
		}
		at, p := len(r.source.at), r.jobs[i].Prompt
		r.source.at[r.texts[i]] = int32(at)
		lengths[at] = int32(len(p))
		copy(ids[at*r.prompts:], p)
		for _, t := range p {
			if seen != nil {
				seen[at*v+int(t)] = 1
			}
		}
	}
	for i := len(r.source.at); i < m; i++ { // rows that only fill the batch hold one token
		lengths[i] = 1
	}
	own := &owned{}
	defer own.finalize()
	own.add(tensors.FromFlatDataAndDimensions(ids, m, r.prompts))
	own.add(tensors.FromFlatDataAndDimensions(lengths, m))
	out, err := r.prefill.Call(append(own.list, r.weights...)...)
	if err != nil {
		return err
	}
	r.source.add(out[0])
	if seen != nil {
		r.source.add(tensors.FromFlatDataAndDimensions(seen, m, v))
	}
	r.source.add(out[1:]...)
	return nil
}

// keep takes what follows the drawn tensors as the new state, and frees them with own.
func (r *session) keep(out []*tensors.Tensor, own *owned) {
	own.add(out[:r.outputs()]...)
	r.state.finalize()
	r.state.add(out[r.outputs():]...)
}

// rowTensors are the inputs that rowState names.
func (r *session) rowTensors(own *owned) []*tensors.Tensor {
	b := len(r.rows)
	token, pos, length, full, keys := make([]int32, b), make([]int32, b), make([]int32, b), make([]int32, b), make([]uint32, 2*b)
	for i, x := range r.rows {
		if x.job < 0 {
			continue
		}
		key, n := r.jobs[x.job].Key, int32(len(x.out.Tokens))
		if n > 0 {
			token[i] = x.out.Tokens[n-1]
		}
		pos[i], length[i], full[i] = x.length+n-1, x.length, x.length+int32(r.steps)-1
		keys[2*i], keys[2*i+1] = key[0], key[1]
	}
	start := len(own.list)
	for _, x := range [][]int32{token, pos, length, full} {
		own.add(tensors.FromFlatDataAndDimensions(x, b))
	}
	own.add(tensors.FromFlatDataAndDimensions(keys, b, 2))
	return append(slices.Clone(own.list[start:]), r.heat)
}

// rounds decodes until the host is needed.
func (r *session) rounds() error {
	own := &owned{}
	defer own.finalize()
	busy := func(slot int) bool { return r.rows[slot].job >= 0 }
	rows := r.rowTensors(own)
	if r.looks() == 0 {
		out, err := r.one.Call(slices.Concat(rows, r.state.list, r.weights)...)
		if err != nil {
			return err
		}
		r.keep(out, own)
		r.take(out[:r.outputs()], 1, busy)
		return nil
	}
	enough := 0
	if r.next < len(r.jobs) {
		enough = len(r.rows) - min(r.worth(), len(r.jobs)-r.next)
	}
	start := len(own.list)
	own.add(tensors.FromScalar(int32(0)), tensors.FromScalar(int32(r.looks())), tensors.FromScalar(float32(enough)))
	out, err := r.loop.Call(slices.Concat(own.list[start:], rows, r.buffers.list[1:], r.state.list, r.weights)...)
	if err != nil {
		return err
	}
	own.add(out[0])
	r.keep(out[1:], own)
	r.take(out[1:1+r.outputs()], int(tensors.MustCopyFlatData[int32](out[0])[0]), busy)
	return nil
}

// take adds what was drawn in n rounds to the rows that are meant, and hands out those
// that have ended.
func (r *session) take(drawn []*tensors.Tensor, n int, meant func(slot int) bool) {
	tokens, width := tensors.MustCopyFlatData[int32](drawn[0]), drawn[0].Size()/len(r.rows)
	var logs [][]float32
	for _, x := range drawn[1:] {
		logs = append(logs, tensors.MustCopyFlatData[float32](x))
	}
	for i := range r.rows {
		if !meant(i) {
			continue
		}
		x := &r.rows[i]
		for k := i * width; k < i*width+n; k++ {
			x.out.Tokens = append(x.out.Tokens, tokens[k])
			x.out.LogProbs = append(x.out.LogProbs, logs[0][k])
			if r.law.Bends() {
				x.out.Plain = append(x.out.Plain, logs[1][k])
			}
			if r.over(x) {
				r.hand(x)
				break
			}
		}
	}
}

// over tells whether the last token of a row ends it.
func (r *session) over(x *row) bool {
	token, stop := x.out.Tokens[len(x.out.Tokens)-1], r.jobs[x.job].Stop
	x.out.Ended = slices.Contains(r.ends, token)
	x.out.Stopped = !x.out.Ended && stop != nil && stop(token)
	return x.out.Ended || x.out.Stopped || len(x.out.Tokens) == r.steps
}

// hand hands a completion out and frees its slot.
func (r *session) hand(x *row) {
	job, out := x.job, x.out
	r.ended, r.tokens = r.ended+1, r.tokens+len(out.Tokens)
	if !r.law.Bends() {
		out.Plain = out.LogProbs
	}
	*x = row{job: -1}
	if !r.left {
		r.left = !r.done(job, out)
	}
}

// owned collects tensors to be freed together.
type owned struct{ list []*tensors.Tensor }

// add takes tensors over and returns the first.
func (o *owned) add(xs ...*tensors.Tensor) *tensors.Tensor {
	o.list = append(o.list, xs...)
	return xs[0]
}

func (o *owned) finalize() {
	for _, x := range o.list {
		x.MustFinalizeAll()
	}
	o.list = nil
}
