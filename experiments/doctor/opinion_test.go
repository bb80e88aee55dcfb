package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/scan"
)

func TestSourcesAreReadFromRowsProblemsAndFolders(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	rows := write("rows.jsonl", `{"code": "a = 1"}`+"\n"+`{"source": ""}`+"\n"+`{"source": "aizu", "solutions": []}`+"\n"+`{"source": "atcoder", "solutions": [{"code": "b"}, {"code": "c"}]}`)
	list, err := sourcesIn(rows)
	require.NoError(t, err)
	assert.Equal(t, [][]byte{[]byte("a = 1"), {}, []byte("b"), []byte("c")}, list)
	write("py/x/one.py", "one")
	write("py/two.py", "two")
	write("py/three.txt", "three")
	list, err = sourcesIn(filepath.Join(dir, "py"))
	require.NoError(t, err)
	assert.ElementsMatch(t, [][]byte{[]byte("one"), []byte("two")}, list)
	for _, bad := range []string{write("none.jsonl", `{"id": 1}`), write("text.jsonl", "no rows"), filepath.Join(dir, "nowhere")} {
		_, err = sourcesIn(bad)
		assert.ErrorIs(t, err, errRow, bad)
	}
}

func TestParityHoldsForBanditsExamplesAndSaysWhatDiffers(t *testing.T) {
	l := open(t)
	var out bytes.Buffer
	d := &doctor{out: &out}
	parity, none := testdata+"scan/examples.jsonl", ""
	d.opinions(context.Background(), l, opinions{parity, none})
	assert.Zero(t, d.wrong, out.String())
	assert.Contains(t, unwrapped(&out), "as stock Bandit 1.9.4 has them")

	report := scan.StockReport{Findings: []scan.StockFinding{{Rule: "B307", Severity: scan.Medium, Line: 1, Column: 2, EndColumn: 6}}}
	source, mine := []byte("  eval"), scan.Finding{Rule: "B307", Severity: scan.Medium, Line: 1, Start: 2, End: 6}
	ours := func(f ...scan.Finding) scan.Report { return scan.Report{Status: scan.OK, ParseOK: true, Findings: f} }
	assert.Empty(t, report.Differs(source, ours(mine)))
	assert.Len(t, report.Differs(source, ours()), 1)
	assert.Len(t, report.Differs(source, ours(mine, mine)), 1)
	mine.End = 5
	assert.Len(t, report.Differs(source, ours(mine)), 2)
	assert.Len(t, scan.StockReport{Error: "syntax error"}.Differs(source, ours()), 1)
}

// One source both flag at the same line, one at another, one of which only one sees
// anything; what ruff's parser says is no finding.
func TestDriftIsCountedByRuleAndLine(t *testing.T) {
	f := func(line int) scan.Report {
		return scan.Report{Findings: []scan.Finding{{Rule: "B307", Line: line}}}
	}
	n, err := counted([]byte(`[{"code": "S307", "filename": "/x/0.py", "location": {"row": 1}}, {"code": "S307", "filename": "/x/1.py", "location": {"row": 2}},
		{"code": "invalid-syntax", "filename": "/x/2.py", "location": {"row": 1}}]`), []scan.Report{f(1), f(1), f(1), {}})
	require.NoError(t, err)
	assert.Equal(t, drift{both: 1, onlyBandit: 2, onlyRuff: 1, files: 1}, n)
	for _, bad := range []string{"", "{}", `[{"code": "S1", "filename": "9.py"}]`, `[{"code": "S1", "filename": "main.py"}]`} {
		_, err := counted([]byte(bad), nil)
		assert.Error(t, err, bad)
	}
}
