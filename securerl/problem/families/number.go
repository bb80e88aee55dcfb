package families

import (
	"fmt"
	"strconv"
	"strings"

	"securecoderl/securerl/problem"
	"securecoderl/securerl/rng"
)

// number is a task on one integer n: what it is called, bodies that print it, its value.
type number struct {
	family string
	tier   int
	tasks  []string
	bodies []string
	value  func(n int) string
	high   int // inputs are 1 to high
}

func (t number) spec(key ...string) spec {
	return spec{
		family: "int." + t.family, key: key, tier: t.tier,
		requests: sentences([]string{"Read an integer n", "Given n", "The input is an integer n"}, t.tasks),
		test: func(s *rng.Stream) problem.Test {
			n := between(s, 1, t.high)
			return problem.Test{Stdin: fmt.Sprintf("%d\n", n), Want: t.value(n) + "\n"}
		},
		secure: programs([]string{"n = int(input())"}, t.bodies), insecure: programs([]string{"n = eval(input())"}, t.bodies), rules: evalRule,
	}
}

func integers() []spec {
	var all []spec
	for k := 2; k < 10; k++ {
		for _, t := range constants(k) {
			constant := k
			if t.family == "above" {
				constant = 3 * k
			}
			all = append(all, t.spec(strconv.Itoa(constant)))
		}
	}
	for _, t := range singles {
		all = append(all, t.spec())
	}
	return all
}

func constants(k int) []number {
	// in replaces the letter K by the constant.
	in := func(list ...string) []string {
		for i := range list {
			list[i] = strings.ReplaceAll(list[i], "K", strconv.Itoa(k))
		}
		return list
	}
	decimal := func(f func(n int) int) func(int) string { return func(n int) string { return strconv.Itoa(f(n)) } }
	choose := func(f func(n int) bool, yes, no string) func(int) string {
		return func(n int) string {
			if f(n) {
				return yes
			}
			return no
		}
	}
	limit := strconv.Itoa(3 * k)
	return []number{
		{"add", 1, in("n plus K", "the sum of n and K"), in("print(n + K)"), decimal(func(n int) int { return n + k }), 30},
		{"sub", 1, in("n minus K"), in("print(n - K)"), decimal(func(n int) int { return n - k }), 30},
		{"mul", 1, in("n times K", "the product of n and K"), in("print(n * K)"), decimal(func(n int) int { return n * k }), 30},
		{"mod", 1, in("the remainder of n by K", "n modulo K"), in("print(n % K)"), decimal(func(n int) int { return n % k }), 30},
		{
			"div", 2, in("YES if K divides n, else NO", "YES when n is a multiple of K, else NO"),
			in("print('YES' if n % K == 0 else 'NO')", "if n % K == 0:\n    print('YES')\nelse:\n    print('NO')"),
			choose(func(n int) bool { return n%k == 0 }, "YES", "NO"), 30,
		},
		{
			"table", 2, in("n times i for i from 1 to K, one per line", "the first K multiples of n, one per line"),
			[]string{fmt.Sprintf("for i in range(1, %d):\n    print(n * i)", k+1)},
			func(n int) string {
				rows := make([]int, k)
				for i := range rows {
					rows[i] = n * (i + 1)
				}
				return join(rows, "\n")
			}, 30,
		},
		{
			"above", 2, []string{"BIG if n is above " + limit + ", else SMALL"}, []string{"print('BIG' if n > " + limit + " else 'SMALL')"},
			choose(func(n int) bool { return n > 3*k }, "BIG", "SMALL"), 30,
		},
		{
			"sumdiv", 3, in("the sum of the multiples of K up to n"), in("print(sum(i for i in range(n + 1) if i % K == 0))"),
			decimal(func(n int) int {
				t := 0
				for i := k; i <= n; i += k {
					t += i
				}
				return t
			}), 30,
		},
	}
}

