package moment_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/experiments/moment"
	"securecoderl/securerl/decoder"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
	"securecoderl/securerl/ppo"
	"securecoderl/securerl/runlog"
)

const extract, before = "../../testdata/runlog", "gated-1-before-12"

// recorded are the values that the run wrote into metrics.jsonl at that iteration.
func recorded(t *testing.T) map[string]float64 {
	t.Helper()
	run, err := runlog.Read(extract)
	require.NoError(t, err)
	points, err := run.Points()
	require.NoError(t, err)
	for _, p := range points {
		if p.Phase == "ppo" && p.Variant == "gated" && p.Step == 12 {
			return p.Values
		}
	}
	t.Fatal("the extract lacks the iteration")
	return nil
}

// The run computed the update in float32, the extract holds its base in bfloat16: what
// the update says of itself differs by that rounding, and by no more.
func TestTheUpdateOfTheRunIsMadeAgain(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		m, err := moment.Open(context.Background(), e, extract, before)
		require.NoError(t, err)
		assert.Len(t, m.Samples, 128)
		assert.Less(t, m.Gap, 0.5)
		assert.Positive(t, m.Gap, "recomputed under rounded weights")
		u, err := ppo.New(e, m.Policy.Config, m.Policy.LoRA, m.Config)
		require.NoError(t, err)
		next, stats, err := u.Update(m.Policy.Base, m.Policy.Adapter, m.Optimizer, m.Samples, m.Key)
		require.NoError(t, err)
		assert.NotEqual(t, m.Policy.Adapter.Digest(), next.Digest())
		want := recorded(t)
		assert.EqualValues(t, want["minibatches"], stats.Minibatches)
		assert.InDelta(t, want["policy_loss"], stats.PolicyLoss, 0.005)
		assert.InEpsilon(t, want["kl"], stats.KL, 0.05)
		assert.InEpsilon(t, want["entropy"], stats.Entropy, 0.05)
		assert.InEpsilon(t, want["grad_norm"], stats.GradNorm, 0.1)
	})
}

func TestAMomentThatIsNotThere(t *testing.T) {
	e, err := engine.Open("go")
	require.NoError(t, err)
	defer e.Close()
	for _, c := range []struct {
		dir, name string
		want      error
	}{
		{extract, "gated", moment.ErrMoment},
		{extract, "gated-1-before-x", moment.ErrMoment},
		{extract, "gated-1-before-13", moment.ErrMoment},
		{extract, "gated-2-before-12", decoder.ErrConfig},
		{t.TempDir(), before, runlog.ErrRun},
	} {
		_, err := moment.Open(context.Background(), e, c.dir, c.name)
		assert.ErrorIs(t, err, c.want, c.name)
	}
}

func ExampleOpen() {
	e, err := engine.Open("go")
	if err != nil {
		panic(err)
	}
	defer e.Close()
	m, err := moment.Open(context.Background(), e, "../../testdata/runlog", "gated-1-before-12")
	if err != nil {
		panic(err)
	}
	m.Keep(16)
	fmt.Println(len(m.Samples), "samples, optimiser after", m.Optimizer.Step, "steps, clip", m.Config.Clip)
	// Output: 16 samples, optimiser after 24 steps, clip 0.2
}
