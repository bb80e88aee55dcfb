package sandboxtest

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"securecoderl/securerl/judge"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/sandbox"
)

//go:embed probe.py
var probe []byte

// Limits are those that the verdicts of a set are stated for. Each program narrows
// the real time to its own.
func Limits() sandbox.Limits {
	return sandbox.Limits{CPU: 2 * time.Second, Wall: time.Minute, Memory: 512 << 20, Output: 1 << 20, Files: 32}
}

// Report is what came of a set.
type Report struct {
	Info     sandbox.Info
	User     int      // who attacked: user number of this process
	As       int      // user number of the programs, seen from outside
	Verdicts []string // one for each program
	Faults   []string // a sentence for each thing that is not as stated
}

// nobody is the user that a sandbox started by root becomes.
const nobody = 65534

// Run attacks a sandbox of the given tier and interpreter with programs, in as many
// workers as asked for. Errors are the machinery's, such as sandbox.ErrNoSandbox on a
// machine without the tier; what a program did wrong is in the report.
func Run(outer context.Context, tier, python string, workers int, programs []Program) (Report, error) {
	r := Report{User: os.Geteuid(), As: os.Geteuid(), Verdicts: make([]string, len(programs))}
	if r.User == 0 {
		r.As = nobody
	}
	before, tree := self(), descendants()
	next := make(chan int)
	var first error // the cause; it makes the other workers fail too
	var mu sync.Mutex
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(outer)
	defer cancel()
	for w := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			// Each has a sandbox of one worker, so that the probe runs where the program
			// ran, and a memory limit of its own, by which its programs are found.
			a := attacker{as: r.As, limits: Limits()}
			a.limits.Memory += int64(os.Getpid()*64 + 2*w)
			info, err := a.attack(ctx, tier, python, next, func(i int, verdict string, faults []string) {
				mu.Lock()
				defer mu.Unlock()
				r.Verdicts[i] = verdict
				r.Faults = append(r.Faults, faults...)
			}, programs)
			mu.Lock()
			defer mu.Unlock()
			r.Info = info
			if err != nil && first == nil {
				first = err
				cancel()
			}
		}()
	}
feed:
	for i := range programs {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	wg.Wait()
	if err := outer.Err(); err != nil {
		return r, err
	}
	if first != nil {
		return r, first
	}
	r.Faults = append(r.Faults, unchanged(before, tree)...)
	slices.Sort(r.Faults)
	return r, nil
}

// unchanged compares this process and those below it with what they were.
func unchanged(before string, tree []int) (faults []string) {
	if after := self(); after != before {
		faults = append(faults, fmt.Sprintf("this process is not as it was: %s, before %s", after, before))
	}
	left := eventuallyNone(func() []int {
		return slices.DeleteFunc(descendants(), func(pid int) bool { return slices.Contains(tree, pid) })
	})
	if len(left) > 0 {
		faults = append(faults, fmt.Sprintf("processes %v are left after the sandbox was closed", left))
	}
	return faults
}

type attacker struct {
	as      int
	limits  sandbox.Limits
	sandbox *sandbox.Sandbox
}

func (a *attacker) attack(ctx context.Context, tier, python string, next <-chan int, done func(int, string, []string), programs []Program) (info sandbox.Info, err error) {
	around := a.limits
	around.Memory++ // of the fork-server, which is not looked for
	a.sandbox, err = sandbox.New(ctx, sandbox.Options{Tier: tier, Python: python, Workers: 1, Limits: around})
	if err != nil {
		return info, err
	}
	defer func() { err = errors.Join(err, a.sandbox.Close()) }()
	if faults, err := a.probe(ctx); err != nil || len(faults) > 0 {
		return a.sandbox.Info(), errors.Join(err, fmt.Errorf("sandboxtest: the probe must find nothing before the first program: %v", faults))
	}
	for i := range next {
		verdict, faults, err := a.one(ctx, programs[i])
		if err != nil {
			return a.sandbox.Info(), fmt.Errorf("sandboxtest: %s: %w", programs[i].File, err)
		}
		done(i, verdict, faults)
	}
	return a.sandbox.Info(), nil
}

func (a *attacker) run(ctx context.Context, source, stdin []byte, wall time.Duration) (sandbox.Result, error) {
	return a.sandbox.Run(ctx, sandbox.Python(source), stdin, sandbox.Limits{Wall: wall, Memory: a.limits.Memory})
}

// probe runs a harmless program where the hostile one was.
func (a *attacker) probe(ctx context.Context) ([]string, error) {
	r, err := a.run(ctx, probe, []byte("21\n"), 20*time.Second)
	if err != nil {
		return nil, err
	}
	if r.Outcome != sandbox.OK || string(r.Stdout) != "42\n" {
		return []string{fmt.Sprintf("the probe ends as %q and prints %.300q %.300q", r.Outcome, r.Stdout, r.Stderr)}, nil
	}
	return nil, nil
}

// one runs a program and looks at everything its entry states.
func (a *attacker) one(ctx context.Context, p Program) (verdict string, faults []string, err error) {
	say := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, p.File+" "+fmt.Sprintf(format, args...))
		}
	}
	before := traces()
	r, err := a.run(ctx, p.Source, p.Stdin, p.Timeout)
	if err != nil {
		return "", nil, err
	}
	verdict = Verdict(r, p.Expected)
	say(slices.Contains(p.Verdicts, verdict), "is %s, allowed %v: status %d, signal %d, %v of CPU, output %.200q, errors %.200q", verdict, p.Verdicts, r.Status, r.Signal, r.Usage.CPU, r.Stdout, r.Stderr)
	say(p.OutRegex == nil || p.OutRegex.Match(r.Stdout), "prints %.200q, which does not match %s", r.Stdout, p.OutRegex)
	say(p.OutMustNot == nil || !p.OutMustNot.Match(r.Stdout), "prints %.200q, which matches %s", r.Stdout, p.OutMustNot)
	say(p.MaxWall == 0 || r.Usage.Wall <= p.MaxWall, "took %v, at most %v", r.Usage.Wall, p.MaxWall)
	say(p.MaxRSS == 0 || r.Usage.MaxRSS>>20 <= p.MaxRSS, "took %d MiB, at most %d", r.Usage.MaxRSS>>20, p.MaxRSS)
	if slices.Contains(p.After, NothingRuns) {
		left := eventuallyNone(func() []int { return marked(a.limits.Memory) })
		say(len(left) == 0, "leaves processes %v", left)
	}
	if slices.Contains(p.After, CanaryRuns) || slices.Contains(p.After, NothingVisible) {
		odd, err := a.probe(ctx)
		if err != nil {
			return "", nil, fmt.Errorf("the probe after it: %w", err)
		}
		say(len(odd) == 0, "is followed by a worker that is not as before: %v", odd)
	}
	if slices.Contains(p.After, NothingVisible) {
		left := before.since(p.Source, a.as)
		say(len(left) == 0, "leaves %v", left)
	}
	return verdict, faults, nil
}

// Verdict names a result as the index does: AC, WA, RE (a status or signal), SV (a
// forbidden call), TLE, OLE. Outputs are compared by lines.
func Verdict(r sandbox.Result, expected []byte) string {
	switch r.Outcome {
	case sandbox.CPUTimeout, sandbox.WallTimeout:
		return "TLE"
	case sandbox.OutputLimit:
		return "OLE"
	case sandbox.Forbidden:
		return "SV"
	case sandbox.OK:
		if equal, _ := judge.Compare(problem.Lines, 0, r.Stdout, expected); equal {
			return "AC"
		}
		return "WA"
	}
	return "RE"
}
