package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"securecoderl/securerl/chart"
	"securecoderl/securerl/report"
)

var update = flag.Bool("update", false, "write testdata/report again")

type hostile struct{ Name, Text string }

func hostileTexts(t testing.TB) (list []hostile) {
	b, err := os.ReadFile("../../testdata/hostile-text/hostile.jsonl")
	require.NoError(t, err)
	for d := json.NewDecoder(bytes.NewReader(b)); d.More(); {
		var h hostile
		require.NoError(t, d.Decode(&h))
		list = append(list, h)
	}
	return append(list, hostile{"no UTF-8", "\xff\xfe<b>\xc3("})
}

func bars(name, text string) chart.Figure {
	b := charts.NewBar()
	b.SetXAxis([]string{"sft", text}).AddSeries(text, []opts.BarData{{Value: 20}, {Value: 27}})
	return chart.Figure{Name: name, Title: text, Caption: text, Alt: text, Width: 320, Height: 220, Chart: b, Columns: []string{"policy", text}, Rows: [][]string{{text, "27"}}}
}

// input says text in every place there is.
func input(text string) report.Input {
	program := report.Program{Label: text, Source: text, Verdict: text, Price: text, Credit: []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`)}
	return report.Input{
		Title: text, About: text + "\n\n" + text, Claims: []string{text}, Figures: []chart.Figure{bars("bars", text)},
		Tables:   []report.Table{{Title: text, Note: text, Columns: []string{text, "rate"}, Rows: [][]string{{text, "27.0"}, {text, "-1"}}}},
		Examples: []report.Example{{Title: text, Problem: text, Before: program, After: program}},
		Meanings: [][2]string{{text, text}}, Facts: [][2]string{{text, text}}, Limits: []string{text},
	}
}

// outline is the page without its texts: elements, attributes, and the values of those
// attributes that hold no text.
func outline(t *testing.T, page []byte) (lines []string) {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(page))
	require.NoError(t, err)
	for n := range doc.Descendants() {
		switch n.Type {
		case html.ElementNode:
			if n.Data == "wbr" { // a place to break a heading, after any underline
				require.Equal(t, "th", n.Parent.Data)
				require.Empty(t, n.Attr)
				continue
			}
			line := n.Data
			for _, a := range n.Attr {
				line += " " + a.Key
				switch {
				case a.Key == "src":
					require.True(t, strings.HasPrefix(a.Val, "data:image/svg+xml;base64,"), a.Val)
				case a.Key == "class" && a.Val == "n": // a column of numbers, told by the cells
				case a.Key != "alt":
					line += "=" + a.Val
				}
			}
			lines = append(lines, strings.ReplaceAll(line, " class", ""))
		case html.CommentNode:
			lines = append(lines, "comment")
		}
	}
	return lines
}

// TestNoElementStemsFromHostileText compares the DOM of a page full of hostile texts
// with that of a harmless one.
func TestNoElementStemsFromHostileText(t *testing.T) {
	calm, err := report.HTML(input("calm"))
	require.NoError(t, err)
	want := outline(t, calm)
	for _, h := range hostileTexts(t) {
		page, err := report.HTML(input(h.Text))
		require.NoError(t, err, h.Name)
		got := outline(t, page)
		if h.Text != "" && !strings.Contains(h.Text, "\n\n") { // no note, no price; more paragraphs
			assert.Equal(t, want, got, h.Name)
		}
		for _, line := range got {
			assert.NotRegexp(t, `^(script|iframe|base|link|form|object|embed|foreignObject|image|comment)\b| on\w+`, line, h.Name)
		}
		assertQuiet(t, h.Name, page)
		assertQuiet(t, h.Name, report.Markdown(input(h.Text), "figures"))
	}
}

func assertQuiet(t *testing.T, name string, b []byte) {
	t.Helper()
	for _, r := range string(b) {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)) {
			assert.Failf(t, "a letter that acts", "%s: %U", name, r)
			return
		}
	}
}

func TestThePageForbidsScriptsAndLoading(t *testing.T) {
	page, err := report.HTML(input("calm"))
	require.NoError(t, err)
	assert.Contains(t, string(page), `content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"`)
	assert.NotContains(t, string(page), "<script")
	for _, address := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(string(page), -1) {
		assert.Regexp(t, `^(#|data:image/svg)`, address[1])
	}
	assert.NotContains(t, regexp.MustCompile(`base64,[^"]*`).ReplaceAllString(string(page), ""), "http:")
	assert.NotContains(t, string(page), "@import")
	assert.NotContains(t, string(page), "url(")
}

// TestMarkdownKeepsCodeInItsFence reads the file as CommonMark does: a fence ends with
// the first line of at least as many backticks. Outside, no hostile mark is left bare.
func TestMarkdownKeepsCodeInItsFence(t *testing.T) {
	bare := regexp.MustCompile("(^|[^\\\\])[<>`]")
	for _, h := range hostileTexts(t) {
		fence, fences := "", 0
		for line := range strings.SplitSeq(string(report.Markdown(input(h.Text), "figures")), "\n") {
			run := line[:len(line)-len(strings.TrimLeft(line, "`"))]
			switch {
			case fence == "" && len(run) >= 3:
				fence = run
				fences++
			case fence != "" && len(run) >= len(fence) && strings.TrimSpace(line[len(run):]) == "":
				fence = ""
			case fence == "":
				assert.NotRegexp(t, bare, line, h.Name)
			}
		}
		assert.Empty(t, fence, "%s: a fence is left open", h.Name)
		assert.Equal(t, 3, fences, "%s: problem and two programs", h.Name)
	}
}

func TestMarkdownTablesKeepTheirCells(t *testing.T) {
	for _, h := range hostileTexts(t) {
		md := string(report.Markdown(report.Input{Title: "t", Tables: []report.Table{{Title: "t", Columns: []string{"a", "b"}, Rows: [][]string{{h.Text, "1"}}}}}, ""))
		rows := 0
		for line := range strings.SplitSeq(md, "\n") {
			if strings.HasPrefix(line, "|") {
				rows++
				assert.Len(t, regexp.MustCompile(`(^|[^\\])(\\\\)*\|`).FindAllString(line, -1), 3, "%s: %s", h.Name, line)
			}
		}
		assert.Equal(t, 3, rows, h.Name)
	}
}

func TestTerminalLinesStayLines(t *testing.T) {
	for _, h := range hostileTexts(t) {
		s := report.Terminal(h.Text)
		assert.NotContains(t, s, "\n", h.Name)
		assertQuiet(t, h.Name, []byte(s))
	}
}

func TestFiguresAreWrittenWithTheirNumbers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "figures")
	require.NoError(t, report.WriteFigures(dir, []chart.Figure{bars("one", "=1+1"), bars("two", "x")}))
	svg, err := os.ReadFile(filepath.Join(dir, "one.svg"))
	require.NoError(t, err)
	csv, err := os.ReadFile(filepath.Join(dir, "one.csv"))
	require.NoError(t, err)
	assert.Equal(t, "policy,'=1+1\n'=1+1,27\n", string(csv))
	text, err := os.ReadFile(filepath.Join(dir, "one.txt"))
	require.NoError(t, err)
	assert.Contains(t, string(text), fmt.Sprintf("sha256 %x  one.svg\nsha256 %x  one.csv\n", sha256.Sum256(svg), sha256.Sum256(csv)))
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, files, 6)
}

