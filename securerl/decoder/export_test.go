package decoder

// What it costs to give slots away, in rounds, so that they are given away one by one, or
// only when all are free, as a loop over plain batches does.
const (
	OneByOne = 0
	InWaves  = 1e9
)

// Price sets what it costs to give slots away, and returns what it was.
func (s *Sampler) Price(swap float64) (before float64) {
	before, s.pace.swap = s.pace.swap, swap
	return before
}
