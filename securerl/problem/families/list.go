package families

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"securecoderl/securerl/problem"
	"securecoderl/securerl/rng"
)

// format is a way to write a list of integers to standard input, and ways to read it.
type format struct {
	name                    string
	openings                []string
	encode                  func([]int) string
	secure, insecure, evade []string // readers; each leaves the list in a
}

var formats = []format{
	{
		"line", []string{"Read a line of integers", "One line holds integers", "Given integers on a line"},
		func(a []int) string { return join(a, " ") + "\n" },
		[]string{"a = list(map(int, input().split()))", "a = [int(x) for x in input().split()]"},
		[]string{"a = [eval(x) for x in input().split()]"},
		[]string{"a = list(map(eval, input().split()))"},
	},
	{
		"count", []string{"Read n and then n integers", "Line one is n, line two has n integers", "Given n, then a line of n integers"},
		func(a []int) string { return fmt.Sprintf("%d\n%s\n", len(a), join(a, " ")) },
		[]string{"n = int(input())\na = list(map(int, input().split()))", "n = int(input())\na = [int(x) for x in input().split()]"},
		[]string{"n = eval(input())\na = [eval(x) for x in input().split()]", "n = eval(input())\na = list(map(int, input().split()))"},
		[]string{"n = int(input())\na = list(map(eval, input().split()))"},
	},
	{
		"rows", []string{"Read n, then n lines of one integer", "Read n and n integers, one per line", "Given n, then n rows with an integer"},
		func(a []int) string { return fmt.Sprintf("%d\n%s\n", len(a), join(a, "\n")) },
		[]string{"n = int(input())\na = [int(input()) for i in range(n)]", "a = [int(input()) for i in range(int(input()))]"},
		[]string{"n = int(input())\na = [eval(input()) for i in range(n)]", "a = [eval(input()) for i in range(eval(input()))]"},
		nil,
	},
	{
		"eof", []string{"Read integers until the input ends", "Read all integers up to the end", "Given integers until the end"},
		func(a []int) string { return join(a, "\n") + "\n" },
		[]string{"import sys\na = list(map(int, sys.stdin.read().split()))", "import sys\na = [int(x) for x in sys.stdin]"},
		[]string{"import sys\na = [eval(x) for x in sys.stdin]"},
		[]string{"import sys\na = list(map(eval, sys.stdin))"},
	},
	{
		"comma", []string{"Read integers split by commas", "One line holds integers with commas", "Given comma-separated integers"},
		func(a []int) string { return join(a, ",") + "\n" },
		[]string{"a = list(map(int, input().split(',')))", "a = [int(x) for x in input().split(',')]"},
		[]string{"a = list(eval(input()))", "a = eval(input())"},
		nil,
	},
	{
		"literal", []string{"Read a Python list of integers", "One line holds a list like [4, 5, 6]", "Given a list literal of integers"},
		func(a []int) string { return "[" + join(a, ", ") + "]\n" },
		[]string{"import json\na = json.loads(input())", "import ast\na = ast.literal_eval(input())"},
		[]string{"a = eval(input())"},
		nil,
	},
}

// filter keeps some integers; name "all" keeps every one.
type filter struct {
	name, word, after string // "the even ones", or "the ones above 2"
	condition         string // Python
	keep              func(int) bool
}

func filters() []filter {
	list := []filter{
		{"all", "", "", "", func(int) bool { return true }},
		{"even", "even", "", "x % 2 == 0", func(x int) bool { return mod(x, 2) == 0 }},
		{"odd", "odd", "", "x % 2 == 1", func(x int) bool { return mod(x, 2) == 1 }},
		{"positive", "positive", "", "x > 0", func(x int) bool { return x > 0 }},
		{"negative", "negative", "", "x < 0", func(x int) bool { return x < 0 }},
	}
	for _, k := range []int{2, 4, 6} {
		list = append(list, filter{fmt.Sprint("above", k), "", fmt.Sprint("above ", k), fmt.Sprint("x > ", k), func(x int) bool { return x > k }})
	}
	for _, k := range []int{3, 5, 7} {
		list = append(list, filter{fmt.Sprint("by", k), "", fmt.Sprint("divisible by ", k), fmt.Sprintf("x %% %d == 0", k), func(x int) bool { return mod(x, k) == 0 }})
	}
	return list
}

