package golden

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
)

// model is a decoder with its weights, and perhaps an adapter.
type model struct {
	config        decoder.Config
	lora          *decoder.LoRA
	base, adapter *engine.Tree
}

// weights are all tensors in the order of the graphs.
func (m model) weights() []*tensors.Tensor {
	w := m.base.Tensors
	if m.adapter != nil {
		w = append(w[:len(w):len(w)], m.adapter.Tensors...)
	}
	return w
}

// bind makes the net of weight nodes.
func (m model) bind(e *engine.Engine, in []*Node) *decoder.Net {
	n := m.base.Len()
	var adapter []*Node
	if m.adapter != nil {
		adapter = in[n:]
	}
	return decoder.Bind(e, m.config, m.lora, in[:n], adapter)
}

// trained are the nodes that gradients are taken of: the adapter's, else all.
func (m model) trained(in []*Node) []*Node {
	if m.adapter != nil {
		return in[m.base.Len():]
	}
	return in
}

// rows are texts of one length with what stands after each token.
type rows struct {
	count, length int
	ids, next     []int32
}

// newRows shifts ids [count, length].
func newRows(ids []int32, count int) rows {
	r := rows{count, len(ids) / count, ids, make([]int32, len(ids))}
	for i := range ids {
		if i%r.length+1 < r.length {
			r.next[i] = ids[i+1]
		}
	}
	return r
}

// computed is what a pass over rows gives, [rows, length] each.
type computed struct {
	logits            []float32 // [rows, length, V]
	logprobs, entropy []float32 // of the next token
	states            [][]float32
	loss              float32
	gradients         []*tensors.Tensor
}

// forward runs whole rows at a temperature.
func (p *part) forward(m model, r rows, temperature float64) computed {
	return p.run(m, r, temperature, nil)
}

// run is forward and, where weight is given ([rows, length], for the token after each
// one), the weighted sum of negative log-probabilities with its gradients and all states.
func (p *part) run(m model, r rows, temperature float64, weight []float32) (c computed) {
	const fixed = 4
	f := p.e.NewFunc("golden", func(in []*Node) []*Node {
		net := m.bind(p.e, in[fixed:])
		states := net.States(in[0])
		logits := net.Logits(states[len(states)-1])
		lp, entropy := decoder.TokenLogProbs(logits, in[1], in[2])
		out := []*Node{logits, lp, entropy}
		if weight == nil {
			return out
		}
		loss := Neg(ReduceAllSum(Mul(lp, in[3])))
		out = append(append(out, loss), Gradient(loss, m.trained(in[fixed:])...)...)
		return append(out, states...)
	})
	used := weight
	if used == nil {
		used = make([]float32, len(r.ids))
	}
	in := []*tensors.Tensor{tensors.FromFlatDataAndDimensions(r.ids, r.count, r.length), tensors.FromFlatDataAndDimensions(r.next, r.count, r.length),
		tensors.FromScalar(float32(temperature)), tensors.FromFlatDataAndDimensions(used, r.count, r.length)}
	out := p.call(f, append(in, m.weights()...)...)
	flat := func(i int) []float32 { return tensors.MustCopyFlatData[float32](out[i]) }
	c.logits, c.logprobs, c.entropy = flat(0), flat(1), flat(2)
	if weight != nil {
		n := len(m.trained(make([]*Node, len(m.weights()))))
		c.loss, c.gradients = tensors.ToScalar[float32](out[3]), out[4:4+n]
		for i := range out[4+n:] {
			c.states = append(c.states, flat(4+n+i))
		}
	}
	return c
}

// call runs a function and gives its outputs back at the end of the part.
func (p *part) call(f *engine.Func, in ...*tensors.Tensor) []*tensors.Tensor {
	out, err := f.Call(in...)
	must(err)
	p.closed = append(p.closed, func() error {
		for _, x := range out {
			if err := x.FinalizeAll(); err != nil {
				return err
			}
		}
		return nil
	})
	return out
}

// calls is call for values that GoMLX makes tensors of.
func (p *part) calls(name string, build func(in []*Node) []*Node, in ...any) []*tensors.Tensor {
	args := make([]*tensors.Tensor, len(in))
	for i, x := range in {
		t, err := tensors.FromAnyValue(x)
		must(err)
		args[i] = t
	}
	return p.call(p.e.NewFunc(name, build), args...)
}
