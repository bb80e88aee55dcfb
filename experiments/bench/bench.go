package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// work is one thing that is timed: calls of run, or what measure finds out.
type work struct {
	name    string // with _cpu_ms at its end, if calls are timed
	repeat  int    // calls per round
	run     func() error
	measure func() ([]line, error)
	single  bool // in the first round alone
}

// line is what a peer prints, and what is printed here.
type line struct {
	Name  string   `json:"name"`
	Value float64  `json:"value"`
	Peer  *float64 `json:"peer,omitempty"`
	Ratio *float64 `json:"ratio,omitempty"` // ours / peer
	N     int      `json:"n,omitempty"`
}

// results are the values of every name, in the order they came.
type results struct {
	names  []string
	values map[string][]float64
}

func (r *results) add(name string, value float64) {
	if r.values == nil {
		r.values = map[string][]float64{}
	}
	if r.values[name] == nil {
		r.names = append(r.names, name)
	}
	r.values[name] = append(r.values[name], value)
}

// once measures a work: processor milliseconds of a call, and the wall time of the
// fastest, after one call that compiles.
func (r *results) once(w work) error {
	if w.measure != nil {
		lines, err := w.measure()
		for _, l := range lines {
			r.add(l.Name, l.Value)
		}
		return err
	}
	if err := w.run(); err != nil {
		return err
	}
	start, best := processorTime(), math.Inf(1)
	for range w.repeat {
		called := time.Now()
		if err := w.run(); err != nil {
			return err
		}
		best = min(best, time.Since(called).Seconds()*1e3)
	}
	r.add(w.name, (processorTime()-start)/float64(w.repeat))
	if base, ok := strings.CutSuffix(w.name, "_cpu_ms"); ok {
		r.add(base+"_wall_ms", best)
	}
	return nil
}

func processorTime() float64 {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Utime.Sec+u.Stime.Sec)*1e3 + float64(u.Utime.Usec+u.Stime.Usec)/1e3
}

// ask runs the peer and collects its lines.
func (r *results) ask(peer string) error {
	cmd := exec.Command("sh", "-c", peer)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("peer: %w", err)
	}
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		var l line
		if json.Unmarshal(s.Bytes(), &l) == nil && l.Name != "" {
			r.add(l.Name, l.Value)
		}
	}
	return nil
}

// summary is the median of processor times and the best of wall times.
func summary(name string, xs []float64) float64 {
	sorted := slices.Sorted(slices.Values(xs))
	if strings.HasSuffix(name, "_wall_ms") {
		return sorted[0]
	}
	return sorted[len(sorted)/2]
}

// report prints a line per name, ours beside theirs.
func report(w io.Writer, ours, theirs results) error {
	e := json.NewEncoder(w)
	for _, name := range ours.names {
		l := line{Name: name, Value: summary(name, ours.values[name]), N: len(ours.values[name])}
		if p := theirs.values[name]; len(p) > 0 {
			m := summary(name, p)
			r := l.Value / m
			l.Peer, l.Ratio = &m, &r
		}
		if err := e.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

// errOther reports a peer that does not do the same work.
var errOther = errors.New("the peer does other work")

// check says what a number of the work must be, in every program that does it.
type check struct {
	name      string
	value     float64
	tolerance float64 // relative, of numbers above 0.1
}

// agree compares the numbers that a peer printed with those found here. A peer that
// prints none of a work's numbers is not held to them.
func agree(checks []check, theirs results) error {
	var errs []error
	for _, c := range checks {
		for _, x := range theirs.values[c.name] {
			if !(math.Abs(x-c.value) <= c.tolerance*math.Max(0.1, math.Abs(c.value))) { // NaN counts
				errs = append(errs, fmt.Errorf("%w: %s is %g there, %g here", errOther, c.name, x, c.value))
			}
		}
	}
	return errors.Join(errs...)
}
