package main

import (
	"context"
	"crypto/sha256"
	_ "embed" // for pdf.py
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goitalic"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/gomonoitalic"
	"golang.org/x/image/font/gofont/goregular"

	"securecoderl/experiments/results/stored"
	"securecoderl/securerl/chart"
	"securecoderl/securerl/report"
)

//go:embed pdf.py
var script []byte

// fonts are embedded in every PDF: the families Go and Go Mono (BSD licence).
var fonts = map[string][]byte{"Go-Regular.ttf": goregular.TTF, "Go-Bold.ttf": gobold.TTF, "Go-Italic.ttf": goitalic.TTF, "Go-Mono.ttf": gomono.TTF, "Go-Mono-Italic.ttf": gomonoitalic.TTF}

// hasTypst tells whether the interpreter can make PDF.
func hasTypst(ctx context.Context, python string) error {
	if err := exec.CommandContext(ctx, python, "-c", "import typst").Run(); err != nil {
		return fmt.Errorf("%w: %s cannot import typst; `make figures` installs it", errInput, python)
	}
	return nil
}

// export lays out all files: NAME.svg, NAME.pdf, NAME.csv, NAME.txt.
func export(ctx context.Context, python string, run *stored.Run, pictures []picture) (map[string][]byte, error) {
	files := map[string][]byte{}
	svgs := map[string][]byte{}
	for _, p := range pictures {
		for name, svg := range p.svg {
			files[name+".svg"], svgs[name] = svg, svg
		}
	}
	pdfs, err := toPDF(ctx, python, svgs)
	if err != nil {
		return nil, err
	}
	for name, pdf := range pdfs {
		files[name+".pdf"] = pdf
	}
	for _, p := range pictures {
		p.describe(run, files)
	}
	return files, nil
}

// describe adds the numbers and the caption of a picture whose drawings are there.
func (p picture) describe(run *stored.Run, files map[string][]byte) {
	files[p.Name+".csv"] = p.CSV()
	list := []string{p.Name + ".csv"}
	if p.html != nil {
		files[p.Name+".html"] = p.html
		list = append(list, p.Name+".html")
	}
	for _, name := range p.order {
		for _, ending := range []string{".svg", ".pdf"} {
			if files[name+ending] != nil {
				list = append(list, name+ending)
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n\nalternative text: %s\n\nrun sha256 %s (metrics, samples, evaluation)\n\n", report.Terminal(p.Title), chart.Visible(p.Caption), chart.Visible(p.Alt), run.Sum)
	for _, name := range list {
		fmt.Fprintf(&b, "sha256 %x  %s\n", sha256.Sum256(files[name]), name)
	}
	files[p.Name+".txt"] = []byte(b.String())
}

var size = regexp.MustCompile(`width="(\d+)" height="(\d+)"`)

// goFonts names the fonts of the PDF where an SVG for the screen names those of
// browsers.
var goFonts = strings.NewReplacer(chart.Family, "Go", strings.ReplaceAll(chart.Family, "'", "&#39;"), "Go", chart.Mono, "Go Mono")

// toPDF compiles drawings by typst, one process for all.
func toPDF(ctx context.Context, python string, svgs map[string][]byte) (_ map[string][]byte, err error) {
	dir, err := os.MkdirTemp("", "figures-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	files := map[string][]byte{"pdf.py": script}
	for name, font := range fonts {
		files[name] = font
	}
	for name, svg := range svgs {
		m := size.FindSubmatch(svg)
		if m == nil {
			return nil, fmt.Errorf("%s.svg: the drawing has no size", name)
		}
		files[name+".svg"] = []byte(goFonts.Replace(string(svg)))
		// A CSS pixel is 3/4 of a point.
		files[name+".typ"] = fmt.Appendf(nil, "#set page(width: %s * 0.75pt, height: %s * 0.75pt, margin: 0pt)\n#image(%q, width: 100%%)\n", m[1], m[2], name+".svg")
	}
	if err := write(dir, files); err != nil {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, python, filepath.Join(dir, "pdf.py"), dir).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("typst: %w: %s", err, report.Terminal(string(out)))
	}
	pdfs := map[string][]byte{}
	for name := range svgs {
		if pdfs[name], err = os.ReadFile(filepath.Join(dir, name+".pdf")); err != nil {
			return nil, err
		}
	}
	return pdfs, nil
}
