package golden

import (
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/advantage"
	"securecoderl/securerl/decoder"
	"securecoderl/securerl/ppo"
	"securecoderl/securerl/reward"
)

// table is numbers [rows, tokens].
type table = [][]float64

// numbersFile is the part of ppo/numbers.json that the library computes.
type numbersFile struct {
	Mask     table
	LogProbs struct {
		Logits [][][]float64
		IDs    [][]int32
		Cases  []struct {
			Temperature       float64
			LogProbs, Entropy table
		}
	}
	KL struct {
		LogProbs, K1, K3 table
		Reference        table                    `json:"ref_logprobs"`
		Mean             struct{ K1, K3 float64 } `json:"masked_mean"`
	}
	Rewards struct {
		Scores     []float64
		LogProbs   table
		Reference  table   `json:"ref_logprobs"`
		Tokens     table   `json:"token_rewards"`
		Weight     float64 `json:"kl_coef"`
		Rewards    table
		WithTokens table `json:"rewards_with_token_rewards"`
	}
	GAE    gaeRows   `json:"gae_rows"`
	Stream gaeStream `json:"gae_stream"`
	Whiten struct {
		Values, Shifted table
		NotShifted      table `json:"not_shifted"`
	}
	Policy struct {
		Old      table                `json:"old_logprobs"`
		New      table                `json:"new_logprobs"`
		Token    table                `json:"advantages_token"`
		Row      table                `json:"advantages_row"`
		Ratio    table                `json:"ratio"`
		ApproxKL struct{ K3 float64 } `json:"approx_kl"`
		Cases    []policyCase
	} `json:"policy_loss"`
	WithKL struct {
		Beta      float64
		Reference table `json:"ref_logprobs"`
		Cases     []policyCase
	} `json:"grpo_loss_with_kl"`
	Value struct {
		Old     table `json:"old_values"`
		New     table `json:"new_values"`
		Returns table
		Share   *float64 `json:"explained_variance_of_old"`
		Cases   []struct {
			Clip    any // "none" or a number
			Loss    float64
			Clipped float64 `json:"clip_fraction"`
		}
	} `json:"value_loss"`
	Groups struct {
		Rewards, GRPO, RLOO table
		DrGRPO              table `json:"dr_grpo"`
	}
}

type policyCase struct {
	Settings      map[string]any
	Advantages    string
	Normalisation string
	Loss          float64
	Clipped       float64 `json:"clip_fraction"`
	Gradient      table
}

// numbers compares the arithmetic per token.
func (p *part) numbers() {
	path := p.path()
	var g numbersFile
	p.json(path, &g)
	p.others(path, "note", "mask", "logprobs", "kl", "rewards", "gae_rows", "gae_stream", "whiten", "policy_loss", "value_loss", "grpo_loss_with_kl", "groups")
	need(len(g.Mask) > 0 && len(g.Mask[0]) > 0, path, "mask", "is missing or empty")
	shaped := func(x table, field string) {
		ok := len(x) == len(g.Mask)
		for i := range min(len(x), len(g.Mask)) {
			ok = ok && len(x[i]) == len(g.Mask[i])
		}
		need(ok, path, field, "is missing or has not the shape of mask")
	}
	for field, x := range map[string]table{"kl.logprobs": g.KL.LogProbs, "kl.ref_logprobs": g.KL.Reference, "kl.k1": g.KL.K1, "kl.k3": g.KL.K3, "rewards.logprobs": g.Rewards.LogProbs,
		"rewards.ref_logprobs": g.Rewards.Reference, "rewards.token_rewards": g.Rewards.Tokens, "rewards.rewards": g.Rewards.Rewards, "rewards.rewards_with_token_rewards": g.Rewards.WithTokens,
		"gae_rows.rewards": g.GAE.Rewards, "gae_rows.values": g.GAE.Values, "whiten.values": g.Whiten.Values, "whiten.shifted": g.Whiten.Shifted, "whiten.not_shifted": g.Whiten.NotShifted,
		"policy_loss.old_logprobs": g.Policy.Old, "policy_loss.new_logprobs": g.Policy.New, "policy_loss.advantages_token": g.Policy.Token, "policy_loss.advantages_row": g.Policy.Row,
		"value_loss.old_values": g.Value.Old, "value_loss.new_values": g.Value.New, "value_loss.returns": g.Value.Returns, "policy_loss.ratio": g.Policy.Ratio, "grpo_loss_with_kl.ref_logprobs": g.WithKL.Reference} {
		shaped(x, field)
	}
	p.logProbs(g)
	p.klEstimators(g)
	p.tokenRewards(g)
	p.rowsOfGAE(g)
	p.streamOfGAE(g.Stream)
	p.whitened(g)
	p.policyLosses(g)
	p.valueLosses(g)
	p.groups(g)
}

