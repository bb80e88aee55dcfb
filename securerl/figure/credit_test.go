package figure_test

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/securerl/chart"
	"securecoderl/securerl/figure"
	"securecoderl/securerl/record"
	"securecoderl/securerl/runlog"
	"securecoderl/securerl/tokenizer"
)

func TestCreditMapLooksAsItDid(t *testing.T) {
	row, spans := credited()
	c, err := figure.CreditMap("gated, problem p1", row, spans)
	require.NoError(t, err)
	same(t, "credit.svg", c.SVG)
	same(t, "credit.html", []byte(c.HTML))
	for _, l := range []figure.Layer{figure.Advantage, figure.Reward, figure.Divergence, figure.Findings} {
		require.True(t, c.Has(l))
		same(t, "credit-"+strings.ToLower(l.String())+"-column.svg", c.Draw(l, chart.Column))
	}
	assert.Equal(t, string(c.SVG), string(c.Draw(figure.Advantage, chart.Page)))
	assert.Len(t, c.Rows, len(spans))
	assert.Contains(t, string(c.SVG), "34 tokens, reward 0.50 in all")
}

var tags = regexp.MustCompile(`<[^>]*>`)

// TestCreditMapLosesNoLetter cuts texts anywhere, inside letters too: the text of the
// page is the completion.
func TestCreditMapLosesNoLetter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "completion")
		row := record.Row{Completion: text}
		var spans []tokenizer.Span
		for at := 0; at < len(text); {
			end := min(len(text), at+rapid.IntRange(1, 5).Draw(t, "bytes"))
			spans = append(spans, tokenizer.Span{Start: at, End: end})
			row.Advantages = append(row.Advantages, rapid.Float64Range(-2, 2).Draw(t, "advantage"))
			at = end
		}
		c, err := figure.CreditMap("t", row, spans)
		require.NoError(t, err)
		program := string(c.HTML)[strings.Index(string(c.HTML), "<pre"):]
		assert.Equal(t, chart.Visible(text), strings.TrimPrefix(html.UnescapeString(tags.ReplaceAllString(program, "")), "\n"))
		var joined strings.Builder
		for _, r := range c.Rows {
			joined.WriteString(r[1])
		}
		assert.Equal(t, text, joined.String())
	})
}

func TestSpansMustFitTheRow(t *testing.T) {
	row := record.Row{Completion: "abc", Advantages: []float64{1}}
	for name, spans := range map[string][]tokenizer.Span{
		"too many":      {{Start: 0, End: 1}, {Start: 1, End: 3}},
		"past the end":  {{Start: 0, End: 4}},
		"turned around": {{Start: 2, End: 1}},
		"negative":      {{Start: -1, End: 1}},
	} {
		_, err := figure.CreditMap("t", row, spans)
		assert.ErrorIs(t, err, figure.ErrSpans, name)
	}
	_, err := figure.CreditMap("t", record.Row{Completion: "abc"}, []tokenizer.Span{{Start: 0, End: 3}})
	assert.NoError(t, err, "evaluation keeps no advantages")
}

func ExampleCollapse() {
	var points []runlog.Point
	for step, values := range []map[string]float64{{"reward": 0.45, "passed": 0.18, "constant": 0.02}, {"reward": 0.72, "passed": 0.01, "constant": 0.77}} {
		points = append(points, runlog.Point{Phase: "ppo", Variant: "collapse", Step: step + 1, Values: values})
	}
	f := figure.Collapse(points, "collapse")
	fmt.Println(f.Title)
	fmt.Println(strings.SplitN(f.Caption, ". ", 3)[1])
	// Output:
	// Reward and tests passed: collapse
	// Here it was hacked: the policy is paid more for programs that do less
}

func ExampleCreditMap() {
	row := record.Row{Completion: "print(1)", IDs: []int32{7, 8, 3}, Rewards: []float64{0, 0, 1}, Advantages: []float64{0.5, 0.5, 0.5}}
	spans := []tokenizer.Span{{Start: 0, End: 5}, {Start: 5, End: 8}, {Start: 8, End: 8}}
	credit, err := figure.CreditMap("gated", row, spans)
	fmt.Println(credit.Rows, err)
	// Output: [[0 print 0 0.5  ] [1 (1) 0 0.5  ] [2  1 0.5  ]] <nil>
}
