package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	good     = "../../testdata/nb/01-good.ipynb"
	executed = "../../testdata/nb/02-executed.ipynb"
)

// nb runs the program in a checkout and returns what it prints.
func nb(root string, args ...string) (string, error) {
	var out bytes.Buffer
	err := command(context.Background(), &out, root, args)
	return out.String(), err
}

// module makes an empty checkout, so that tests leave no packages in ours.
func module(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "go.mod"), []byte("module fixture\n\ngo 1.26\n"), 0o644))
	return root
}

// save writes cells as a notebook in the checkout and returns its path.
func save(t *testing.T, root string, cells ...cell) string {
	t.Helper()
	for i := range cells {
		cells[i].id = fmt.Sprintf("x%d", i)
	}
	raw, err := encode(notebook{cells: cells})
	require.NoError(t, err)
	path := filepath.Join(root, "07-made.ipynb")
	require.NoError(t, os.WriteFile(path, raw, 0o644))
	return path
}

func code(source string, tags ...string) cell {
	return cell{kind: "code", source: source, tags: tags}
}

func solution(fence string) cell {
	return cell{kind: "markdown", tags: []string{tagSolution},
		source: "<details><summary>Show</summary>\n\n```go\n" + fence + "\n```\n\n</details>"}
}

// variant writes the good notebook with one text replaced, in its stored form.
func variant(t *testing.T, old, replacement string) string {
	t.Helper()
	n, _, err := open(good)
	require.NoError(t, err)
	found := false
	for i := range n.cells {
		found = found || strings.Contains(n.cells[i].source, old)
		n.cells[i].source = strings.Replace(n.cells[i].source, old, replacement, 1)
	}
	require.True(t, found, old)
	return save(t, t.TempDir(), n.cells...)
}

func TestAGoodNotebookPasses(t *testing.T) {
	for _, verb := range []string{"diff", "check", "run"} {
		out, err := nb(".", verb, good)
		assert.NoError(t, err, verb+"\n"+out)
	}
}

func TestStripRemovesWhatARunLeaves(t *testing.T) {
	out, err := nb(".", "strip", executed)
	require.NoError(t, err)
	for _, gone := range []string{"alert", "iopub", "language_info", "widgets", "collapsed", "outputs_hidden", "trusted", `"execution_count": 1`} {
		assert.NotContains(t, out, gone)
	}
	for _, kept := range []string{`"source_hidden": true`, `"check"`, `"raises-exception"`, `"solution"`, "iVBORw0KGgo=", `"id": "show"`, `\\lambda^{T-1}$ & no more`} {
		assert.Contains(t, out, kept)
	}
	n, err := decode([]byte(out))
	require.NoError(t, err)
	want, _, err := open(good)
	require.NoError(t, err)
	for i := range want.cells {
		assert.Equal(t, want.cells[i].source, n.cells[i].source)
		assert.Equal(t, want.cells[i].tags, n.cells[i].tags)
	}
}

func TestStripWritesOnlyWhatChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "01-good.ipynb")
	raw, err := os.ReadFile(executed)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, raw, 0o644))
	out, err := nb(".", "strip", "-w", path)
	require.NoError(t, err)
	assert.Equal(t, path+"\n", out)
	_, err = nb(".", "diff", path)
	assert.NoError(t, err)
	out, err = nb(".", "strip", "-w", path)
	require.NoError(t, err)
	assert.Empty(t, out, "a second time there is nothing to do")
}

func TestFilesThatAreNoNotebooks(t *testing.T) {
	for raw, want := range map[string]string{
		"":               "unexpected end",
		"[]":             "cannot unmarshal array",
		"{}":             "nbformat is 0",
		`{"nbformat":3}`: "nbformat is 3",
		"\xff":           "not UTF-8",
		`{"nbformat":4,"cells":[{"cell_type":"heading","source":""}]}`:                           `item 1 has cell_type "heading"`,
		`{"nbformat":4,"cells":[{"cell_type":"raw","id":"a b","source":""}]}`:                    "malformed",
		`{"nbformat":4,"cells":[{"cell_type":"raw","id":"a"},{"cell_type":"raw","id":"a"}]}`:     "used twice",
		`{"nbformat":4,"cells":[{"cell_type":"code","source":7}]}`:                               "neither text nor a list",
		`{"nbformat":4,"cells":[{"cell_type":"code","metadata":{"tags":"check"},"source":"x"}]}`: "cannot unmarshal string",
	} {
		path := filepath.Join(t.TempDir(), "01-a.ipynb")
		require.NoError(t, os.WriteFile(path, []byte(raw), 0o644))
		for _, verb := range []string{"strip", "diff", "check", "run"} {
			_, err := nb(".", verb, path)
			require.ErrorIs(t, err, errFormat, raw)
			assert.ErrorContains(t, err, want)
			assert.ErrorContains(t, err, path)
		}
	}
}

func TestWrongCalls(t *testing.T) {
	for _, args := range [][]string{{}, {"build"}, {"run", "-timeout", "0s"}, {"run", "-timeout", "soon"}, {"check", "-w"}, {"diff", "-timeout", "1s"}} {
		_, err := nb(".", args...)
		assert.ErrorIs(t, err, errUsage, "%v", args)
	}
	_, err := nb(t.TempDir(), "check")
	assert.ErrorIs(t, err, errCheckout)
	_, err = nb(module(t), "check")
	assert.ErrorContains(t, err, "holds no notebooks")
	_, err = nb(".", "check", "no-such.ipynb")
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func Example() {
	err := command(context.Background(), os.Stdout, ".", []string{"diff", executed})
	fmt.Println(err)
	// Output:
	// 02-executed.ipynb: holds outputs, counts or another layout: run nb strip -w
	// nb: the notebooks are not in order: 1 findings
}

// What is read is written in one form that reads the same, and no text breaks the planner.
func FuzzNotebook(f *testing.F) {
	for _, path := range []string{good, executed} {
		raw, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(raw)
	}
	f.Add([]byte(`{"nbformat":4,"cells":[{"cell_type":"markdown","source":["a","\r\nb"],"attachments":{"x":1}}]}`))
	f.Add([]byte("{\"nbformat\":4,\"cells\":[{\"cell_type\":\"code\",\"source\":\"!false\\n%%\\n\\u0000\"}]}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		n, err := decode(raw)
		if err != nil {
			assert.ErrorIs(t, err, errFormat)
			return
		}
		once, err := encode(n)
		require.NoError(t, err)
		again, err := decode(once)
		require.NoError(t, err)
		require.Len(t, again.cells, len(n.cells))
		for i := range n.cells {
			assert.Equal(t, n.cells[i].source, again.cells[i].source)
			assert.Equal(t, n.cells[i].id, again.cells[i].id)
		}
		twice, err := encode(again)
		require.NoError(t, err)
		assert.Equal(t, string(once), string(twice))
		plan(n)
	})
}
