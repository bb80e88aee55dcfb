package mutate_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/mutate"
	"securecoderl/securerl/sandbox"
)

func open(t testing.TB) (*sandbox.Sandbox, *mutate.Mutator) {
	t.Helper()
	ctx := context.Background()
	l := sandbox.DefaultLimits()
	l.CPU = time.Second
	sb, err := sandbox.New(ctx, sandbox.Options{Workers: 2, Limits: l})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sb.Close()) })
	m, err := mutate.New(ctx, sb)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, m.Close()) })
	return sb, m
}

// changes are the mutants of a program as "old -> new" by operator, in their order.
func changes(t testing.TB, m *mutate.Mutator, source string) map[string][]string {
	t.Helper()
	list, err := m.Mutants(context.Background(), source)
	require.NoError(t, err, source)
	by := map[string][]string{}
	for _, x := range list {
		assert.Equal(t, x.Old, source[x.Start:x.End])
		assert.Equal(t, source[:x.Start]+x.New+source[x.End:], x.Source)
		assert.Equal(t, strings.Count(source[:x.Start], "\n")+1, x.Line)
		by[x.Operator] = append(by[x.Operator], x.Old+" -> "+x.New)
	}
	return by
}

// Expected changes are written by hand from the operators that doc.go names.
func TestMutantsAreOneChangeEach(t *testing.T) {
	_, m := open(t)
	for _, tt := range []struct {
		source, operator string
		want             []string
	}{
		{"y = a - b", "arithmetic", []string{"- -> +", "- -> *"}},
		{"y = (a) + ( # a + b\n b)", "arithmetic", []string{"+ -> -", "+ -> *"}},
		{"é = 'ü' ; y = é % b", "arithmetic", []string{"% -> *", "% -> //"}},
		{"y += b", "arithmetic", []string{"+= -> -=", "+= -> *=", "+= -> ="}},
		{"y = a @ b", "arithmetic", nil},
		{"y = a < b", "relational", []string{"< -> <=", "< -> !=", "< -> >="}},
		{"y = a == b != c", "relational", []string{"== -> <=", "== -> >=", "== -> !=", "!= -> <", "!= -> >", "!= -> =="}},
		{"y = a not  in b", "relational", []string{"not  in -> in"}},
		{"y = a is not None", "relational", []string{"is not -> is"}},
		{"y = a and b and c", "logical", []string{"and -> or", "and -> or"}},
		{"if(x): y()", "condition", []string{"x -> (not (x))"}},
		{"y = [x for x in a if x]", "condition", []string{"x -> (not (x))", "x -> True"}},
		{"y = 1 if x else 2", "condition", []string{"x -> (not (x))"}},
		{"y = -x", "unary", []string{"-x -> (x)"}},
		{"y = not x", "unary", []string{"not x -> (x)"}},
		{"y = 7", "constant", []string{"7 -> 8", "7 -> 6", "7 -> 0"}},
		{"y = 1", "constant", []string{"1 -> 2", "1 -> 0"}},
		{"y = 0", "constant", []string{"0 -> 1", "0 -> (-1)"}},
		{"y = True", "constant", []string{"True -> False"}},
		{"y = 0x10", "constant", []string{"0x10 -> 17", "0x10 -> 15", "0x10 -> 0"}},
		{"y = 'Yes'", "string", []string{"'Yes' -> ''", "'Yes' -> 'yES'"}},
		{"y = ' '.join(x)", "separator", []string{"' ' -> '\\n'"}},
		{"print(a, b)", "separator", []string{" -> , sep=''", " -> , sep='\\n'"}},
		{"print(a)", "separator", nil},
		{"print(a)\nprint(b)", "separator", []string{" -> , end=''"}},
		{"for x in a: print(x)", "separator", []string{" -> , end=''"}},
		{"print(*a)", "star", []string{"*a -> a"}},
		{"for i in range(n): y(i)", "boundary", []string{"n -> (n) + 1", "n -> (n) - 1", "n -> 1, n"}},
		{"y = a[i:j]", "boundary", []string{"i -> (i) + 1", "i -> (i) - 1", "j -> (j) + 1", "j -> (j) - 1"}},
		{"y = max(a)", "swap", []string{"max -> min"}},
		{"y = a.upper()", "swap", []string{"upper -> lower"}},
		{"y = sorted(abs(x), key=f)", "call", []string{"sorted(abs(x), key=f) -> (abs(x))", ", key=f -> ", "abs(x) -> (x)"}},
		{"y = a.strip('x')", "call", []string{"a.strip('x') -> (a)", "a.strip('x') -> a.strip()"}},
		{"y = f(key=g, other=2)", "call", []string{"key=g,  -> ", ", other=2 -> "}},
		{"def f():\n    return 3\n", "return", []string{"3 -> None"}},
		{"for x in a:\n    break\n", "loop", []string{"break -> continue"}},
		{"'''text'''\nimport os\nx = 1\nif x:\n    pass\n", "statement", []string{"x = 1 -> pass", "if x:\n    pass -> pass"}},
		{"y = f'{a + 1}'", "string", []string{"f'{a + 1}' -> ''"}},
		{"y = f'{a + 1}'", "arithmetic", nil},
		{"import sys\nsys.setrecursionlimit(10 ** 6)", "constant", nil},
		{"x: 'int' = a", "string", nil},
	} {
		assert.Equal(t, tt.want, changes(t, m, tt.source)[tt.operator], tt.source)
	}
}

