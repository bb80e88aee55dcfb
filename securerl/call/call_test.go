package call

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/problem"
	"securecoderl/securerl/sandbox"
)

var limits = sandbox.Limits{CPU: time.Second, Wall: 6 * time.Second, Memory: 256 << 20, Output: 1 << 20, Files: 32}

// bench is an evaluator in a real sandbox, and a way to put one test to one program.
type bench struct {
	*Evaluator
	sb *sandbox.Sandbox
}

func open(t testing.TB) bench {
	t.Helper()
	ctx := context.Background()
	sb, err := sandbox.New(ctx, sandbox.Options{Limits: limits})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sb.Close()) })
	e, err := New(ctx, sb)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, e.Close()) })
	return bench{e, sb}
}

func (b bench) run(ctx context.Context, program, stdin []byte, wall time.Duration) (sandbox.Result, error) {
	return b.sb.Run(ctx, sandbox.Python(program), stdin, sandbox.Limits{Wall: wall})
}

// try runs a test on a program; the functions f and g may be called.
func (b bench) try(source, test string) (Ending, error) {
	p := problem.Problem{ID: "p", Entry: []string{"f", "g"}}
	return b.Evaluate(context.Background(), &p, problem.Test{Assert: test}, source, limits.Wall, b.run)
}

// Every kind of value comes through both ways as it went, down to its type.
func TestValuesComeThroughAsTheyAre(t *testing.T) {
	b := open(t)
	for _, x := range []string{
		"None", "True", "False", "...", "0", "-1", "2**70", "-(10**5000)", "0.1", "-0.0", "float('inf')", "1e-323", "3+4j", "complex('-inf-0j')",
		"''", "'a\\0b'", "'\\ud800 \\U0001f600 é'", "'x' * 70000", "b''", "bytes(range(256))", "bytearray(b'x')",
		"[]", "[1, [2, [3]]]", "()", "(1,)", "((1, 2), [3])", "set()", "{1, 'a', (2, 3)}", "frozenset({1, frozenset()})", "{}", "{'a': [1], (1, 2): {3}, None: {}}",
		"range(3)", "range(10, 0, -2)", "int", "type(None)", "collections.deque([1, 2])", "decimal.Decimal('1.10')", "decimal.Decimal('-1E+5')", "decimal.Decimal('Infinity')",
		"fractions.Fraction(-3, 4)", "list(range(3000))",
	} {
		end, err := b.try("def f(x): return x\ndef g(x): return type(x).__name__, repr(x)[:4000] if type(x) is not int else hex(x)",
			fmt.Sprintf("x = %s\ny = f(x)\nassert y == x and type(y) is type(x)\nassert g(x) == (type(x).__name__, repr(x)[:4000] if type(x) is not int else hex(x))", x))
		require.NoError(t, err, x)
		assert.Equal(t, Passed, end.Kind, "%s: %+v", x, end)
	}
}

