package report

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"securecoderl/securerl/chart"
	"securecoderl/securerl/chart/ssr"
)

// ErrReport reports input that no report can be made of.
var ErrReport = errors.New("report")

// Input is all that a report says, in the order it says it (Meanings, Facts and Limits
// come last). Every text in it may be hostile.
type Input struct {
	Title    string
	About    string   // what was run, in a few sentences; blank lines part paragraphs
	Claims   []string // what the numbers allow to say
	Tables   []Table
	Figures  []chart.Figure
	Examples []Example
	Meanings [][2]string // every metric with its meaning
	Facts    [][2]string // versions, seeds, costs
	Limits   []string    // what the run does not show
}

// Table is a table with a heading. Columns that hold numbers are set to the right.
type Table struct {
	Title, Note string
	Columns     []string
	Rows        [][]string
}

// Example is what two policies wrote for the same problem.
type Example struct {
	Title, Problem string
	Before, After  Program
}

// Program is one program with what was found out about it.
type Program struct {
	Label   string // who wrote it
	Source  string
	Verdict string
	Price   string
	Credit  []byte // drawing of figure.CreditMap (SVG); may be nil
}

// Terminal makes a text safe to print in one line of a terminal: nothing in it moves
// the cursor, changes colours, turns direction or begins a line.
func Terminal(s string) string {
	return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(chart.Visible(s))
}

var fileName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,79}$`)

// names checks that figures can be files beside each other.
func names(figs []chart.Figure) error {
	seen := map[string]bool{}
	for _, f := range figs {
		if !fileName.MatchString(f.Name) {
			return fmt.Errorf("%w: figure %q: a name has small letters, digits and hyphens", ErrReport, f.Name)
		}
		if seen[f.Name] {
			return fmt.Errorf("%w: two figures are named %q", ErrReport, f.Name)
		}
		seen[f.Name] = true
	}
	return nil
}

// WriteFigures draws figures into a folder, which it makes: NAME.svg, the numbers as
// NAME.csv, and NAME.txt with title, caption, alternative text and the SHA-256 of both.
// Errors wrap ErrReport or chart.ErrFigure.
func WriteFigures(dir string, figs []chart.Figure) error {
	if err := names(figs); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("%w: %w", ErrReport, err)
	}
	for _, f := range figs {
		svg, err := ssr.Render(f)
		if err != nil {
			return err
		}
		csv := f.CSV()
		text := fmt.Sprintf("%s\n\n%s\n\nalternative text: %s\n\nsha256 %x  %s.svg\nsha256 %x  %s.csv\n",
			Terminal(f.Title), chart.Visible(f.Caption), chart.Visible(f.Alt), sha256.Sum256(svg), f.Name, sha256.Sum256(csv), f.Name)
		for ending, b := range map[string][]byte{".svg": svg, ".csv": csv, ".txt": []byte(text)} {
			if err := os.WriteFile(filepath.Join(dir, f.Name+ending), b, 0o644); err != nil {
				return fmt.Errorf("%w: %w", ErrReport, err)
			}
		}
	}
	return nil
}
