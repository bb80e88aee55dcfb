package golden

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"

	"securecoderl/securerl/engine"
)

// ErrFolder reports a folder whose parts are missing or do not fit together; the message
// names file and field.
var ErrFolder = errors.New("golden: folder")

// Tolerances of float32, largest absolute difference unless said otherwise.
const (
	logitTolerance    = 5e-4
	hiddenTolerance   = 2e-4 // and log-probabilities, entropies, values, rewards, advantages
	entropyTolerance  = 1e-4 // mean cross-entropy; losses of PPO
	gradientTolerance = 1e-3 // of the tensor's largest entry
	stepTolerance     = 5e-5 // losses of ten steps; weights after PPO
	normTolerance     = 2e-4 // relative
	weightTolerance   = 1.5e-5
	lawTolerance      = 1e-5
	exactTolerance    = 1e-9 // float64, relative to max(1, |number|)
)

// Result is what one quantity of one part came to.
type Result struct {
	Part       string  // "models/gpt2"
	Quantity   string  // "logits"
	Difference float64 // the largest; where things must be equal, how many are not
	Tolerance  float64 // 0 = they must be equal
	Count      int     // numbers compared, or texts, or files
	Where      string  // the first place beyond the tolerance, else that of the largest difference
	Skipped    string  // why the quantity was not compared; "" = it was
	Err        error   // the part cannot be read, or is refused; the other fields are empty
	beyond     bool
}

// OK tells whether nothing differs by more than is allowed.
func (r Result) OK() bool { return r.Err == nil && !r.beyond }

// String is one line.
func (r Result) String() string {
	switch {
	case r.Err != nil:
		return r.Part
	case r.Skipped != "":
		return fmt.Sprintf("%s: %s not compared: %s", r.Part, r.Quantity, r.Skipped)
	case r.Tolerance == 0:
		return fmt.Sprintf("%s: %s: %d compared, %.0f differ", r.Part, r.Quantity, r.Count, r.Difference)
	}
	return fmt.Sprintf("%s: %s: largest difference %.1e, tolerance %.1e (%d numbers)", r.Part, r.Quantity, r.Difference, r.Tolerance, r.Count)
}

// Fault is what is wrong, nil if nothing is.
func (r Result) Fault() error {
	switch {
	case r.Err != nil:
		return r.Err
	case r.beyond && r.Tolerance == 0:
		return fmt.Errorf("%s of %s: %.0f of %d differ, first %s", r.Quantity, r.Part, r.Difference, r.Count, r.Where)
	case r.beyond:
		return fmt.Errorf("%s of %s: off by %.2e, at most %.1e is allowed; first beyond it: %s", r.Quantity, r.Part, r.Difference, r.Tolerance, r.Where)
	}
	return nil
}

// checker walks through a folder.
type checker struct {
	ctx context.Context
	e   *engine.Engine
	dir string
	say func(Result)
}

// part is one part of the folder while it is compared.
type part struct {
	*checker
	name   string
	list   []*Result
	closed []func() error // what to give back at its end
}

// Check compares every part of the folder and says each result as it comes. The error is
// of the context alone; everything else is in the results.
func Check(ctx context.Context, e *engine.Engine, dir string, say func(Result)) error {
	c := &checker{ctx, e, dir, say}
	for _, x := range parts {
		if x.folders {
			c.folders(x.name, x.do)
		} else {
			c.part(x.name, x.do)
		}
	}
	return ctx.Err()
}

// parts are what such a folder holds: a file or folder, or a folder of folders.
var parts = []struct {
	name    string
	folders bool
	do      func(*part)
}{
	{"models", true, (*part).model},
	{"lora", true, (*part).adapter},
	{"ppo/numbers.json", false, (*part).numbers},
	{"ppo/update", false, (*part).update},
	{"optim/optim.json", false, (*part).optimiser},
	{"sampling/sampling.json", false, (*part).sampling},
	{"stats/stats.json", false, (*part).statistics},
	{"tokenizers", true, (*part).tokenizer},
	{"safetensors/answers.json", false, (*part).containers},
}

// folders compares every folder below one of the given name.
func (c *checker) folders(name string, do func(*part)) {
	entries, err := os.ReadDir(filepath.Join(c.dir, name))
	n := 0
	for _, e := range entries {
		// A link to a folder counts as one.
		if info, err := os.Stat(filepath.Join(c.dir, name, e.Name())); err == nil && info.IsDir() {
			c.part(name+"/"+e.Name(), do)
			n++
		}
	}
	if err == nil && n == 0 {
		err = fmt.Errorf("%s holds no folder", filepath.Join(c.dir, name))
	}
	if err != nil {
		c.say(Result{Part: name, Err: fmt.Errorf("%w: %w", ErrFolder, err)})
	}
}

