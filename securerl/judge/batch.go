package judge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// batch is the work of one call of Judge.
type batch struct {
	judge       *Judge
	submissions []Submission
	keys        []string // of the submissions, for the cache

	mu       sync.Mutex
	verdicts []Verdict
	cost     Cost
	slow     []int // submissions left for the second pass
}

// passes judges the chosen submissions in two passes. In the first every program has
// a part of the real time: enough for nearly all, and an endless one holds nobody up.
// The others are judged again from the start in the second, with all their time,
// when no first pass is running, one to a worker. Only then does a time-out count.
func (b *batch) passes(ctx context.Context, chosen []int) error {
	b.judge.passes.RLock()
	err := b.pass(ctx, chosen, true)
	b.judge.passes.RUnlock()
	if err != nil || len(b.slow) == 0 {
		return err
	}
	slices.Sort(b.slow)
	b.judge.passes.Lock()
	defer b.judge.passes.Unlock()
	return b.pass(ctx, b.slow, false)
}

// pass judges submissions, several at a time. The first fault stops it.
func (b *batch) pass(parent context.Context, chosen []int, hurry bool) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(b.judge.options.Workers, len(chosen)) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range next {
				if err := b.one(ctx, i, hurry); err != nil {
					cancel(fmt.Errorf("submission %d of %d (problem %s): %w", i+1, len(b.submissions), b.submissions[i].Problem.ID, err))
					return
				}
			}
		}()
	}
feed:
	for _, i := range chosen {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	wg.Wait()
	if parent.Err() != nil {
		return context.Cause(parent)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// one judges a submission, from the cache where it can.
func (b *batch) one(ctx context.Context, i int, hurry bool) error {
	j, key := b.judge, b.keys[i]
	v, hit, err := j.cache.get(key)
	if err != nil {
		return err
	}
	cost, slow := Cost{CacheHits: 1}, false
	if !hit {
		v, cost, err = j.fresh(ctx, b.submissions[i], hurry)
		if slow = errors.Is(err, errSlow); !slow {
			if err == nil {
				err = j.cache.put(key, v)
			}
			if err != nil {
				return err
			}
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cost = b.cost.Add(cost)
	if slow {
		b.slow = append(b.slow, i)
		return nil
	}
	b.verdicts[i] = v
	return nil
}
