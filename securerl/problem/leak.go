package problem

import (
	"fmt"
	"slices"
	"strings"
)

// Sharing says what two problems have in common.
type Sharing string

// What can be shared, from the gravest on.
const (
	SharedStatement Sharing = "statement" // a request, letter case and blanks aside
	SharedTests     Sharing = "tests"     // all public and hidden tests, in any order
	SharedProgram   Sharing = "program"   // the text of a correct program
	SharedForm      Sharing = "form"      // a correct program, once brought to a normal form
)

// Leak is something that a problem to be evaluated shares with one that is trained on.
type Leak struct {
	What  Sharing `json:"what"`
	Test  string  `json:"test"`  // id of the problem evaluated
	Train string  `json:"train"` // id of the first problem trained on that shares it
}

// String is the leak as a sentence.
func (l Leak) String() string {
	return fmt.Sprintf("%s shares its %s with %s", l.Test, l.What, l.Train)
}

// Leaks lists what the problems of test share with those of train: each kind of
// sharing at most once for each of test, in its order. normal brings a program to a
// form in which what does not matter is left out, and returns "" where it has none;
// nil leaves out SharedForm. A problem is not compared with itself (its id).
func Leaks(train, test []Problem, normal func(source string) string) []Leak {
	kinds := []struct {
		what Sharing
		keys func(Problem) []string
	}{
		{SharedStatement, requests},
		{SharedTests, func(p Problem) []string { return []string{testsKey(p)} }},
		{SharedProgram, sources},
		{SharedForm, func(p Problem) (forms []string) {
			for _, s := range sources(p) {
				if normal != nil {
					forms = append(forms, normal(s))
				}
			}
			return forms
		}},
	}
	found := map[string][]Leak{} // by id of the problem in test
	for _, k := range kinds {
		first, second := map[string]string{}, map[string]string{} // key -> id in train; two, as one may be the problem itself
		for _, p := range train {
			for _, key := range k.keys(p) {
				if first[key] == "" {
					first[key] = p.ID
				} else if second[key] == "" && first[key] != p.ID {
					second[key] = p.ID
				}
			}
		}
		for _, p := range test {
			for _, key := range k.keys(p) {
				other := first[key]
				if other == p.ID {
					other = second[key]
				}
				if key != "" && other != "" {
					found[p.ID] = append(found[p.ID], Leak{k.what, p.ID, other})
					break
				}
			}
		}
	}
	var list []Leak
	for _, p := range test {
		list = append(list, found[p.ID]...)
		delete(found, p.ID)
	}
	return list
}

// SharedPrograms returns the ids of test problems that share the text of a correct
// program with some training problem: for them, remembering is enough. Results are
// given with and without them.
func SharedPrograms(train, test []Problem) []string {
	var ids []string
	for _, l := range Leaks(train, test, nil) {
		if l.What == SharedProgram {
			ids = append(ids, l.Test)
		}
	}
	return ids
}

func requests(p Problem) (keys []string) {
	for _, text := range append([]string{p.Statement}, p.Paraphrases...) {
		keys = append(keys, strings.Join(strings.Fields(strings.ToLower(text)), " "))
	}
	return keys
}

func sources(p Problem) (keys []string) {
	for _, r := range p.References {
		keys = append(keys, r.Source)
	}
	return keys
}

func testsKey(p Problem) string {
	var list []string
	for _, t := range slices.Concat(p.Public, p.Hidden) {
		list = append(list, fmt.Sprintf("%q %q %q", t.Stdin, t.Want, t.Assert))
	}
	slices.Sort(list)
	return strings.Join(list, "\n")
}
