package call

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hostile programs want to pass `assert f(2) == 'mari' + 'gold-982451653'` without
// knowing what is expected. The honest way is "def f(x): return 'marigold-982451653'".
var hostile = map[string]string{
	"equal to everything":         "class E:\n    def __eq__(self, other): return True\n    __ne__ = lambda self, other: False\n    __hash__ = lambda self: 0\ndef f(x): return E()",
	"a str equal to everything":   "class E(str):\n    def __eq__(self, other): return True\n    __hash__ = str.__hash__\ndef f(x): return E('x')",
	"an equal metaclass":          "class M(type):\n    def __eq__(self, other): return True\n    __hash__ = type.__hash__\n    def mro(cls): return [cls, str, object]\nclass E(str, metaclass=M): pass\ndef f(x): return E('x')",
	"claims another class":        "class E:\n    __class__ = str\n    def __eq__(self, other): return True\ndef f(x): return E()",
	"sudden exit when loaded":     "import os\nos._exit(0)",
	"sudden exit":                 "import os\ndef f(x): os._exit(0)",
	"exit":                        "import sys\ndef f(x): sys.exit(0)",
	"exit when loaded":            "raise SystemExit",
	"assertion":                   "def f(x): raise AssertionError",
	"own need":                    "class Need(BaseException): pass\ndef f(x): raise Need",
	"own broken":                  "class Broken(BaseException): pass\ndef f(x): raise Broken('x')",
	"stop iteration":              "def f(x): raise StopIteration(x)",
	"keyboard":                    "def f(x): raise KeyboardInterrupt",
	"exception of odd arguments":  "def f(x): raise UnicodeDecodeError.__new__(UnicodeDecodeError)",
	"group":                       "def f(x): raise ExceptionGroup('x', [ValueError()])",
	"patched builtins":            "import builtins\nbuiltins.AssertionError = SystemError\nbuiltins.type = lambda x: int\nbuiltins.len = lambda x: 4\nbuiltins.str = builtins.bytes = list\ndef f(x): return 'x'",
	"patched struct":              "import struct\nstruct.pack = lambda *a: b'T'\ndef f(x): return 1.5",
	"patched modules":             "import sys\nfor m in list(sys.modules): sys.modules[m] = None\ndef f(x): return 'x'",
	"modules taken away":          "import sys\nsys.modules.clear()\ndef f(x): return 'x'",
	"patched main":                "import sys\nsys.modules['__main__'].__dict__.clear()\ndef f(x): return 'x'",
	"frames":                      "import sys\ndef f(x):\n    fr = sys._getframe(1)\n    while fr:\n        for d in (fr.f_locals, fr.f_globals):\n            for k in list(d):\n                if k in ('write', '_write', 'parse'): d[k] = lambda *a: b'T'\n        fr = fr.f_back\n    return True",
	"trace":                       "import sys\ndef f(x):\n    sys.settrace(lambda *a: None)\n    return True",
	"closed stdout":               "import os\nos.close(1)\ndef f(x): return 'x'",
	"stdout replaced":             "import os\nr, w = os.pipe()\nos.dup2(w, 1)\ndef f(x): return 'x'",
	"stdout closed":               "import sys\nsys.stdout.close()\ndef f(x): return 'x'",
	"evil repr":                   "class E:\n    def __repr__(self): raise SystemExit\n    __str__ = __len__ = __bool__ = __hash__ = __repr__\ndef f(x): return E()",
	"evil length":                 "class L(list):\n    def __len__(self): return 1 << 60\n    def __iter__(self): raise SystemExit\ndef f(x): return L('x')",
	"evil iterator":               "class I:\n    def __iter__(self): return self\n    def __next__(self): return 'x'\ndef f(x): return I()",
	"evil keys":                   "class K(str):\n    def __hash__(self): return 1\n    def __eq__(self, o): return True\ndef f(x): return {K('a'): 1, K('b'): 2}",
	"evil class name":             "class E: pass\nE.__name__ = 'x' * 5000 + '\\n:;'\ndef f(x): return E()",
	"evil exception":              "class X(Exception):\n    args = property(lambda s: 1 / 0)\n    def __str__(s): raise SystemExit\nX.__name__ = '<b>\\x1b[31m'\ndef f(x): raise X",
	"a list in itself":            "def f(x):\n    l = []\n    l.append(l)\n    return l",
	"a dict in itself":            "def f(x):\n    d = {}\n    d[1] = (d, [d])\n    return d",
	"deep":                        "def f(x):\n    l = []\n    for i in range(100000): l = [l]\n    return l",
	"wide":                        "def f(x):\n    l = []\n    for i in range(60): l = [l, l]\n    return l",
	"huge list":                   "def f(x): return [0] * 5000000",
	"huge text":                   "def f(x): return 'x' * (100 << 20)",
	"huge number":                 "def f(x): return 1 << (1 << 22)",
	"colliding":                   "def f(x): return {i * (2**61 - 1) for i in range(30000)}",
	"bytes of zero":               "def f(x): return '\\0' * 1000 + '\\0answer\\0'",
	"prints the mark":             "import os\ndef f(x):\n    os.write(1, b'00000002\\0answer\\0')\n    os._exit(0)",
	"forges true":                 forge("t3:s8:returnedTd0:"),
	"forges passed":               forge("s6:passed"),
	"forges no tuple":             forge("l3:s8:returnedTd0:"),
	"forges unhashable":           forge("t3:s8:returnedS1:l0:d0:"),
	"forges slots":                forge("t3:s8:returnedTd3:i0;Ti99;Ns9:__class__N"),
	"forges an exception":         forge("t7:s6:raisedTs6:passeds4:Needi1;t0:d0:"),
	"forges no exception":         forge("t7:s6:raisedTs1:xs4:evali1;t1:s1:1d0:"),
	"forges a negative line":      forge("t7:s6:raisedTs1:xs1:xi-1;t0:d0:"),
	"forges a type":               forge("t3:s8:returnedy4:evald0:"),
	"forges a number":             forge("t3:s8:returnedi12_3;d0:"),
	"forges text":                 forge("t3:s8:returneds2:\xff\xfed0:"),
	"forges a range":              forge("t3:s8:returnedri0;i9;i0;d0:"),
	"forges a fraction":           forge("t3:s8:returnedxi1;i0;d0:"),
	"forges a size":               forge("t3:s8:returnedl999999999:d0:"),
	"writes after":                "import atexit, os, threading, time\natexit.register(lambda: os.write(1, b'x'))\ndef spam():\n    while True: os.write(1, b'x')\nthreading.Thread(target=spam, daemon=True).start()\ndef f(x):\n    time.sleep(0.05)\n    return 'x'",
	"looks in the request":        search("[os.pread(0, 1 << 20, 0).decode('utf-8', 'replace')]"),
	"looks in objects":            search("[o for o in gc.get_objects() if type(o) in (str, bytes, tuple, list, dict)] + [sys._getframe(i).f_locals for i in range(4)]"),
	"looks in frames":             search("[{**sys._getframe(i).f_globals, **sys._getframe(i).f_locals} for i in range(5)]"),
	"looks in constants":          search("[c.co_consts for c in gc.get_objects() if hasattr(c, 'co_consts')] + [getattr(c, '__code__').co_consts for c in gc.get_objects() if hasattr(c, '__code__')]"),
	"looks in files":              search("[open(p, 'rb').read(1 << 20) for p in ('/proc/self/maps', '/proc/self/fd/0', '/proc/1/cmdline', '/dev/stdin') if os.path.exists(p)]"),
	"looks in descriptors":        search("[read(i) for i in range(64)]") + "\ndef read(i):\n    try: return os.pread(i, 1 << 20, 0)\n    except OSError: return b''\n",
	"a zero in the source":        "def f(x): return 'marigold-982451653'\n\x00",
	"endless at the end":          "class E:\n    def __del__(self):\n        while True: pass\nkeep = E()\ndef f(x): return 'x'",
	"a type with a lying mro":     "class M(type):\n    def __getattribute__(c, n): raise SystemExit\nclass E(metaclass=M): pass\ndef f(x): return E()",
	"recursion limit":             "import sys\nsys.setrecursionlimit(1 << 30)\ndef f(x): return f(x)",
	"limit of one":                "import sys\ndef f(x):\n    sys.setrecursionlimit(5)\n    return 'x'",
	"digits":                      "import sys\ndef f(x): return 10 ** 20000",
	"mutates what it got":         "def f(x, *a, **k):\n    return x",
	"nan":                         "def f(x): return float('nan')",
	"ctypes":                      "import ctypes\ndef f(x): return ctypes.string_at(0)",
	"pretends to be the argument": "def f(x): return type('X', (int,), {'__eq__': lambda s, o: True})(x)",
}

