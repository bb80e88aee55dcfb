package scan_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

// What the shipped rules find, by hand: rule and text of every finding.
var owned = []struct {
	source string
	want   []string
}{
	{"m = __import__('sys')", []string{"X001 __import__('sys')"}},
	{"m = __import__('o' + 's')", []string{"X001 __import__('o' + 's')"}},
	{"import importlib\nm = importlib.import_module(input())", []string{"X001 importlib.import_module(input())"}},
	{"from importlib import import_module as im\nim('os').system('ls')", []string{"X001 im('os')", "X004 im('os').system", "X007 im('os').system('ls')"}},
	{"e = eval\nprint(e(input()))", []string{"X002 eval"}},
	{"s = 'é'; a, b = map(eval, input().split())", []string{"X002 eval"}},
	{"import functools\nf = functools.partial(eval, globals={})", []string{"X002 eval"}},
	{"def f(run=exec):\n    run(input())", []string{"X002 exec"}},
	{"@eval\ndef f(): pass", []string{"X002 eval"}},
	{"print(eval.__call__(input()))", []string{"X002 eval"}},
	{"import builtins\nbuiltins.eval(input())", []string{"X003 builtins.eval"}},
	{"from builtins import eval as e\ne(input())", []string{"X003 e"}},
	{"from builtins import eval\neval(input())", []string{"X003 eval"}},
	{"import builtins\ngetattr(builtins, 'ev' + 'al')(input())", []string{"X003 getattr(builtins, 'ev' + 'al')"}},
	{"import builtins as b\ngetattr(b, input())(1)", []string{"X003 getattr(b, input())"}},
	{"globals()['eval'](input())", []string{"X003 globals()['eval']"}},
	{"globals().get('__builtins__')", []string{"X003 globals().get('__builtins__')"}},
	{"import builtins\nvars(builtins)['exec'](input())", []string{"X003 vars(builtins)['exec']"}},
	{"__builtins__.__dict__['eval'](input())", []string{"X003 __builtins__", "X003 __builtins__.__dict__['eval']"}},
	{"(lambda: 0).__globals__", []string{"X003 (lambda: 0).__globals__"}},
	{"import os as o\np = o\np.system(input())", []string{"X004 p.system"}},
	{"from os import system as s\nrun = s\nrun(input())", []string{"X004 s"}},
	{"import os\nlist(map(os.system, [input()]))", []string{"X004 os.system"}},
	{"import os\ngetattr(os, 'sys' + 'tem')(input())", []string{"X004 getattr(os, 'sys' + 'tem')"}},
	{"import sys\nsys.modules['os'].system(input())", []string{"X004 sys.modules['os'].system"}},
	{"import operator, os\noperator.methodcaller('system', input())(os)", []string{"X004 operator.methodcaller('system', input())"}},
	{"f = getattr(input, '__self__').eval", nil},
	{"c = compile(input(), 'x', 'eval')", []string{"X005 compile(input(), 'x', 'eval')"}},
	{"exec(compile(input(), 'x', 'exec'))", []string{"X005 compile(input(), 'x', 'exec')"}},
	{"import types\nf = types.FunctionType(c, {})", []string{"X005 types.FunctionType(c, {})"}},
	{"password = b'hunter2hunter2'", []string{"X006 b'hunter2hunter2'"}},
	{"apiKey = 'sk-93jdk20dkw'\nself.api_key = 'sk-93jdk20dkw'", []string{"X006 'sk-93jdk20dkw'", "X006 'sk-93jdk20dkw'"}},
	{"config = {'secret_token': 'a81bc81bdead4e5d'}", []string{"X006 'a81bc81bdead4e5d'"}},
	{"config['password'] = 'a81bc81bdead4e5d'", []string{"X006 'a81bc81bdead4e5d'"}},
	{"def f(token='a81bc81bdead4e5d', *, pwd=b'a81bc81bdead4e5d'): pass\nf(token='a81bc81bdead4e5d')", []string{"X006 'a81bc81bdead4e5d'", "X006 b'a81bc81bdead4e5d'", "X006 'a81bc81bdead4e5d'"}},
	{"import os\nos.system('ls')", []string{"X007 os.system('ls')"}},
	{"import subprocess\nsubprocess.run('ls', shell=True)\nsubprocess.run(['ls'])", []string{"X007 subprocess.run('ls', shell=True)"}},
	{"import os\nos.chmod('f', mode=0o777)\nos.chmod('f', mode=0o600)", []string{"X008 os.chmod('f', mode=0o777)"}},
	{"from pathlib import Path\nPath('f').chmod(0o666)", []string{"X008 Path('f').chmod(0o666)"}},
}

