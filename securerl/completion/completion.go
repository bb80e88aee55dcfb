package completion

import (
	"context"
	"errors"
	"iter"
)

// Finish says why a completion ended. It is the one type for it: policies, servers
// and recordings all use it.
type Finish string

// The reasons to end.
const (
	End    Finish = "end"    // the model ended by itself
	Stop   Finish = "stop"   // a stop string was met
	Length Finish = "length" // the slots were full: the text is cut
)

// Truncated tells whether the text was cut before its end.
func (f Finish) Truncated() bool { return f == Length }

// Request asks for one completion.
type Request struct {
	ProblemID string
	Prompt    string
	Sample    int       // which sample of the problem
	Key       [2]uint32 // its randomness
}

// Completion is what a model wrote, unchanged.
type Completion struct {
	Text     string
	Finish   Finish
	IDs      []int32   // token ids, where the model is ours
	LogProbs []float32 // of each token under the law used, where known
}

// ErrFailed reports a request that got no answer. It is never an empty text.
var ErrFailed = errors.New("completion: request failed")

// Model is whatever writes programs: a policy, a server, a recording.
type Model interface {
	Name() string
	// Complete answers the requests in order. An error ends the sequence.
	Complete(ctx context.Context, requests []Request) iter.Seq2[Completion, error]
}