// The forms that tests take, each with a program that passes and one that does not.
func TestForms(t *testing.T) {
	b := open(t)
	for name, tt := range map[string]struct{ test, good, bad string }{
		"equality":           {"assert f(2, y=3) == 8", "def f(x, y): return x ** y", "def f(x, y): return x * y"},
		"a set of a result":  {"assert set(f([1, 1, 2])) == {1, 2}", "def f(x): return x", "def f(x): return x[:1]"},
		"tolerance":          {"assert abs(f(2) - 1.41421356) < 1e-6", "def f(x): return x ** 0.5", "def f(x): return 1.4142"},
		"nan":                {"assert math.isnan(f())", "def f(): return float('nan')", "def f(): return 'nan'"},
		"round trip":         {"for i in range(20):\n    assert g(f(i)) == i", "def f(x): return x + 1\ndef g(x): return x - 1", "def f(x): return x // 2\ndef g(x): return x * 2"},
		"truth":              {"assert f()", "def f(): return object()", "def f(): pass"},
		"none":               {"assert f() is None", "def f(): pass", "def f(): return object()"},
		"no list":            {"assert f() == [1, 2]", "def f(): return [1, 2]", "def f(): yield from (1, 2)"},
		"generator":          {"it = f()\nassert next(it) == 1 and list(it) == [2]", "def f(): yield from (1, 2)", "def f(): return [1, 2]"},
		"endless generator":  {"from itertools import islice\nassert list(islice(f(), 3)) == [0, 1, 2]", "import itertools\ndef f(): return itertools.count()", "import itertools\ndef f(): return itertools.count(1)"},
		"all of an endless":  {"assert 0 in f() and 5000 not in f()", "def f(): return range(10)", "import itertools\ndef f(): return itertools.count()"},
		"exception":          {"try:\n    f(-1)\nexcept ValueError as e:\n    assert str(e) == 'negative'\nelse:\n    assert False", "def f(x): raise ValueError('negative')", "class ValueError(Exception): pass\ndef f(x): raise ValueError('negative')"},
		"subclass of one":    {"try:\n    f()\nexcept LookupError:\n    pass\nelse:\n    assert False", "class Mine(KeyError): pass\ndef f(): raise Mine(1)", "def f(): return 1"},
		"bare except":        {"ok = False\ntry:\n    f()\nexcept:\n    ok = True\nassert ok", "def f(): 1 / 0", "def f(): return 1"},
		"arguments changed":  {"x = [3, 1, 2]\nf(x)\nassert x == [1, 2, 3]", "def f(x): x.sort()", "def f(x): return sorted(x)"},
		"and left alone":     {"x = {'a': 1}\nf(x)\nassert x == {'a': 1}", "def f(x): x = dict(x); x.clear()", "def f(x): x.clear()"},
		"keyword changed":    {"s = {1}\nf(s=s)\nassert s == {1, 2}", "def f(s): s.add(2)", "def f(s): s = s | {2}"},
		"subclass of a list": {"assert f() == [1] and type(f()) is list", "class L(list): pass\ndef f(): return L([1])", "class L(list): pass\ndef f(): return L()"},
		"counter":            {"assert f('aab') == {'a': 2, 'b': 1}", "from collections import Counter\ndef f(s): return Counter(s)", "def f(s): return set(s)"},
		"named tuple":        {"assert f() == (1, 2)", "from collections import namedtuple\ndef f(): return namedtuple('P', 'x y')(1, 2)", "from collections import namedtuple\ndef f(): return namedtuple('P', 'x y')(2, 1)"},
		"views":              {"assert sorted(f()) == [1, 2] and f() == {1, 2}", "def f(): return {1: 3, 2: 4}.keys()", "def f(): return {1: 3, 2: 4}.values()"},
		"type":               {"assert f(int) is float", "def f(t): return {int: float}[t]", "def f(t): return t"},
		"standard input":     {"assert f() == ''", "import sys\ndef f(): return sys.stdin.read()", "def f(): return 'x'"},
		"no main":            {"assert f() == 'solution'", "def f(): return __name__\nif __name__ == '__main__': raise SystemExit", "def f(): return '__main__'"},
		"prints as it likes": {"assert f() == 1", "def f():\n    print('x' * 10)\n    return 1", "def f(): print(1)"},
	} {
		end, err := b.try(tt.good, tt.test)
		require.NoError(t, err, name)
		assert.Equal(t, Passed, end.Kind, "%s: %+v", name, end)
		end, err = b.try(tt.bad, tt.test)
		require.NoError(t, err, name)
		assert.Contains(t, []Kind{Failed, Raised}, end.Kind, "%s: %+v", name, end)
	}
}

