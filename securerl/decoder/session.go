package decoder

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/engine"
	"securecoderl/securerl/rng"
)

// Batch sizes are the numbers of slots that a batch may have. Within one of them, and one
// length of prompts, the tokens of a row depend on its key, prompt and weights alone;
// across them a backend may pick other kernels, which moves log-probabilities in their
// seventh digit.
//
// On the pure-Go backend they are multiples of 12: its kernels take rows by threes or
// fours, and sum the last ones, where some are left over, in another order.
var (
	deviceSizes = []int{8, 16, 32, 64, 128}
	hostSizes   = []int{12, 24, 36, 48, 72, 96, 120}
)

// MaxSlots is the largest number of slots that decode together.
const MaxSlots = 128

// pace says how rows, rounds, refills and prefills are cut. Given sizes, it changes no token.
type pace struct {
	sizes   []int   // of batches
	prefill int     // prompt slots that are prefilled together, at most; but the smallest batch at least
	rounds  int     // most rounds between two looks of the host, on XLA; 0 = it runs every round
	swap    float64 // what it costs to give free slots away, in rounds
}

// The costs are measured (BenchmarkRefill): on XLA the cache is copied into the loop and
// once more to admit rows, together about two rounds of a small model; on the host's loop
// to admit rows is all.
var (
	onDevice = pace{sizes: deviceSizes, prefill: 8192, rounds: 64, swap: 2}
	onHost   = pace{sizes: hostSizes, prefill: 8192, swap: 0.5}
)

// bucket is the smallest number of slots that holds n rows, or the largest there is.
func (p pace) bucket(n int) int {
	for _, b := range p.sizes {
		if n <= b {
			return b
		}
	}
	return p.sizes[len(p.sizes)-1]
}

// Job asks for one completion.
type Job struct {
	Prompt []int32
	Key    rng.Key
	// Stop is told every token but an end token, in order, and ends the completion with the
	// one it returns true for; nil = nothing but an end token does.
	Stop func(token int32) bool
}

// session is a set of jobs while they decode: slots, each with a row in progress, and
// jobs that wait for one.
type session struct {
	*Sampler
	weights []*tensors.Tensor
	jobs    []Job
	texts   []string // the prompts, to tell which are equal
	next    int      // the first job that waits
	prompts int      // prompt slots P
	rows    []row
	done    func(job int, x Sampled) bool
	left    bool // done wants no more
	ended   int  // completions that were handed out
	tokens  int  // and their tokens

	source   source
	state    owned // what the rows remember, and the cache
	buffers  owned // zeros that the loop writes what is drawn into
	heat     *tensors.Tensor
	stoppers bool // some job has a Stop
}

// row is a slot and the job that has it.
type row struct {
	job    int // -1 = none
	length int32
	out    Sampled
}

// source holds prompts that were prefilled, on the device: logits, what they remember,
// cache.
type source struct {
	owned
	at map[string]int32
}

// Run completes jobs in slots of at most MaxSlots (0 = MaxSlots) and tells done of each
// as soon as it is known to have ended: in the order in which they end, by the number
// of the job. Slots that become free are given to jobs that wait, in their order; equal
// prompts that follow each other are prefilled once. If done returns false, or ctx ends,
// no more rounds are begun. base and adapter are the weights (adapter nil where the
// sampler was made without one).
//
// The prompt slots are those of the longest prompt among the jobs, rounded up as rows
// of a batch are. Errors: of the law, ErrPrompt, of the engine, and ctx's.
func (s *Sampler) Run(ctx context.Context, base, adapter *engine.Tree, jobs []Job, slots int, done func(job int, x Sampled) bool) error {
	r, err := s.begin(base, adapter, jobs, slots, done)
	if err != nil {
		return err
	}
	defer r.close()
	return r.run(ctx)
}

// Sample completes every prompt with its own key, and returns the completions in order.
func (s *Sampler) Sample(base, adapter *engine.Tree, prompts [][]int32, keys []rng.Key) ([]Sampled, error) {
	if len(keys) != len(prompts) {
		return nil, fmt.Errorf("%w: %d prompts but %d keys", ErrPrompt, len(prompts), len(keys))
	}
	jobs, all := make([]Job, len(prompts)), make([]Sampled, len(prompts))
	for i, p := range prompts {
		jobs[i] = Job{Prompt: p, Key: keys[i]}
	}
	err := s.Run(context.Background(), base, adapter, jobs, 0, func(i int, x Sampled) bool { all[i] = x; return true })
	if err != nil {
		return nil, err
	}
	return all, nil
}

