package ssr

import (
	"bytes"
	"compress/gzip"
	_ "embed" // for ECharts
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/dop251/goja"

	"securecoderl/securerl/chart"
)

//go:embed assets/echarts-6.1.0.min.js.gz
var compressed []byte

// Script returns the embedded ECharts, for pages that draw live.
var Script = sync.OnceValues(func() (string, error) {
	r, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return "", fmt.Errorf("chart/ssr: %w", err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return "", fmt.Errorf("chart/ssr: %w", err)
	}
	return string(b), nil
})

var program = sync.OnceValues(func() (*goja.Program, error) {
	src, err := Script()
	if err != nil {
		return nil, err
	}
	return goja.Compile("echarts.min.js", src, false)
})

// limit ends a figure whose option sends ECharts into an endless loop.
const limit = time.Minute

var (
	mu     sync.Mutex
	engine *runtime // nil before the first figure and after a failure
)

type runtime struct {
	vm   *goja.Runtime
	draw goja.Callable
}

// Render draws the figure as SVG. The same figure gives the same bytes. Errors wrap
// chart.ErrFigure. Safe for concurrent use; one figure is drawn at a time.
func Render(f chart.Figure) ([]byte, error) {
	script, err := f.Script()
	if err != nil {
		return nil, err
	}
	return Draw(f.Name, script, f.Alt, f.Width, f.Height)
}

// Draw is Render for a figure that is already a script (chart.Figure.Script), such as
// one that another process made. The script is run: it must come from chart.
func Draw(name, script, alt string, width, height int) ([]byte, error) {
	mu.Lock()
	defer mu.Unlock()
	if engine == nil {
		var err error
		if engine, err = start(); err != nil {
			return nil, err
		}
	}
	svg, err := engine.render(script, width, height)
	if err != nil {
		engine = nil
		return nil, fmt.Errorf("%w: %s: %w", chart.ErrFigure, name, err)
	}
	return []byte(named(portable(svg), alt)), nil
}

func start() (*runtime, error) {
	p, err := program()
	if err != nil {
		return nil, err
	}
	vm := goja.New()
	vm.SetRandSource(func() float64 { return 0.5 })
	vm.SetTimeSource(func() time.Time { return time.Unix(0, 0).UTC() })
	never := func(goja.FunctionCall) goja.Value { return vm.ToValue(0) }
	for _, name := range []string{"setTimeout", "clearTimeout"} {
		if err := vm.Set(name, never); err != nil {
			return nil, fmt.Errorf("chart/ssr: %w", err)
		}
	}
	if _, err := vm.RunProgram(p); err != nil {
		return nil, fmt.Errorf("chart/ssr: %w", err)
	}
	v, err := vm.RunString(`(function(option, width, height) {
		var c = echarts.init(null, null, {renderer: 'svg', ssr: true, width: width, height: height});
		try { c.setOption(option); return c.renderToSVGString(); } finally { c.dispose(); }
	})`)
	if err != nil {
		return nil, fmt.Errorf("chart/ssr: %w", err)
	}
	draw, ok := goja.AssertFunction(v)
	if !ok {
		return nil, fmt.Errorf("chart/ssr: %v is no function", v)
	}
	return &runtime{vm, draw}, nil
}

func (r *runtime) render(script string, width, height int) (string, error) {
	watch := time.AfterFunc(limit, func() { r.vm.Interrupt("took too long") })
	defer watch.Stop()
	option, err := r.vm.RunString("(" + script + ")")
	if err != nil {
		return "", err
	}
	v, err := r.draw(goja.Undefined(), option, r.vm.ToValue(width), r.vm.ToValue(height))
	if err != nil {
		return "", err
	}
	return v.String(), nil
}

// ECharts escapes the quotes of texts, so these patterns meet its own markup only.
var (
	baseline  = regexp.MustCompile(`<text dominant-baseline="central"`)
	numbering = regexp.MustCompile(`((?:id="|url\(#)zr)\d+-`)
	// What follows serves a mouse that a still picture does not have.
	hover    = regexp.MustCompile(`(?s)<style ><!\[CDATA\[.*?\]\]>\s*</style>\n`)
	live     = regexp.MustCompile(` (?:class="zr\d+-cls-\d+"|ecmeta_\w+="[^"]*"|pointer-events="\w+")`)
	hitAreas = regexp.MustCompile(`<path d="[^"]*"(?: transform="[^"]*")? fill="(?:none"|rgb\(0,0,0\)" fill-opacity="0" stroke="#\w+" stroke-width="0")></path>\n`)
	root     = regexp.MustCompile(`^<svg `)
)

// portable writes the shift of centred words out, and takes away numbering and
// whatever is for a mouse.
func portable(svg string) string {
	svg = baseline.ReplaceAllString(svg, `<text dy="0.35em"`)
	svg = hover.ReplaceAllString(svg, "")
	svg = live.ReplaceAllString(svg, "")
	svg = hitAreas.ReplaceAllString(svg, "")
	return numbering.ReplaceAllString(svg, "${1}-")
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;")

// named gives the drawing its alternative text.
func named(svg, alt string) string {
	return root.ReplaceAllLiteralString(svg, `<svg role="img" aria-label="`+escaper.Replace(chart.Visible(alt))+`" `)
}