// same compares a computed tensor [rows, tokens] where mask is 1.
func (p *part) same(quantity string, want, mask table, got *tensors.Tensor) {
	flat, at := tensors.MustCopyFlatData[float64](got), 0
	for i, row := range want {
		for k, x := range row {
			if mask[i][k] == 1 {
				p.relative(quantity, exactTolerance, 1, x, flat[at], "%d,%d", i, k)
			}
			at++
		}
	}
}

func (p *part) scalar(quantity string, want float64, got *tensors.Tensor) {
	p.relative(quantity, exactTolerance, 1, want, tensors.ToScalar[float64](got), "%s", quantity)
}

func (p *part) logProbs(g numbersFile) {
	need(len(g.LogProbs.Cases) > 0 && len(g.LogProbs.Logits) == len(g.Mask) && len(g.LogProbs.IDs) == len(g.Mask), p.path(), "logprobs", "lacks cases, logits or ids of every row")
	for _, c := range g.LogProbs.Cases {
		out := p.calls("log-probabilities", func(in []*Node) []*Node {
			lp, entropy := decoder.TokenLogProbs(in[0], in[1], in[2])
			return []*Node{lp, entropy}
		}, g.LogProbs.Logits, g.LogProbs.IDs, c.Temperature)
		p.same("log-probabilities", c.LogProbs, g.Mask, out[0])
		p.same("entropies", c.Entropy, g.Mask, out[1])
	}
}

func (p *part) klEstimators(g numbersFile) {
	out := p.calls("kl", func(in []*Node) []*Node {
		k1, k3 := ppo.K1(in[0], in[1]), ppo.K3(in[0], in[1])
		return []*Node{k1, k3, masked(k1, in[2]), masked(k3, in[2])}
	}, g.KL.LogProbs, g.KL.Reference, g.Mask)
	p.same("KL estimators k1 and k3", g.KL.K1, g.Mask, out[0])
	p.same("KL estimators k1 and k3", g.KL.K3, g.Mask, out[1])
	p.scalar("KL estimators k1 and k3", g.KL.Mean.K1, out[2])
	p.scalar("KL estimators k1 and k3", g.KL.Mean.K3, out[3])
	p.uncomputed("KL estimators k2, abs and full")
}

// masked is the mean where mask is 1.
func masked(x, mask *Node) *Node { return Div(ReduceAllSum(Mul(x, mask)), ReduceAllSum(mask)) }

// answer is how many tokens of a row are its response: the masked beginning.
func answer(mask []float64) (n int) {
	for n < len(mask) && mask[n] == 1 {
		n++
	}
	return n
}

func (p *part) tokenRewards(g numbersFile) {
	r := g.Rewards
	need(len(r.Scores) == len(g.Mask), p.path(), "rewards.scores", "are %d for %d rows", len(r.Scores), len(g.Mask))
	for i, mask := range g.Mask {
		n := answer(mask)
		kls := make([]float64, n)
		for k := range kls {
			kls[k] = r.LogProbs[i][k] - r.Reference[i][k]
		}
		got := reward.PerToken(reward.Score{Total: r.Scores[i]}, make([]reward.Span, n), reward.TokenOptions{KLWeight: r.Weight, KLs: kls})
		for k, x := range got {
			p.relative("rewards per token", exactTolerance, 1, r.Rewards[i][k], x, "%d,%d", i, k)
			p.relative("rewards per token", exactTolerance, 1, r.WithTokens[i][k], x+r.Tokens[i][k], "%d,%d, with token rewards", i, k)
		}
	}
}

// gaeRows are responses, padded.
type gaeRows struct {
	Rewards, Values table
	Cases           []struct {
		Gamma, Lam float64
		Bootstrap  any // "none" or one number per row
		Advantages table
		Returns    table
		Whitened   table `json:"advantages_whitened"`
	}
}

