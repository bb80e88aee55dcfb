package chart

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrFigure reports a figure that cannot be drawn: no chart, no size, or a number
// that is not finite.
var ErrFigure = errors.New("chart: figure cannot be drawn")

// Object is a piece of an ECharts option.
type Object = map[string]any

// JS is JavaScript source, for the places of an option that take a function. Put it
// there in Patch; it must never hold text from elsewhere.
type JS string

// Chart is any go-echarts chart.
type Chart interface {
	Validate()
	JSON() map[string]any
}

// Figure is a picture with all that goes with it.
type Figure struct {
	Name    string // name of its files: small letters, digits, hyphens
	Title   string // what it shows, in a few words; drawn at its top
	Caption string // what to see in it, how many, how computed
	Alt     string // the sentence for readers who cannot see it
	Width   int    // CSS pixels, 96 to the inch
	Height  int

	Chart Chart
	Patch func(option map[string]any) // last word on the option; may be nil

	Columns []string   // heads of the table behind the picture
	Rows    [][]string // its rows

	// Redraw lays the same figure out for another width, in pixels; nil where there
	// is one layout only.
	Redraw func(width int) Figure
}

// Fit lays the figure out for a column or page of that many pixels (Column, Page).
// Words keep their size; panels, legends and names move. Name, Title, Caption and Alt
// stay what they are here. A figure that needs more room than it is given comes out
// wider: look at Width.
func (f Figure) Fit(width int) Figure {
	if f.Redraw == nil {
		return f
	}
	g := f.Redraw(width)
	g.Name, g.Title, g.Caption, g.Alt, g.Redraw = f.Name, f.Title, f.Caption, f.Alt, f.Redraw
	return g
}

// Head is the room that the title takes at the top, in pixels. Titles too long for
// the figure break into lines.
func (f Figure) Head() int { return 4 + (TextSize+4)*(1+strings.Count(f.heading(), "\n")) }

// heading is the title in lines that fit, 7 pixels a letter: the widest of the usual
// bold types.
func (f Figure) heading() string { return Wrap(f.Title, (f.Width-8)/7) }

// Option returns the ECharts option: the typed chart, the look, then Patch. Texts in
// it are as given; functions have type JS. Errors wrap ErrFigure.
func (f Figure) Option() (map[string]any, error) {
	if f.Chart == nil || f.Width <= 0 || f.Height <= 0 {
		return nil, fmt.Errorf("%w: %s: it needs a chart and a size, has %dx%d", ErrFigure, f.Name, f.Width, f.Height)
	}
	f.Chart.Validate()
	b, err := json.Marshal(f.Chart.JSON())
	if err != nil { // such as NaN, which go-echarts' own renderer turns into an empty option
		return nil, fmt.Errorf("%w: %s: %w", ErrFigure, f.Name, err)
	}
	o := Object{}
	if err := json.Unmarshal(b, &o); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFigure, f.Name, err)
	}
	if f.Title != "" {
		o["title"] = []any{Object{"text": f.heading()}}
	}
	if f.Patch != nil {
		f.Patch(o)
	}
	style(o)
	return o, nil
}

// Script returns the option as one JavaScript expression, keys sorted, fit for a
// script element: it holds no "<". Errors wrap ErrFigure.
func (f Figure) Script() (string, error) {
	o, err := f.Option()
	if err != nil {
		return "", err
	}
	b, err := encode(nil, o)
	if err != nil {
		return "", fmt.Errorf("%w: %s: %w", ErrFigure, f.Name, err)
	}
	return string(b), nil
}

// encode appends v as JavaScript. Unlike json.Marshal it lets JS through and makes
// every other text visible.
func encode(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case JS:
		return append(append(append(b, '('), v...), ')'), nil
	case string:
		text, err := json.Marshal(Visible(v))
		return append(b, text...), err
	case Object:
		return encodeObject(b, v)
	case []any:
		return encodeList(b, v)
	case []string:
		return encodeList(b, v)
	case []Object:
		return encodeList(b, v)
	default: // numbers, flags, and lists of numbers
		text, err := json.Marshal(v)
		return append(b, text...), err
	}
}

func encodeObject(b []byte, o Object) (_ []byte, err error) {
	keys := make([]string, 0, len(o))
	for k := range o {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	b = append(b, '{')
	for i, k := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = encode(b, k); err != nil {
			return nil, err
		}
		if b, err = encode(append(b, ':'), o[k]); err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
	}
	return append(b, '}'), nil
}

func encodeList[T any](b []byte, list []T) (_ []byte, err error) {
	b = append(b, '[')
	for i, x := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = encode(b, x); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

// Each calls do on every object under key: a list of series, an axis that may be one
// object or a list.
func Each(o map[string]any, key string, do func(i int, x map[string]any)) {
	switch v := o[key].(type) {
	case []any:
		for i, x := range v {
			if m, ok := x.(Object); ok {
				do(i, m)
			}
		}
	case []Object:
		for i, m := range v {
			do(i, m)
		}
	case Object:
		do(0, v)
	}
}
