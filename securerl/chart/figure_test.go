package chart_test

import (
	"encoding/csv"
	"flag"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/securerl/chart"
)

var update = flag.Bool("update", false, "write testdata/figure/line.js again")

func line(values ...any) chart.Figure {
	l := charts.NewLine()
	l.SetXAxis([]string{"a", "b"})
	var data []opts.LineData
	for _, v := range values {
		data = append(data, opts.LineData{Value: v})
	}
	l.AddSeries("s", data)
	return chart.Figure{Name: "line", Title: "A line", Alt: "two points", Width: 320, Height: 200, Chart: l}
}

func TestNumbersThatAreNotFiniteAreRefused(t *testing.T) {
	_, err := line(1, math.NaN()).Option()
	assert.ErrorIs(t, err, chart.ErrFigure)
	f := line(1, 2)
	f.Patch = func(o map[string]any) { o["bad"] = []float64{math.Inf(1)} }
	_, err = f.Script()
	assert.ErrorIs(t, err, chart.ErrFigure)
	f.Chart = nil
	_, err = f.Option()
	assert.ErrorIs(t, err, chart.ErrFigure)
}

func TestPatchHasTheLastWordOverTheLook(t *testing.T) {
	f := line(1, 2)
	o, err := f.Option()
	require.NoError(t, err)
	assert.Equal(t, chart.Surface, o["backgroundColor"])
	f.Patch = func(o map[string]any) { o["backgroundColor"] = "none" }
	o, err = f.Option()
	require.NoError(t, err)
	assert.Equal(t, "none", o["backgroundColor"])
}

func TestFitKeepsWhatTheCallerChanged(t *testing.T) {
	f := line(1, 2)
	assert.Equal(t, f.Width, f.Fit(chart.Page).Width, "a figure with one layout stays as it is")
	f.Redraw = func(width int) chart.Figure {
		g := line(1, 2)
		g.Width, g.Title = width, "as drawn"
		return g
	}
	f.Name, f.Caption = "mine", "seed 1"
	g := f.Fit(chart.Page)
	assert.Equal(t, []any{"mine", "A line", "seed 1", chart.Page}, []any{g.Name, g.Title, g.Caption, g.Width})
	assert.Equal(t, 200, g.Fit(200).Width, "and can be fitted again")
}

func TestTitlesBreakInsideTheFigure(t *testing.T) {
	f := line(1, 2)
	assert.Equal(t, 19, f.Head())
	f.Title = "What became of the problems: one policy to another policy"
	o, err := f.Option()
	require.NoError(t, err)
	chart.Each(o, "title", func(_ int, a map[string]any) {
		assert.Equal(t, "What became of the problems: one policy to\nanother policy", a["text"])
	})
	assert.Equal(t, 34, f.Head())
}

func TestWrapLosesNoWord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.StringMatching(`[a-z]{1,12}`)).Draw(t, "words")
		n := rapid.IntRange(1, 30).Draw(t, "n")
		lines := strings.Split(chart.Wrap(strings.Join(words, " "), n), "\n")
		assert.Equal(t, words, append([]string{}, strings.Fields(strings.Join(lines, " "))...))
		for _, l := range lines {
			assert.True(t, len(l) <= n || !strings.Contains(l, " "), "%q", l)
		}
	})
}

func TestEveryTextHasALineHeight(t *testing.T) {
	o, err := line(1, 2).Option()
	require.NoError(t, err)
	for _, axis := range []string{"xAxis", "yAxis"} {
		chart.Each(o, axis, func(_ int, a map[string]any) {
			assert.Contains(t, a["axisLabel"], "lineHeight")
			assert.Contains(t, a["nameTextStyle"], "lineHeight")
		})
	}
	chart.Each(o, "title", func(_ int, a map[string]any) { assert.Contains(t, a["textStyle"], "lineHeight") })
}

func TestTheScriptIsAsItWas(t *testing.T) {
	const path = "../../testdata/figure/line.js"
	got, err := line(1, 2.5).Script()
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got+"\n"), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got+"\n")
}

