package ssr_test

import (
	"bytes"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/chart"
	"securecoderl/securerl/chart/ssr"
)

var update = flag.Bool("update", false, "write testdata/figure/line.svg again")

func line(title string, last float64) chart.Figure {
	l := charts.NewLine()
	l.SetXAxis([]string{"a", title}).AddSeries("s", []opts.LineData{{Value: 1}, {Value: last}})
	return chart.Figure{Name: "line", Title: title, Alt: "from 1 to the last", Width: 320, Height: 200, Chart: l, Patch: func(o map[string]any) {
		chart.Each(o, "yAxis", func(_ int, a map[string]any) {
			a["axisLabel"] = map[string]any{"formatter": chart.JS(`function(v) { return v.toFixed(1) + " points"; }`)}
		})
		chart.Each(o, "series", func(_ int, s map[string]any) { s["clip"] = true })
	}}
}

func TestTheSameFigureGivesTheSameBytes(t *testing.T) {
	first, err := ssr.Render(line("first", 2))
	require.NoError(t, err)
	assert.Contains(t, string(first), "1.0 points", "the function of the axis must have run")
	assert.NotContains(t, string(first), "dominant-baseline")
	const path = "../../../testdata/figure/line.svg"
	if *update {
		require.NoError(t, os.WriteFile(path, first, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Truef(t, bytes.Equal(want, first), "%s differs; look at the new one, then run the test with -update", path)
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			_, err := ssr.Render(line(fmt.Sprint("other", i), float64(i)))
			assert.NoError(t, err)
			again, err := ssr.Render(line("first", 2))
			assert.NoError(t, err)
			assert.True(t, bytes.Equal(first, again))
		})
	}
	wg.Wait()
}

func TestAFailureDoesNotSpoilTheNext(t *testing.T) {
	want, err := ssr.Render(line("x", 2))
	require.NoError(t, err)
	bad := line("x", 2)
	bad.Patch = func(o map[string]any) { o["tooltip"] = chart.JS("nobody.knows") }
	_, err = ssr.Render(bad)
	require.ErrorIs(t, err, chart.ErrFigure)
	got, err := ssr.Render(line("x", 2))
	require.NoError(t, err)
	assert.True(t, bytes.Equal(want, got))
}

func TestTextsStayTexts(t *testing.T) {
	f := line("</text><script>alert(1)</script>&\x1b[31m\u202e\" onload=\"x id=\"zr9-c", 2)
	f.Alt = `"><script>`
	svg, err := ssr.Render(f)
	require.NoError(t, err)
	for d := xml.NewDecoder(strings.NewReader(string(svg))); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		require.NoError(t, err, "the drawing must be well-formed")
		if e, ok := token.(xml.StartElement); ok {
			assert.Contains(t, []string{"svg", "g", "rect", "path", "text", "defs", "clipPath", "style", "polyline", "circle"}, e.Name.Local)
			for _, a := range e.Attr {
				assert.False(t, strings.HasPrefix(a.Name.Local, "on"), a.Name.Local)
			}
		}
	}
}

func BenchmarkRender(b *testing.B) {
	for b.Loop() {
		if _, err := ssr.Render(line("x", 2)); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleRender() {
	bar := charts.NewBar()
	bar.SetXAxis([]string{"SFT", "PPO"}).AddSeries("passed", []opts.BarData{{Value: 31}, {Value: 38}})
	svg, err := ssr.Render(chart.Figure{Name: "passed", Title: "Tests passed", Width: 320, Height: 200, Chart: bar})
	fmt.Println(strings.HasPrefix(string(svg), "<svg"), err)
	// Output: true <nil>
}
