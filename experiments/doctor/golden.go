package main

import (
	"context"
	"fmt"
	"math"

	"securecoderl/experiments/doctor/golden"
	"securecoderl/securerl/engine"
)

// golden compares what the library computes with a folder of reference numbers.
func (d *doctor) golden(ctx context.Context, backend, dir string) {
	d.backend(backend)
	d.area = "golden"
	e, err := engine.Open(backend)
	if err != nil {
		return // said above
	}
	defer e.Close()
	skipped := 0
	err = golden.Check(ctx, e, dir, func(r golden.Result) {
		if r.Skipped != "" {
			skipped++
			d.note(line{Area: d.area, What: r.String(), OK: true, unjudged: true})
			return
		}
		cure := "correct the folder if it is at fault; else report it: the library computes another number than the reference did"
		if r.Err != nil {
			cure = "this part was not compared: its file is at fault, or asks for what the library does not support"
		}
		l := line{Area: d.area, What: r.String(), OK: r.OK()}
		if r.Err == nil {
			l.Figures = map[string]float64{"difference": math.Min(r.Difference, math.MaxFloat64), "tolerance": r.Tolerance, "compared": float64(r.Count)}
		}
		d.judge(l, r.Fault(), cure)
	})
	d.check(fmt.Sprintf("%s: every part was looked at; %d quantities are not compared", dir, skipped), err, "")
}
