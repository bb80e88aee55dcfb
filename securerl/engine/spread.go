package engine

import (
	"errors"
	"fmt"
	"sync"
	"weak"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"
)

// ErrRows reports rows of a batch that the devices cannot share equally.
var ErrRows = errors.New("engine: rows do not divide by the devices")

// Spread makes a function run on all devices of the engine at once: each takes its share
// of the rows (axis 0) of the inputs at the given positions, and XLA exchanges what the
// sums over a batch need. All other inputs and all outputs are whole on every device. The
// graph is written as for one device, and with one device nothing changes. Spread must be
// called before the first Call; a Call returns ErrRows if the devices cannot share the
// rows equally.
//
// Callers see the tensors of the first device alone. The engine makes the copies for the
// others at the first use of an input, keeps those of an output for the calls to come, and
// frees them after their tensor was freed: weights are sent once, not at every call.
func (f *Func) Spread(rows ...int) *Func {
	m := f.e.mesh
	if m == nil {
		return f
	}
	f.rows = map[int]bool{}
	last := -1
	for _, i := range rows {
		f.rows[i] = true
		last = max(last, i)
	}
	whole := distributed.NewReplicatedShardingSpec(m)
	specs := make([]*distributed.ShardingSpec, last+2) // GoMLX takes the last one for all further inputs
	for i := range specs {
		specs[i] = whole
		if f.rows[i] {
			specs[i] = &distributed.ShardingSpec{Mesh: m, Axes: []distributed.AxisSpec{{meshAxis}}}
		}
	}
	f.exec.AutoSharding(m).WithInputShardingSpecs(specs...).WithOutputShardingSpecs(whole)
	return f
}

// Rows is the smallest number of rows, not below n, that the devices share equally: n
// itself unless the function is spread.
func (f *Func) Rows(n int) int {
	if f.rows == nil {
		return n
	}
	d := f.e.info.Devices
	return (n + d - 1) / d * d
}

const meshAxis = "data"

// mesh is all devices in a row, or nil for one.
func mesh(devices int) (*distributed.DeviceMesh, error) {
	if devices <= 1 {
		return nil, nil
	}
	return distributed.NewDeviceMesh([]int{devices}, []string{meshAxis})
}

// copies are the tensors of the second device and those after it, by the tensor of the
// first. The keys are weak: a tensor that nobody holds takes its copies with it.
type copies struct {
	mu sync.Mutex // calls over several devices run one at a time: their exchanges must not interleave
	of map[weak.Pointer[tensors.Tensor]][]*tensors.Tensor
}

// spread calls a function of several devices.
func (f *Func) spread(in []*tensors.Tensor) (out []*tensors.Tensor, err error) {
	c, n := &f.e.copies, f.e.info.Devices
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.sweep(false); err != nil {
		return nil, err
	}
	var shares []*tensors.Tensor
	defer func() { err = errors.Join(err, finalize(shares)) }()
	args := make([]any, n*len(in)) // all of the first device, then all of the second, and so on
	for i, x := range in {
		var parts []*tensors.Tensor
		if f.rows[i] {
			parts, err = f.e.shares(x)
			shares = append(shares, parts...)
		} else {
			parts, err = c.whole(f.e.backend, x, n)
		}
		if err != nil {
			return nil, fmt.Errorf("input %d: %w", i, err)
		}
		for d, p := range parts {
			args[d*len(in)+i] = p
		}
	}
	all, err := f.exec.Call(args...)
	if err != nil {
		return nil, err
	}
	each := len(all) / n
	for i, x := range all[:each] {
		var others []*tensors.Tensor
		for d := 1; d < n; d++ {
			others = append(others, all[d*each+i])
		}
		c.of[weak.Make(x)] = others
	}
	return all[:each:each], nil
}

// shares cuts rows into as many equal parts as there are devices, each on its own.
func (e *Engine) shares(x *tensors.Tensor) (parts []*tensors.Tensor, err error) {
	n, dims := e.info.Devices, x.Shape().Dimensions
	if len(dims) == 0 || dims[0]%n != 0 {
		return nil, fmt.Errorf("%w: %s over %d devices", ErrRows, x.Shape(), n)
	}
	part := x.Shape().Clone()
	part.Dimensions[0] /= n
	read := x.ConstBytes(func(b []byte) {
		size := len(b) / n
		for d := 0; d < n && err == nil; d++ {
			var p *tensors.Tensor
			if p, err = tensors.FromRaw(e.backend, compute.DeviceNum(d), part, b[d*size:(d+1)*size]); err == nil {
				parts = append(parts, p)
			}
		}
	})
	return parts, errors.Join(read, err)
}

// whole returns a tensor and its copies on the further devices, made if there are none.
func (c *copies) whole(b compute.Backend, x *tensors.Tensor, n int) ([]*tensors.Tensor, error) {
	key := weak.Make(x)
	others, ok := c.of[key]
	for d := 1; !ok && d < n; d++ {
		y, err := onDevice(b, x, compute.DeviceNum(d))
		if err != nil {
			return nil, errors.Join(err, finalize(others))
		}
		others = append(others, y)
	}
	c.of[key] = others
	return append([]*tensors.Tensor{x}, others...), nil
}

// onDevice copies a tensor to a further device: through the host where that is the
// devices' own memory, else from the first device to the other.
func onDevice(b compute.Backend, x *tensors.Tensor, d compute.DeviceNum) (y *tensors.Tensor, err error) {
	if b.HasSharedBuffers() {
		shape := shapes.Make(x.DType(), x.Shape().Dimensions...)
		read := x.ConstBytes(func(bytes []byte) { y, err = tensors.FromRaw(b, d, shape, bytes) })
		return y, errors.Join(read, err)
	}
	first, err := x.Buffer(b, 0)
	if err != nil {
		return nil, err
	}
	other, err := first.CopyToDevice(d)
	if err != nil {
		return nil, err
	}
	return tensors.FromBuffer(other)
}

// sweep frees the copies of tensors that are gone; all of them if everything goes.
func (c *copies) sweep(everything bool) error {
	var errs []error
	for key, others := range c.of {
		if x := key.Value(); everything || x == nil || !x.Ok() {
			errs = append(errs, finalize(others))
			delete(c.of, key)
		}
	}
	return errors.Join(errs...)
}

func finalize(xs []*tensors.Tensor) error {
	var errs []error
	for _, x := range xs {
		errs = append(errs, x.FinalizeAll())
	}
	return errors.Join(errs...)
}
