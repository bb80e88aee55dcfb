package families_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/mutate"
	"securecoderl/securerl/problem"
	"securecoderl/securerl/problem/families"
	"securecoderl/securerl/rng"
	"securecoderl/securerl/sandbox"
)

var (
	everything = flag.Bool("all", false, "mutate programs of every problem, not of some chosen by key (many minutes)")
	update     = flag.Bool("update", false, "add to hidden.txt what tells mutants from their originals")
)

// mutated is the share of problems whose programs are mutated here; `doctor -problems
// families` takes a tenth, and all with -all.
const mutated = 0.02

func inputs(id string) []problem.Test { return families.Inputs(id, 2000) }

// A mutant that is wrong on any of 2,000 further inputs fails a test.
func TestEveryMutantThatIsWrongIsKilled(t *testing.T) {
	ctx := context.Background()
	workers := runtime.NumCPU()
	sb, err := sandbox.New(ctx, sandbox.Options{Workers: workers})
	require.NoError(t, err)
	defer func() { assert.NoError(t, sb.Close()) }()
	m, err := mutate.New(ctx, sb)
	require.NoError(t, err)
	defer func() { assert.NoError(t, m.Close()) }()
	var problems []problem.Problem
	for _, p := range families.Build().Problems {
		if *everything || rng.New(0).Name("mutated").Name(p.ID).Stream().Float64() < mutated {
			problems = append(problems, p)
		}
	}
	r, err := mutate.Try(ctx, sb, m, problems, mutate.Options{Workers: workers + 1, Inputs: inputs})
	require.NoError(t, err)
	assert.Empty(t, r.Faults)
	assert.Greater(t, r.Total().Rate(), 0.8)
	t.Logf("%+v, %.1f %% killed", r.Total(), 100*r.Total().Rate())
	if *update {
		strengthen(t, r.Survivors)
		return
	}
	for _, s := range r.Survivors {
		if len(s.Wrong) > 0 {
			assert.Failf(t, "the tests are too weak", "%s: wrong on %d further inputs such as %q; go test -run EveryMutant -all -update", s, len(s.Wrong), inputs(s.Problem)[s.Wrong[0]].Stdin)
		}
	}
}

// strengthen adds places of inputs to hidden.txt.
func strengthen(t *testing.T, survivors []mutate.Survivor) {
	const path = "hidden.txt"
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	table := map[string]string{}
	for line := range strings.Lines(string(data)) {
		id, _, _ := strings.Cut(line, " ")
		table[id] = strings.TrimSpace(line)
	}
	wrong := map[string][][]int{}
	for _, s := range survivors {
		if len(s.Wrong) > 0 {
			wrong[s.Problem] = append(wrong[s.Problem], s.Wrong)
		}
	}
	for id, sets := range wrong {
		table[id] = strings.TrimSpace(fmt.Sprint(cmp.Or(table[id], id), " ", strings.Trim(fmt.Sprint(cover(sets)), "[]")))
	}
	var text strings.Builder
	for _, p := range families.Build().Problems { // in the order of the set
		if line := table[p.ID]; line != "" {
			fmt.Fprintln(&text, line)
		}
	}
	require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o644))
}

// cover chooses places such that every set has one of them: each time the place that
// is in most of the sets left, of several the first.
func cover(sets [][]int) (places []int) {
	for len(sets) > 0 {
		count, best := map[int]int{}, -1
		for _, set := range sets {
			for _, p := range set {
				count[p]++
			}
		}
		for p, n := range count {
			if best < 0 || n > count[best] || n == count[best] && p < best {
				best = p
			}
		}
		places = append(places, best)
		sets = slices.DeleteFunc(slices.Clone(sets), func(set []int) bool { return slices.Contains(set, best) })
	}
	return places
}

func TestCoverChoosesFewPlaces(t *testing.T) {
	assert.Empty(t, cover(nil))
	assert.Equal(t, []int{4}, cover([][]int{{9, 4}, {7, 4}, {4}}))
	assert.Equal(t, []int{2, 3}, cover([][]int{{3}, {2, 5}, {2, 8}}))
	assert.Equal(t, []int{1}, cover([][]int{{6, 1}}), "the earliest of equals")
}

// Further inputs come from the generator, with right answers, and a shorter list is the
// beginning of a longer one.
func TestInputs(t *testing.T) {
	assert.Nil(t, families.Inputs("no such problem", 10))
	all := families.Inputs("int.add/3", 2000)
	assert.Len(t, all, 30, "n is 1 to 30")
	seen := map[string]bool{}
	for _, x := range all {
		var n, want int
		_, err := fmt.Sscan(x.Stdin, &n)
		require.NoError(t, err)
		_, err = fmt.Sscan(x.Want, &want)
		require.NoError(t, err)
		assert.Equal(t, n+3, want)
		assert.False(t, seen[x.Stdin])
		seen[x.Stdin] = true
	}
	id := families.Build().Problems[0].ID
	long := families.Inputs(id, 2000)
	assert.Greater(t, len(long), 1800, id)
	assert.Equal(t, long[:100], families.Inputs(id, 200)[:100])
}

// hidden.txt names problems of the set, places of inputs that are no test yet, and
// nothing twice; the tests it adds are those inputs.
func TestFurtherHiddenTestsAreThoseListed(t *testing.T) {
	data, err := os.ReadFile("hidden.txt")
	require.NoError(t, err)
	set, listed := families.Build(), map[string]int{}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		p, found := set.Find(fields[0])
		require.True(t, found, line)
		assert.Zero(t, listed[p.ID], "stands twice: %s", p.ID)
		listed[p.ID] = len(fields) - 1
		all := inputs(p.ID)
		for i, f := range fields[1:] {
			var place int
			_, err := fmt.Sscan(f, &place)
			require.NoError(t, err)
			require.Less(t, place, len(all))
			assert.Equal(t, all[place], p.Hidden[5+i], p.ID)
		}
	}
	for _, p := range set.Problems {
		assert.Len(t, p.Hidden, 5+listed[p.ID], p.ID)
	}
}