func TestEndings(t *testing.T) {
	b := open(t)
	for name, tt := range map[string]struct {
		source    string
		kind      Kind
		exception string
		line      int
		returned  bool
		run       sandbox.Outcome
	}{
		"wrong":             {"def f(x): return 5", Failed, "", 0, true, sandbox.OK},
		"nothing":           {"def f(x): pass", Failed, "", 0, false, sandbox.OK},
		"of another type":   {"def f(x): return [x]", Failed, "TypeError", 0, true, sandbox.OK},
		"missing":           {"def h(x): return 5", Raised, "NameError", 0, false, sandbox.OK},
		"no function":       {"f = 4", Raised, "TypeError", 0, false, sandbox.OK},
		"crash":             {"def h():\n    return 1 / 0\ndef f(x):\n    return h()", Raised, "ZeroDivisionError", 2, false, sandbox.OK},
		"crash when loaded": {"import nothing\ndef f(x): return 4", Raised, "ModuleNotFoundError", 1, false, sandbox.OK},
		"own exception":     {"class Mine(ValueError): pass\ndef f(x): raise Mine", Raised, "Mine", 2, false, sandbox.OK},
		"arguments":         {"def f(): return 4", Raised, "TypeError", 0, false, sandbox.OK},
		"recursion":         {"def f(x): return f(x)", Raised, "RecursionError", 1, false, sandbox.OK},
		"memory":            {"def f(x): return 'x' * (1 << 40)", Raised, "MemoryError", 1, false, sandbox.OK},
		"exit":              {"def f(x): raise SystemExit(0)", Raised, "SystemExit", 1, false, sandbox.OK},
		"sudden exit":       {"import os\ndef f(x): os._exit(0)", Silent, "", 0, false, sandbox.OK},
		"status":            {"import os\ndef f(x): os._exit(3)", Stopped, "", 0, false, sandbox.ExitStatus},
		"endless":           {"def f(x):\n    while True: pass", Stopped, "", 0, false, sandbox.CPUTimeout},
		"asleep":            {"import time\ndef f(x): time.sleep(60)", Stopped, "", 0, false, sandbox.WallTimeout},
		"flood":             {"def f(x):\n    while True: print('x' * 10000)", Stopped, "", 0, false, sandbox.OutputLimit},
		"large":             {"def f(x): return 'x' * (2 << 20)", Stopped, "", 0, false, sandbox.OutputLimit},
		"forbidden":         {"import ctypes\ndef f(x): ctypes.CDLL(None).ptrace(0, 0, 0, 0)", Stopped, "", 0, false, sandbox.Forbidden},
		"no text":           {"\xff", Raised, "SyntaxError", 0, false, sandbox.OK},
		"not compiled":      {"x = 1\ndef f(:", Raised, "SyntaxError", 2, false, sandbox.OK},
	} {
		p := problem.Problem{ID: "p", Entry: []string{"f"}}
		end, err := b.Evaluate(context.Background(), &p, problem.Test{Assert: "assert abs(f(2) - 4) < 1"}, tt.source, 2*time.Second, b.run)
		require.NoError(t, err, name)
		if end.Run.Outcome == sandbox.WallTimeout && name == "endless" {
			end.Run.Outcome = sandbox.CPUTimeout // on a busy machine its real time is over first
		}
		if name == "nothing" {
			tt.exception = "TypeError" // abs(None - 4)
		}
		assert.Equal(t, []any{tt.kind, tt.exception, tt.line, tt.returned, tt.run}, []any{end.Kind, end.Exception, end.Line, end.Returned, end.Run.Outcome}, name)
	}
}

// The calls of one test share its time.
func TestManyCallsShareTheirTime(t *testing.T) {
	b := open(t)
	p := problem.Problem{ID: "p", Entry: []string{"f"}}
	end, err := b.Evaluate(context.Background(), &p, problem.Test{Assert: "for i in range(900):\n    assert f(i) == i"}, "import time\ndef f(x):\n    time.sleep(0.4)\n    return x", time.Second, b.run)
	require.NoError(t, err)
	assert.Contains(t, []Kind{Stopped, Stalled}, end.Kind)
	assert.Less(t, end.Calls, 5)
	end, err = b.Evaluate(context.Background(), &p, problem.Test{Assert: "while f(1): pass"}, "def f(x): return x", time.Minute, b.run)
	require.NoError(t, err)
	assert.Equal(t, Stalled, end.Kind)
	assert.Equal(t, mostCalls, end.Calls)
}

func TestTestsThatCannotBeRunAreErrors(t *testing.T) {
	b := open(t)
	for test, want := range map[string]string{
		"assert f(":                                        "the test does not compile",
		"assert True":                                      "calls no function",
		"assert False":                                     "calls no function",
		"assert f(h(1))":                                   "uses the name h, which neither",
		"assert f(lambda x: x) == 1":                       "f is called with a value that cannot be handed over: function",
		"import os\nassert f(os.getpid())":                 "imports os, which a test may not",
		"assert eval(f(1)) == 2":                           "uses the name eval",
		"x = 1 / 0\nassert f(1)":                           "ZeroDivisionError",
		"while True: pass\nassert f(1)":                    "before it calls anything",
		"try:\n    f(len)\nexcept:\n    pass\nassert f(1)": "cannot be handed over",
	} {
		_, err := b.try("def f(x): return 1", test)
		assert.ErrorIs(t, err, ErrTest, test)
		assert.ErrorContains(t, err, want, test)
		if strings.HasPrefix(test, "while") {
			continue // it takes its time
		}
		p := problem.Problem{ID: "q", Entry: []string{"f"}, Public: []problem.Test{{Assert: "assert f(1)"}, {Assert: test}}}
		err = b.Check(context.Background(), &p)
		assert.ErrorIs(t, err, ErrTest, test)
		assert.ErrorContains(t, err, "problem q: public test 2: ", test)
	}
}

// Randomness of a test is the same every time.
func TestATestIsTheSameEveryTime(t *testing.T) {
	b := open(t)
	var first []byte
	for range 2 {
		end, err := b.try("def f(x): return x", "import random\nfor i in range(5):\n    x = random.random()\n    assert f(x) == x")
		require.NoError(t, err)
		require.Equal(t, Passed, end.Kind)
		if first == nil {
			first = end.Values
		}
		assert.Equal(t, first, end.Values)
	}
}
