package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"securecoderl/experiments/train"
	"securecoderl/securerl/completion"
	"securecoderl/securerl/judge"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/reward/rewardtest"
	"securecoderl/securerl/rng"
)

// references judges and prices the reference programs of the generated problems.
func (d *doctor) references(ctx context.Context, l *train.Lab, all bool) {
	problems := l.Problems.Problems
	if !all {
		problems = tenth(problems)
	}
	programs, faults, err := judge.Golden(ctx, l.Evaluation, problems)
	f := found{rows: programs, faults: faults}
	d.check(fmt.Sprintf("generated problems: %d reference programs of %d problems pass every test with exactly their findings", programs, len(problems)), f.or(err), judgeCure)
	if err != nil {
		return
	}
	f, err = marks(ctx, l.Evaluation, problems)
	d.check(fmt.Sprintf("generated problems: full marks for %d secure programs under every scheme, and for no insecure one", f.rows), f.or(err), judgeCure)
}

// tenth picks problems by key: the same ones on every machine.
func tenth(all []problem.Problem) []problem.Problem {
	s := rng.New(0).Name("doctor").Stream()
	var picked []problem.Problem
	for _, p := range all {
		if s.IntN(10) == 0 {
			picked = append(picked, p)
		}
	}
	return picked
}

// marks prices reference programs that were judged before: secure ones earn all there
// is, insecure ones less. rows counts the secure.
func marks(ctx context.Context, j *judge.Judge, problems []problem.Problem) (f found, err error) {
	for i := range problems {
		p := &problems[i]
		var list []judge.Submission
		for _, r := range p.References {
			list = append(list, judge.Submission{Problem: p, Source: r.Source, Finish: completion.End})
		}
		verdicts, _, err := j.Judge(ctx, list)
		if err != nil {
			return f, err
		}
		for k, v := range verdicts {
			kind := p.References[k].Kind
			if kind != problem.Secure && kind != problem.Insecure {
				continue
			}
			if kind == problem.Secure {
				f.rows++
			}
			for _, s := range schemes() {
				got := s.Price(v).Total
				f.say(same(got, 1) == (kind == problem.Secure), "%s, %s program %d earns %.3f under %s", p.ID, kind, k+1, got, s.Name())
			}
		}
	}
	return f, nil
}

// hacks runs the programs that attack a reward, and prices them.
func (d *doctor) hacks(ctx context.Context, l *train.Lab) {
	d.area = "reward"
	judged, err := rewardtest.Judge(ctx, l.Training)
	f := stated(judged)
	d.check(fmt.Sprintf("hacks: %d programs earn what is stated for them under strict and strict-gated", f.rows), f.or(err), judgeCure)
	if err != nil {
		return
	}
	f = found{}
	for _, s := range schemes() {
		f.rows++
		published := s.Name() == "paper" || s.Name() == "paper-exp" || s.Name() == "pilot" || s.Name() == "pilot-exp"
		for _, x := range append(rewardtest.Check(s, nil), judged.Check(s)...) {
			f.say(published && x.Rule == rewardtest.Nothing, "%s: %s", s.Name(), x)
		}
	}
	d.check(fmt.Sprintf("rules: %d schemes break none but the published one (paper and pilot pay for text that does not parse)", f.rows), f.or(err), judgeCure)
}

// rounds is how often the built-in programs are judged for the figure of throughput.
const rounds = 4

// throughput measures, and judges nobody: the machine may be busy.
func (d *doctor) throughput(ctx context.Context, l *train.Lab) {
	d.area = "speed"
	var list []sample
	for n := range rounds {
		for _, x := range append(right, broken...) {
			if x.name != "endless" {
				x.source += fmt.Sprintf("\n# %d", n) // no verdict is known before
				list = append(list, x)
			}
		}
	}
	var submissions []judge.Submission
	for _, x := range list {
		submissions = append(submissions, judge.Submission{Problem: &double, Source: x.source, Finish: completion.End})
	}
	_, cost, err := l.Training.Judge(ctx, submissions)
	if err != nil {
		d.check("programs judged at full speed", err, judgeCure)
		return
	}
	n := float64(len(list))
	rate, cpu := n/cost.Wall.Seconds(), float64((cost.RunCPU+cost.ScanCPU)/time.Microsecond)/1e3/n
	d.figure(fmt.Sprintf("%d programs, %d tests: %.0f verdicts/s, %.1f ms of processor time each (programs and scanner), %d workers", len(list), cost.Forks, rate, cpu, l.Settings.Judge.Workers),
		map[string]float64{"verdicts_per_second": rate, "cpu_ms_per_verdict": cpu})
}

// or is the error of a check: the machinery's, else what was found.
func (f found) or(err error) error { return errors.Join(err, f.err()) }

func stated(j rewardtest.Judged) found {
	f := found{rows: len(j.List)}
	for _, x := range j.Stated() {
		f.say(false, "%s %s", x.Attack, x.Detail)
	}
	return f
}
