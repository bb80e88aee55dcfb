package families

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"securecoderl/securerl/problem"
)

// hiddenTable lists the problems with further hidden tests: per line an id and the
// places of their inputs among those of Inputs.
//
//go:embed hidden.txt
var hiddenTable string

// furtherPlaces is hiddenTable, by id.
var furtherPlaces = sync.OnceValue(func() map[string][]int {
	table := map[string][]int{}
	for line := range strings.Lines(hiddenTable) {
		fields := strings.Fields(line)
		for _, f := range fields[1:] {
			place, err := strconv.Atoi(f)
			if err != nil {
				panic(fmt.Sprintf("families: hidden.txt: %q: %v", line, err))
			}
			table[fields[0]] = append(table[fields[0]], place)
		}
	}
	return table
})

// byID finds a problem's generator.
var byID = sync.OnceValue(func() map[string]spec {
	m := map[string]spec{}
	for _, s := range specs() {
		m[s.id()] = s
	}
	return m
})

// Inputs draws n inputs of a problem with the answers to them, from the generator of its
// tests but with a key of its own, and leaves out those that came before: a problem may
// have less than n different inputs. Of a longer list a shorter one is the beginning.
// It returns nil if no problem has this id.
func Inputs(id string, n int) []problem.Test {
	s, known := byID()[id]
	if !known {
		return nil
	}
	return s.inputs(n, n)
}

// inputs draws n times and stops early at so many different inputs.
func (s spec) inputs(n, most int) (tests []problem.Test) {
	stream := root.Name(s.id()).Name("inputs").Stream()
	seen := map[string]bool{}
	for range n {
		if t := s.test(stream); !seen[t.Stdin] {
			seen[t.Stdin] = true
			tests = append(tests, t)
		}
		if len(tests) == most {
			break
		}
	}
	return tests
}

// furtherInputs is how many draws the places of hiddenTable are counted in.
const furtherInputs = 2000

// further are the hidden tests that hiddenTable adds to a problem.
func (s spec) further() (tests []problem.Test) {
	places := furtherPlaces()[s.id()]
	if len(places) == 0 {
		return nil
	}
	last := 0
	for _, p := range places {
		last = max(last, p)
	}
	all := s.inputs(furtherInputs, last+1)
	for _, p := range places {
		tests = append(tests, all[p])
	}
	return tests
}
