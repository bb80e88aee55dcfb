package golden

import (
	"path/filepath"
	"slices"

	"securecoderl/securerl/advantage"
	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/optim"
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
		Loss     float64
		Policy   float64 `json:"policy_loss"`
		Value    float64 `json:"value_loss"`
		Entropy  float64
		Clipped  float64 `json:"clip_fraction"`
		ApproxKL float64 `json:"approx_kl_k3"`
		Norm     float64 `json:"grad_norm_before_clip"`
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
	p.firstMinibatch(u)
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
	old, ref, adv := u.table("old_logprobs"), u.table("ref_logprobs"), u.table("advantages")
	for _, i := range which {
		from, to := u.tokens(i)
		row := u.ids[i*u.length:]
		list = append(list, ppo.Sample{Prompt: row[:u.prompts[i]], Completion: row[u.prompts[i] : u.prompts[i]+u.size[i]],
			Old: doubles(old[from:to]), Reference: doubles(ref[from:to]), Advantages: doubles(adv[from:to])})
	}
	return list
}

// firstMinibatch compares the losses of the policy before the first step.
func (p *part) firstMinibatch(u rollouts) {
	c, w := u.want.Config, u.want.Records[0]
	config := ppo.Default()
	config.AdamW = optim.AdamW{LearningRate: c.LR, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, WeightDecay: c.WD, ClipNorm: c.MaxNorm}
	config.Clip, config.KLWeight, config.EntropyWeight, config.TargetKL, config.Temperature = c.Clip, 0, c.Entropy, 0, c.Temperature
	config.MinibatchSize, config.MicrobatchSize = len(c.Minibatches[0]), len(c.Minibatches[0])
	updater, err := ppo.New(p.e, u.policy.config, *u.policy.lora, config)
	must(err)
	_, stats, err := updater.Update(u.policy.base, u.policy.adapter, optim.NewState(u.policy.adapter), u.samples(c.Minibatches[0]), rng.New(1))
	must(err)
	p.near("policy loss of the first minibatch", entropyTolerance, w.Policy, stats.PolicyLoss, "policy_loss")
	p.near("entropy of the first minibatch", entropyTolerance, w.Entropy, stats.Entropy, "entropy")
	for _, q := range []string{"values", "losses of later minibatches", "weights after the update"} {
		p.skip(q, "this library has no critic")
	}
}
