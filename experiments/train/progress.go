package train

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Console tells a person what happens: a bar with rate and time left on a
// terminal, plain lines elsewhere. It never asks anything.
type Console struct {
	w        io.Writer
	terminal bool
	now      func() time.Time
}

// NewConsole writes to f; a bar is drawn only where f is a terminal.
func NewConsole(f *os.File) *Console {
	return &Console{w: f, terminal: term.IsTerminal(int(f.Fd())), now: time.Now}
}

// Quiet says nothing.
func Quiet() *Console { return &Console{w: io.Discard, now: time.Now} }

// Say prints one line.
func (c *Console) Say(format string, args ...any) { fmt.Fprintf(c.w, format+"\n", args...) }

// Bar follows one phase of known length.
type Bar struct {
	c     *Console
	name  string
	total int
	done  int
	first int // where this process began: earlier steps were done before a stop
	start time.Time
	said  time.Time
	bar   *progressbar.ProgressBar
}

// Bar starts a phase of total steps of which done are behind us.
func (c *Console) Bar(name string, total, done int) *Bar {
	b := &Bar{c: c, name: name, total: total, done: done, first: done, start: c.now(), said: c.now()}
	if c.terminal {
		b.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(c.w), progressbar.OptionSetDescription(fmt.Sprintf("%-14s", name)),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(200*time.Millisecond), progressbar.OptionSetWidth(24), progressbar.OptionClearOnFinish())
		_ = b.bar.Set(done) // the bar is a courtesy: a terminal that refuses it must not stop a run
	}
	return b
}

// linesEvery is how often a phase speaks where there is no terminal.
const linesEvery = 15 * time.Second

// Step counts one step; note is shown beside it.
func (b *Bar) Step(note string) {
	b.done++
	if b.bar != nil {
		b.bar.Describe(fmt.Sprintf("%-14s %s", b.name, note))
		_ = b.bar.Set(b.done)
		return
	}
	if now := b.c.now(); now.Sub(b.said) >= linesEvery && b.done < b.total {
		b.said = now
		per := now.Sub(b.start) / time.Duration(b.done-b.first)
		left := (per * time.Duration(b.total-b.done)).Round(time.Second)
		b.c.Say("%-14s %d of %d, %.2g s a step, %v left; %s", b.name, b.done, b.total, per.Seconds(), left, note)
	}
}

// Done closes the phase with one line that stays.
func (b *Bar) Done(note string) {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
	b.c.Say("%-14s %d steps in %v; %s", b.name, b.done-b.first, b.c.now().Sub(b.start).Round(100*time.Millisecond), note)
}
