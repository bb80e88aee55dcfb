package policy

import (
	"context"
	"errors"
	"fmt"
	"math"

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
// [trajectory][T], in the given order. Rows are padded to few lengths, so that few
// graphs are compiled.
func (p *Policy) LogProbs(ctx context.Context, adapter *engine.Tree, ts []Trajectory, temperature float64) ([][]float64, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if !(temperature > 0) {
		return nil, fmt.Errorf("%w: temperature must be positive, got %g", ErrLaw, temperature)
	}
	lengths := make([]int, len(ts))
	for i, t := range ts {
		if len(t.Prompt.IDs) == 0 || len(t.IDs) == 0 {
			return nil, fmt.Errorf("%w: trajectory %d of problem %q has %d prompt and %d completion tokens", ErrPolicy, i, t.Problem, len(t.Prompt.IDs), len(t.IDs))
		}
		lengths[i] = len(t.Prompt.IDs) + len(t.IDs)
	}
	weights := p.Base.Tensors
	if adapter != nil {
		weights = append(weights[:len(weights):len(weights)], adapter.Tensors...)
	}
	f, out := p.score(adapter != nil), make([][]float64, len(ts))
	for _, c := range decoder.Chunks(lengths, f.Rows(p.scored())) {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("policy: %w", err)
		}
		in, targets := c.Tokens(func(i int) []int32 { return append(append([]int32(nil), ts[i].Prompt.IDs...), ts[i].IDs...) })
		args := []*tensors.Tensor{in, targets, tensors.FromScalar(float32(temperature))}
		res, err := f.Call(append(args, weights...)...)
		if err != nil {
			return nil, err
		}
		flat := tensors.MustCopyFlatData[float32](res[0])
		for at, i := range c.Rows {
			for _, x := range c.Pick(flat, at, len(ts[i].Prompt.IDs), len(ts[i].IDs)) {
				out[i] = append(out[i], float64(x))
			}
		}
		for _, x := range append(args, res...) {
			if err := x.FinalizeAll(); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// scored is how many rows are scored together.
func (p *Policy) scored() int {
	if p.BatchSize > 0 {
		return min(scoreRows, p.BatchSize)
	}
	return scoreRows
}

// score is the graph: tokens, targets, temperature, weights -> log-probabilities.
func (p *Policy) score(adapted bool) *engine.Func {
	g := p.compiled()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.scores[adapted] == nil {
		base := len(decoder.BaseNames(p.Config))
		e, config, lora := p.Engine, p.Config, p.LoRA
		g.scores[adapted] = e.NewFunc("score", func(in []*Node) []*Node {
			var adapter []*Node
			if adapted {
				adapter = in[3+base:]
			}
			net := decoder.Bind(e, config, &lora, in[3:3+base], adapter)
			logp, _ := net.TokenLogProbs(net.Hidden(in[0]), in[1], in[2])
			return []*Node{logp}
		}).Spread(0, 1)
	}
	return g.scores[adapted]
}

// Compare returns the largest difference between the sampler's log-probabilities
// and trainer, which LogProbs made of the same trajectories, adapter and
// temperature. Above GapLimit it returns ErrGap, naming the token.
func Compare(ts []Trajectory, trainer [][]float64) (gap float64, err error) {
	if len(ts) != len(trainer) {
		return 0, fmt.Errorf("%w: %d trajectories, %d rows of the trainer", ErrGap, len(ts), len(trainer))
	}
	for i, t := range ts {
		if len(t.LogProbs) != len(trainer[i]) {
			return gap, fmt.Errorf("%w: trajectory %d has %d tokens, the trainer's row %d", ErrGap, i, len(t.LogProbs), len(trainer[i]))
		}
		for k, x := range t.LogProbs {
			d := math.Abs(float64(x) - trainer[i][k])
			if !(d <= GapLimit) && err == nil { // NaN counts
				err = fmt.Errorf("%w: problem %q sample %d token %d: %g against %g", ErrGap, t.Problem, t.Sample, k, x, trainer[i][k])
			}
			gap = math.Max(gap, d)
		}
	}
	return gap, err
}