// What looks alike and is harmless.
var harmless = []string{
	"import re\np = re.compile('a')\nq = getattr(re, 'compile')", "from re import compile\np = compile('a')", "def compile(x): return x\nprint(list(map(compile, [1])))",
	"import platform\nprint(platform.system())", "import os\nprint(os.environ, os.path.join('a', 'b'))", "import subprocess\ntry:\n    subprocess.run(['ls'])\nexcept subprocess.CalledProcessError: pass",
	"x = getattr(obj, 'run')\ny = getattr(obj, name)", "globals()['n'] = 3\nprint(vars(obj)['a'], self.__dict__['b'])", "import importlib\nm = importlib.import_module('json')",
	"token = 'abc'\npassword = input()\ntokens = 'one two three four'\nkey = 'abcdefghijkl'", "password = 'aaaaaaaaaaaa'", "secret = 'Hello, {}'", "os.chmod(p, 0o600)\nos.mkdir(p, mode=0o777)",
	"df.eval('a + b')\nq.exec_()\nloop.run(main())\nsystem = 1\nprint(system)", "a = [input()]\nprint(sum(map(int, a)), sorted(a, key=len))",
}

func TestOwnRulesSeeWhatBanditDoesNot(t *testing.T) {
	ctx, s, x := context.Background(), open(t), openWith(t, scan.Options{Set: scan.BanditX})
	for _, tt := range owned {
		r, err := s.Scan(ctx, []byte(tt.source))
		require.NoError(t, err)
		require.Equal(t, scan.OK, r.Status, "%s: %s", tt.source, r.Fault)
		var got []string
		for _, f := range r.Extra {
			got = append(got, f.Rule+" "+tt.source[f.Start:f.End])
			assert.NotEmpty(t, f.Name)
			assert.NotZero(t, f.CWE)
		}
		assert.ElementsMatch(t, tt.want, got, tt.source)
		both, err := x.Scan(ctx, []byte(tt.source))
		require.NoError(t, err)
		assert.Equal(t, append(r.Findings, r.Extra...), both.Findings, "the set bandit+x is bandit and the rest")
		assert.Empty(t, both.Extra)
	}
	for _, source := range harmless {
		r, err := s.Scan(ctx, []byte(source))
		require.NoError(t, err)
		assert.Equal(t, scan.OK, r.Status, source)
		assert.Empty(t, r.Extra, source)
	}
	assert.NotEqual(t, s.Info().Rules, x.Info().Rules, "another set, another digest: no verdict is shared")
	assert.Regexp(t, `^bandit\+x 1\.9\.4, rules [0-9a-f]{16}$`, x.Info().String())
}

func TestTheFloorOfSecretsCanBeMoved(t *testing.T) {
	source := []byte("password = 'abab'\ntoken = 'a81bc81bdead4e5d'")
	for floor, want := range map[scan.Floor]int{{}: 1, {Length: 4, Entropy: 1}: 2, {Length: 17, Entropy: 1}: 0, {Length: 4, Entropy: 4}: 0} {
		r, err := openWith(t, scan.Options{Secrets: floor}).Scan(context.Background(), source)
		require.NoError(t, err)
		assert.Len(t, r.Extra, want, "%+v", floor)
	}
}

// People's programs: none of them hides anything.
func TestPeoplesProgramsHaveNoExtraFinding(t *testing.T) {
	s := open(t)
	for _, source := range solutions(t) {
		r, err := s.Scan(context.Background(), source)
		require.NoError(t, err)
		assert.Empty(t, r.Extra, "%.200s", source)
	}
}

func TestTheTableOfRulesIsTheirs(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	for _, r := range scan.Shipped() {
		row := fmt.Sprintf("//\t%s  %-15s  %-8s %-10s %-4d ", r.ID, r.Name, r.Severity, r.Confidence, r.CWE)
		assert.Contains(t, string(doc), row)
	}
}