func TestNoMutantStandsTwiceOrIsTheOriginal(t *testing.T) {
	_, m := open(t)
	source := "a = list(map(int, input().split()))\r\nt = 0\r\nfor x in a:\r\n    if x % 2 == 0 and x > 1:\r\n        t += x * x\r\nprint(t, 'é', sep=' ')\r\n"
	list, err := m.Mutants(context.Background(), source)
	require.NoError(t, err)
	again, err := m.Mutants(context.Background(), source)
	require.NoError(t, err)
	assert.Equal(t, list, again)
	require.Greater(t, len(list), 30)
	seen := map[string]string{source: "the original"}
	for _, x := range list {
		assert.Empty(t, seen[x.Source], x)
		seen[x.Source] = x.String()
	}
	withMark, err := m.Mutants(context.Background(), "\ufeff"+source)
	require.NoError(t, err)
	assert.Equal(t, list, withMark, "a byte order mark is no part of the text")
}

func TestNormalFormLeavesOutWhatDoesNotMatter(t *testing.T) {
	_, m := open(t)
	form := func(source string) string {
		f, err := m.Normal(context.Background(), source)
		require.NoError(t, err)
		return f
	}
	one := form("n = int(input())\nprint(n + 1)")
	assert.Equal(t, one, form("\"\"\"Adds one.\"\"\"\nvalue = int( input( ) )  # read\nprint((value + 1))\n"[len("\"\"\"Adds one.\"\"\"\n"):]))
	assert.NotEqual(t, one, form("n = int(input())\nprint(n + 2)"))
	assert.NotEqual(t, one, form("n = int(input())\nm = n\nprint(n + 1)"))
	assert.NotEqual(t, form("a = b = 1\nprint(a)"), form("b = a = 1\nprint(a)"))
	assert.Equal(t, form("def f(x):\n    'doc'\n    return len(x)"), form("def size(of):\n    'other'\n    return len(of)"))
	assert.NotEqual(t, form("def f(x):\n    return len(x)"), form("def f(x):\n    return max(x)"))
}

// What is no program is an error that says so, and the next one is answered.
func TestHostileSourcesAreNoPrograms(t *testing.T) {
	_, m := open(t)
	for name, source := range map[string]string{
		"syntax": "print(", "nul": "x = 1\x00", "not utf-8": "x = '\xff'", "deep": "x = " + strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000),
		"long": "x = " + strings.Repeat("-", 100000) + "1", "break": "break",
	} {
		_, err := m.Mutants(context.Background(), source)
		if name != "break" { // parses; compile refuses it, and each of its mutants
			assert.ErrorIs(t, err, mutate.ErrSource, name)
		}
		list, err := m.Mutants(context.Background(), "x = a + b")
		require.NoError(t, err, name)
		assert.NotEmpty(t, list)
	}
	list, err := m.Mutants(context.Background(), "")
	require.NoError(t, err)
	assert.Empty(t, list)
}

func TestAClosedMutatorIsTheMachinerysFault(t *testing.T) {
	sb, _ := open(t)
	m, err := mutate.New(context.Background(), sb)
	require.NoError(t, err)
	require.NoError(t, m.Close())
	_, err = m.Mutants(context.Background(), "x = 1")
	assert.ErrorIs(t, err, mutate.ErrInfrastructure)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, live := open(t)
	_, err = live.Mutants(ctx, "x = 1")
	assert.ErrorIs(t, err, context.Canceled)
}

func ExampleMutator() {
	ctx := context.Background()
	sb, err := sandbox.New(ctx, sandbox.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sb.Close()
	m, err := mutate.New(ctx, sb)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	mutants, err := m.Mutants(ctx, "n = int(input())\nprint(n % 2 == 0)")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, x := range mutants[:5] {
		fmt.Println(x)
	}
	// Output:
	// statement, line 1: "n = int(input())" becomes "pass"
	// call, line 1: "int(input())" becomes "(input())"
	// statement, line 2: "print(n % 2 == 0)" becomes "pass"
	// relational, line 2: "==" becomes "<="
	// relational, line 2: "==" becomes ">="
}
