package golden

import (
	"math"
	"path/filepath"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/advantage"
	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/optim"
	"securecoderl/securerl/policy"
	"securecoderl/securerl/ppo"
	"securecoderl/securerl/reward"
	"securecoderl/securerl/rng"
)

// updateFile is ppo/update/expected.json.
type updateFile struct {
	Config struct {
		Base        string
		Prompts     []int `json:"prompt_lens"`
		Responses   []int `json:"response_lens"`
		Truncated   []int
		Scores      []float64
		Temperature float64
		KLWeight    float64 `json:"kl_coef"`
		Gamma, Lam  float64
		Clip        float64
		ClipValue   float64 `json:"clip_value"`
		ValueWeight float64 `json:"vf_coef"`
		Entropy     float64 `json:"ent_coef"`
		LR, WD      float64
		MaxNorm     float64 `json:"max_norm"`
		Minibatches [][]int
	}
	Records []struct {
		Loss         float64
		Policy       float64 `json:"policy_loss"`
		Value        float64 `json:"value_loss"`
		Entropy      float64
		Clipped      float64 `json:"clip_fraction"`
		ValueClipped float64 `json:"value_clip_fraction"`
		ApproxKL     float64 `json:"approx_kl_k3"`
		Norm         float64 `json:"grad_norm_before_clip"`
	} `json:"minibatch_records"`
}

// rollouts are the rows of an update and what is expected of each.
type rollouts struct {
	file          tensorFile
	rows, length  int // length is that of the texts; the tables below have one less
	ids           []int32
	policy        model
	prompts, size []int
	want          updateFile
}

// tokens are the places [rows, length-1] of row i that speak of its response.
func (u rollouts) tokens(i int) (from, to int) {
	at := i*(u.length-1) + u.prompts[i] - 1
	return at, at + u.size[i]
}

// update compares one whole update of actor and critic.
func (p *part) update() {
	path := p.path("expected.json")
	u := rollouts{file: p.open(p.path("expected.safetensors"))}
	p.json(path, &u.want)
	c := u.want.Config
	need(c.Base != "" && c.Temperature > 0, path, "config", "lacks base or temperature")
	config, base, err := checkpoint.Load(filepath.Join(p.dir, "models", c.Base))
	must(err)
	l, adapter, err := checkpoint.LoadAdapter(p.path("adapter"), config)
	must(err)
	u.policy = model{config, &l, base, adapter}
	shape, ids := u.file.ints("input_ids", config.VocabSize, -1, -1)
	u.rows, u.length, u.ids, u.prompts, u.size = shape[0], shape[1], ids, c.Prompts, c.Responses
	n := u.rows
	need(n > 0 && len(c.Prompts) == n && len(c.Responses) == n && len(c.Truncated) == n && len(c.Scores) == n, path, "config", "does not give prompt_lens, response_lens, truncated and scores of %d rows", n)
	for i := range n {
		need(c.Prompts[i] > 0 && c.Responses[i] > 0 && c.Prompts[i]+c.Responses[i] <= u.length, path, "config.response_lens", "and prompt_lens of row %d do not fit %d tokens", i, u.length)
	}
	for k, rows := range c.Minibatches {
		need(len(rows) > 0 && slices.Min(rows) >= 0 && slices.Max(rows) < n, path, "config.minibatches", "names other rows than the %d there are in minibatch %d", n, k)
	}
	need(len(c.Minibatches) > 0 && len(u.want.Records) == len(c.Minibatches), path, "minibatch_records", "are %d for %d minibatches", len(u.want.Records), len(c.Minibatches))
	p.rolled(u)
	p.credited(u)
	p.values(u)
	p.minibatches(u)
}

// table is expected numbers [rows, length-1].
func (u rollouts) table(name string) []float32 { return u.file.floats(name, u.rows, u.length-1) }

// responses compares two tables on the responses.
func (p *part) responses(u rollouts, quantity, name string, got func(i int) []float64) {
	want := u.table(name)
	for i := range u.rows {
		from, to := u.tokens(i)
		for k, x := range got(i) {
			p.near(quantity, hiddenTolerance, float64(want[from:to][k]), x, "%s, row %d, token %d", name, i, k)
		}
	}
}