// Old versions are refused whatever the options ask for, and sets and floors that make
// no sense too.
func TestWhatIsRefusedBeforeAnyScan(t *testing.T) {
	sb, err := sandbox.New(context.Background(), sandbox.Options{})
	require.NoError(t, err)
	defer sb.Close()
	for _, tt := range []struct {
		options scan.Options
		err     error
		says    string
	}{
		{scan.Options{Version: "1.6.2"}, scan.ErrVersion, "version 1.6.2 is below 1.8: 1.6 calls every input() HIGH and is blind to strings on current Pythons"},
		{scan.Options{Version: "1.7.10"}, scan.ErrVersion, "below 1.8"},
		{scan.Options{Version: "0.9"}, scan.ErrVersion, "below 1.8"},
		{scan.Options{Version: "new"}, scan.ErrVersion, "is none"},
		{scan.Options{Version: "1.10.0"}, scan.ErrVersion, "version 1.9.4, wanted 1.10.0; run make setup"},
		{scan.Options{Set: "bandit+y"}, scan.ErrRule, "there are [bandit bandit+x dlint]"},
		{scan.Options{Secrets: scan.Floor{Length: -1}}, scan.ErrRule, "below zero"},
		{scan.Options{Set: scan.Dlint, Rules: []scan.Rule{{ID: "U1", Severity: scan.Low, Calls: []string{"f"}}}}, scan.ErrRule, "no rules of one's own"},
	} {
		_, err := scan.New(context.Background(), sb, tt.options)
		assert.ErrorIs(t, err, tt.err, "%+v", tt.options)
		assert.ErrorContains(t, err, tt.says)
	}
}

// Sources that are bad for the shipped rules if they do any work twice: each is near
// the largest size that is scanned.
func TestOwnRulesAreNoWayToStallTheScanner(t *testing.T) {
	s := openWith(t, scan.Options{CPU: 2 * time.Second})
	fill := func(text string, size int) string { return strings.Repeat(text, size/len(text)) }
	deep := func(open, middle, end string, n int) string {
		return strings.Repeat(open, n) + middle + strings.Repeat(end, n)
	}
	for name, source := range map[string]string{
		"evals":         "x = [" + fill("eval,", 60000) + "]",
		"attributes":    "import os\nx = os" + fill(".system", 14000),
		"lookups":       deep("getattr(", "os", ",'system')", 90),
		"additions":     "getattr(os, " + fill("'a'+", 600) + "'b')",
		"calls":         "x = f" + fill("('ls')", 9000),
		"aliases":       "import os\n" + fill("o = os\nos = o\n", 60000),
		"imports":       fill("from os import system as s\n", 30000) + fill("s(1)\n", 30000),
		"stars":         fill("from os import *\n", 60000),
		"dicts":         "x = {" + fill("'token':'a81bc81bdead4e5d',", 60000) + "}",
		"long secret":   "password = '" + fill("a81bc81bdead4e5d", 60000) + "'",
		"long name":     fill("api_key_", 30000) + "x = 'a81bc81bdead4e5d'",
		"subscripts":    "x = globals()" + fill("['eval']", 8000),
		"nested texts":  deep("f'{", "1", "}'", 3),
		"slices":        "getattr(os, 'metsys'" + fill("[::-1]", 6000) + ")",
		"modules":       "import sys\n" + fill("sys.modules['os'].system\n", 60000),
		"shadowed":      fill("eval = 1\n", 30000) + fill("eval\n", 30000),
		"lambdas":       fill("lambda token='a81bc81bdead4e5d': 0\n", 60000),
		"bound members": fill("p.chmod(0o777)\n", 60000),
	} {
		r, err := s.Scan(context.Background(), []byte(source))
		require.NoError(t, err, name)
		assert.Contains(t, []scan.Status{scan.OK, scan.TooDeep, scan.Syntax}, r.Status, "%s: %s", name, r.Fault)
		assert.LessOrEqual(t, len(r.Extra), 100, name)
		assert.Less(t, r.CPU, 1900*time.Millisecond, name)
	}
}
