package completion_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/completion"
)

// naive reads a text byte by byte and asks of every beginning whether a stop string ends it.
func naive(text string, stops []string) (end, start int) {
	for n := 1; n <= len(text); n++ {
		longest := 0
		for _, s := range stops {
			if strings.HasSuffix(text[:n], s) {
				longest = max(longest, len(s))
			}
		}
		if longest > 0 {
			return n, n - longest
		}
	}
	return -1, -1
}

func TestAStopStringIsMetWhereItFirstStands(t *testing.T) {
	for name, tt := range map[string]struct {
		pieces, stops []string
		at            int // the piece that completes one, -1 = none
		start         int
	}{
		"in one piece":                         {[]string{"a = 1\n", "\n\n", "b"}, []string{"\n\n"}, 1, 5},
		"over three pieces":                    {[]string{"x``", "`", "p"}, []string{"```"}, 1, 1},
		"inside a piece":                       {[]string{"one STOP two"}, []string{"STOP"}, 0, 4},
		"that begins again within itself":      {[]string{"aab", "aabaac"}, []string{"aabaac"}, 1, 3},
		"the longest of those that end there":  {[]string{"xab"}, []string{"b", "ab"}, 0, 1},
		"the one that ends first":              {[]string{"bcde"}, []string{"cde", "d"}, 0, 2},
		"pieces of a character":                {[]string{"x\xc3", "\xa9"}, []string{"é"}, 1, 1},
		"not the end of one and another begun": {[]string{"ST", "OOP"}, []string{"STOP"}, -1, -1},
		"none":                                 {[]string{"anything"}, nil, -1, -1},
		"empty pieces":                         {[]string{"", "#", "", ""}, []string{"#"}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			stops, err := completion.NewStops(tt.stops)
			require.NoError(t, err)
			m, at := stops.Matcher(), -1
			for i, p := range tt.pieces {
				if m.Next(p) && at < 0 {
					at = i
				}
			}
			assert.Equal(t, tt.at, at)
			assert.Equal(t, tt.start, m.Start())
		})
	}
}

func TestImpossibleStopStringsAreRefused(t *testing.T) {
	for want, stops := range map[string][]string{"number 2 of 2 is empty": {"ok", ""}, `number 1 of 1, "\xff", is not valid UTF-8`: {"\xff"}} {
		_, err := completion.NewStops(stops)
		assert.ErrorIs(t, err, completion.ErrStop)
		assert.ErrorContains(t, err, want)
	}
}

// Whatever the pieces are: the piece that completes a stop string is the first after which
// the joined text holds one, and it begins where the naive search says.
func FuzzMatcher(f *testing.F) {
	f.Add("aabaabaac", "aabaac", "b", []byte{1, 2, 3})
	f.Add("x``\n```\n", "```", "\n\n", []byte{2, 2})
	f.Fuzz(func(t *testing.T, text, one, two string, cuts []byte) {
		list := []string{one, two}
		stops, err := completion.NewStops(list)
		if err != nil {
			assert.ErrorIs(t, err, completion.ErrStop)
			return
		}
		m, read := stops.Matcher(), 0
		end, start := naive(text, list)
		for _, n := range append(cuts, 255) {
			piece := text[read:min(len(text), read+int(n))]
			if n == 255 {
				piece = text[read:]
			}
			read += len(piece)
			met := m.Next(piece)
			assert.Equal(t, strings.Contains(text[:read], one) || strings.Contains(text[:read], two), met)
			assert.Equal(t, end >= 0 && end <= read, met)
		}
		assert.Equal(t, start, m.Start())
	})
}
