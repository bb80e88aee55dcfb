package notebook

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"securecoderl/securerl/chart"
	"securecoderl/securerl/chart/ssr"
	"securecoderl/securerl/record"
	"securecoderl/securerl/runlog"
	"securecoderl/securerl/tokenizer"
)

// cells are programs as a notebook has them, run by this binary.
var cells = map[string]func(){
	"show":      func() { Show(line("a line", 2)); Table([]string{"a"}, [][]string{{"1"}}); Code("p", "x\ny\n") },
	"broken":    func() { Show(chart.Figure{Name: "empty"}) },
	"broken js": func() { Show(broken()) },
	"ragged":    func() { Table([]string{"a", "b"}, [][]string{{"1"}}) },
	"check":     func() { Check(1 > 2, "%d is more than %d\x1b[31m", 1, 2) },
	"must":      func() { Must(0, errors.New("first\nsecond")) },
	"no run":    func() { Open("runs/none") },
	"extract":   func() { Open("") },
	"newer":     func() { Open("runs/newer") },
	"foreign":   func() { Open("runs/foreign") },
	"malformed": func() { Open("runs/malformed").Points() },
	"judge":     func() { Judge("none", "") },
	"ask":       func() { Open("runs/made").Sample(Ask{}) },
	"ids":       func() { Credit("c", record.Row{Problem: "p"}, nil) },
	"train": func() {
		live := NewLive(100, func() chart.Figure { return line("live", 1) })
		n := 0
		Train(Training{Run: "runs/made"}, func(p runlog.Point) {
			n++
			live.Step(n, "")
			fmt.Fprintln(os.Stderr, "point", p.Step)
		})
		live.Done("stopped")
		Show(line("after", 2))
	},
}

func line(title string, last float64) chart.Figure {
	l := charts.NewLine()
	l.SetXAxis([]string{"a", title}).AddSeries(title, []opts.LineData{{Value: 1}, {Value: last}})
	return chart.Figure{Name: "line", Title: title, Alt: "from 1 to the last: " + title, Caption: "Two points of " + title, Width: 320, Height: 200, Chart: l}
}

func broken() chart.Figure {
	f := line("x", 1)
	f.Patch = func(o map[string]any) { o["tooltip"] = chart.JS("nobody.knows") }
	return f
}

func TestShowIsAPictureFirstAndALiveChartWhereItMayBe(t *testing.T) {
	checkout(t)
	shown, _ := inNotebook(t)
	Interactive()
	Show(line("first", 2), line("second", 3))
	list := shown()
	require.Len(t, list, 3)
	assert.Contains(t, list[0], "if(!window.echarts){(function(exports,module,define){window.echarts={}\n}).call(window)}")
	src := regexp.MustCompile(`<img alt="from 1 to the last: first" width="320" height="200" [^>]*src="data:image/svg\+xml;base64,([^"]+)">`).FindStringSubmatch(list[1])
	require.NotNil(t, src, list[1])
	svg, err := base64.StdEncoding.DecodeString(src[1])
	require.NoError(t, err)
	want, err := ssr.Render(line("first", 2))
	require.NoError(t, err)
	assert.Equal(t, string(want), string(svg), "the picture is that of the paper")
	script, err := line("first", 2).Script()
	require.NoError(t, err)
	assert.Contains(t, list[1], script)
	assert.Contains(t, list[1], "Two points of first")
	assert.Contains(t, list[1], "background:#FFFFFF;color:#222222", "a white card, whatever the theme")
	ids := regexp.MustCompile(`<div id="([^"]+)"`)
	assert.NotEqual(t, ids.FindString(list[1]), ids.FindString(list[2]), "every figure has a place of its own")
}

func TestOutsideANotebookTheSameCallsPrintALine(t *testing.T) {
	checkout(t)
	stdout, stderr, status := run(t, "show", 0)
	assert.Zero(t, status, stderr)
	assert.Equal(t, "figure line: a line (320 x 200)\ntable of 1 rows: a\nprogram p: 2 lines\n", stdout)
}

