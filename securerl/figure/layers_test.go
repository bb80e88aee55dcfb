package figure_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"securecoderl/securerl/chart"
	"securecoderl/securerl/figure"
	"securecoderl/securerl/record"
	"securecoderl/securerl/scan"
	"securecoderl/securerl/tokenizer"
)

// layered is "ab", "cd" and the end token, with different values on every layer.
func layered(t *testing.T) figure.Credit {
	t.Helper()
	row := record.Row{Completion: "xabcd", Program: record.Program{Start: 1, End: 5}, Rewards: []float64{0, 0, 0, 1}, Advantages: []float64{0, 2, -1, 0},
		LogProbs: []float64{0, -1, -2, -3}, RefLogProbs: []float64{0, -1.5, -1, -3}}
	row.Verdict.Findings = []scan.Finding{{Rule: "B307", Severity: scan.Medium, Start: 3, End: 4}} // the d, in bytes of the program
	c, err := figure.CreditMap("t", row, []tokenizer.Span{{Start: 0, End: 1}, {Start: 1, End: 3}, {Start: 3, End: 5}, {Start: 5, End: 5}})
	require.NoError(t, err)
	return c
}

func TestLayersHoldTheNumbersOfTheRow(t *testing.T) {
	c := layered(t)
	assert.Equal(t, [][]string{
		{"0", "x", "0", "0", "0", ""}, {"1", "ab", "0", "2", "0.5", ""}, {"2", "cd", "0", "-1", "-1", "B307 MEDIUM"}, {"3", "", "1", "0", "0", ""},
	}, c.Rows)
	assert.Equal(t, "4 tokens, log-probability less the reference's from \u22121.00 to +0.50 nats, \u22120.50 in all", c.Note(figure.Divergence))
	assert.Equal(t, "4 tokens, 1 of them inside what the scanner marked", c.Note(figure.Findings))
	assert.Contains(t, c.Caption, "seed 0, iteration 0")
	for l, marked := range map[figure.Layer]int{figure.Advantage: 2, figure.Reward: 1, figure.Divergence: 2, figure.Findings: 1} {
		svg := string(c.Draw(l, chart.Page))
		body := svg[strings.LastIndex(svg, "</g><g>"):]
		assert.Equal(t, marked, strings.Count(body, "<line "), "a bar per token that is marked: %s", l)
	}
}

// TestTheFirstLayerNeedsNoStyleSheet walks the page as a viewer that removes style
// sheets and buttons shows it: one text, tinted by advantage.
func TestTheFirstLayerNeedsNoStyleSheet(t *testing.T) {
	doc, err := html.Parse(strings.NewReader(string(layered(t).HTML)))
	require.NoError(t, err)
	spans, labels, checked, buttons, pres := []string{}, []string{}, 0, 0, 0
	for n := range doc.Descendants() {
		switch {
		case n.Type != html.ElementNode:
		case n.Data == "span":
			for _, a := range n.Attr {
				if a.Key == "style" {
					spans = append(spans, a.Val)
				}
			}
		case n.Data == "label":
			labels = append(labels, n.FirstChild.Data)
		case n.Data == "pre":
			pres++
		case n.Data == "input":
			buttons++
			for _, a := range n.Attr {
				if a.Key == "checked" {
					checked++
				}
			}
		}
	}
	assert.Equal(t, []int{1, 1, 4}, []int{pres, checked, buttons})
	assert.Equal(t, []string{"advantage", "reward", "KL", "findings"}, labels)
	require.Len(t, spans, 3)
	assert.Equal(t, "background:#7EB8DA;border-bottom:2px solid #555;color:#222222;--b1:#FFFFFF;--l1:none;--b2:#BEDBEC;--l2:solid;--b3:#FFFFFF;--l3:none", spans[0])
	assert.True(t, strings.HasPrefix(spans[1], "background:#F8D8AD;border-bottom:2px dashed #555"), spans[1])
	assert.NotContains(t, string(layered(t).HTML), "<script")
}

func TestARowWithOneLayerHasOneButton(t *testing.T) {
	c, err := figure.CreditMap("t", record.Row{Completion: "ab", Rewards: []float64{0, 1}}, []tokenizer.Span{{Start: 0, End: 1}, {Start: 1, End: 2}})
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(c.HTML), "<input"))
	assert.False(t, c.Has(figure.Advantage))
	assert.Equal(t, string(c.Draw(figure.Reward, chart.Page)), string(c.SVG))
	plain, err := figure.CreditMap("t", record.Row{Completion: "ab"}, []tokenizer.Span{{Start: 0, End: 2}})
	require.NoError(t, err)
	assert.NotContains(t, string(plain.HTML), "<input")
}

// TestLongLinesKeepTheirNumbers: the rows below a line that is too long have none.
func TestLongLinesKeepTheirNumbers(t *testing.T) {
	text := strings.Repeat("x", 100) + "\ny"
	c, err := figure.CreditMap("t", record.Row{Completion: text}, []tokenizer.Span{{Start: 0, End: len(text)}})
	require.NoError(t, err)
	svg := string(c.Draw(figure.Advantage, chart.Column))
	assert.Contains(t, svg, ">2</text>")
	assert.NotContains(t, svg, ">3</text>")
	assert.Contains(t, svg, `width="320"`)
}
