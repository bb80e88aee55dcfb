package golden

import (
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/sft"
)

// stepsFile is lora/NAME/expected.json.
type stepsFile struct {
	Config struct {
		Base         string
		LR, WD, Clip float64
		Warmup       int
		Steps        int
	}
	Trainable int `json:"trainable_parameters"`
	Scaling   *float64
	Norm      *float64 `json:"gradient_global_norm"`
	FirstLoss *float64 `json:"first_batch_loss"`
	LossAfter *float64 `json:"loss_of_first_batch_after"`
	Steps     []struct {
		Loss, LR float64
		Norm     float64 `json:"grad_norm_before_clip"`
	}
}

// stepRows are the batches of the steps.
type stepRows struct {
	steps, rows, length int
	ids, mask, labels   []int32
}

// adapter compares an adapter, ten steps of it and what comes out.
func (p *part) adapter() {
	path := p.path("expected.json")
	var want stepsFile
	p.json(path, &want)
	need(want.Config.Base != "", path, "config.base", "is missing")
	c, base, err := checkpoint.Load(filepath.Join(p.dir, "models", want.Config.Base))
	must(err)
	l, start, err := checkpoint.LoadAdapter(p.path("adapter"), c)
	must(err)
	_, end, err := checkpoint.LoadAdapter(p.path("adapter_after"), c)
	must(err)
	f := p.open(p.path("expected.safetensors"))
	b := readSteps(f, c.VocabSize)
	need(len(want.Steps) == b.steps && want.Config.Steps == b.steps, path, "steps", "lists %d steps, config says %d, the batches are %d", len(want.Steps), want.Config.Steps, b.steps)
	p.equal("trainable parameters", want.Trainable == start.Parameters(), "%d, not %d", start.Parameters(), want.Trainable)
	if want.Scaling != nil {
		p.relative("scaling of the adapter (relative)", exactTolerance, 1e-12, *want.Scaling, l.Scale(), "scaling")
	}
	before := model{c, &l, base, start}
	p.firstBatch(f, b, before, want)
	after := before
	after.adapter = end
	p.adapted(f, b, after, "logits_after")
	if want.LossAfter != nil {
		got := p.run(after, b.batch(0), 1, b.weight(f.path, 0))
		p.near("mean cross-entropy", entropyTolerance, *want.LossAfter, float64(got.loss), "loss_of_first_batch_after")
	}
	p.merge(f, b, before, want.Config.Base)
	p.steps(b, before, end, want)
}

func readSteps(f tensorFile, vocabulary int) stepRows {
	shape, ids := f.ints("steps.input_ids", vocabulary, -1, -1, -1)
	b := stepRows{steps: shape[0], rows: shape[1], length: shape[2], ids: ids}
	need(b.steps > 0 && b.rows > 0 && b.length > 1, f.path, "steps.input_ids", "has shape %v", shape)
	_, b.mask = f.ints("steps.attention_mask", 2, shape...)
	_, b.labels = f.ints("steps.labels", max(vocabulary, 101), shape...)
	return b
}

// batch is the batch of a step.
func (b stepRows) batch(step int) rows {
	n := b.rows * b.length
	return newRows(b.ids[step*n:(step+1)*n], b.rows)
}

// weight is one over the number of labels at each token before one.
func (b stepRows) weight(file string, step int) []float32 {
	n, count := b.rows*b.length, 0
	labels, w := b.labels[step*n:(step+1)*n], make([]float32, n)
	for i := range w {
		if i%b.length+1 < b.length && labels[i+1] >= 0 {
			w[i] = 1
			count++
		}
	}
	need(count > 0, file, "steps.labels", "has no token with a loss in step %d", step)
	for i := range w {
		w[i] /= float32(count)
	}
	return w
}

// examples are the rows of a step as package sft takes them.
func (b stepRows) examples(file string, step int) (list []sft.Row) {
	for r := range b.rows {
		at := (step*b.rows + r) * b.length
		row, length, prompt := b.ids[at:at+b.length], 0, 0
		for i := range row {
			length += int(b.mask[at+i])
			if b.labels[at+i] < 0 && prompt == i {
				prompt++
			}
		}
		for i := range row {
			need((b.labels[at+i] >= 0) == (i >= prompt && i < length), file, "steps.labels", "of step %d, row %d are no run up to the end of its text", step, r)
		}
		need(prompt > 0 && prompt < length, file, "steps.labels", "of step %d, row %d leave no prompt or no target", step, r)
		list = append(list, sft.Row{Prompt: row[:prompt], Target: row[prompt:length]})
	}
	return list
}