// rolled compares log-probabilities of policy and reference.
func (p *part) rolled(u rollouts) {
	reference := u.policy
	reference.lora, reference.adapter = nil, nil
	for _, x := range []struct {
		quantity, name string
		m              model
	}{{"old log-probabilities", "old_logprobs", u.policy}, {"log-probabilities of the reference", "ref_logprobs", reference}} {
		got := p.forward(x.m, newRows(u.ids, u.rows), u.want.Config.Temperature).logprobs
		p.responses(u, x.quantity, x.name, func(i int) []float64 {
			from := i*u.length + u.prompts[i] - 1
			return doubles(got[from : from+u.size[i]])
		})
	}
}

// credited compares rewards and advantages, from the stated values and log-probabilities.
func (p *part) credited(u rollouts) {
	c := u.want.Config
	old, ref, bonus, values := u.table("old_logprobs"), u.table("ref_logprobs"), u.table("token_rewards"), u.file.floats("values_all", u.rows, u.length)
	rewards, raw, returns, all, keep := make([][]float64, u.rows), make([][]float64, u.rows), make([][]float64, u.rows), []float64(nil), []bool(nil)
	for i := range u.rows {
		from, to := u.tokens(i)
		kls := make([]float64, to-from)
		for k := range kls {
			kls[k] = float64(old[from+k]) - float64(ref[from+k])
		}
		r := reward.PerToken(reward.Score{Total: c.Scores[i]}, make([]reward.Span, len(kls)), reward.TokenOptions{KLWeight: c.KLWeight, KLs: kls})
		for k := range r {
			r[k] += float64(bonus[from+k])
		}
		at := i*u.length + u.prompts[i] - 1
		v := doubles(values[at : at+len(r)+1])
		if c.Truncated[i] == 0 {
			v[len(r)] = 0
		}
		adv, err := advantage.GAE(r, v, c.Gamma, c.Lam)
		must(err)
		ret, err := advantage.Returns(adv, v)
		must(err)
		rewards[i], raw[i], returns[i] = r, adv, ret
		all = append(all, adv...)
	}
	for range all {
		keep = append(keep, true)
	}
	white, err := advantage.Whiten(all, keep, false)
	must(err)
	p.responses(u, "rewards", "rewards", func(i int) []float64 { return rewards[i] })
	p.responses(u, "advantages before whitening", "advantages_raw", func(i int) []float64 { return raw[i] })
	p.responses(u, "returns", "returns", func(i int) []float64 { return returns[i] })
	at := 0
	p.responses(u, "advantages", "advantages", func(i int) []float64 {
		at += u.size[i]
		return white[at-u.size[i] : at]
	})
}

// samples are some rows as package ppo takes them, with the stated numbers.
func (u rollouts) samples(which []int) (list []ppo.Sample) {
	part := func(name string, i int) []float64 {
		from, to := u.tokens(i)
		return doubles(u.table(name)[from:to])
	}
	for _, i := range which {
		row := u.ids[i*u.length:]
		list = append(list, ppo.Sample{Prompt: row[:u.prompts[i]], Completion: row[u.prompts[i] : u.prompts[i]+u.size[i]],
			Old: part("old_logprobs", i), Reference: part("ref_logprobs", i), Advantages: part("advantages", i), Values: part("old_values", i), Returns: part("returns", i)})
	}
	return list
}

// critic is the value head of the file.
func (u rollouts) critic() *engine.Tree {
	n := u.policy.config.HiddenSize
	head := policy.NewHead(u.policy.config)
	return head.With([]*tensors.Tensor{tensors.FromFlatDataAndDimensions(u.file.floats("value_head.weight", n), n, 1), tensors.FromFlatDataAndDimensions(u.file.floats("value_head.bias"), 1)})
}

// values compares the value of every state of the texts.
func (p *part) values(u rollouts) {
	m, head := u.policy, u.critic()
	f := p.e.NewFunc("values", func(in []*Node) []*Node {
		net := m.bind(p.e, in[3:])
		return []*Node{policy.Values(net.Hidden(in[0]), in[1:3])}
	})
	in := append([]*tensors.Tensor{tensors.FromFlatDataAndDimensions(u.ids, u.rows, u.length)}, head.Tensors...)
	got := tensors.MustCopyFlatData[float32](p.call(f, append(in, m.weights()...)...)[0])
	p.row("values", hiddenTolerance, u.file.floats("values_all", u.rows, u.length), got, func(i int) bool {
		return i%u.length < u.prompts[i/u.length]+u.size[i/u.length]
	}, "values_all")
}

