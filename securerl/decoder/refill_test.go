package decoder_test

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/engine"
	"securecoderl/securerl/engine/enginetest"
	"securecoderl/securerl/problem/families"
	"securecoderl/securerl/prompt"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/tokenizer"
)

// trained is the small policy of a stored run, which writes programs of 10 to 68 tokens.
type trained struct {
	config        decoder.Config
	lora          decoder.LoRA
	base, adapter *engine.Tree
	prompts       [][]int32 // of n problems
}

const stored = "../../testdata/runlog/checkpoints"

func openTrained(t testing.TB, n int) (x trained) {
	t.Helper()
	var err error
	x.config, x.base, err = checkpoint.Load(filepath.Join(stored, "base"))
	require.NoError(t, err)
	x.lora, x.adapter, err = checkpoint.LoadAdapter(filepath.Join(stored, "sft-1"), x.config)
	require.NoError(t, err)
	tok, err := tokenizer.Load(filepath.Join(stored, "base", "tokenizer.json"))
	require.NoError(t, err)
	problems, template := families.Build().Problems, prompt.Tiny(44)
	rng.New(3).Stream().Shuffle(len(problems), func(i, j int) { problems[i], problems[j] = problems[j], problems[i] })
	for _, q := range problems[:n] {
		p, err := template.Render(tok, q)
		require.NoError(t, err)
		x.prompts = append(x.prompts, p.IDs)
	}
	return x
}

func TestEveryJobIsDoneOnce(t *testing.T) {
	c, l := small()
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		base, adapter := decoder.Init(c, rng.New(1)), busy(c, l)
		ps, ks := prompts(37)
		for _, most := range []int{1, 2, 14} {
			s := decoder.NewSampler(e, c, &l, decoder.Law{Temperature: 1}, 10, most, 3)
			var jobs []decoder.Job
			for i := range ps {
				jobs = append(jobs, decoder.Job{Prompt: ps[i], Key: ks[i]})
			}
			seen := map[int]bool{}
			require.NoError(t, s.Run(t.Context(), base, adapter, jobs, 5, func(i int, x decoder.Sampled) bool {
				assert.False(t, seen[i])
				seen[i] = true
				assert.Equal(t, x.Tokens[len(x.Tokens)-1] == 3, x.Ended)
				assert.True(t, x.Ended || len(x.Tokens) == most)
				assert.Len(t, x.LogProbs, len(x.Tokens))
				assert.False(t, x.Stopped)
				return true
			}))
			assert.Len(t, seen, len(ps))
			require.NoError(t, s.Run(t.Context(), base, adapter, nil, 5, nil), "nothing to do")
		}
	})
}

// Tokens and log-probabilities of a row are the same bits in any company within a bucket:
// for any part of the jobs, in any order, in any number of slots of the bucket, whether
// slots are given away one by one, when it pays, or all together; and for a law that
// remembers what stands in a row and where it began.
func TestTokensDependOnTheirKeyNotOnTheirCompany(t *testing.T) {
	c, l := small()
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		base, adapter := decoder.Init(c, rng.New(1)), busy(c, l)
		ps, ks := prompts(40)
		for _, law := range []decoder.Law{{Temperature: 1}, {Temperature: 0.9, RepetitionPenalty: 1.3, MinNew: 4, TopK: 12}} {
			s := decoder.NewSampler(e, c, &l, law, 10, 14, 3, 9)
			usual := s.Price(0)
			want := make([]decoder.Sampled, len(ps))
			draw := func(price float64, which []int, slots int, done func(i int, x decoder.Sampled)) {
				s.Price(price)
				jobs := make([]decoder.Job, len(which))
				for at, i := range which {
					jobs[at] = decoder.Job{Prompt: ps[i], Key: ks[i]}
				}
				require.NoError(t, s.Run(t.Context(), base, adapter, jobs, slots, func(at int, x decoder.Sampled) bool { done(which[at], x); return true }))
			}
			all := make([]int, len(ps))
			for i := range all {
				all[i] = i
			}
			draw(usual, all, 8, func(i int, x decoder.Sampled) { want[i] = x })
			stream := rng.New(6).Stream()
			for _, price := range []float64{usual, decoder.OneByOne, decoder.InWaves} {
				for range 3 {
					some := slices.Clone(all)
					stream.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
					some = some[:1+stream.IntN(len(some))]
					draw(price, some, 1+stream.IntN(8), func(i int, x decoder.Sampled) {
						assert.Equal(t, want[i], x, "price %g, %d jobs, law %+v", price, len(some), law)
					})
				}
			}
		}
	})
}