func (p *part) rowsOfGAE(g numbersFile) {
	need(len(g.GAE.Cases) > 0, p.path(), "gae_rows.cases", "are missing")
	for at, c := range g.GAE.Cases {
		var all []float64
		var keep []bool
		for i, mask := range g.Mask {
			n := answer(mask)
			values := append(append([]float64(nil), g.GAE.Values[i][:n]...), 0)
			if list, ok := c.Bootstrap.([]any); ok {
				last, ok := list[i].(float64)
				need(ok, p.path(), "gae_rows.cases.bootstrap", "holds %v in case %d", list[i], at)
				values[n] = last
			}
			adv, err := advantage.GAE(g.GAE.Rewards[i][:n], values, c.Gamma, c.Lam)
			must(err)
			returns, err := advantage.Returns(adv, values)
			must(err)
			for k := range adv {
				p.relative("advantages and returns of rows", exactTolerance, 1, c.Advantages[i][k], adv[k], "case %d, %d,%d", at, i, k)
				p.relative("advantages and returns of rows", exactTolerance, 1, c.Returns[i][k], returns[k], "case %d, return %d,%d", at, i, k)
			}
			all = append(all, append(adv, make([]float64, len(mask)-n)...)...)
			for _, m := range mask {
				keep = append(keep, m == 1)
			}
		}
		p.white("whitened advantages", c.Whitened, all, keep, false)
	}
}

// white compares whitening of all numbers together.
func (p *part) white(quantity string, want table, xs []float64, keep []bool, keepMean bool) {
	got, err := advantage.Whiten(xs, keep, keepMean)
	must(err)
	at := 0
	for i, row := range want {
		for k, x := range row {
			if keep[at] {
				p.relative(quantity, exactTolerance, 1, x, got[at], "%d,%d", i, k)
			}
			at++
		}
	}
	need(at == len(xs), p.path(), quantity, "hold %d numbers, not %d", at, len(xs))
}

func (p *part) whitened(g numbersFile) {
	var xs []float64
	var keep []bool
	for i, row := range g.Whiten.Values {
		xs = append(xs, row...)
		for k := range row {
			keep = append(keep, g.Mask[i][k] == 1)
		}
	}
	p.white("whitening", g.Whiten.Shifted, xs, keep, false)
	p.white("whitening", g.Whiten.NotShifted, xs, keep, true)
}

// gaeStream is one stream of episodes.
type gaeStream struct {
	Rewards, Values       []float64
	Next                  []float64 `json:"next_values"`
	Terminated, Truncated []int
	Cases                 []struct {
		Gamma, Lam          float64
		Advantages, Returns []float64
	}
}

// streamOfGAE is GAE on each episode: an end bootstraps with 0, a cut with the value of
// the state reached.
func (p *part) streamOfGAE(s gaeStream) {
	n := len(s.Rewards)
	need(n > 0 && len(s.Values) == n && len(s.Next) == n && len(s.Terminated) == n && len(s.Truncated) == n && len(s.Cases) > 0, p.path(), "gae_stream", "lacks a list, or they differ in length")
	for at, c := range s.Cases {
		need(len(c.Advantages) == n && len(c.Returns) == n, p.path(), fmt.Sprintf("gae_stream.cases[%d]", at), "holds %d advantages, %d returns, not %d", len(c.Advantages), len(c.Returns), n)
		start := 0
		for i := range s.Rewards {
			if s.Terminated[i]+s.Truncated[i] == 0 {
				continue
			}
			values := append(append([]float64(nil), s.Values[start:i+1]...), s.Next[i]*float64(1-s.Terminated[i]))
			adv, err := advantage.GAE(s.Rewards[start:i+1], values, c.Gamma, c.Lam)
			must(err)
			returns, err := advantage.Returns(adv, values)
			must(err)
			for k := range adv {
				p.relative("advantages and returns of a stream", exactTolerance, 1, c.Advantages[start+k], adv[k], "case %d, step %d", at, start+k)
				p.relative("advantages and returns of a stream", exactTolerance, 1, c.Returns[start+k], returns[k], "case %d, return %d", at, start+k)
			}
			start = i + 1
		}
	}
}

func (p *part) groups(g numbersFile) {
	need(len(g.Groups.Rewards) > 0, p.path(), "groups.rewards", "are missing")
	for _, x := range []struct {
		name string
		want table
		of   func([]float64) []float64
	}{{"grpo", g.Groups.GRPO, advantage.GRPO}, {"rloo", g.Groups.RLOO, advantage.LeaveOneOut}, {"dr_grpo", g.Groups.DrGRPO, advantage.DrGRPO}} {
		need(len(x.want) == len(g.Groups.Rewards), p.path(), "groups."+x.name, "has %d rows, not %d", len(x.want), len(g.Groups.Rewards))
		for i, group := range g.Groups.Rewards {
			got := x.of(group)
			need(len(x.want[i]) == len(got), p.path(), "groups."+x.name, "has %d numbers in row %d", len(x.want[i]), i)
			for k := range got {
				p.relative("group advantages", exactTolerance, 1, x.want[i][k], got[k], "%s %d,%d", x.name, i, k)
			}
		}
	}
	p.uncomputed("group advantages by the population's or the batch's deviation")
}