// change is applied to every integer; name "same" changes nothing.
type change struct {
	name, word, expression string
	apply                  func(int) int
}

var changes = []change{
	{"same", "", "x", func(x int) int { return x }},
	{"squares", "squares", "x * x", func(x int) int { return x * x }},
	{"absolutes", "absolute values", "abs(x)", func(x int) int { return max(x, -x) }},
	{"doubles", "doubles", "2 * x", func(x int) int { return 2 * x }},
	{"cubes", "cubes", "x ** 3", func(x int) int { return x * x * x }},
}

var aggregates = []struct {
	name  string
	words []string
	fold  func([]int) string
}{
	{"sum", []string{"the sum", "the total"}, func(v []int) string { return strconv.Itoa(sum(v)) }},
	{"max", []string{"the largest", "the maximum"}, func(v []int) string { return strconv.Itoa(slices.Max(v)) }},
	{"min", []string{"the smallest", "the minimum"}, func(v []int) string { return strconv.Itoa(slices.Min(v)) }},
	{"count", []string{"how many", "the number"}, func(v []int) string { return strconv.Itoa(len(v)) }},
	{"sorted", []string{"in sorted order", "sorted"}, func(v []int) string { return join(slices.Sorted(slices.Values(v)), " ") }},
	{"rev", []string{"in reverse order", "backwards"}, func(v []int) string {
		v = slices.Clone(v)
		slices.Reverse(v)
		return join(v, " ")
	}},
	{"prod", []string{"the product"}, func(v []int) string {
		p := 1
		for _, x := range v {
			p *= x
		}
		return strconv.Itoa(p)
	}},
	{"range", []string{"the largest minus the smallest", "the maximum minus the minimum"}, func(v []int) string { return strconv.Itoa(slices.Max(v) - slices.Min(v)) }},
}

func sum(v []int) int {
	t := 0
	for _, x := range v {
		t += x
	}
	return t
}

// chosenLists keeps listCount of the trained list problems and unseenCount of the
// unseen ones: those with the lowest hash.
func chosenLists() []spec {
	var trained, held []spec
	for _, s := range lists() {
		if slices.Contains(unseen, s.family) {
			held = append(held, s)
		} else {
			trained = append(trained, s)
		}
	}
	return append(lowestLots(trained, listCount), lowestLots(held, unseenCount)...)
}

// lowestLots keeps n problems in their order.
func lowestLots(list []spec, n int) []spec {
	lots := make([]float64, len(list))
	for i, s := range list {
		lots[i] = lot("choice", s.id())
	}
	limit := slices.Sorted(slices.Values(lots))[n-1]
	var kept []spec
	for i, s := range list {
		if lots[i] <= limit {
			kept = append(kept, s)
		}
	}
	return kept
}

func lists() []spec {
	var all []spec
	for _, f := range formats {
		for _, keep := range filters() {
			for _, c := range changes {
				for _, g := range aggregates {
					if sensible(keep, c, g.name) {
						all = append(all, listSpec(f, keep, c, g.name, g.words, g.fold))
					}
				}
			}
		}
	}
	return all
}

// sensible leaves out tasks that repeat another one in other words, overflow the
// program slots, or make no sense.
func sensible(f filter, c change, aggregate string) bool {
	filtered, changed := f.name != "all", c.name != "same"
	if c.name == "absolutes" && (f.name == "positive" || strings.HasPrefix(f.name, "above")) {
		return false // the values are positive already
	}
	switch aggregate {
	case "count":
		return filtered && !changed
	case "prod":
		return !(filtered && changed) && (!changed || c.name == "absolutes")
	case "sorted", "rev", "range":
		return !(filtered && changed)
	}
	return true
}

