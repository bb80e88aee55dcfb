package judge

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/problem"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

// syntaxOnly stands for the scanner where only stages are asked for: an interpreter
// without Bandit can be judged too. Python itself says, inside the sandbox, what it
// parses and compiles.
type syntaxOnly struct{ sb *sandbox.Sandbox }

const askSyntax = `import ast, sys
text = sys.stdin.buffer.read().decode("utf-8-sig")
try:
    ast.parse(text)
except SyntaxError:
    sys.exit(2)
try:
    compile(text, "main.py", "exec", dont_inherit=True)
except SyntaxError:
    sys.exit(3)`

func (s syntaxOnly) Scan(ctx context.Context, source []byte) (scan.Report, error) {
	r, err := s.sb.Run(ctx, sandbox.Python(askSyntax), source, sandbox.Limits{})
	if err != nil {
		return scan.Report{}, err
	}
	switch r.Status {
	case 0:
		return scan.Report{Status: scan.OK, CompileOK: true, ParseOK: true, Statements: 1}, nil
	case 2:
		return scan.Report{Status: scan.Syntax}, nil
	case 3:
		return scan.Report{Status: scan.Syntax, ParseOK: true, Statements: 1}, nil
	}
	return scan.Report{}, fmt.Errorf("syntax check ended with status %d: %s", r.Status, r.Stderr)
}

// label says in the words of CodeRL how far a program got: -2 does not compile, -1
// crash or time-out, false wrong, true right. Its harness judges by the output alone
// where a program ends, so stages between "runs" and "some" are all false.
func label(v Verdict) string {
	switch v.Stage() {
	case Unparsable:
		return "-2"
	case Parses:
		return "-1"
	case Passes:
		return "true"
	}
	return "false"
}

// Programs that CodeRL sampled for APPS, with the labels its authors published: 47 of
// its 83 programs are for the three problems with tests on standard input, 36 for two
// of call style. Its harness makes each program the body of a function, so a return
// outside a function is a program there: ast.parse is the rule that fits. One of the
// 47 shows the difference (2287, gen 3): its label is -1, and under our own rule,
// compile, it is -2.
//
// The comparator of APPS also accepts lines in another order and lines printed twice;
// ours does not, and no label here depends on it.
//
// Differences per minor version: none. 3.11.7, 3.12.1 and 3.13.0 give all 47 labels;
// SECURERL_PYTHON chooses the interpreter (3.10 and older are refused).
func TestLabelsOfCodeRLAreReproduced(t *testing.T) {
	const folder = "../../testdata/apps/train"
	set, err := problem.ReadAPPSFolder(os.DirFS(folder), "apps")
	require.NoError(t, err)
	limits := sandbox.DefaultLimits()
	limits.CPU = time.Second
	sb, err := sandbox.New(context.Background(), sandbox.Options{Limits: limits, Workers: 2})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sb.Close()) })
	options := Options{Limits: limits, SkipAfterTimeout: true, ASTParse: true, Workers: 2}
	parity := newJudge(sb, syntaxOnly{sb}, options, "labels")
	var programs []Submission
	var names, labels []string
	for i := range set.Problems {
		p := &set.Problems[i]
		for _, file := range []string{"gen", "baseline"} {
			b, err := os.ReadFile(filepath.Join(folder, p.ID, file+"_solutions.json"))
			require.NoError(t, err)
			var rows []struct {
				Code   string
				Result json.RawMessage
			}
			require.NoError(t, json.Unmarshal(b, &rows))
			for k, r := range rows {
				programs = append(programs, Submission{Problem: p, Source: r.Code})
				names, labels = append(names, fmt.Sprintf("%s, %s %d", p.ID, file, k+1)), append(labels, string(r.Result))
			}
		}
	}
	require.Len(t, programs, 47)
	verdicts, _, err := parity.Judge(context.Background(), programs)
	require.NoError(t, err)
	count := map[string]int{}
	var differ []string
	for i, v := range verdicts {
		assert.Equal(t, labels[i], label(v), "Python %s: %s: %+v", sb.Info().PythonVersion, names[i], v)
		count[labels[i]]++
		if v.ASTOnly {
			differ = append(differ, names[i])
		}
	}
	assert.Equal(t, map[string]int{"true": 16, "false": 12, "-1": 17, "-2": 2}, count)
	assert.Equal(t, []string{"2287, gen 3"}, differ, "the other 46 are judged alike under both rules")
}