// A stop ends a row with the token it is told, and changes nothing before it. It is not
// asked about end tokens.
func TestAStopEndsARow(t *testing.T) {
	c, l := small()
	enginetest.Each(t, func(t *testing.T, e *engine.Engine) {
		base, adapter := decoder.Init(c, rng.New(1)), busy(c, l)
		ps, ks := prompts(30)
		s := decoder.NewSampler(e, c, &l, decoder.Law{Temperature: 1}, 10, 14, 3)
		run := func(stop func(i int, tokens []int32) bool) []decoder.Sampled {
			out, jobs := make([]decoder.Sampled, len(ps)), make([]decoder.Job, len(ps))
			for i := range jobs {
				var told []int32
				jobs[i] = decoder.Job{Prompt: ps[i], Key: ks[i], Stop: func(token int32) bool {
					assert.NotEqualValues(t, 3, token)
					told = append(told, token)
					return stop(i, told)
				}}
			}
			require.NoError(t, s.Run(t.Context(), base, adapter, jobs, 8, func(i int, x decoder.Sampled) bool { out[i] = x; return true }))
			return out
		}
		free := run(func(int, []int32) bool { return false })
		after := func(i int) int { return 1 + i%14 } // tokens
		stopped := 0
		for i, x := range run(func(i int, tokens []int32) bool { return len(tokens) == after(i) }) {
			n := min(after(i), len(free[i].Tokens))
			assert.Equal(t, free[i].Tokens[:n], x.Tokens)
			assert.Equal(t, free[i].LogProbs[:n], x.LogProbs)
			assert.Equal(t, n == after(i) && x.Tokens[n-1] != 3, x.Stopped)
			assert.Equal(t, x.Tokens[n-1] == 3, x.Ended)
			if x.Stopped {
				stopped++
			}
		}
		assert.Greater(t, stopped, 10)
	})
}

// gap is how far apart the two best scores of a draw lie, logits over temperature with the
// noise of the key, by the training graph: what decides the token that follows a text.
func gap(t testing.TB, f *engine.Func, x trained, text []int32, key rng.Key) (best, second int32, between float32) {
	t.Helper()
	in := []*tensors.Tensor{tensors.FromFlatDataAndDimensions(text, 1, len(text)), tensors.FromFlatDataAndDimensions(key[:], 1, 2)}
	out, err := f.Call(slices.Concat(in, x.base.Tensors, x.adapter.Tensors)...)
	require.NoError(t, err)
	scores := tensors.MustCopyFlatData[float32](out[0])
	order := make([]int32, len(scores))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(scores[b], scores[a]) })
	return order[0], order[1], scores[order[0]] - scores[order[1]]
}

// scores is the graph of gap: tokens [1, S], key [1, 2], weights -> scores [1, V].
func scores(e *engine.Engine, x trained) *engine.Func {
	return e.NewFunc("scores", func(in []*Node) []*Node {
		nb, s := x.base.Len(), in[0].Shape().Dim(1)
		n := decoder.Bind(e, x.config, &x.lora, in[2:2+nb], in[2+nb:])
		h := Reshape(Slice(n.Hidden(in[0]), AxisRange(), AxisRange(s-1), AxisRange()), 1, x.config.HiddenSize)
		pos := Const(in[0].Graph(), []int32{int32(s - 1)})
		return []*Node{Add(n.Logits(h), rng.Gumbel(rng.Bits(in[1], pos, x.config.VocabSize)))}
	})
}

// across draws the same keys in several buckets, {slots, prompt slots}, and returns how
// many rows differ in a token from the first bucket's. Each must do so first where the two
// best scores are within 1e-4 of each other.
func across(t testing.TB, e *engine.Engine, x trained, samples int, buckets ...[2]int) (differ, rows, tokens int) {
	t.Helper()
	var jobs []decoder.Job
	for i, p := range x.prompts {
		for k := range samples {
			jobs = append(jobs, decoder.Job{Prompt: p, Key: rng.New(9).Fold(uint32(i), uint32(k))})
		}
	}
	var first [][]int32
	f := scores(e, x)
	for _, bucket := range buckets {
		s, out := decoder.NewSampler(e, x.config, &x.lora, decoder.Law{Temperature: 1}, bucket[1], 68, 3), make([][]int32, len(jobs))
		if bucket[1] > 64 { // one long prompt sets the bucket of all
			jobs = append(jobs, decoder.Job{Prompt: slices.Repeat([]int32{5}, 65)})
			out = append(out, nil)
		}
		require.NoError(t, s.Run(t.Context(), x.base, x.adapter, jobs, bucket[0], func(i int, o decoder.Sampled) bool { out[i] = o.Tokens; return true }))
		if first == nil {
			first = out
			continue
		}
		for i, want := range first {
			rows, tokens = rows+1, tokens+len(want)
			at := 0
			for at < min(len(want), len(out[i])) && want[at] == out[i][at] {
				at++
			}
			if at == len(want) && at == len(out[i]) {
				continue
			}
			differ++
			best, second, d := gap(t, f, x, slices.Concat(jobs[i].Prompt, want[:at]), jobs[i].Key)
			assert.ElementsMatch(t, []int32{want[at], out[i][at]}, []int32{best, second})
			assert.LessOrEqual(t, d, float32(1e-4), "job %d, token %d, bucket %+v", i, at, bucket)
		}
	}
	return differ, rows, tokens
}

