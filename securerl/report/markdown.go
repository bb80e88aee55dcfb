package report

import (
	"bytes"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"securecoderl/securerl/chart"
)

// Markdown writes the report for readers of GitHub and editors. figureFolder is where
// WriteFigures put the pictures, as seen from the file, with slashes.
func Markdown(in Input, figureFolder string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n", inline(in.Title))
	for p := range strings.SplitSeq(in.About, "\n\n") {
		fmt.Fprintf(&b, "%s\n\n", block(p))
	}
	bullets(&b, "What this run shows", in.Claims)
	for _, t := range in.Tables {
		fmt.Fprintf(&b, "## %s\n\n", inline(t.Title))
		markdownTable(&b, t.Columns, t.Rows)
		if t.Note != "" {
			fmt.Fprintf(&b, "%s\n\n", block(t.Note))
		}
	}
	if len(in.Figures) > 0 {
		b.WriteString("## Figures\n\n")
	}
	for _, f := range in.Figures {
		name := url.PathEscape(f.Name)
		if figureFolder != "" {
			name = (&url.URL{Path: strings.TrimSuffix(figureFolder, "/")}).EscapedPath() + "/" + name
		}
		fmt.Fprintf(&b, "![%s](%s.svg)\n\n**%s.** %s ([numbers](%s.csv))\n\n", inline(f.Alt), name, inline(f.Title), inline(f.Caption), name)
	}
	if len(in.Examples) > 0 {
		b.WriteString("## Programs before and after\n\nThe page report.html shows the credit of every token.\n\n")
	}
	for _, e := range in.Examples {
		fmt.Fprintf(&b, "### %s\n\n", inline(e.Title))
		fence(&b, "text", e.Problem)
		for _, p := range []Program{e.Before, e.After} {
			fmt.Fprintf(&b, "**%s**: %s; %s\n\n", inline(p.Label), inline(p.Verdict), inline(p.Price))
			fence(&b, "python", p.Source)
		}
	}
	pairs(&b, "What the metrics mean", "metric", "meaning", in.Meanings)
	pairs(&b, "What it was made with", "what", "value", in.Facts)
	bullets(&b, "What this run does not show", in.Limits)
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n')
}

func bullets(b *bytes.Buffer, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "## %s\n\n", title)
	for _, l := range lines {
		fmt.Fprintf(b, "* %s\n", block(l))
	}
	b.WriteByte('\n')
}

func pairs(b *bytes.Buffer, title, first, second string, list [][2]string) {
	if len(list) == 0 {
		return
	}
	var rows [][]string
	for _, p := range list {
		rows = append(rows, p[:])
	}
	fmt.Fprintf(b, "## %s\n\n", title)
	markdownTable(b, []string{first, second}, rows)
}

func markdownTable(b *bytes.Buffer, columns []string, rows [][]string) {
	row := func(cells []string) {
		b.WriteByte('|')
		for i := range columns {
			cell := ""
			if i < len(cells) {
				cell = inline(cells[i])
			}
			fmt.Fprintf(b, " %s |", cell)
		}
		b.WriteByte('\n')
	}
	row(columns)
	b.WriteByte('|')
	for i := range columns {
		if numeric(rows, i) {
			b.WriteString(" --: |")
		} else {
			b.WriteString(" --- |")
		}
	}
	b.WriteByte('\n')
	for _, r := range rows {
		row(r)
	}
	b.WriteByte('\n')
}

var number = regexp.MustCompile(`^[-+\x{2212}]?[0-9]`)

// numeric tells whether every cell of a column that holds anything begins as a number.
func numeric(rows [][]string, i int) bool {
	some := false
	for _, r := range rows {
		if i >= len(r) || r[i] == "" || r[i] == "-" {
			continue
		}
		if !number.MatchString(r[i]) {
			return false
		}
		some = true
	}
	return some
}

// marks are the letters that mean something to Markdown within a line. The colon ends
// bare addresses, which GitHub would turn into links.
var marks = regexp.MustCompile("[\\\\`*_\\[\\]<>|~&$@]|:/")

// inline escapes text for one line of Markdown.
func inline(s string) string {
	s = strings.Join(strings.Fields(chart.Visible(s)), " ")
	s = marks.ReplaceAllString(s, `\$0`)
	return strings.ReplaceAll(s, "www.", `www\.`)
}

var starts = regexp.MustCompile(`^(?:([#+=-])|(\d+)([.)]))`)

// block escapes text that stands at the begin of a line.
func block(s string) string {
	s = inline(s)
	if m := starts.FindStringSubmatch(s); m != nil {
		if m[1] != "" {
			return `\` + s
		}
		return m[2] + `\` + s[len(m[2]):]
	}
	return s
}

var ticks = regexp.MustCompile("`+")

// fence writes code between more backticks than it holds in a row.
func fence(b *bytes.Buffer, language, code string) {
	n := 2
	for _, run := range ticks.FindAllString(code, -1) {
		n = max(n, len(run))
	}
	bar := strings.Repeat("`", n+1)
	fmt.Fprintf(b, "%s%s\n%s\n%s\n\n", bar, language, strings.TrimRight(chart.Visible(code), "\n"), bar)
}
