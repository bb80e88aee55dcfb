package notebook

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/janpfeifer/gonb/gonbui"

	"securecoderl/securerl/chart"
)

const (
	redraw = time.Second      // the least time between two drawings
	share  = 10               // drawing takes at most one part of so many
	lines  = 10 * time.Second // between two lines outside a notebook
)

// Live follows a loop in one block of the page: a bar, the rate, the time left and a
// figure, drawn beside the loop. When the loop is done the block becomes the final
// figure, so that a saved notebook holds nothing half drawn. Its methods are for one
// goroutine.
type Live struct {
	id    string
	total int
	draw  func() chart.Figure
	began time.Time
	at    int // the last step told

	mu      sync.Mutex
	next    time.Time // nothing is drawn before
	drawing bool
	beside  sync.WaitGroup
}

// NewLive opens the block of a loop of total steps. draw makes the figure from what the
// loop has so far; it runs inside Step and Done, never beside the loop. It may be nil.
func NewLive(total int, draw func() chart.Figure) *Live {
	l := &Live{id: "live-" + gonbui.UniqueId(), total: max(total, 1), draw: draw, began: time.Now()}
	l.next = l.began
	if gonbui.IsNotebook {
		gonbui.UpdateHTML(l.id, block(l.bar("starting"), ""))
	} else {
		l.next = l.began.Add(lines)
	}
	return l
}

// Step tells that i steps are done; note is a short line, such as the loss. It draws at
// most once a second and a tenth of the time, and never waits for a drawing.
func (l *Live) Step(i int, note string) {
	l.at = i
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.drawing || now.Before(l.next) {
		return
	}
	if !gonbui.IsNotebook {
		l.next = now.Add(lines)
		fmt.Fprintln(os.Stderr, oneLine(l.progress()+", "+note))
		return
	}
	var f chart.Figure
	script, err := "", error(nil)
	if l.draw != nil {
		f = l.draw()
		script, err = f.Script()
	}
	l.drawing = true
	bar := l.bar(note)
	l.beside.Go(func() {
		picture := ""
		if script != "" && err == nil { // what fails here fails again, and is told, in Done
			picture, _ = drawn(f, script, l.id+"-figure", false)
		}
		gonbui.UpdateHTML(l.id, block(bar, picture))
		l.mu.Lock()
		defer l.mu.Unlock()
		l.drawing, l.next = false, now.Add(max(redraw, share*time.Since(now)))
	})
}

// Done closes the block with the final figure and one line: how many steps, how long, and
// note. Call it also when the loop was stopped.
func (l *Live) Done(note string) {
	l.beside.Wait()
	picture := ""
	if l.draw != nil {
		var err error
		picture, err = figureHTML(l.draw(), l.id+"-figure", true)
		stopIf(err)
	}
	line := fmt.Sprintf("%d of %d steps in %v", l.at, l.total, time.Since(l.began).Round(100*time.Millisecond))
	if note != "" {
		line += "; " + note
	}
	if !gonbui.IsNotebook {
		fmt.Println(oneLine(line))
		return
	}
	gonbui.UpdateHTML(l.id, block(picture, "<div>"+text(line)+"</div>"))
	gonbui.Sync()
}

// progress is where the loop stands: steps, rate, time left.
func (l *Live) progress() string {
	if l.at <= 0 {
		return fmt.Sprintf("0 of %d", l.total)
	}
	each := time.Since(l.began) / time.Duration(l.at)
	left := (each * time.Duration(max(0, l.total-l.at))).Round(time.Second)
	return fmt.Sprintf("%d of %d, %.2g s a step, %v left", l.at, l.total, each.Seconds(), left)
}

// bar is how far the loop has come, with a line.
func (l *Live) bar(note string) string {
	part := 100 * float64(min(l.at, l.total)) / float64(l.total)
	return fmt.Sprintf(`<div role="progressbar" aria-valuenow="%.0f" style="max-width:640px;background:%s;height:8px;border-radius:4px"><div style="background:%s;height:8px;border-radius:4px;width:%.1f%%"></div></div><div>%s</div>`,
		part, chart.Pale, chart.Blue, part, text(l.progress()+", "+note))
}

// block is what stands in the page.
func block(parts ...string) string {
	return `<div style="` + card + `">` + strings.Join(parts, "") + `</div>`
}
