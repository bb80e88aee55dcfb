package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
)

// Tree is an ordered list of named tensors: the weights of a model, an adapter,
// the moments of an optimiser. Graph functions take its tensors in this order.
type Tree struct {
	Names   []string
	Tensors []*tensors.Tensor
}

// Len is the number of tensors.
func (t *Tree) Len() int { return len(t.Names) }

// Get returns the tensor of a name, or nil.
func (t *Tree) Get(name string) *tensors.Tensor {
	if i := slices.Index(t.Names, name); i >= 0 {
		return t.Tensors[i]
	}
	return nil
}

// Add appends a tensor.
func (t *Tree) Add(name string, x *tensors.Tensor) {
	t.Names = append(t.Names, name)
	t.Tensors = append(t.Tensors, x)
}

// With returns a tree of the same names over other tensors, such as the outputs of
// an update. It panics if their number differs.
func (t *Tree) With(xs []*tensors.Tensor) *Tree {
	if len(xs) != len(t.Names) {
		panic(fmt.Sprintf("engine: a tree of %d names cannot hold %d tensors", len(t.Names), len(xs)))
	}
	return &Tree{Names: t.Names, Tensors: slices.Clone(xs)}
}

// Clone copies the tensors to the host. The copy shares nothing with the original.
func (t *Tree) Clone() *Tree {
	c := &Tree{Names: slices.Clone(t.Names)}
	for _, x := range t.Tensors {
		y, err := x.LocalClone()
		if err != nil {
			panic(fmt.Sprintf("engine: clone: %v", err)) // only a finalized tensor fails
		}
		c.Tensors = append(c.Tensors, y)
	}
	return c
}

// ZerosLike returns a tree of zeros with the same names and shapes.
func (t *Tree) ZerosLike() *Tree {
	z := &Tree{Names: slices.Clone(t.Names)}
	for _, x := range t.Tensors {
		z.Tensors = append(z.Tensors, tensors.FromShape(x.Shape()))
	}
	return z
}

// Shapes returns the shape of every tensor.
func (t *Tree) Shapes() []shapes.Shape {
	list := make([]shapes.Shape, len(t.Tensors))
	for i, x := range t.Tensors {
		list[i] = x.Shape()
	}
	return list
}

// Parameters counts the numbers of all tensors.
func (t *Tree) Parameters() (n int) {
	for _, x := range t.Tensors {
		n += x.Size()
	}
	return n
}

// Digest is the SHA-256 over names, shapes and bytes, in hexadecimal. Equal trees
// have equal digests wherever their tensors live.
func (t *Tree) Digest() string {
	h := sha256.New()
	for i, x := range t.Tensors {
		fmt.Fprintf(h, "%q %s\n", t.Names[i], x.Shape())
		if err := x.ConstBytes(func(b []byte) { h.Write(b) }); err != nil {
			panic(fmt.Sprintf("engine: digest of %s: %v", t.Names[i], err))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Finalize frees the tensors, on the device too, without waiting for the collector.
func (t *Tree) Finalize() error {
	var errs []error
	for _, x := range t.Tensors {
		errs = append(errs, x.FinalizeAll())
	}
	return errors.Join(errs...)
}