func TestAcrossBucketsOnlyNearTiesDiffer(t *testing.T) {
	e, err := engine.Open("auto")
	require.NoError(t, err)
	defer e.Close()
	samples := 8
	if e.IsGo() {
		samples = 1
	}
	x := openTrained(t, 16)
	differ, rows, tokens := across(t, e, x, samples, [2]int{128, 44}, [2]int{8, 44}, [2]int{32, 112})
	t.Logf("%d of %d rows of %d tokens differ", differ, rows, tokens)
	// What gap says is what the sampler does.
	s, f := decoder.NewSampler(e, x.config, &x.lora, decoder.Law{Temperature: 1}, 44, 4, 3), scores(e, x)
	out, err := s.Sample(x.base, x.adapter, x.prompts, make([]rng.Key, len(x.prompts)))
	require.NoError(t, err)
	for i, o := range out {
		best, _, _ := gap(t, f, x, x.prompts[i], rng.Key{})
		assert.Equal(t, best, o.Tokens[0])
	}
}

// The near-ties of 2,048 programs in each of five other buckets.
func BenchmarkAcrossBuckets(b *testing.B) {
	for _, name := range []string{"xla:cpu", "xla:cuda"} {
		e, err := engine.Open(name)
		if err != nil {
			b.Logf("%s: %v", name, err)
			continue
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				differ, rows, tokens := across(b, e, openTrained(b, 256), 8, [2]int{128, 44}, [2]int{64, 44}, [2]int{32, 44}, [2]int{8, 44}, [2]int{32, 64}, [2]int{32, 112})
				b.ReportMetric(float64(differ), "rows-differ")
				b.ReportMetric(float64(rows), "rows")
				b.ReportMetric(float64(tokens), "tokens")
			}
		})
		e.Close()
	}
}

// Slots that are given away as they become free, against plain batches: CPU time of 512
// programs of 10 to 68 tokens by the policy of the stored run, in turn. ratio is refill's
// over plain batches' time, of the medians.
func BenchmarkRefill(b *testing.B) {
	for _, tt := range []struct {
		backend     string
		slots, size int
	}{{"xla:cpu", 128, 128}, {"xla:cpu", 32, 128}, {"go", 36, 24}} {
		e, err := engine.Open(tt.backend)
		if err != nil {
			b.Logf("%s: %v", tt.backend, err)
			continue
		}
		b.Run(fmt.Sprintf("%s/slots=%d", tt.backend, tt.slots), func(b *testing.B) {
			x := openTrained(b, tt.size)
			var jobs []decoder.Job
			for i, p := range x.prompts {
				for k := range 4 {
					jobs = append(jobs, decoder.Job{Prompt: p, Key: rng.New(9).Fold(uint32(i), uint32(k))})
				}
			}
			s := decoder.NewSampler(e, x.config, &x.lora, decoder.Law{Temperature: 1}, 44, 68, 3)
			usual, tokens := s.Price(0), 0
			run := func(price float64) float64 {
				s.Price(price)
				tokens = 0
				start := processorTime()
				require.NoError(b, s.Run(b.Context(), x.base, x.adapter, jobs, tt.slots, func(_ int, o decoder.Sampled) bool { tokens += len(o.Tokens); return true }))
				return 1e3 * (processorTime() - start) / float64(tokens)
			}
			run(usual) // compiles
			var refill, waves []float64
			for b.Loop() {
				refill, waves = append(refill, run(usual)), append(waves, run(decoder.InWaves))
			}
			slices.Sort(refill)
			slices.Sort(waves)
			r, w := refill[len(refill)/2], waves[len(waves)/2]
			b.ReportMetric(r, "refill-us/token")
			b.ReportMetric(w, "waves-us/token")
			b.ReportMetric(r/w, "ratio")
		})
		e.Close()
	}
}

// processorTime is what this process has used, in milliseconds.
func processorTime() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Sec+u.Stime.Sec)*1e3 + float64(u.Utime.Usec+u.Stime.Usec)/1e3
}