func TestFaultsEndTheCellWithOneSentence(t *testing.T) {
	root := checkout(t)
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(root, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	const manifest = `{"schema": 1, "kind": "securerl run", "facts": {}}`
	write("runs/newer/run.json", strings.Replace(manifest, "1", "7", 1))
	write("runs/foreign/run.json", `{"kind": "diary"}`)
	write("runs/malformed/run.json", manifest)
	write("runs/malformed/metrics.jsonl", "{\"phase\": \"sft\"}\n{\"phase\": 3}\n")
	write("runs/made/run.json", manifest)
	fails(t, "broken", "figure cannot be drawn: empty")
	fails(t, "broken js", "figure cannot be drawn: line", "nobody is not defined")
	fails(t, "ragged", "row 0 of the table has 1 cells, its head has 2")
	fails(t, "check", `the check failed: 1 is more than 2\x1b[31m`)
	fails(t, "must", "first; second")
	fails(t, "no run", "runs/none holds no run", "make run RUN=runs/none", `Open("")`)
	fails(t, "extract", "testdata/runlog holds no run")
	fails(t, "newer", "runs/newer was written by a newer version (schema 7", "update the checkout")
	fails(t, "foreign", "runs/foreign/run.json is not the manifest of a run")
	fails(t, "malformed", "metrics.jsonl: line 2")
	fails(t, "judge", "lab: no problem; of that name")
	fails(t, "ask", "names a policy and a problem")
	fails(t, "ids", "no token ids")
	t.Setenv("SECURERL_ROOT", "")
	t.Chdir(t.TempDir())
	fails(t, "no run", "lies in no checkout of securerl", "make lab")
	t.Setenv("SECURERL_ROOT", root)
	t.Setenv("SECURERL_KERNEL", fmt.Sprint(os.Getppid())) // one that has no session yet
	require.NoError(t, os.Remove(filepath.Join(root, "bin", "lab")))
	t.Setenv("PATH", t.TempDir())
	fails(t, "show", "bin/lab is missing", "install Go and run make lab")
}

// The cell goes on after the interrupt: it draws what it has.
func TestAnInterruptEndsATrainingCleanly(t *testing.T) {
	root := checkout(t)
	require.NoError(t, os.MkdirAll(filepath.Join(root, "runs", "made"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "runs", "made", "run.json"), []byte(`{"schema": 1, "kind": "securerl run"}`), 0o644))
	stdout, stderr, status := run(t, "train", syscall.SIGINT)
	assert.Zero(t, status, stderr)
	assert.Contains(t, stderr, "point 0")
	assert.Regexp(t, `^training was stopped; what came before it counts\n\d+ of 100 steps in \S+; stopped\nfigure line: after`, stdout)
}

func TestALiveBlockEndsAsTheFinalFigure(t *testing.T) {
	checkout(t)
	_, block := inNotebook(t)
	drawn := 0
	l := NewLive(400, func() chart.Figure { drawn++; return line(fmt.Sprint("drawing ", drawn), 2) })
	for i := range 400 {
		l.Step(i+1, "loss <b>")
		if i == 0 {
			l.beside.Wait() // the drawing stands: the next one waits ten times as long as it took
		}
	}
	l.Done("done & saved")
	forms := block(l.id)
	require.Len(t, forms, 3, "one at the start, one drawing in a loop shorter than a second, one at the end")
	assert.Contains(t, forms[0], "0 of 400, starting")
	assert.Contains(t, forms[1], "1 of 400")
	assert.Contains(t, forms[1], "left, loss &lt;b&gt;")
	assert.Contains(t, forms[1], "<img alt")
	assert.NotContains(t, forms[1], "<script>", "while it runs there are pictures only")
	assert.Contains(t, forms[2], "400 of 400 steps in")
	assert.Contains(t, forms[2], "done &amp; saved")
	assert.Contains(t, forms[2], "<script>")
	assert.NotContains(t, forms[2], "progressbar")
}

type hostile struct{ Name, Text string }

func hostileTexts(t *testing.T) (list []hostile) {
	t.Helper()
	b, err := os.ReadFile("../../testdata/hostile-text/hostile.jsonl")
	require.NoError(t, err)
	for d := json.NewDecoder(bytes.NewReader(b)); d.More(); {
		var h hostile
		require.NoError(t, d.Decode(&h))
		list = append(list, h)
	}
	return append(list, hostile{"no UTF-8", "\xff\xfe<b>\xc3("})
}

// inert fails on any element or attribute that the shown things are not made of, and
// returns the text that a reader sees.
func inert(t *testing.T, name, fragment string, scripts int) string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(fragment))
	require.NoError(t, err)
	var text strings.Builder
	for n := range doc.Descendants() {
		switch n.Type {
		case html.ElementNode:
			assert.Contains(t, []string{"html", "head", "body", "div", "b", "i", "img", "pre", "span", "style", "script", "input", "label", "table", "thead", "tbody", "tr", "th", "td"}, n.Data, name)
			if n.Data == "script" {
				scripts--
			}
			for _, a := range n.Attr {
				assert.Contains(t, []string{"style", "id", "alt", "width", "height", "src", "role", "aria-label", "aria-valuenow", "scope", "title", "type", "name", "checked", "for"}, a.Key, name)
				if a.Key == "src" {
					assert.True(t, strings.HasPrefix(a.Val, "data:image/svg+xml;base64,"), name)
				}
			}
		case html.TextNode:
			if n.Parent.Data != "script" && n.Parent.Data != "style" {
				text.WriteString(n.Data)
			}
		case html.CommentNode:
			assert.Fail(t, "a comment", name)
		}
	}
	assert.Zero(t, scripts, "%s: scripts are ours", name)
	return text.String()
}

