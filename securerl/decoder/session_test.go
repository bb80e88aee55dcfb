package decoder

import (
	"context"
	"errors"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
	"securecoderl/securerl/rng"
)

// tinyJobs are n jobs of a model of two layers, and the model.
func tinyJobs(n int) (Config, *engine.Tree, []Job) {
	c := Tiny(40)
	c.HiddenSize, c.HeadDim, c.IntermediateSize, c.NumHiddenLayers = 32, 8, 48, 2
	jobs := make([]Job, n)
	for i := range jobs {
		jobs[i] = Job{Prompt: []int32{1, int32(4 + i%11), 2}, Key: rng.New(5).Fold(uint32(i))}
	}
	return c, Init(c, rng.New(1)), jobs
}

// A run that ends before its jobs do frees what it holds on the device, whatever ended it.
func TestARunThatIsLeftFreesItsTensors(t *testing.T) {
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		c, base, jobs := tinyJobs(30)
		s := NewSampler(e, c, nil, Law{Temperature: 1, RepetitionPenalty: 1.1}, 4, 40, 3)
		broken := errors.New("broken")
		for name, tt := range map[string]struct {
			done func(cancel func(error)) bool
			want error
		}{
			"by its context": {func(cancel func(error)) bool { cancel(broken); return true }, context.Canceled},
			"by its caller":  {func(func(error)) bool { return false }, nil},
			"by nobody":      {func(func(error)) bool { return true }, nil},
		} {
			ctx, cancel := context.WithCancelCause(t.Context())
			told := 0
			var held []*tensors.Tensor
			var r *session
			r, err := s.begin(base, nil, jobs, 8, func(int, Sampled) bool {
				told++
				held = append(append(append(held, r.state.list...), r.source.list...), r.buffers.list...)
				return tt.done(cancel)
			})
			require.NoError(t, err)
			err = r.run(ctx)
			r.close()
			assert.ErrorIs(t, err, tt.want, name)
			if name == "by nobody" {
				assert.Equal(t, len(jobs), told)
			} else {
				assert.Positive(t, told, name)
				assert.LessOrEqual(t, told, len(r.rows), "%s: no round is begun after that", name)
			}
			require.NotEmpty(t, held)
			for _, x := range held {
				assert.False(t, x.Ok(), name)
			}
			cancel(nil)
		}
		// An engine that fails: the weights are those of another shape.
		r, err := s.begin(&engine.Tree{Tensors: base.Tensors[1:]}, nil, jobs, 8, func(int, Sampled) bool { return true })
		require.NoError(t, err)
		held := append(append([]*tensors.Tensor{}, r.state.list...), r.buffers.list...)
		assert.Error(t, r.run(t.Context()))
		r.close()
		for _, x := range held {
			assert.False(t, x.Ok())
		}
		for _, x := range base.Tensors {
			assert.True(t, x.Ok(), "weights are not the run's to free")
		}
	})
}

func TestSlotsAreGivenAwayWhenItPays(t *testing.T) {
	r := &session{Sampler: &Sampler{steps: 400, pace: pace{swap: 2}}, rows: make([]row, 128)}
	assert.Equal(t, 18, r.worth(), "128 * sqrt(2*2 / 200), rounded down") // by hand: 18.1
	r.ended, r.tokens = 99, 3000
	assert.Equal(t, 45, r.worth(), "completions of 32 tokens") // 128 * sqrt(4/32) = 45.3
	r.pace.swap = 0
	assert.Equal(t, 1, r.worth())
	r.pace.swap = 1e9
	assert.Equal(t, 128, r.worth())
}
