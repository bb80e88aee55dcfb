package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/sandbox/sandboxtest"
)

// attacked runs a folder of programs that attack the sandbox, in every tier that this
// machine has, and checks all that its index states (testdata/sandbox/hostile). The
// tier that other commands use must be there; one that is not is named with the reason.
func (d *doctor) attacked(ctx context.Context, dir string) {
	if dir == "" {
		return
	}
	programs, err := sandboxtest.Load(dir)
	if err != nil {
		d.check(dir+": programs that attack the sandbox", fmt.Errorf("%w: %w", errRow, err), "")
		return
	}
	var refusals []error
	for _, tier := range []string{"A", "B"} {
		r, err := sandboxtest.Run(ctx, tier, "", 2, programs)
		if errors.Is(err, sandbox.ErrNoSandbox) {
			refusals = append(refusals, err)
			d.check(fmt.Sprintf("%s: not in tier %s, which this machine does not have: %.300s", dir, tier, strings.ReplaceAll(err.Error(), "\n", "; ")), nil, "")
			continue
		}
		if err == nil {
			err = found{faults: r.Faults}.err()
		}
		user := fmt.Sprintf("user %d", r.User)
		if r.As != r.User {
			user += fmt.Sprintf(", programs as user %d", r.As)
		}
		d.check(fmt.Sprintf("%s: %d programs that attack the sandbox, all as stated in tier %s (%s, Python %s)", dir, len(programs), tier, user, r.Info.PythonVersion), err, "")
	}
	if len(refusals) == 2 {
		d.check(dir+": programs that attack the sandbox", errors.Join(refusals...), "")
	}
}