// minibatches makes the update of actor and critic, minibatch by minibatch as they were
// dealt there, and compares losses, gradients and weights.
func (p *part) minibatches(u rollouts) {
	c := u.want.Config
	config := ppo.Default()
	config.AdamW = optim.AdamW{LearningRate: c.LR, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: c.WD, ClipNorm: c.MaxNorm}
	config.Clip, config.KLWeight, config.EntropyWeight, config.TargetKL, config.Temperature = c.Clip, 0, c.Entropy, 0, c.Temperature
	config.ValueWeight, config.ValueClip = c.ValueWeight, c.ClipValue
	weights := policy.Join(u.policy.adapter, u.critic())
	state := optim.NewState(weights)
	updaters := map[int]*ppo.Updater{} // by their size: a minibatch is an update of its own here
	for k, rows := range c.Minibatches {
		must(p.ctx.Err())
		n := len(rows)
		if updaters[n] == nil {
			config.MinibatchSize, config.MicrobatchSize = n, n
			var err error
			updaters[n], err = ppo.New(p.e, u.policy.config, *u.policy.lora, config)
			must(err)
		}
		var stats ppo.Stats
		var err error
		weights, stats, err = updaters[n].Update(u.policy.base, weights, state, u.samples(rows), rng.New(1))
		must(err)
		w := u.want.Records[k]
		for name, pair := range map[string][2]float64{"loss": {w.Loss, stats.Loss}, "policy_loss": {w.Policy, stats.PolicyLoss}, "value_loss": {w.Value, stats.ValueLoss}, "entropy": {w.Entropy, stats.Entropy},
			"clip_fraction": {w.Clipped, stats.ClipFraction}, "value_clip_fraction": {w.ValueClipped, stats.ValueClipFraction}, "approx_kl_k3": {w.ApproxKL, stats.ApproxKL}} {
			p.near("losses of the minibatches", entropyTolerance, pair[0], pair[1], "%s of minibatch %d", name, k)
		}
		p.relative("gradient norms of the minibatches (relative)", normTolerance, 1e-12, w.Norm, stats.GradNorm, "minibatch %d", k)
		if k == 0 {
			p.firstGradients(weights, state, config, stats.GradNorm)
		}
	}
	after := p.open(p.path("weights_after.safetensors"))
	for i, name := range weights.Names {
		p.row("weights after the update", stepTolerance, trainedTensor(after, weights, i), tensors.MustCopyFlatData[float32](weights.Tensors[i]), nil, "%s", name)
	}
}

// firstGradients compares the gradient of the first minibatch: after one step the first
// moments are the gradient, clipped, times 1 - beta1.
func (p *part) firstGradients(weights *engine.Tree, state *optim.State, c ppo.Config, norm float64) {
	scale := 1 - c.Beta1
	if c.ClipNorm > 0 {
		scale *= math.Min(1, c.ClipNorm/(norm+1e-6))
	}
	f := p.open(p.path("gradients_first_minibatch.safetensors"))
	for i, name := range weights.Names {
		want := trainedTensor(f, weights, i)
		size := math.Max(largest(want), 1e-6)
		for k, x := range tensors.MustCopyFlatData[float32](state.M.Tensors[i]) {
			p.near("gradients of the first minibatch (share of the tensor's largest entry)", gradientTolerance, float64(want[k])/size, float64(x)/scale/size, "%s, entry %d", name, k)
		}
	}
}

// trainedTensor is a tensor of adapter or critic in a file of PyTorch.
func trainedTensor(f tensorFile, weights *engine.Tree, i int) []float32 {
	switch weights.Names[i] {
	case "value_head.weight":
		return f.floats("v_weight", weights.Tensors[i].Size())
	case "value_head.bias":
		return f.floats("v_bias")
	}
	return turned(f, weights, i)
}