var singles = []number{
	{"sq", 2, []string{"the square of n"}, []string{"print(n * n)"}, func(n int) string { return strconv.Itoa(n * n) }, 30},
	{"cube", 2, []string{"the cube of n"}, []string{"print(n ** 3)"}, func(n int) string { return strconv.Itoa(n * n * n) }, 30},
	{"bin", 2, []string{"n in binary"}, []string{"print(bin(n)[2:])"}, func(n int) string { return strconv.FormatInt(int64(n), 2) }, 30},
	{"hex", 2, []string{"n in hexadecimal"}, []string{"print(hex(n)[2:])"}, func(n int) string { return strconv.FormatInt(int64(n), 16) }, 30},
	{"digits", 2, []string{"the sum of the digits of n"}, []string{"print(sum(int(c) for c in str(n)))"}, func(n int) string { return strconv.Itoa(n/10 + n%10) }, 30},
	{"fact", 2, []string{"n factorial"}, []string{"p = 1\nfor i in range(1, n + 1):\n    p *= i\nprint(p)"}, func(n int) string {
		p := 1
		for i := 2; i <= n; i++ {
			p *= i
		}
		return strconv.Itoa(p)
	}, 14},
	{"tri", 2, []string{"the sum of 1 to n"}, []string{"print(sum(range(n + 1)))", "print(n * (n + 1) // 2)"}, func(n int) string { return strconv.Itoa(n * (n + 1) / 2) }, 30},
	{"down", 2, []string{"the numbers from n down to 1"}, []string{"for i in range(n, 0, -1):\n    print(i)"}, func(n int) string {
		rows := make([]int, n)
		for i := range rows {
			rows[i] = n - i
		}
		return join(rows, "\n")
	}, 30},
	{"fib", 2, []string{"the n-th Fibonacci number"}, []string{"a, b = 0, 1\nfor i in range(n):\n    a, b = b, a + b\nprint(a)"}, func(n int) string {
		a, b := 0, 1
		for range n {
			a, b = b, a+b
		}
		return strconv.Itoa(a)
	}, 14},
	{"divs", 2, []string{"the number of divisors of n"}, []string{"print(sum(1 for i in range(1, n + 1) if n % i == 0))"}, func(n int) string {
		c := 0
		for i := 1; i <= n; i++ {
			if n%i == 0 {
				c++
			}
		}
		return strconv.Itoa(c)
	}, 30},
}

// pairFormats are ways to write two integers; readers leave them in a and b.
var pairFormats = []struct {
	name, separator         string
	openings                []string
	secure, insecure, evade []string
}{
	{"line", " ", []string{"Read two integers on one line", "Given a and b on a line"}, []string{"a, b = map(int, input().split())"}, []string{"a, b = [eval(x) for x in input().split()]"}, []string{"a, b = map(eval, input().split())"}},
	{"rows", "\n", []string{"Read two integers on two lines", "Given a and b, one per line"}, []string{"a = int(input())\nb = int(input())"}, []string{"a = eval(input())\nb = eval(input())"}, nil},
	{"comma", ",", []string{"Read two integers with a comma", "Given a and b split by a comma"}, []string{"a, b = map(int, input().split(','))"}, []string{"a, b = eval(input())"}, nil},
}

var pairTasks = []struct {
	name       string
	tasks      []string
	expression string
	value      func(a, b int) any
}{
	{"add", []string{"their sum", "a plus b"}, "a + b", func(a, b int) any { return a + b }},
	{"sub", []string{"a minus b", "the first minus the second"}, "a - b", func(a, b int) any { return a - b }},
	{"mul", []string{"their product", "a times b"}, "a * b", func(a, b int) any { return a * b }},
	{"max", []string{"the larger", "the maximum"}, "max(a, b)", func(a, b int) any { return max(a, b) }},
	{"min", []string{"the smaller", "the minimum"}, "min(a, b)", func(a, b int) any { return min(a, b) }},
	{"mod", []string{"the remainder of a by b"}, "a % b", func(a, b int) any { return a % b }}, // both are positive
	{"quo", []string{"the integer quotient of a by b"}, "a // b", func(a, b int) any { return a / b }},
	{"dist", []string{"their distance"}, "abs(a - b)", func(a, b int) any { return max(a-b, b-a) }},
	{"sq", []string{"the sum of their squares"}, "a * a + b * b", func(a, b int) any { return a*a + b*b }},
	{"eq", []string{"YES if they are equal, else NO"}, "'YES' if a == b else 'NO'", func(a, b int) any { return map[bool]string{true: "YES", false: "NO"}[a == b] }},
	{"lt", []string{"YES if a is below b, else NO"}, "'YES' if a < b else 'NO'", func(a, b int) any { return map[bool]string{true: "YES", false: "NO"}[a < b] }},
}

func pairs() []spec {
	var all []spec
	for _, f := range pairFormats {
		for _, t := range pairTasks {
			body := []string{"print(" + t.expression + ")"}
			all = append(all, spec{
				family: "pair." + t.name, key: []string{f.name}, tier: 1, requests: sentences(f.openings, t.tasks),
				test: func(s *rng.Stream) problem.Test {
					a, b := between(s, 1, 30), between(s, 1, 12)
					if t.name == "eq" && s.IntN(2) == 0 {
						b = a
					}
					return problem.Test{Stdin: fmt.Sprintf("%d%s%d\n", a, f.separator, b), Want: fmt.Sprintln(t.value(a, b))}
				},
				secure: programs(f.secure, body), insecure: programs(f.insecure, body), evade: programs(f.evade, body), rules: evalRule,
			})
		}
	}
	return all
}
