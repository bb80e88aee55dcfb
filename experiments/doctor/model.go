package main

import (
	"context"
	"os"
	"time"

	"securecoderl/experiments/doctor/fit"
	"securecoderl/experiments/train"
)

// modelFit says which model is looked at, under which settings.
type modelFit struct {
	folder, config string
	set            []string
	minutes        float64
}

// options are those of a training program on this model.
func (m modelFit) options(backend string) train.Options {
	o := train.Options{Preset: m.config, Backend: backend, Set: append([]string{"model.folder=" + m.folder}, m.set...)}
	if _, err := os.Stat(m.config); err == nil {
		o.Preset, o.Settings = "", m.config
	}
	return o
}

// model says what training a model takes on this machine.
func (d *doctor) model(ctx context.Context, backend string, m modelFit) {
	d.area = "model"
	c := train.NewConsole(os.Stderr)
	if d.json {
		c = train.Quiet()
	}
	fit.Check(ctx, m.options(backend), time.Duration(m.minutes*float64(time.Minute)), c, func(what string, figures map[string]float64, err error, cure string) {
		d.judge(line{Area: d.area, What: what, OK: err == nil, Figures: figures}, err, cure)
	})
}
