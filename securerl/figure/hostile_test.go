package figure_test

import (
	"encoding/csv"
	"encoding/xml"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"securecoderl/securerl/chart"
	"securecoderl/securerl/chart/ssr"
	"securecoderl/securerl/figure"
	"securecoderl/securerl/record"
	"securecoderl/securerl/runlog"
	"securecoderl/securerl/scan"
	"securecoderl/securerl/tokenizer"
)

// elements walks a drawing and fails on anything that figures are not made of.
func elements(t *testing.T, svg []byte) {
	t.Helper()
	tags := []string{"svg", "g", "rect", "path", "text", "tspan", "defs", "clipPath", "line", "circle", "polygon", "polyline", "linearGradient", "stop"}
	for d := xml.NewDecoder(strings.NewReader(string(svg))); ; {
		token, err := d.Token()
		if err == io.EOF {
			return
		}
		require.NoError(t, err, "not well-formed")
		switch e := token.(type) {
		case xml.StartElement:
			assert.Contains(t, tags, e.Name.Local)
			for _, a := range e.Attr {
				assert.False(t, strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href", a.Name.Local)
			}
		case xml.CharData:
			for _, r := range string(e) {
				assert.False(t, r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)), "%U", r)
			}
		}
	}
}

func TestHostileNamesStayTexts(t *testing.T) {
	for some := range slices.Chunk(hostileTexts(t), 8) {
		var list []runlog.Point
		var names []string
		for _, h := range some {
			names = append(names, h.Text)
			list = append(list, runlog.Point{Phase: "ppo", Variant: h.Text, Step: 1, Values: map[string]float64{"kl": 1, "entropy": 2, "clip_fraction": 0.1}},
				runlog.Point{Phase: "ppo", Variant: h.Text, Step: 2, Values: map[string]float64{"kl": 2}})
		}
		f := figure.Dynamics(list, names...)
		rows, err := csv.NewReader(strings.NewReader(string(f.CSV()))).ReadAll()
		require.NoError(t, err)
		for _, row := range rows {
			assert.False(t, row[0] != "" && strings.ContainsAny(row[0][:1], "=+-@\t\r"), "%q", row[0])
		}
		svg, err := ssr.Render(f)
		require.NoError(t, err)
		elements(t, svg)
	}
	for _, i := range []int{0, 4, 35} { // the others go the same ways
		h := hostileTexts(t)[i]
		r := figure.Rate{Name: h.Text, K: 1, N: 2, Estimate: 0.5, Low: 0.1, High: 0.9}
		svg, err := ssr.Render(figure.Results(h.Text, h.Text, []figure.Rate{r}, []figure.Rate{r}))
		require.NoError(t, err)
		elements(t, svg)
		svg, err = ssr.Render(figure.Plane(h.Text, []figure.Place{{Name: h.Text, Passed: r, Flagged: r}}))
		require.NoError(t, err)
		elements(t, svg)
		for _, f := range []chart.Figure{
			figure.Ladder([]string{h.Text}, []string{h.Text}, [][]float64{{1}}),
			figure.Quadrants(figure.Quadrant{Name: h.Text, N: [2][2]int{{1, 2}, {3, 4}}}), figure.Pareto(figure.Scored(h.Text, []float64{0, 1}, []float64{1, 1})),
			figure.Forest(h.Text, figure.Contrast{Name: h.Text, Rows: []figure.Difference{{Name: h.Text, High: 0.5, N: 2}}}),
			figure.Weaknesses(figure.Group{Name: h.Text, Rates: []figure.Rate{r}}), figure.Flow(h.Text, h.Text, flows),
			figure.Failures([]string{h.Text}, []figure.Count{{Name: h.Text, N: []int{3}}}),
		} {
			svg, err = ssr.Render(f.Fit(chart.Column))
			require.NoError(t, err)
			elements(t, svg)
		}
	}
}

// What attributes and the style sheet may hold, whatever the program is.
var (
	harmless = regexp.MustCompile(`^[a-z0-9#:;., -]*$|^(background|margin)[a-zA-Z0-9#:;., -]*$`)
	sheet    = regexp.MustCompile(`^(#credit-[0-9a-f]{10}-[1-3]:checked~pre span\{background:var\(--b[1-3]\)!important;border-bottom:2px var\(--l[1-3]\) #555!important\})*$`)
)

// TestHostileProgramsStayTexts walks the DOM of the credit map: its elements and
// attributes are those of a harmless program.
func TestHostileProgramsStayTexts(t *testing.T) {
	for _, h := range hostileTexts(t) {
		row := record.Row{Completion: h.Text, Program: record.Program{End: len(h.Text)}}
		row.Verdict.Findings = []scan.Finding{{Rule: h.Text, Severity: "HIGH", End: len(h.Text)}}
		var spans []tokenizer.Span
		for i := 0; i < len(h.Text); i += 4 {
			spans = append(spans, tokenizer.Span{Start: i, End: min(i+4, len(h.Text))})
		}
		spans = append(spans, tokenizer.Span{Start: len(h.Text), End: len(h.Text)})
		for i := range spans {
			row.Advantages = append(row.Advantages, float64(i%3-1))
			row.Rewards = append(row.Rewards, float64(i%2))
			row.LogProbs, row.RefLogProbs = append(row.LogProbs, -1), append(row.RefLogProbs, -float64(i%4))
		}
		c, err := figure.CreditMap(h.Text, row, spans)
		require.NoError(t, err, h.Name)
		for _, l := range []figure.Layer{figure.Advantage, figure.Reward, figure.Divergence, figure.Findings} {
			elements(t, c.Draw(l, chart.Page))
			elements(t, c.Draw(l, chart.Column))
		}
		doc, err := html.Parse(strings.NewReader(string(c.HTML)))
		require.NoError(t, err)
		for n := range doc.Descendants() {
			if n.Type == html.ElementNode {
				assert.Contains(t, []string{"html", "head", "body", "div", "style", "input", "label", "pre", "span", "i"}, n.Data, h.Name)
				for _, a := range n.Attr {
					assert.True(t, slices.Contains([]string{"title", "style", "type", "name", "id", "for", "checked"}, a.Key), "%s: %s", h.Name, a.Key)
					assert.True(t, a.Key == "title" || harmless.MatchString(a.Val), "%s: %s", h.Name, a.Val)
				}
				if n.Data == "style" {
					assert.Regexp(t, sheet, n.FirstChild.Data, h.Name)
				}
			}
			assert.NotEqual(t, html.CommentNode, n.Type, h.Name)
		}
	}
}
