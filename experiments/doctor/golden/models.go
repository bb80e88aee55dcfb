package golden

import (
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/rng"
)

// model compares a checkpoint.
func (p *part) model() {
	c, base, err := checkpoint.Load(p.path())
	must(err)
	f := p.open(p.path("expected.safetensors"))
	m := model{config: c, base: base}
	p.batch(f, m)
	p.long(f)
	p.greedy(f, m)
}

// batch compares everything about the padded batch.
func (p *part) batch(f tensorFile, m model) {
	v := m.config.VocabSize
	shape, ids := f.ints("batch.input_ids", v, -1, -1)
	n, s := shape[0], shape[1]
	need(n > 0 && s > 1, f.path, "batch.input_ids", "has shape %v", shape)
	_, mask := f.ints("batch.attention_mask", 2, n, s)
	_, labels := f.ints("batch.labels", max(v, 101), n, s)
	weight, count := make([]float32, n*s), 0
	for i := range weight {
		if i%s+1 < s && labels[i+1] >= 0 {
			weight[i] = 1
			count++
		}
	}
	need(count > 0, f.path, "batch.labels", "has no token with a loss")
	for i := range weight {
		weight[i] /= float32(count)
	}
	got := p.run(m, newRows(ids, n), 1, weight)
	p.row("logits, batch", logitTolerance, f.floats("batch.logits", n, s, v), got.logits, func(i int) bool { return mask[i/v] == 1 }, "batch.logits")
	next := func(i int) bool { return i%s+1 < s && mask[i+1] == 1 }
	for _, x := range []struct {
		name, quantity string
		got            []float32
	}{{"batch.logprobs", "token log-probabilities, batch", got.logprobs}, {"batch.entropy", "entropies, batch", got.entropy}} {
		p.row(x.quantity, hiddenTolerance, spread(f.floats(x.name, n, s-1), s), x.got, next, "%s", x.name)
	}
	p.crossEntropy(got, weight, s)
	for i, state := range got.states {
		name := fmt.Sprintf("hidden.layer%d", i-1)
		if i == 0 {
			name = "hidden.embed"
		} else if i == len(got.states)-1 {
			name = "hidden.final_norm"
		}
		want := f.floats(name, -1, m.config.HiddenSize) // of the real tokens of the first row
		need(len(want) <= s*m.config.HiddenSize, f.path, name, "has more rows than the batch")
		p.row("hidden states", hiddenTolerance, want, state[:len(want)], nil, "%s", name)
	}
	p.gradients(m.config, got.gradients)
}

// spread puts numbers [rows, s-1] at the tokens that they follow, [rows, s].
func spread(x []float32, s int) []float32 {
	y := make([]float32, len(x)/(s-1)*s)
	for i, v := range x {
		y[i/(s-1)*s+i%(s-1)] = v
	}
	return y
}

// crossEntropy compares means over tokens and rows.
func (p *part) crossEntropy(got computed, weight []float32, s int) {
	path := p.path("expected.json")
	var want struct {
		CE struct {
			Mean  *float64  `json:"mean_token"`
			Means *float64  `json:"mean_of_sequence_means"`
			Sums  []float64 `json:"per_sequence_sum"`
			Count []int     `json:"per_sequence_count"`
		} `json:"cross_entropy"`
		Loss *float64 `json:"library_loss"`
	}
	p.json(path, &want)
	n := len(weight) / s
	need(want.Loss != nil, path, "library_loss", "is missing")
	need(want.CE.Mean != nil && want.CE.Means != nil && len(want.CE.Sums) == n && len(want.CE.Count) == n, path, "cross_entropy", "lacks a mean, or sum and count of each of the %d rows", n)
	const quantity = "mean cross-entropy"
	p.near(quantity, entropyTolerance, *want.Loss, float64(got.loss), "library_loss")
	total, all, means := 0.0, 0, 0.0
	for i := range n {
		sum, count := 0.0, 0
		for k, w := range weight[i*s : (i+1)*s] {
			if w > 0 {
				sum -= float64(got.logprobs[i*s+k])
				count++
			}
		}
		need(count == want.CE.Count[i] && count > 0, path, "cross_entropy.per_sequence_count", "is %d for row %d, the labels give %d", want.CE.Count[i], i, count)
		p.near(quantity, entropyTolerance, want.CE.Sums[i]/float64(count), sum/float64(count), "row %d", i)
		total, all, means = total+sum, all+count, means+sum/float64(count)
	}
	p.near(quantity, entropyTolerance, *want.CE.Mean, total/float64(all), "mean_token")
	p.near(quantity, entropyTolerance, *want.CE.Means, means/float64(n), "mean_of_sequence_means")
}

