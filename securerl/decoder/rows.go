package decoder

import (
	"slices"

	"github.com/gomlx/gomlx/core/tensors"
)

// rowLengths are the lengths S that rows are padded to: few, since XLA compiles a
// graph for each.
var rowLengths = []int{64, 112, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096}

// Chunk is a set of rows that run through a graph together, padded to Size rows of
// Length tokens. Rows holds indices of the caller's rows, at most Size of them.
type Chunk struct {
	Rows         []int
	Size, Length int
}

// Chunks deals rows of the given token counts into chunks of size rows, longest
// first, so that little is padded. Targets are the tokens shifted by one, so a row
// of n tokens needs a length of n-1.
func Chunks(tokens []int, size int) []Chunk {
	order := make([]int, len(tokens))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return tokens[b] - tokens[a] })
	var chunks []Chunk
	for rows := range slices.Chunk(order, size) {
		chunks = append(chunks, Chunk{Rows: rows, Size: size, Length: rowLength(tokens[rows[0]] - 1)})
	}
	return chunks
}

func rowLength(n int) int {
	for _, l := range rowLengths {
		if n <= l {
			return l
		}
	}
	return n
}

// Tokens returns inputs and targets, int32 [Size, Length]: row i of the chunk holds
// the tokens row(Rows[i]), padded with zeros.
func (c Chunk) Tokens(row func(i int) []int32) (inputs, targets *tensors.Tensor) {
	in, out := make([]int32, c.Size*c.Length), make([]int32, c.Size*c.Length)
	for at, i := range c.Rows {
		r := row(i)
		copy(in[at*c.Length:], r[:len(r)-1])
		copy(out[at*c.Length:], r[1:])
	}
	return tensors.FromFlatDataAndDimensions(in, c.Size, c.Length), tensors.FromFlatDataAndDimensions(out, c.Size, c.Length)
}

// Values returns float32 [Size, Length]: value(i) stands at the targets that follow
// the first prompt(i) tokens of row i, zeros elsewhere.
func (c Chunk) Values(prompt func(i int) int, value func(i int) []float32) *tensors.Tensor {
	x := make([]float32, c.Size*c.Length)
	for at, i := range c.Rows {
		copy(x[at*c.Length+prompt(i)-1:(at+1)*c.Length], value(i))
	}
	return tensors.FromFlatDataAndDimensions(x, c.Size, c.Length)
}

// Pick reads back what Values wrote: the n numbers of row i of the chunk that follow
// its prompt.
func (c Chunk) Pick(flat []float32, at, prompt, n int) []float32 {
	start := at*c.Length + prompt - 1
	return flat[start : start+n]
}
