package stored_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/experiments/results/stored"
	"securecoderl/securerl/chart"
	"securecoderl/securerl/eval"
	"securecoderl/securerl/record"
	"securecoderl/securerl/runlog"
)

const results = "../../../testdata/results"

func read(t *testing.T, dir string) *stored.Run {
	t.Helper()
	r, err := stored.Read(dir)
	require.NoError(t, err)
	return r
}

// folder makes a run folder of the given files.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return dir
}

const manifest = `{"schema":1,"kind":"securerl run","facts":{}}`

func TestAnExtractTellsItsVariants(t *testing.T) {
	r := read(t, results)
	assert.Equal(t, []string{"simple", "fresh", "gated", "collapse"}, r.Variants)
	assert.Equal(t, "gated", r.Primary)
	assert.Equal(t, []uint64{1}, r.Seeds)
	assert.Empty(t, r.Metrics)
	assert.Equal(t, "Seed 1; run "+r.Sum[:12]+".", r.Source())
}

func TestSettingsNameThePrimary(t *testing.T) {
	point := `{"phase":"ppo","variant":"a","seed":3,"step":0,"values":{"reward":1}}` + "\n"
	settings := "seeds = [3, 4]\n[[variants]]\nname = 'a'\n[[variants.schedule]]\nfrom = 0\nscheme = 'gated-joint'\n[[variants]]\nname = 'b'\n[[variants.schedule]]\nfrom = 0\nscheme = 'strict'\n"
	r := read(t, folder(t, map[string]string{"run.json": manifest, "metrics.jsonl": point, "settings.toml": settings}))
	assert.Equal(t, []string{"a", "b"}, r.Variants)
	assert.Equal(t, "a", r.Primary)
	assert.Equal(t, []uint64{3, 4}, r.Seeds)
	assert.Len(t, r.Metrics, 1)
}

func TestWhatIsNoRunIsRefused(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"no run.json":      {"metrics.jsonl": ""},
		"nothing logged":   {"run.json": manifest, "metrics.jsonl": ""},
		"newer":            {"run.json": `{"schema":99,"kind":"securerl run"}`},
		"broken metrics":   {"run.json": manifest, "metrics.jsonl": "{\n"},
		"broken settings":  {"run.json": manifest, "metrics.jsonl": "{}\n", "settings.toml": "seeds = ["},
		"something else's": {"run.json": `{}`},
	} {
		_, err := stored.Read(folder(t, files))
		assert.ErrorIs(t, err, runlog.ErrRun, name)
	}
	_, err := stored.Read(folder(t, map[string]string{"run.json": manifest, "evaluation.jsonl": "{\n"}))
	assert.ErrorIs(t, err, record.ErrFormat)
}

// TestFiguresShowWhatTheTablesSay compares figures with the rows they are made from,
// counted here in another way.
func TestFiguresShowWhatTheTablesSay(t *testing.T) {
	r := read(t, results)
	comparisons, err := r.Comparisons()
	require.NoError(t, err)
	require.Len(t, comparisons, 8*3)
	figs, summaries := map[string]chart.Figure{}, eval.Summarize(r.Evaluation)
	for _, f := range r.Figures(summaries, comparisons) {
		figs[f.Name] = f
		assert.True(t, strings.HasSuffix(f.Caption, r.Source()), f.Name)
	}
	commands, greedy := 0, 0
	for _, row := range r.Evaluation {
		if row.Variant == "sft" && !row.Greedy {
			for _, f := range row.Verdict.Findings {
				if f.CWE == 78 && f.Severity != "LOW" {
					commands++
					break
				}
			}
		}
		if row.Variant == "sft" && row.Greedy {
			greedy++
		}
	}
	for _, row := range figs["weaknesses"].Rows {
		if row[0] == "sft" && strings.HasPrefix(row[1], "CWE-78 ") {
			assert.Equal(t, []string{fmt.Sprint(commands), "192"}, row[2:4])
		}
	}
	flows := 0
	for _, row := range figs["flow"].Rows {
		var n int
		_, err := fmt.Sscan(row[2], &n)
		require.NoError(t, err)
		flows += n
	}
	assert.Equal(t, greedy, flows, "every problem flows")
	for _, row := range figs["pareto"].Rows { // the mean over problems with equal samples is the rate
		for _, s := range summaries {
			if rate, _ := s.Rate("all_tests"); s.Policy.String() == row[0] && !s.Greedy {
				assert.Equal(t, chart.Number(chart.Round(rate.Interval.Estimate)), row[1], row[0])
			}
		}
	}
	assert.Len(t, figs["forest"].Rows, 24)
	assert.Contains(t, figs["curves-reward"].Title, "no data")
}

func TestTheLadderIsReadFromTheReport(t *testing.T) {
	dir := folder(t, map[string]string{"run.json": manifest, "metrics.jsonl": "{}\n"})
	none, err := read(t, dir).Ladder()
	require.NoError(t, err)
	assert.Empty(t, none.Rows)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "figures"), 0o755))
	table := filepath.Join(dir, "figures", "ladder.csv")
	require.NoError(t, os.WriteFile(table, []byte("program,paper,strict\nno-op,0.64,0.5\n"), 0o644))
	f, err := read(t, dir).Ladder()
	require.NoError(t, err)
	assert.Equal(t, [][]string{{"no-op", "0.64", "0.5"}}, f.Rows)
	for _, bad := range []string{"", "program\nx\n", "program,paper\nx,y\n"} {
		require.NoError(t, os.WriteFile(table, []byte(bad), 0o644))
		_, err = read(t, dir).Ladder()
		assert.Error(t, err, "%q", bad)
	}
}

func ExampleRead() {
	r, err := stored.Read(results)
	fmt.Println(r.Variants, len(r.Evaluation), err)
	_, err = stored.Read("nowhere")
	fmt.Println(err)
	// Output:
	// [simple fresh gated collapse] 2880 <nil>
	// run folder: nowhere holds no run (no run.json)
}