// fault ends a part.
type fault struct{ error }

// part compares one part. A fault of its files ends it with one result.
func (c *checker) part(name string, do func(*part)) {
	if c.ctx.Err() != nil {
		return
	}
	p := &part{checker: c, name: name}
	defer func() {
		for _, f := range p.closed {
			p.closing(f())
		}
		for _, r := range p.list {
			c.say(*r)
		}
	}()
	defer func() {
		switch r := recover().(type) {
		case nil:
		case fault:
			p.list = append(p.list, &Result{Part: name, Err: r.error})
		case runtime.Error: // rows of unequal lengths, and the like
			p.list = append(p.list, &Result{Part: name, Err: fmt.Errorf("%w: %s: its parts do not fit together: %w", ErrFolder, filepath.Join(c.dir, name), r)})
		default:
			panic(r)
		}
	}()
	do(p)
}

func (p *part) closing(err error) {
	if err != nil {
		p.list = append(p.list, &Result{Part: p.name, Err: err})
	}
}

// path is a file of the part.
func (p *part) path(elem ...string) string {
	return filepath.Join(append([]string{p.dir, p.name}, elem...)...)
}

// must ends the part if the library refuses something.
func must(err error) {
	if err != nil {
		panic(fault{err})
	}
}

// need ends the part unless a field of a file is as it must be.
func need(ok bool, file, field, format string, a ...any) {
	if !ok {
		panic(fault{fmt.Errorf("%w: %s: %s %s", ErrFolder, file, field, fmt.Sprintf(format, a...))})
	}
}

// of returns the result of a quantity.
func (p *part) of(quantity string, tolerance float64) *Result {
	for _, r := range p.list {
		if r.Quantity == quantity {
			return r
		}
	}
	r := &Result{Part: p.name, Quantity: quantity, Tolerance: tolerance}
	p.list = append(p.list, r)
	return r
}

// skip notes a quantity that is not compared.
func (p *part) skip(quantity, why string) { p.of(quantity, 0).Skipped = why }

// uncomputed notes quantities that the library has no function for.
func (p *part) uncomputed(quantities ...string) {
	for _, q := range quantities {
		p.skip(q, "this library does not compute it")
	}
}

// near compares a number; where says its place.
func (p *part) near(quantity string, tolerance, want, got float64, where string, a ...any) {
	p.of(quantity, tolerance).add(math.Abs(want-got), func() string {
		return fmt.Sprintf(where, a...) + fmt.Sprintf(" (%.9g, not %.9g)", got, want)
	})
}

// relative compares a number by its share of max(floor, |want|).
func (p *part) relative(quantity string, tolerance, floor, want, got float64, where string, a ...any) {
	if math.IsNaN(want) && math.IsNaN(got) || want == got {
		got, want = 0, 0
	}
	p.of(quantity, tolerance).add(math.Abs(want-got)/math.Max(floor, math.Abs(want)), func() string {
		return fmt.Sprintf(where, a...) + fmt.Sprintf(" (%.12g, not %.12g)", got, want)
	})
}

// row compares numbers one by one, those that keep says (nil = all).
func (p *part) row(quantity string, tolerance float64, want, got []float32, keep func(i int) bool, where string, a ...any) {
	need(len(want) == len(got), p.path(), fmt.Sprintf(where, a...), "holds %d numbers, %d were computed", len(want), len(got))
	r := p.of(quantity, tolerance)
	for i := range want {
		if keep == nil || keep(i) {
			r.add(math.Abs(float64(want[i])-float64(got[i])), func() string {
				return fmt.Sprintf(where, a...) + fmt.Sprintf(", entry %d (%.7g, not %.7g)", i, got[i], want[i])
			})
		}
	}
}

// equal counts what is not as stated.
func (p *part) equal(quantity string, ok bool, where string, a ...any) {
	d := 0.0
	if !ok {
		d = 1
	}
	r := p.of(quantity, 0)
	sum := r.Difference + d
	r.add(d, func() string { return fmt.Sprintf(where, a...) })
	r.Difference = sum
}

func (r *Result) add(difference float64, where func() string) {
	r.Count++
	if math.IsNaN(difference) {
		difference = math.Inf(1)
	}
	beyond := difference > r.Tolerance
	if beyond && !r.beyond || !r.beyond && difference > r.Difference {
		r.Where = where()
	}
	r.beyond = r.beyond || beyond
	r.Difference = math.Max(r.Difference, difference)
}
