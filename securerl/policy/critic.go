package policy

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"securecoderl/securerl/decoder"
	"securecoderl/securerl/decoder/checkpoint"
	"securecoderl/securerl/engine"
)

// HeadFile is where a stored policy keeps its critic: beside the adapter, in its folder.
const HeadFile = "value_head.safetensors"

// headPrefix begins the names of a head's tensors.
const headPrefix = "value_head."

// NewHead returns the critic before it has learnt: a linear map of the policy's normed
// hidden states to one number, "value_head.weight" [E, 1] and "value_head.bias" [1],
// float32. It is all zeros, so that the first values say nothing.
func NewHead(c decoder.Config) *engine.Tree {
	head := &engine.Tree{}
	head.Add(headPrefix+"weight", tensors.FromFlatDataAndDimensions(make([]float32, c.HiddenSize), c.HiddenSize, 1))
	head.Add(headPrefix+"bias", tensors.FromFlatDataAndDimensions(make([]float32, 1), 1))
	return head
}

// Values returns, for normed hidden states [B, S, E] and the two weights of a head, the
// value of every state, float32 [B, S]: what is expected to be earned from there on.
func Values(hidden *Node, head []*Node) *Node {
	if hidden.DType() != dtypes.F32 {
		hidden = ConvertDType(hidden, dtypes.F32)
	}
	w := Reshape(head[0], 1, 1, hidden.Shape().Dim(2))
	return Add(ReduceSum(Mul(hidden, w), -1), Reshape(head[1], 1, 1))
}

// Join is the tree that one optimiser moves: the adapter's tensors, then the head's.
func Join(adapter, head *engine.Tree) *engine.Tree {
	return &engine.Tree{Names: slices.Concat(adapter.Names, head.Names), Tensors: slices.Concat(adapter.Tensors, head.Tensors)}
}

// Divide undoes Join; both parts share their tensors with weights. head is nil if weights
// hold none.
func Divide(weights *engine.Tree) (adapter, head *engine.Tree) {
	n := slices.IndexFunc(weights.Names, func(name string) bool { return strings.HasPrefix(name, headPrefix) })
	if n < 0 {
		return weights, nil
	}
	return &engine.Tree{Names: weights.Names[:n:n], Tensors: weights.Tensors[:n:n]}, &engine.Tree{Names: weights.Names[n:], Tensors: weights.Tensors[n:]}
}

// SaveHead writes a head into the folder of its adapter, in the layout of a linear layer
// of PyTorch: weight [1, E], bias [1].
func SaveHead(dir string, head *engine.Tree) error {
	b, err := checkpoint.EncodeTree(head)
	if err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, HeadFile), b, 0o644)
}

// LoadHead reads what SaveHead wrote. A head of another model is ErrPolicy.
func LoadHead(dir string, c decoder.Config) (*engine.Tree, error) {
	path := filepath.Join(dir, HeadFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	head, err := checkpoint.DecodeTree(b)
	if err != nil {
		return nil, fmt.Errorf("policy: %s: %w", path, err)
	}
	return head, checkHead(path, head, c)
}

// checkHead says how a head differs from one of the model.
func checkHead(name string, head *engine.Tree, c decoder.Config) error {
	want := NewHead(c)
	if !slices.Equal(head.Names, want.Names) {
		return fmt.Errorf("%w: %s holds %v, a value head holds %v", ErrPolicy, name, head.Names, want.Names)
	}
	for i, x := range head.Tensors {
		if !x.Shape().Equal(want.Tensors[i].Shape()) {
			return fmt.Errorf("%w: %s: %s is %s, this model needs %s", ErrPolicy, name, head.Names[i], x.Shape(), want.Tensors[i].Shape())
		}
	}
	return nil
}