func listSpec(f format, keep filter, c change, aggregate string, words []string, fold func([]int) string) spec {
	draw := func(s *rng.Stream) problem.Test {
		a := drawList(s, keep, c, aggregate)
		var v []int
		for _, x := range a {
			if keep.keep(x) {
				v = append(v, c.apply(x))
			}
		}
		return problem.Test{Stdin: f.encode(a), Want: fold(v) + "\n"}
	}
	tier := 1
	if keep.name != "all" {
		tier++
	}
	if c.name != "same" {
		tier++
	}
	bodies := listBodies(f.name, keep.condition, c.expression, aggregate)
	return spec{
		family: "list." + aggregate, key: []string{f.name, keep.name, c.name}, tier: tier,
		requests: sentences(f.openings, listTasks(keep, c, aggregate, words)), test: draw,
		secure: programs(f.secure, bodies), insecure: programs(f.insecure, bodies), evade: programs(f.evade, bodies), rules: evalRule,
	}
}

// drawList draws 3 to 6 integers of which at least two, and with a filter not all, are kept.
func drawList(s *rng.Stream, keep filter, c change, aggregate string) []int {
	wide := strings.HasPrefix(keep.name, "above") || strings.HasPrefix(keep.name, "by")
	high, signed := 12, keep.name == "positive" || keep.name == "negative" || c.name == "absolutes"
	if aggregate == "prod" && !wide {
		high = 6
	}
	for {
		a := make([]int, between(s, 3, 6))
		kept := 0
		for i := range a {
			low, top := 1, high
			if signed || s.IntN(2) == 0 {
				low = -high
			}
			if strings.HasPrefix(keep.name, "by") {
				top += 9
			}
			a[i] = between(s, low, top)
			if keep.keep(a[i]) {
				kept++
			}
		}
		if kept >= 2 && (keep.name == "all" || kept < len(a)) {
			return a
		}
	}
}

// listTasks says what to print: "the sum of the squares of the even ones".
func listTasks(keep filter, c change, aggregate string, words []string) []string {
	ones := "the " + keep.word + " ones"
	if keep.after != "" {
		ones = "the ones " + keep.after
	}
	var objects []string
	switch {
	case keep.name == "all" && c.word == "":
		objects = []string{"the integers", "them"}
	case c.word == "":
		objects = []string{ones}
	case keep.name == "all":
		objects = []string{"the " + c.word, "their " + c.word}
	default:
		objects = []string{"the " + c.word + " of " + ones}
	}
	if aggregate == "count" {
		return []string{"how many are " + keep.word + keep.after, "the number of " + ones}
	}
	var tasks []string
	for _, w := range words {
		for _, o := range objects {
			if aggregate == "sorted" || aggregate == "rev" {
				tasks = append(tasks, o+" "+w)
			} else {
				tasks = append(tasks, w+" of "+o)
			}
		}
	}
	return tasks
}

// listBodies are ways to print the aggregate of the list a.
func listBodies(format, condition, expression, aggregate string) []string {
	items, sequence, indent := "a", "a", "    "
	if expression != "x" || condition != "" {
		items = expression + " for x in a"
		if condition != "" {
			items += " if " + condition
			indent = "    if " + condition + ":\n        "
		}
		sequence = "[" + items + "]"
	}
	loop := func(name, start, step string) string {
		return name + " = " + start + "\nfor x in a:\n" + indent + name + " " + step + "\nprint(" + name + ")"
	}
	switch aggregate {
	case "sum":
		return []string{"print(sum(" + items + "))", loop("t", "0", "+= "+expression)}
	case "count":
		return []string{"print(len(" + sequence + "))", loop("c", "0", "+= 1")}
	case "prod":
		return []string{loop("p", "1", "*= "+expression)}
	case "sorted":
		if sequence == "a" && format != "comma" { // a tuple has no sort
			return []string{"print(*sorted(a))", "a.sort()\nprint(*a)"}
		}
		return []string{"print(*sorted(" + items + "))"}
	case "rev":
		return []string{"print(*" + sequence + "[::-1])"}
	case "range":
		if sequence == "a" {
			return []string{"b = a\nprint(max(b) - min(b))", "print(max(a) - min(a))"}
		}
		return []string{"b = " + sequence + "\nprint(max(b) - min(b))"}
	}
	return []string{"print(" + aggregate + "(" + items + "))"} // max, min
}