// forge is a program that writes an answer of its own and is gone.
func forge(answer string) string {
	var b strings.Builder
	for _, c := range []byte(answer) {
		fmt.Fprintf(&b, "\\x%02x", c)
	}
	return fmt.Sprintf("import os\ndef f(x):\n    a = b'%s'\n    os.write(1, a + b'%%08x\\0answer\\0' %% len(a))\n    os._exit(0)", b.String())
}

// search is a program that looks for the expected value among things and returns it.
func search(things string) string {
	return "import gc, os, re, sys\ndef f(x):\n    needle = 'mari' + 'gold-'\n    for o in " + things +
		":\n        try: m = re.search(needle + '[0-9]{9}', repr(o) if not isinstance(o, str) else o)\n        except Exception: continue\n        if m: return m.group()\n    return 'not found'"
}

func TestNoHostileProgramPasses(t *testing.T) {
	b := open(t)
	for name, source := range hostile {
		end, err := b.try(source, "x = f(2)\nassert x == 'mari' + 'gold-982451653' or not x != 'marigold-' + str(982451653)")
		require.NoError(t, err, name)
		assert.NotEqual(t, Passed, end.Kind, name)
		assert.Regexp(t, `^[A-Za-z0-9_]*$`, end.Exception, name)
		end, err = b.try("def f(x): return 'marigold-982451653'", "assert f(2) == 'mari' + 'gold-982451653'")
		require.NoError(t, err, "after %s", name)
		assert.Equal(t, Passed, end.Kind, "an honest program after %s: %+v", name, end)
	}
}