func TestHostileTextsShowAsText(t *testing.T) {
	checkout(t)
	tok, err := tokenizer.Train(func(yield func(string) bool) { yield("print(input())") }, 260, []string{"<s>", "</s>"})
	require.NoError(t, err)
	for i, h := range hostileTexts(t) {
		table, err := tableHTML([]string{h.Text}, [][]string{{h.Text}})
		require.NoError(t, err)
		assert.Contains(t, inert(t, h.Name, table, 0), chart.Visible(h.Text), h.Name)

		seen := inert(t, h.Name, codeHTML(h.Text, h.Text), 0)
		for _, l := range strings.Split(strings.TrimSuffix(h.Text, "\n"), "\n") {
			assert.Contains(t, seen, chart.Visible(strings.TrimSuffix(l, "\r")), h.Name)
		}

		ids := append(tok.EncodeOrdinary(h.Text).IDs, 1) // the end token
		row := record.Row{Completion: h.Text, IDs: ids, Problem: h.Text, Variant: h.Text}
		for k := range ids {
			row.Advantages, row.Rewards = append(row.Advantages, float64(k%3-1)), append(row.Rewards, float64(k%2))
		}
		credit, err := creditHTML(h.Text, row, tok)
		require.NoError(t, err)
		inert(t, h.Name, credit, 0)

		l := &Live{total: 1}
		inert(t, h.Name, block(l.bar(h.Text)), 0)
		if i%6 == 0 { // the others go the same way, and each takes a drawing
			f := line(h.Text, 2)
			f.Patch = func(o map[string]any) { o["aria"] = map[string]any{"label": h.Text} }
			fragment, err := figureHTML(f, "figure-1", true)
			require.NoError(t, err)
			assert.Contains(t, inert(t, h.Name, fragment, 1), chart.Visible("Two points of "+h.Text), h.Name)
		}
	}
}

func TestTextsForATerminalAreInert(t *testing.T) {
	for _, h := range hostileTexts(t) {
		assert.NotContains(t, oneLine(h.Text), "\x1b", h.Name)
		assert.NotContains(t, oneLine(h.Text), "\n", h.Name)
	}
}

