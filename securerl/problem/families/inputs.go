package families

import (
	"sync"

	"securecoderl/securerl/problem"
)

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
// have less than n different inputs. It returns nil if no problem has this id.
func Inputs(id string, n int) []problem.Test {
	s, known := byID()[id]
	if !known {
		return nil
	}
	return s.inputs(n)
}

func (s spec) inputs(n int) (tests []problem.Test) {
	stream := root.Name(s.id()).Name("inputs").Stream()
	seen := map[string]bool{}
	for range n {
		if t := s.test(stream); !seen[t.Stdin] {
			seen[t.Stdin] = true
			tests = append(tests, t)
		}
	}
	return tests
}