func TestOnlyGoMakesFunctions(t *testing.T) {
	f := line(1, 2)
	f.Title = "__f__function(){}__f__ </script><!--"
	f.Patch = func(o map[string]any) {
		o["tooltip"] = map[string]any{"formatter": chart.JS("function(p){return p.name}")}
	}
	s, err := f.Script()
	require.NoError(t, err)
	assert.Contains(t, s, `"formatter":(function(p){return p.name})`)
	assert.Contains(t, s, `"__f__function(){}__f__ \u003c/script\u003e\u003c!--"`)
	assert.NotContains(t, s, "<")
}

func TestVisibleLeavesNothingThatActs(t *testing.T) {
	assert.Equal(t, `a\x1b[31mb\u202ec\xff\u200bd`+"\n\t"+`\x0d\x00`, chart.Visible("a\x1b[31mb\u202ec\xff\u200bd\n\t\r\x00"))
	assert.Equal(t, "straße 変 é", chart.Visible("straße 変 é"))
	rapid.Check(t, func(t *rapid.T) {
		s := chart.Visible(string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")))
		for _, r := range s {
			assert.False(t, r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)))
		}
		assert.Equal(t, s, chart.Visible(s))
	})
}

func TestNoCellIsAFormula(t *testing.T) {
	for cell, want := range map[string]string{
		"=1+1": "'=1+1", "@SUM(A1)": "'@SUM(A1)", "-2.5": "-2.5", "+3": "+3", "-x": "'-x", " =A1": "' =A1",
		"\t=A1": "'\t=A1", "\r=A1": `\x0d=A1`, "plain": "plain", "": "", "|cmd": "'|cmd", "\uff1dA1": "'\uff1dA1",
	} {
		assert.Equal(t, want, chart.Cell(cell), "%q", cell)
	}
	rapid.Check(t, func(t *rapid.T) {
		c := chart.Cell(rapid.String().Draw(t, "cell"))
		if _, err := strconv.ParseFloat(c, 64); err != nil {
			assert.False(t, c != "" && strings.ContainsAny(c[:1], "=+-@\t\r"), "%q", c)
		}
	})
}

func TestCSVIsReadBack(t *testing.T) {
	f := chart.Figure{Columns: []string{"name", "value"}, Rows: [][]string{{`a "b", c`, "1.5"}, {"two\nlines", "-2"}}}
	rows, err := csv.NewReader(strings.NewReader(string(f.CSV()))).ReadAll()
	require.NoError(t, err)
	assert.Equal(t, append([][]string{f.Columns}, f.Rows...), rows)
}

// TestDarkTwinsCanBeRead computes the contrast of WCAG 2.2 against white.
func TestDarkTwinsCanBeRead(t *testing.T) {
	for _, c := range append(chart.Dark, chart.Ink, chart.Grey) {
		assert.GreaterOrEqual(t, 1.05/(luminance(t, c)+0.05), 4.5, c)
	}
	assert.Len(t, chart.Dark, len(chart.Palette))
}

func luminance(t *testing.T, colour string) float64 {
	var r, g, b int
	_, err := fmt.Sscanf(colour, "#%02X%02X%02X", &r, &g, &b)
	require.NoError(t, err)
	linear := func(x int) float64 {
		if s := float64(x) / 255; s > 0.04045 {
			return math.Pow((s+0.055)/1.055, 2.4)
		} else {
			return s / 12.92
		}
	}
	return 0.2126*linear(r) + 0.7152*linear(g) + 0.0722*linear(b)
}

func ExampleFigure_CSV() {
	f := chart.Figure{Columns: []string{"policy", "rate"}, Rows: [][]string{{"=HYPERLINK(1)", "0.25"}}}
	fmt.Print(string(f.CSV()))
	// Output:
	// policy,rate
	// '=HYPERLINK(1),0.25
}

func ExampleVisible() {
	fmt.Println(chart.Visible("clear\x1b[2J\u202e"))
	// Output: clear\x1b[2J\u202e
}
