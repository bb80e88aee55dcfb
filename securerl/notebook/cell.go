package notebook

import (
	"fmt"
	"os"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"

	"securecoderl/securerl/chart"
)

// Check is the last cell of a notebook: it prints "ok: ..." if the claim holds, else it
// fails the cell with the claim. Put the numbers into the sentence.
func Check(ok bool, format string, a ...any) {
	claim := chart.Visible(fmt.Sprintf(format, a...))
	if !ok {
		stop(fmt.Errorf("the check failed: %s", claim))
	}
	fmt.Println("ok: " + claim)
}

// Must returns v, or ends the cell with the error.
func Must[T any](v T, err error) T {
	if err != nil {
		stop(err)
	}
	return v
}

// stop ends the cell with one line. What was shown before stays.
func stop(err error) {
	gonbui.Sync()
	fmt.Fprintln(os.Stderr, oneLine(err.Error()))
	os.Exit(1)
}

func stopIf(err error) {
	if err != nil {
		stop(err)
	}
}

// oneLine is a text for a terminal: in one line, without characters that act.
func oneLine(s string) string {
	return chart.Visible(strings.ReplaceAll(strings.TrimSpace(s), "\n", "; "))
}

// display puts HTML into the page; elsewhere it prints a line that says what it was.
func display(html, line string) {
	if !gonbui.IsNotebook {
		fmt.Println(oneLine(line))
		return
	}
	gonbui.DisplayHTML(html)
	gonbui.Sync() // a cell that ends before its pipe is read loses what was in it
}