// begin checks law and jobs, and opens the slots.
func (s *Sampler) begin(base, adapter *engine.Tree, jobs []Job, slots int, done func(job int, x Sampled) bool) (*session, error) {
	if err := s.law.Validate(); err != nil {
		return nil, err
	}
	r := &session{Sampler: s, weights: slices.Clone(base.Tensors), jobs: jobs, done: done}
	if s.lora != nil {
		r.weights = append(r.weights, adapter.Tensors...)
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	if slots <= 0 {
		slots = MaxSlots
	}
	r.open(s.pace.bucket(min(slots, len(jobs))))
	return r, nil
}

// run decodes until every job is done. Tensors stay until close.
func (r *session) run(ctx context.Context) error {
	for r.next < len(r.jobs) || r.live() > 0 {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("decoder: %d of %d jobs are done: %w", r.ended, len(r.jobs), err)
		}
		if err := r.refill(); err != nil || r.left {
			return err
		}
		if r.live() == 0 {
			continue
		}
		if err := r.rounds(); err != nil || r.left {
			return err
		}
	}
	return nil
}

// check looks at every prompt before any work.
func (r *session) check() error {
	longest := 0
	r.texts = make([]string, len(r.jobs))
	for i, job := range r.jobs {
		p := job.Prompt
		if len(p) == 0 || len(p) > r.Sampler.prompts {
			return fmt.Errorf("%w: job %d has %d tokens, must be 1 to %d", ErrPrompt, i, len(p), r.Sampler.prompts)
		}
		if at := slices.IndexFunc(p, func(t int32) bool { return t < 0 || int(t) >= r.config.VocabSize }); at >= 0 {
			return fmt.Errorf("%w: job %d: token %d of %d is %d, the vocabulary has %d", ErrPrompt, i, at, len(p), p[at], r.config.VocabSize)
		}
		var text []byte
		for _, t := range p {
			text = binary.LittleEndian.AppendUint32(text, uint32(t))
		}
		r.texts[i] = string(text)
		longest = max(longest, len(p))
		r.stoppers = r.stoppers || job.Stop != nil
	}
	r.prompts = min(r.Sampler.prompts, rowLength(longest))
	return nil
}

// open makes slots with nothing in them.
func (r *session) open(slots int) {
	r.rows = make([]row, slots)
	for i := range r.rows {
		r.rows[i].job = -1
	}
	temperature := 1.0
	if !r.law.Greedy {
		temperature = r.law.Temperature
	}
	r.heat = r.buffers.add(tensors.FromScalar(float32(temperature)))
	if n := r.width(); n > 0 {
		r.buffers.add(tensors.FromShape(shapes.Make(dtypes.Int32, slots, n)))
		for range r.outputs() - 1 {
			r.buffers.add(tensors.FromShape(shapes.Make(dtypes.F32, slots, n)))
		}
	}
}

// width is the most rounds of one device loop: those of a whole completion in equal parts.
func (r *session) width() int {
	all, most := r.steps-1, r.pace.rounds
	if all == 0 || most == 0 {
		return 0
	}
	loops := (all + most - 1) / most
	return (all + loops - 1) / loops
}

// looks is the number of rounds after which the host looks at the rows at the latest; 0 =
// it runs every round. Where jobs may be stopped, which the device cannot see, it looks
// about when the rounds that stopped rows lose cost as much as the looks do.
func (r *session) looks() int {
	n := r.width()
	if r.stoppers {
		n = min(n, int(math.Ceil(math.Sqrt(r.pace.swap*r.expected()))))
	}
	return n
}

// expected is the mean length of the completions so far, and at first half of the most.
func (r *session) expected() float64 {
	return (float64(r.steps)/2 + float64(r.tokens)) / float64(1+r.ended)
}

func (r *session) close() {
	r.source.finalize()
	r.state.finalize()
	r.buffers.finalize()
}

// live is the number of rows in progress.
func (r *session) live() (n int) {
	for _, x := range r.rows {
		if x.job >= 0 {
			n++
		}
	}
	return n
}

// worth is the number of free slots from which on they are given away. Where n of b slots
// must be free, half of them idle on average, and the price is paid every n/b of a mean
// completion: the sum is least at b * sqrt(2 * price / mean).
func (r *session) worth() int {
	b := len(r.rows)
	return max(1, min(b, int(float64(b)*math.Sqrt(2*r.pace.swap/r.expected()))))
}

// refill gives free slots to jobs that wait, until too few are free or none waits. A
// job whose first token ends it leaves its slot at once.
func (r *session) refill() error {
	for !r.left && r.next < len(r.jobs) {
		live := r.live()
		if free := len(r.rows) - live; live > 0 && free < r.worth() && free < len(r.jobs)-r.next {
			return nil
		}
		if err := r.give(); err != nil {
			return err
		}
	}
	return nil
}