func TestNumbersStandAtTheRight(t *testing.T) {
	h, err := tableHTML([]string{"policy", "passed"}, [][]string{{"sft", "37.5 %"}, {"gated", "\u22120.2"}})
	require.NoError(t, err)
	assert.Equal(t, 2, strings.Count(h, "text-align:right"))
	assert.Contains(t, h, `<th scope="col"`)
}

// stored makes a run of two points, one sample and one row of evaluation.
func stored(t *testing.T, dir string) {
	t.Helper()
	r, err := runlog.Create(dir, []byte(""), map[string]any{"seeds": []uint64{3, 5}})
	require.NoError(t, err)
	for i := range 2 {
		require.NoError(t, r.AppendJSON("metrics", runlog.Point{Phase: "ppo", Variant: "gated", Seed: 3, Step: i, Values: map[string]float64{"reward": 0.5}}))
	}
	tok, err := tokenizer.Train(func(yield func(string) bool) { yield("print(input())") }, 300, []string{"<s>", "</s>"})
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "checkpoints", "base"), 0o755))
	require.NoError(t, tok.Save(filepath.Join(dir, "checkpoints", "base", "tokenizer.json")))
	const odd = "print(1)\xff"
	line, err := record.Row{Phase: "ppo", Completion: odd, IDs: tok.EncodeOrdinary(odd).IDs, Program: record.Program{Start: 0, End: len(odd)}}.Encode()
	require.NoError(t, err)
	require.NoError(t, r.Append("samples", line))
	line, err = record.Row{Phase: "evaluation", Completion: "print(2)"}.Encode()
	require.NoError(t, err)
	require.NoError(t, r.Append("evaluation", line))
	require.NoError(t, r.Close())
}

func TestAStoredRunIsReadFromAnywhereInTheCheckout(t *testing.T) {
	root := checkout(t)
	dir := filepath.Join(root, Extract)
	stored(t, dir)
	t.Chdir(filepath.Join(root, "bin"))
	r := Open("")
	assert.Equal(t, dir, r.Dir())
	require.Len(t, r.Points(), 2)
	assert.Equal(t, 1, r.Points()[1].Step)
	require.Len(t, r.Evaluation(), 1)
	require.Len(t, r.Samples(), 1)
	assert.Equal(t, "print(1)\xff", r.Samples()[0].Source(), "the bytes that JSON could not carry")
	assert.Equal(t, []uint64{3, 5}, r.Seeds())
	digest := r.Digest()
	assert.Len(t, digest, 64)
	assert.Equal(t, digest, Open(dir).Digest())

	// A log that is being written counts up to its last whole line, and may be zipped.
	metrics := filepath.Join(dir, "metrics.jsonl")
	b, err := os.ReadFile(metrics)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(metrics, append(b, `{"phase": "pp`...), 0o644))
	assert.Equal(t, digest, r.Digest())
	assert.Len(t, r.Points(), 2)
	require.NoError(t, os.Remove(metrics))
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, err = w.Write(b)
	require.NoError(t, errors.Join(err, w.Close()))
	require.NoError(t, os.WriteFile(metrics+".gz", z.Bytes(), 0o644))
	assert.Equal(t, digest, r.Digest())
	require.NoError(t, os.Remove(metrics+".gz"))
	assert.Empty(t, r.Points())
	assert.NotEqual(t, digest, r.Digest())
}

// A cell is linked anew each time: what is heavy stays in the session.
func TestACellLinksNeitherARendererNorTensors(t *testing.T) {
	out, err := exec.Command("go", "list", "-tags", "xla", "-deps", ".").Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "securecoderl/securerl/figure")
	for _, heavy := range []string{"goja", "gomlx", "go-xla", "chart/ssr", "securecoderl/experiments"} {
		assert.NotContains(t, string(out), heavy)
	}
}
