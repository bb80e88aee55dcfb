package policy

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
)

// GapLimit is how far the sampler's log-probability of a token may lie from the
// trainer's, in float32. Both sum the same numbers in another order; differences
// seen are near 1e-6.
const GapLimit = 1e-4

// ErrGap reports a sampler and a trainer that disagree: one of them computes
// another law, and no ratio between them means anything.
var ErrGap = errors.New("policy: sampler and trainer disagree")

// scoreRows is how many rows are scored together, at most BatchSize.
const scoreRows = 32

// LogProbs returns the log-probability of every token of the trajectories under an
// adapter (nil = the base alone) at a temperature, as the trainer computes it:
// [trajectory][T], in the given order.
func (p *Policy) LogProbs(ctx context.Context, adapter *engine.Tree, ts []Trajectory, temperature float64) ([][]float64, error) {
	logp, _, err := p.Score(ctx, adapter, nil, ts, temperature)
	return logp, err
}

// Score is LogProbs that also reads, in the same pass, what a critic expects:
// values[trajectory][T+1], the value of the state before each token and of the state
// after the last. Without a head (nil) there are no values. Rows are padded to few
// lengths, so that few graphs are compiled.
func (p *Policy) Score(ctx context.Context, adapter, head *engine.Tree, ts []Trajectory, temperature float64) (logp, values [][]float64, err error) {
	if err := p.checkScore(head, ts, temperature); err != nil {
		return nil, nil, err
	}
	weights := p.Base.Tensors
	for _, t := range []*engine.Tree{adapter, head} {
		if t != nil {
			weights = append(weights[:len(weights):len(weights)], t.Tensors...)
		}
	}
	lengths := make([]int, len(ts))
	row := func(i int) []int32 { return slices.Concat(ts[i].Prompt.IDs, ts[i].IDs) }
	if head != nil { // inputs are all tokens but the last: one more is put behind it, so that its state is computed
		row = func(i int) []int32 { return slices.Concat(ts[i].Prompt.IDs, ts[i].IDs, []int32{0}) }
		values = make([][]float64, len(ts))
	}
	for i := range ts {
		lengths[i] = len(row(i))
	}
	logp = make([][]float64, len(ts))
	f := p.score(scoring{adapter != nil, head != nil})
	for _, c := range decoder.Chunks(lengths, f.Rows(p.scored())) {
		if err := ctx.Err(); err != nil {
			return nil, nil, fmt.Errorf("policy: %w", err)
		}
		in, targets := c.Tokens(row)
		args := []*tensors.Tensor{in, targets, tensors.FromScalar(float32(temperature))}
		res, err := f.Call(append(args, weights...)...)
		if err != nil {
			return nil, nil, err
		}
		for k, into := range [][][]float64{logp, values}[:len(res)] {
			flat := tensors.MustCopyFlatData[float32](res[k])
			for at, i := range c.Rows {
				into[i] = widen(c.Pick(flat, at, len(ts[i].Prompt.IDs), len(ts[i].IDs)+k))
			}
		}
		for _, x := range append(args, res...) {
			if err := x.FinalizeAll(); err != nil {
				return nil, nil, err
			}
		}
	}
	return logp, values, nil
}

// scored is how many rows are scored together.
func (p *Policy) scored() int {
	if p.BatchSize > 0 {
		return min(scoreRows, p.BatchSize)
	}
	return scoreRows
}

func (p *Policy) checkScore(head *engine.Tree, ts []Trajectory, temperature float64) error {
	if err := p.check(); err != nil {
		return err
	}
	if !(temperature > 0) {
		return fmt.Errorf("%w: temperature must be positive, got %g", ErrLaw, temperature)
	}
	for i, t := range ts {
		if len(t.Prompt.IDs) == 0 || len(t.IDs) == 0 {
			return fmt.Errorf("%w: trajectory %d of problem %q has %d prompt and %d completion tokens", ErrPolicy, i, t.Problem, len(t.Prompt.IDs), len(t.IDs))
		}
	}
	if head == nil {
		return nil
	}
	return checkHead("the critic", head, p.Config)
}

func widen(xs []float32) []float64 {
	ys := make([]float64, len(xs))
	for i, x := range xs {
		ys[i] = float64(x)
	}
	return ys
}

// scoring is what a score graph is compiled for.
type scoring struct{ adapter, head bool }

// score is the graph: tokens, targets, temperature, base, adapter, head ->
// log-probabilities and, with a head, values.
func (p *Policy) score(s scoring) *engine.Func {
	g := p.compiled()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.scores[s] == nil {
		base := len(decoder.BaseNames(p.Config))
		e, config, lora := p.Engine, p.Config, p.LoRA
		g.scores[s] = e.NewFunc("score", func(in []*Node) []*Node {
			var adapter, head []*Node
			rest := in[3+base:]
			if s.head {
				rest, head = rest[:len(rest)-2], rest[len(rest)-2:]
			}
			if s.adapter {
				adapter = rest
			}
			net := decoder.Bind(e, config, &lora, in[3:3+base], adapter).Scoring()
			hidden := net.Hidden(in[0])
			logp, _ := net.TokenLogProbs(hidden, in[1], in[2])
			if s.head {
				return []*Node{logp, Values(hidden, head)}
			}
			return []*Node{logp}
		}).Spread(0, 1)
	}
	return g.scores[s]
}

// Gap is how far the sampler's log-probabilities lie from the trainer's, over the tokens
// of a rollout.
type Gap struct{ Mean, Largest float64 }

// AllowedGap is the largest gap of a token that is rounding and not another law. In
// bfloat16, where rounding alone makes large ones, there is no limit: +Inf.
func (p *Policy) AllowedGap() float64 {
	if p.Config.Compute.BF16 {
		return math.Inf(1)
	}
	return GapLimit
}

// Compare measures the gap between the sampler's log-probabilities and trainer, which
// LogProbs made of the same trajectories, adapter and temperature. Above limit (see
// Policy.AllowedGap), or where a number is not finite, it returns ErrGap, naming the token.
func Compare(ts []Trajectory, trainer [][]float64, limit float64) (gap Gap, err error) {
	if len(ts) != len(trainer) {
		return gap, fmt.Errorf("%w: %d trajectories, %d rows of the trainer", ErrGap, len(ts), len(trainer))
	}
	tokens := 0
	for i, t := range ts {
		if len(t.LogProbs) != len(trainer[i]) {
			return gap, fmt.Errorf("%w: trajectory %d has %d tokens, the trainer's row %d", ErrGap, i, len(t.LogProbs), len(trainer[i]))
		}
		for k, x := range t.LogProbs {
			d := math.Abs(float64(x) - trainer[i][k])
			if (!(d <= limit) || math.IsInf(d, 1)) && err == nil { // NaN counts
				err = fmt.Errorf("%w: problem %q sample %d token %d: %g against %g", ErrGap, t.Problem, t.Sample, k, x, trainer[i][k])
			}
			gap.Largest = math.Max(gap.Largest, d)
			gap.Mean += d
			tokens++
		}
	}
	gap.Mean /= float64(max(1, tokens))
	return gap, err
}
