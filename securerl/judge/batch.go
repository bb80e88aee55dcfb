package judge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"securecoderl/securerl/completion"
)

// Batch judges submissions while later ones are still being written. One goroutine
// adds and waits; the judging is done by others.
type Batch struct {
	judge *Judge
	ctx   context.Context
	stop  context.CancelCauseFunc
	begun time.Time
	queue chan *item
	wg    sync.WaitGroup

	items []*item          // in the order they were added
	first map[string]*item // by key: the one that is judged for all of its kind

	mu   sync.Mutex
	cost Cost
	slow []*item // left for a run alone
}

// item is a submission of a batch.
type item struct {
	Submission
	index   int
	key     string
	like    *item // the one judged in its place
	verdict Verdict
	run     *run // to be gone on with, if slow
}

// Batch starts a batch. The queue is bounded (Options.Queue): when judging falls
// behind, Add waits, so that nobody writes programs faster than they are judged.
// Wait must be called in the end, also after a fault.
func (j *Judge) Batch(ctx context.Context) *Batch {
	b := &Batch{judge: j, begun: time.Now(), queue: make(chan *item, j.options.Queue), first: map[string]*item{}}
	b.ctx, b.stop = context.WithCancelCause(ctx)
	if j.invalid != nil {
		b.stop(j.invalid)
	}
	for range j.options.Workers {
		b.wg.Add(1)
		go b.work()
	}
	return b
}

// Add hands a submission over. Equal programs of a batch are judged once. It returns
// the batch's first fault, if there has been one.
func (b *Batch) Add(s Submission) error {
	x := &item{Submission: s, index: len(b.items)}
	if s.Problem == nil {
		return fmt.Errorf("judge: submission %d has no problem", x.index+1)
	}
	if s.Problem.CallStyle() && b.judge.evaluate == nil {
		return fmt.Errorf("%w: submission %d (problem %s)", ErrNoEvaluator, x.index+1, s.Problem.ID)
	}
	x.key = b.judge.key(s)
	b.items = append(b.items, x)
	if x.like = b.first[x.key]; x.like != nil {
		return nil
	}
	b.first[x.key] = x
	select {
	case b.queue <- x:
		return nil
	case <-b.ctx.Done():
		return context.Cause(b.ctx)
	}
}

// Wait gives a verdict for every submission, in the order they were added. A program
// that needs more than its part of the time runs again alone when all others are done.
// The first fault of the machinery stops the batch: it returns ErrInfrastructure (or
// the context's error) and no verdict at all.
func (b *Batch) Wait() ([]Verdict, Cost, error) {
	close(b.queue)
	b.wg.Wait()
	defer b.stop(nil)
	if b.ctx.Err() != nil {
		return nil, Cost{}, context.Cause(b.ctx)
	}
	b.confirm()
	if b.ctx.Err() != nil {
		return nil, Cost{}, context.Cause(b.ctx)
	}
	verdicts := make([]Verdict, len(b.items))
	for i, x := range b.items {
		verdicts[i] = x.verdict
		if x.like != nil {
			verdicts[i] = x.like.verdict.clone()
			b.cost.CacheHits++
		}
		verdicts[i].Truncated = x.Finish == completion.Length
	}
	b.cost.Wall = time.Since(b.begun)
	return verdicts, b.cost, nil
}

// Stop ends a batch whose verdicts nobody needs any more.
func (b *Batch) Stop() {
	b.stop(context.Canceled)
	_, _, _ = b.Wait() // its error is the one just given
}

func (b *Batch) fault(x *item, err error) error {
	return fmt.Errorf("submission %d (problem %s): %w", x.index+1, x.Problem.ID, err)
}

// work judges what comes until the queue is closed or the batch is stopped.
func (b *Batch) work() {
	defer b.wg.Done()
	for {
		select {
		case <-b.ctx.Done():
			return
		case x, open := <-b.queue:
			if !open {
				return
			}
			if err := b.one(x); err != nil {
				b.stop(b.fault(x, err))
				return
			}
		}
	}
}

// one judges a submission, from the cache where it can.
func (b *Batch) one(x *item) (err error) {
	j, hit := b.judge, false
	if x.verdict, hit, err = j.cache.get(x.key); err != nil {
		return err
	}
	if hit {
		b.account(Cost{CacheHits: 1})
		return nil
	}
	j.company.RLock()
	defer j.company.RUnlock()
	began := time.Now()
	x.run = &run{judge: j, submission: x.Submission, hurry: true}
	err = x.run.proceed(b.ctx)
	if j.observe != nil {
		j.observe(time.Since(began))
	}
	if errors.Is(err, errSlow) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.slow = append(b.slow, x)
		return nil
	}
	return b.finish(x, err)
}

// confirm goes on with the slow programs, with all their time, when no first pass of
// this judge runs: what a busy machine did to them before is no fact. Only now does a
// time-out count. At most every second processor runs one; with two, each is alone.
func (b *Batch) confirm() {
	if len(b.slow) == 0 {
		return
	}
	slices.SortFunc(b.slow, func(x, y *item) int { return cmp.Compare(x.index, y.index) })
	b.judge.company.Lock()
	defer b.judge.company.Unlock()
	began := time.Now()
	next := make(chan *item)
	for range min(b.judge.alone, len(b.slow)) {
		b.wg.Add(1)
		go func() {
			defer b.wg.Done()
			for x := range next {
				x.run.hurry = false
				if err := b.finish(x, x.run.proceed(b.ctx)); err != nil {
					b.stop(b.fault(x, err))
				}
			}
		}()
	}
	for _, x := range b.slow {
		if b.ctx.Err() != nil {
			break
		}
		next <- x
	}
	close(next)
	b.wg.Wait()
	b.cost.Confirmed, b.cost.Confirming = len(b.slow), time.Since(began)
}

// finish keeps a verdict.
func (b *Batch) finish(x *item, err error) error {
	if err == nil {
		x.verdict = x.run.verdict
		err = b.judge.cache.put(x.key, x.verdict)
	}
	b.account(x.run.cost)
	x.run = nil
	return err
}

func (b *Batch) account(c Cost) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cost = b.cost.Add(c)
}
