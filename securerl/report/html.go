package report

import (
	"bytes"
	_ "embed" // for the page
	"encoding/base64"
	"fmt"
	"html/template"
	"regexp"
	"strings"

	"securecoderl/securerl/chart"
	"securecoderl/securerl/chart/ssr"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"visible": chart.Visible,
	"numeric": numeric,
	"split":   func(s string) []string { return strings.Split(s, "\n\n") },
	"image":   image,
	// interval parts "27.0 [20.1, 34.0]", so that the interval can stand below.
	"interval": interval.FindStringSubmatch,
	// heading lets a long name in a column's head break after its underlines.
	"heading": func(s string) template.HTML {
		return template.HTML(strings.ReplaceAll(template.HTMLEscapeString(chart.Visible(s)), "_", "_<wbr>"))
	},
}).Parse(pageText))

var interval = regexp.MustCompile(`^([-+\x{2212}]?[0-9.]+) (\[[-+\x{2212}0-9., ]+\])$`)

// drawn is a figure with its picture.
type drawn struct {
	chart.Figure
	SVG []byte
}

// HTML writes the report as one page: no script, no network, pictures inside. Errors
// wrap ErrReport or chart.ErrFigure.
func HTML(in Input) ([]byte, error) {
	if err := names(in.Figures); err != nil {
		return nil, err
	}
	var pictures []drawn
	for _, f := range in.Figures {
		svg, err := ssr.Render(f)
		if err != nil {
			return nil, err
		}
		pictures = append(pictures, drawn{f, svg})
	}
	var b bytes.Buffer
	if err := page.Execute(&b, struct {
		Input
		Pictures []drawn
	}{in, pictures}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReport, err)
	}
	return b.Bytes(), nil
}

// image makes an address of a drawing. An image runs no script and loads nothing.
func image(svg []byte) template.URL {
	return template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(svg))
}