// firstBatch compares loss, gradients and logits before training.
func (p *part) firstBatch(f tensorFile, b stepRows, m model, want stepsFile) {
	got := p.run(m, b.batch(0), 1, b.weight(f.path, 0))
	if want.FirstLoss != nil {
		p.near("mean cross-entropy", entropyTolerance, *want.FirstLoss, float64(got.loss), "first_batch_loss")
	}
	p.adapterGradients(p.open(p.path("gradients.safetensors")), m.adapter, got.gradients)
	if want.Norm != nil {
		sum := 0.0
		for _, g := range got.gradients {
			for _, x := range tensors.MustCopyFlatData[float32](g) {
				sum += float64(x) * float64(x)
			}
		}
		p.relative("gradient norms of the steps (relative)", normTolerance, 1e-12, *want.Norm, math.Sqrt(sum), "gradient_global_norm")
	}
	p.adapted(f, b, m, "logits_with_adapter")
}

// adapterGradients compares gradients with a file that names tensors as PEFT does.
func (p *part) adapterGradients(f tensorFile, adapter *engine.Tree, got []*tensors.Tensor) {
	for i := range adapter.Names {
		want := turned(f, adapter, i)
		scale := max(largest(want), 1e-6)
		flat := tensors.MustCopyFlatData[float32](got[i])
		for k := range want {
			p.near("gradients (share of the tensor's largest entry)", gradientTolerance, float64(want[k])/scale, float64(flat[k])/scale, "%s, entry %d", adapter.Names[i], k)
		}
	}
}

// turned is a tensor of a PEFT file in the orientation of the adapter.
func turned(f tensorFile, adapter *engine.Tree, i int) []float32 {
	dims := adapter.Tensors[i].Shape().Dimensions
	x := f.floats("base_model.model."+adapter.Names[i]+".weight", dims[1], dims[0])
	y := make([]float32, len(x))
	for r := range dims[0] {
		for k := range dims[1] {
			y[r*dims[1]+k] = x[k*dims[0]+r]
		}
	}
	return y
}

// adapted compares the logits of some rows of the first batch.
func (p *part) adapted(f tensorFile, b stepRows, m model, name string) {
	_, which := f.ints("rows", b.rows, -1)
	v := m.config.VocabSize
	want, got := f.floats(name, len(which), b.length, v), p.forward(m, b.batch(0), 1).logits
	n := b.length * v
	for i, r := range which {
		p.row("logits", logitTolerance, want[i*n:(i+1)*n], got[int(r)*n:int(r+1)*n], func(k int) bool { return b.mask[int(r)*b.length+k/v] == 1 }, "%s, row %d", name, r)
	}
}

// merge writes the merged checkpoint, reads it back and compares its weights and logits.
func (p *part) merge(f tensorFile, b stepRows, m model, base string) {
	from := filepath.Join(p.dir, "models", base)
	if !wide(from) {
		p.skip("logits of the merged model", "the merged weights are stored in the narrow dtype of the base, the reference's in float32")
		return
	}
	dir, err := os.MkdirTemp("", "securerl-golden-")
	must(err)
	p.closed = append(p.closed, func() error { return os.RemoveAll(dir) })
	dir = filepath.Join(dir, "merged")
	must(checkpoint.Merge(dir, from, *m.lora, m.adapter))
	c, weights, err := checkpoint.Load(dir)
	must(err)
	p.adapted(f, b, model{config: c, base: weights}, "logits_merged")
	merged := p.open(filepath.Join(dir, "model.safetensors"))
	for _, name := range f.Names() {
		if weight, ok := strings.CutPrefix(name, "merged_weight."); ok {
			x, err := merged.Tensor(weight)
			need(err == nil, f.path, name, "is no weight of the merged model")
			p.row("weights of the merged model", weightTolerance, f.floats(name, x.Shape...), merged.floats(weight, x.Shape...), nil, "%s", name)
		}
	}
}

// steps trains as package sft does.
func (p *part) steps(b stepRows, m model, end *engine.Tree, want stepsFile) {
	c := want.Config
	trainer := sft.New(p.e, m.config, m.lora, sft.Config{
		AdamW:    optim.AdamW{LearningRate: c.LR, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: c.WD, ClipNorm: c.Clip},
		Schedule: optim.Linear{Warmup: c.Warmup, Total: c.Steps, FromZero: true}, MicrobatchSize: b.rows,
	})
	adapter, state := m.adapter.Clone(), optim.NewState(m.adapter)
	for step, w := range want.Steps {
		must(p.ctx.Err())
		next, stats, err := trainer.Step(m.base, adapter, state, b.examples(p.path("expected.safetensors"), step), step)
		must(err)
		p.near("losses of the steps", stepTolerance, w.Loss, stats.Loss, "step %d", step)
		p.relative("gradient norms of the steps (relative)", normTolerance, 1e-12, w.Norm, stats.Norm, "step %d", step)
		p.near("learning rates", exactTolerance, w.LR, stats.Rate, "step %d", step)
		adapter = next
	}
	for i, name := range end.Names {
		p.row("weights after the steps", weightTolerance, tensors.MustCopyFlatData[float32](end.Tensors[i]), tensors.MustCopyFlatData[float32](adapter.Tensors[i]), nil, "%s", name)
	}
}