func TestNamesOfFiguresAreFileNames(t *testing.T) {
	for _, name := range []string{"", "../up", "a/b", "A", "a.svg", strings.Repeat("x", 99)} {
		assert.ErrorIs(t, report.WriteFigures(t.TempDir(), []chart.Figure{bars(name, "x")}), report.ErrReport, name)
	}
	_, err := report.HTML(report.Input{Figures: []chart.Figure{bars("a", "x"), bars("a", "x")}})
	assert.ErrorIs(t, err, report.ErrReport)
	_, err = report.HTML(report.Input{Figures: []chart.Figure{{Name: "nothing"}}})
	assert.ErrorIs(t, err, chart.ErrFigure)
	blocked := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(blocked, nil, 0o644))
	assert.ErrorIs(t, report.WriteFigures(blocked, nil), report.ErrReport)
}

func TestReportsLookAsTheyDid(t *testing.T) {
	in := sample()
	page, err := report.HTML(in)
	require.NoError(t, err)
	for name, got := range map[string][]byte{"report.html": page, "report.md": report.Markdown(in, "figures")} {
		path := filepath.Join("../../testdata/report", name)
		if *update {
			require.NoError(t, os.WriteFile(path, got, 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Truef(t, bytes.Equal(want, got), "%s differs; look at the new one, then run the test with -update", path)
	}
}

func TestAnEmptyReportIsAPage(t *testing.T) {
	page, err := report.HTML(report.Input{Title: "t"})
	require.NoError(t, err)
	assert.NotContains(t, string(page), "<h2")
	assert.Equal(t, "# t\n", string(report.Markdown(report.Input{Title: "t"}, ""))[:4])
}

func ExampleMarkdown() {
	fmt.Print(string(report.Markdown(report.Input{
		Title: "Run 1",
		About: "One seed.",
		Tables: []report.Table{{Title: "Results", Columns: []string{"policy", "passed, %"},
			Rows: [][]string{{"sft", "31.2"}, {"gated|<b>", "38.5"}}}},
	}, "figures")))
	// Output:
	// # Run 1
	//
	// One seed.
	//
	// ## Results
	//
	// | policy | passed, % |
	// | --- | --: |
	// | sft | 31.2 |
	// | gated\|\<b\> | 38.5 |
}

func ExampleTerminal() {
	fmt.Println(report.Terminal("\x1b[2Jpassed\nall tests"))
	// Output: \x1b[2Jpassed\nall tests
}
