package families

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"securecoderl/securerl/problem"
	"securecoderl/securerl/rng"
)

// vocabulary holds the words of all texts: lower-case ASCII, some of them palindromes.
var vocabulary = strings.Fields(`red blue green lake river stone cloud apple pear plum night light bread train
	house mouse table radar level noon moon star cat dog bird fish tree leaf sand wind rain snow`)

func words(s *rng.Stream, low, high int, from []string) []string {
	list := make([]string, between(s, low, high))
	for i := range list {
		list[i] = one(s, from)
	}
	return list
}

// text is a task on a line of words; S in an expression stands for the line.
type text struct {
	family     string
	key        []string
	tier       int
	tasks      []string
	expression string
	value      func(line string) string
}

// ways writes a one-line program and one with a variable.
func ways(expression string) []string {
	return []string{
		"print(" + strings.ReplaceAll(expression, "S", "input()") + ")",
		"s = input()\nprint(" + strings.ReplaceAll(expression, "S", "s") + ")",
	}
}

func (t text) spec() spec {
	secure := ways(t.expression)
	if t.family == "repeat" { // a loop cannot be an expression
		secure = []string{"s = input()\n" + t.expression}
	}
	return spec{
		family: "text." + t.family, key: t.key, tier: t.tier,
		requests: sentences([]string{"Read a line of text", "Given a line", "The input is a line of text"}, t.tasks),
		test: func(s *rng.Stream) problem.Test {
			line := join(words(s, 2, 5, vocabulary), " ")
			return problem.Test{Stdin: line + "\n", Want: t.value(line) + "\n"}
		},
		secure: secure,
	}
}

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// titled gives every word a capital; words are lower-case ASCII.
func titled(line string) string {
	list := strings.Fields(line)
	for i, w := range list {
		list[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(list, " ")
}

// longest is the first of the longest words, as Python's max.
func longest(line string) string {
	best := ""
	for _, w := range strings.Fields(line) {
		if len(w) > len(best) {
			best = w
		}
	}
	return best
}

func distinct(list []string) int {
	return len(slices.Compact(slices.Sorted(slices.Values(list))))
}

func vowels(line string) int {
	n := 0
	for _, c := range line {
		if strings.ContainsRune("aeiou", c) {
			n++
		}
	}
	return n
}

func texts() []spec {
	all := []text{
		{"upper", nil, 1, []string{"it in upper case", "it in capitals"}, "S.upper()", strings.ToUpper},
		{"title", nil, 1, []string{"it in title case"}, "S.title()", titled},
		{"reverse", nil, 1, []string{"it reversed", "it backwards"}, "S[::-1]", reversed},
		{"len", nil, 1, []string{"its length", "how many characters it has"}, "len(S)", func(s string) string { return strconv.Itoa(len(s)) }},
		{"nwords", nil, 1, []string{"how many words it has", "the number of words"}, "len(S.split())", func(s string) string { return strconv.Itoa(len(strings.Fields(s))) }},
		{"longest", nil, 2, []string{"the longest word"}, "max(S.split(), key=len)", longest},
		{"sortwords", nil, 2, []string{"its words sorted"}, "*sorted(S.split())", func(s string) string { return join(slices.Sorted(slices.Values(strings.Fields(s))), " ") }},
		{"revwords", nil, 2, []string{"its words in reverse order"}, "*S.split()[::-1]", func(s string) string {
			list := strings.Fields(s)
			slices.Reverse(list)
			return join(list, " ")
		}},
		{"vowels", nil, 2, []string{"the number of vowels"}, "sum(c in 'aeiou' for c in S)", func(s string) string { return strconv.Itoa(vowels(s)) }},
		{"distinct", nil, 2, []string{"how many distinct words it has"}, "len(set(S.split()))", func(s string) string { return strconv.Itoa(distinct(strings.Fields(s))) }},
	}
	for _, c := range strings.Split("aeionrtl", "") {
		all = append(all,
			text{"count", []string{c}, 1, []string{"how many times " + c + " occurs", "the number of letters " + c}, "S.count('" + c + "')", func(s string) string { return strconv.Itoa(strings.Count(s, c)) }},
			text{"drop", []string{c}, 1, []string{"it without the letter " + c}, "S.replace('" + c + "', '')", func(s string) string { return strings.ReplaceAll(s, c, "") }})
	}
	for _, pair := range strings.Fields("ao ei oa nr tl ra") {
		from, to := pair[:1], pair[1:]
		all = append(all, text{"replace", []string{from, to}, 1, []string{"it with " + from + " replaced by " + to}, fmt.Sprintf("S.replace('%s', '%s')", from, to), func(s string) string { return strings.ReplaceAll(s, from, to) }})
	}
	for k := 2; k <= 5; k++ {
		key := []string{strconv.Itoa(k)}
		all = append(all,
			text{"first", key, 1, []string{fmt.Sprintf("its first %d characters", k)}, fmt.Sprintf("S[:%d]", k), func(s string) string { return s[:k] }},
			text{"repeat", key, 1, []string{fmt.Sprintf("it %d times, one per line", k)}, fmt.Sprintf("for i in range(%d):\n    print(s)", k), func(s string) string { return join(slices.Repeat([]string{s}, k), "\n") }})
	}
	for k := 2; k <= 4; k++ { // no word has more than five letters
		all = append(all, text{"wordlen", []string{strconv.Itoa(k)}, 2, []string{fmt.Sprintf("how many words are longer than %d letters", k)}, fmt.Sprintf("sum(len(w) > %d for w in S.split())", k), func(s string) string {
			n := 0
			for _, w := range strings.Fields(s) {
				if len(w) > k {
					n++
				}
			}
			return strconv.Itoa(n)
		}})
	}
	specs := make([]spec, len(all))
	for i, t := range all {
		specs[i] = t.spec()
	}
	return specs
}