// gradients compares norm, sum and some entries of the gradient of every tensor.
func (p *part) gradients(c decoder.Config, got []*tensors.Tensor) {
	path := p.path("gradients.json")
	var want struct {
		Parameters map[string]struct {
			Norm, Sum float64
			Largest   float64 `json:"max_abs"`
			Places    []int   `json:"flat_places"`
			Values    []float64
		}
	}
	p.json(path, &want)
	need(len(want.Parameters) == len(got), path, "parameters", "holds %d tensors, the model has %d", len(want.Parameters), len(got))
	const quantity = "gradients (share of the tensor's largest entry)"
	for i, x := range c.Parameters() {
		w, ok := want.Parameters[x.Name]
		need(ok, path, "parameters", "lacks %s", x.Name)
		need(len(w.Places) == len(w.Values) && len(w.Places) > 0, path, "parameters."+x.Name, "has %d flat_places, %d values", len(w.Places), len(w.Values))
		flat := tensors.MustCopyFlatData[float32](got[i])
		norm, sum := 0.0, 0.0
		for _, g := range flat {
			norm += float64(g) * float64(g)
			sum += float64(g)
		}
		const tiny = 1e-6 // of a tensor without gradient
		p.relative("gradient norms of tensors (relative)", gradientTolerance, tiny, w.Norm, math.Sqrt(norm), "%s", x.Name)
		// A sum of many entries of both signs: its errors add up as the root of their number.
		scale := math.Max(tiny, w.Norm) * 10
		p.near("gradient sums (share of ten norms)", gradientTolerance, w.Sum/scale, sum/scale, "%s", x.Name)
		scale = math.Max(tiny, w.Largest)
		p.near(quantity, gradientTolerance, w.Largest/scale, largest(flat)/scale, "%s, largest entry", x.Name)
		for k, at := range w.Places { // in the order of the file
			need(at >= 0 && at < len(flat), path, "parameters."+x.Name+".flat_places", "names %d of %d entries", at, len(flat))
			if x.Turned {
				at = at%x.Dims[0]*x.Dims[1] + at/x.Dims[0]
			}
			p.near(quantity, gradientTolerance, w.Values[k]/scale, float64(flat[at])/scale, "%s, entry %d", x.Name, w.Places[k])
		}
	}
}

// long compares a long text, with the weights on the device as they are stored.
func (p *part) long(f tensorFile) {
	folder, err := checkpoint.Open(p.path())
	must(err)
	c, base, err := folder.Place(p.ctx, p.e, nil)
	p.closing(folder.Close())
	must(err)
	p.closed = append(p.closed, base.Finalize)
	v := c.VocabSize
	_, ids := f.ints("long.input_ids", v, -1)
	s := len(ids)
	need(s > 1, f.path, "long.input_ids", "holds %d tokens", s)
	_, places := f.ints("long.logit_positions", s, -1)
	_, argmax := f.ints("long.argmax", v, s)
	got := p.forward(model{config: c, base: base}, newRows(ids, 1), 1)
	want := f.floats("long.logits", len(places), v)
	for i, at := range places {
		p.row("logits, long", logitTolerance, want[i*v:(i+1)*v], got.logits[int(at)*v:int(at+1)*v], nil, "long.logits, position %d", at)
	}
	for i, token := range argmax {
		row := got.logits[i*v : (i+1)*v]
		p.equal("most probable tokens, long", slices.Max(row)-row[token] <= logitTolerance, "position %d", i)
	}
	p.row("token log-probabilities, long", hiddenTolerance, f.floats("long.logprobs", s-1), got.logprobs[:s-1], nil, "long.logprobs")
	p.row("entropies, long", hiddenTolerance, f.floats("long.entropy", s-1), got.entropy[:s-1], nil, "long.entropy")
}

// greedy decodes with the sampler's cache.
func (p *part) greedy(f tensorFile, m model) {
	_, prompt := f.ints("greedy.prompt", m.config.VocabSize, -1)
	_, tokens := f.ints("greedy.tokens", m.config.VocabSize, -1)
	need(len(prompt) > 0 && len(tokens) > 0, f.path, "greedy.tokens", "or its prompt is empty")
	out, err := decoder.NewSampler(p.e, m.config, nil, decoder.Law{Greedy: true}, len(prompt), len(tokens)).Sample(m.base, nil, [][]int32{prompt}, []rng.Key{{}})
	must(err)
	for i, token := range tokens {
		p.equal("greedy tokens", i < len(out[0].Tokens) && out[0].Tokens[i] == token, "token %d of %v, not %v", i, out[0].Tokens, tokens)
	}
	const quantity = "log-probabilities of greedy tokens"
	if !wide(p.path()) { // PyTorch casts the rotary frequencies with the weights
		p.skip(quantity, "the reference ran in the narrow dtype of the stored weights")
		return
	}
	p.row(quantity, hiddenTolerance, f.floats("greedy.logprobs", len(tokens)), out[0].LogProbs, nil, "greedy.logprobs")
}

// wide tells whether the weights of a folder are stored in float32.
func wide(dir string) bool {
	folder, err := checkpoint.Open(dir)
	must(err)
	n := 0
	for _, x := range folder.Config.Parameters() {
		size := 4
		for _, d := range x.Dims {
			size *= d
		}
		n += size
	}
	all := folder.Bytes()
	must(folder.Close())
	return all == int64(n)
}