// policyLosses compares the losses that this library has: one clip to both sides, a mean
// over tokens.
func (p *part) policyLosses(g numbersFile) {
	l, left := g.Policy, map[string]bool{}
	for at, c := range l.Cases {
		lo, ok := c.Settings["lo"].(float64)
		need(ok, p.path(), fmt.Sprintf("policy_loss.cases[%d].settings.lo", at), "is missing")
		if len(c.Settings) != 2 || c.Settings["hi"] != lo {
			left[fmt.Sprintf("policy loss with settings %v", c.Settings)] = true
			continue
		}
		adv := l.Token
		if c.Advantages == "row" {
			adv = l.Row
		}
		out := p.calls("policy loss", func(in []*Node) []*Node { return tokenLoss(in, lo, 0) }, l.New, l.Old, adv, l.Old, g.Mask)
		p.scalar("policy losses", c.Loss, out[0])
		p.scalar("clip fractions", c.Clipped, out[1])
		p.same("ratios", l.Ratio, g.Mask, out[2])
		p.same("gradients of the policy loss", c.Gradient, g.Mask, out[3])
		p.scalar("approximate KL", l.ApproxKL.K3, out[4])
	}
	for _, c := range g.WithKL.Cases {
		if c.Normalisation != "token" {
			left["policy loss with KL, normalised by "+c.Normalisation] = true
			continue
		}
		const clip = 0.2 // that of the file's generator
		out := p.calls("policy loss with KL", func(in []*Node) []*Node { return tokenLoss(in, clip, g.WithKL.Beta) }, l.New, l.Old, l.Row, g.WithKL.Reference, g.Mask)
		p.scalar("policy losses with KL", c.Loss, out[0])
		p.same("gradients of the policy loss", c.Gradient, g.Mask, out[3]) // the file may lack it
	}
	for name := range left {
		p.uncomputed(name)
	}
}

// valueLosses compares the critic's loss and how much of the returns the old values tell.
func (p *part) valueLosses(g numbersFile) {
	v := g.Value
	need(len(v.Cases) > 0 && v.Share != nil, p.path(), "value_loss", "lacks cases or explained_variance_of_old")
	for at, c := range v.Cases {
		clip, ok := math.Inf(1), c.Clip == "none"
		if x, number := c.Clip.(float64); number {
			clip, ok = x, true
		}
		need(ok, p.path(), fmt.Sprintf("value_loss.cases[%d].clip", at), "is %v", c.Clip)
		out := p.calls("value loss", func(in []*Node) []*Node {
			loss, clipped := ppo.ValueLoss(in[0], in[1], in[2], in[4])
			return []*Node{masked(loss, in[3]), masked(clipped, in[3])}
		}, v.New, v.Old, v.Returns, g.Mask, clip)
		p.scalar("value losses", c.Loss, out[0])
		p.scalar("clip fractions of values", c.Clipped, out[1])
	}
	var values, returns []float64
	for i, mask := range g.Mask {
		for k, m := range mask {
			if m == 1 {
				values, returns = append(values, v.Old[i][k]), append(returns, v.Returns[i][k])
			}
		}
	}
	share, err := advantage.ExplainedVariance(values, returns)
	must(err)
	p.relative("explained variance", exactTolerance, 1, *v.Share, share, "explained_variance_of_old")
}

// tokenLoss is the loss as ppo.Updater builds it.
func tokenLoss(in []*Node, clip, beta float64) []*Node {
	logp, old, adv, ref, mask := in[0], in[1], in[2], in[3], in[4]
	loss, clipped, ratio := ppo.PolicyLoss(logp, old, adv, Scalar(logp.Graph(), logp.DType(), clip))
	total := masked(loss, mask)
	if beta != 0 {
		total = Add(total, MulScalar(masked(ppo.K3(logp, ref), mask), beta))
	}
	return []*Node{total, masked(clipped, mask), ratio, Gradient(total, logp)[0], masked(ppo.K3(old, logp), mask)}
}

// finite tells whether a number is one.
func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