// What a program can do in an assert that nearly anything passes is not worse than
// what it could do honestly: it is called, and its value counts.
func TestAWrongAnswerIsOnlyThat(t *testing.T) {
	b := open(t)
	end, err := b.try(forge("t3:s8:returnedi4;d0:"), "assert f(2) == 4")
	require.NoError(t, err)
	assert.Equal(t, Passed, end.Kind, "it knew the answer")
	end, err = b.try("def f(x):\n    x.append(4)\n    return x", "x = [1]\nassert f(x) == [1, 4] and x == [1, 4]\nassert f([]) == [4]")
	require.NoError(t, err)
	assert.Equal(t, Passed, end.Kind)
}

// A value that keeps the test busy beyond its time is the program's doing, and the
// evaluator works again afterwards.
func TestAValueThatStallsTheTest(t *testing.T) {
	b := open(t)
	for _, test := range []string{"assert sum(range(f())) == 1", "assert len('x' * f()) == 1"} {
		end, err := b.try("def f(): return 1 << 31", test)
		require.NoError(t, err)
		assert.Contains(t, []Kind{Stalled, Failed}, end.Kind, test)
		end, err = b.try("def f(): return 1", "assert f() == 1")
		require.NoError(t, err)
		assert.Equal(t, Passed, end.Kind)
	}
}
