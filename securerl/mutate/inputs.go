package mutate

import (
	"context"
	_ "embed"
	"encoding/json"
	"time"

	"securecoderl/securerl/problem"
	"securecoderl/securerl/sandbox"
)

//go:embed harness.py
var harness string

// together is how many inputs run in one process; the processor time of the sandbox
// must suffice for all of them.
const together = 1000

// wrong returns the places of inputs on which a program is wrong. Inputs run together
// first. Where that shows a fault the first of them is run alone, and nothing is wrong
// if it is right then; where the process ends early, its inputs are run alone until one
// is wrong.
func (t *trial) wrong(ctx context.Context, source string, inputs []problem.Test, wall time.Duration) (places []int, err error) {
	for at := 0; at < len(inputs); at += together {
		part := inputs[at:min(at+together, len(inputs))]
		some, all, err := t.batch(ctx, source, part)
		if err != nil {
			return nil, err
		}
		if !all {
			for i := range part {
				some = append(some, i)
			}
		}
		for k, i := range some {
			if k == 0 || !all {
				passes, _, err := t.passes(ctx, source, part[i:i+1], wall)
				if err != nil {
					return nil, err
				}
				if passes && all {
					break
				}
				if passes {
					continue
				}
			}
			places = append(places, at+i)
			if !all {
				break
			}
		}
	}
	return places, nil
}

// batch runs a program on several inputs in one process and returns the places of those
// it is wrong on; all is false if the process did not come to its end.
func (t *trial) batch(ctx context.Context, source string, inputs []problem.Test) (places []int, all bool, err error) {
	task := struct {
		Source string   `json:"source"`
		Inputs []string `json:"inputs"`
	}{Source: source}
	for _, x := range inputs {
		task.Inputs = append(task.Inputs, x.Stdin)
	}
	stdin, err := json.Marshal(task)
	if err != nil {
		return nil, false, err
	}
	r, err := t.once(ctx, harness, string(stdin), 0)
	if err != nil {
		return nil, false, err
	}
	var printed []*string
	if r.Outcome != sandbox.OK || json.Unmarshal(r.Stdout, &printed) != nil || len(printed) != len(inputs) {
		return nil, false, nil
	}
	for i, text := range printed {
		if text == nil || !t.right(sandbox.OK, []byte(*text), inputs[i]) {
			places = append(places, i)
		}
	}
	return places, true, nil
}
