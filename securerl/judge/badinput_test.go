package judge

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"securecoderl/securerl/problem"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

// Whatever stands in for a program ends as a verdict with a type, and the program
// after it is judged as ever.
func TestSourcesThatAreNoneHaveVerdictsAllTheSame(t *testing.T) {
	sb, sc := machine(t)
	j := New(sb, sc, Options{})
	good := "print(2 * int(input()))"
	pad := func(n int) string { return strings.Repeat("x", n) }
	for _, tt := range []struct {
		name, source string
		status       scan.Status
		stage        Stage
		empty        bool
	}{
		{"empty", "", scan.OK, Parses, true},
		{"blank", " \n\t\n\f\r\n", scan.OK, Parses, true},
		{"a byte order mark alone", "\ufeff", scan.OK, Parses, true},
		{"a NUL alone", "\x00", scan.Syntax, Unparsable, false},
		{"a NUL in a string", "print('a\x00b')", scan.Syntax, Unparsable, false},
		{"a NUL in a comment", good + " # \x00", scan.Syntax, Unparsable, false},
		{"a NUL in the end", good + "\n\x00", scan.Syntax, Unparsable, false},
		{"no UTF-8", "print('\xff')", scan.NotUTF8, Unparsable, false},
		{"half a rune in the end", good + " # \xe2\x82", scan.NotUTF8, Unparsable, false},
		{"a surrogate", "x = '\xed\xa0\x80'", scan.NotUTF8, Unparsable, false},
		{"UTF-16", "\xff\xfep\x00r\x00", scan.NotUTF8, Unparsable, false},
		{"Latin-1 that says so", "# coding: latin-1\nprint('\xe9')", scan.NotUTF8, Unparsable, false},
		{"a byte order mark before a program", "\ufeff" + good, scan.OK, Passes, false},
		{"old Mac line ends", "n = int(input())\rprint(2 * n)\r", scan.OK, Passes, false},
		{"a line of a megabyte, too large to scan", good + " #" + pad(1_000_000), scan.TooLarge, Passes, false},
		{"a line of sixty kilobytes", "x = '" + pad(60_000) + "'\n" + good, scan.OK, Passes, false},
		{"a megabyte of lines", strings.Repeat("pass\n", 200_000) + good, scan.TooLarge, Passes, false},
		{"ten megabytes", good + " #" + pad(10_000_000), scan.TooLarge, Unparsable, false},
		{"ten megabytes of NUL", strings.Repeat("\x00", 10_000_000), scan.TooLarge, Unparsable, false},
		{"a megabyte that is no Python", "Sure! " + pad(900_000) + "(", scan.TooLarge, Parses, false},
	} {
		v, _, err := j.Judge(context.Background(), []Submission{{Problem: &double, Source: tt.source}, {Problem: &double, Source: good}})
		require.NoError(t, err, tt.name)
		assert.Equal(t, tt.status, v[0].Status, tt.name)
		assert.Equal(t, tt.stage, v[0].Stage(), tt.name)
		assert.Equal(t, tt.empty, v[0].Empty(), tt.name)
		assert.Equal(t, Passes, v[1].Stage(), "after %s", tt.name)
	}
}

// What a test gives and wants are bytes. They reach the program and the comparator as
// they are, and never become a fault.
func TestTestsOfBinaryData(t *testing.T) {
	sb, sc := machine(t)
	j := New(sb, sc, Options{})
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	copies := "import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read())"
	for _, tt := range []struct {
		name, source, stdin, want string
		compare                   problem.Comparator
		outcome                   Outcome
	}{
		{"every byte", copies, string(all), string(all), problem.Exact, Passed},
		{"every byte, other end", copies, string(all), string(all[:255]), problem.Exact, WrongOutput},
		{"NUL counts as any byte", copies, "a\x00b\n", "a\x00b\n", problem.Lines, Passed},
		{"NUL is not nothing", copies, "a\x00b\n", "ab\n", problem.Lines, WrongOutput},
		{"a NUL is no blank", copies, "\x00", "", problem.Lines, WrongOutput},
		{"bytes that are no text", copies, "\xff\xfe\n", "\xff\xfe\n", problem.Tokens, Passed},
		{"two that no text tells apart", copies, "\xff\n", "\xfe\n", problem.Peer, WrongOutput},
		{"bytes beside numbers", copies, "1.0 \xff\n", "1.0 \xff\n", problem.Float, Passed},
		{"input() wants UTF-8, as in any UTF-8 locale", "print(input())", "\xff\n", "\xff\n", problem.Lines, Crashed},
		{"nothing given, nothing wanted", "import sys\nsys.stdin.read()", "", "", problem.Lines, Passed},
		{"a megabyte in one line", "print(len(input()))", strings.Repeat("7", 1_000_000), "1000000", problem.Lines, Passed},
		{"a megabyte wanted", "print(1)", "", strings.Repeat("7", 1_000_000), problem.Float, WrongOutput},
		{"a crash that prints bytes", "import os\nos.write(2, bytes(range(256)))\nraise ValueError('\\udcff\\0')", "", "", problem.Lines, Crashed},
	} {
		p := problem.Problem{ID: "bytes", Compare: tt.compare, Epsilon: map[bool]float64{true: 1e-6}[tt.compare == problem.Float], Public: []problem.Test{{Stdin: tt.stdin, Want: tt.want}}}
		v, _, err := j.Judge(context.Background(), []Submission{{Problem: &p, Source: tt.source}})
		require.NoError(t, err, tt.name)
		assert.Equal(t, tt.outcome, v[0].Public[0].Outcome, "%s: %+v", tt.name, v[0].Public[0])
	}
}

// A limit that makes no sense is told before any program runs; zero leaves it to the
// sandbox.
func TestLimitsThatMakeNoSenseAreRefused(t *testing.T) {
	sb, sc := machine(t)
	s := []Submission{{Problem: &double, Source: "print(2 * int(input()))"}}
	for name, l := range map[string]sandbox.Limits{
		"CPU": {CPU: -1}, "Wall": {Wall: -time.Second}, "Memory": {Memory: -1}, "Output": {Output: -1}, "Files": {Files: -1}, "Threads": {Threads: -1},
	} {
		v, cost, err := New(sb, sc, Options{Limits: l}).Judge(context.Background(), s)
		assert.ErrorIs(t, err, ErrOptions, name)
		assert.NotErrorIs(t, err, ErrInfrastructure, name)
		assert.ErrorContains(t, err, name)
		assert.Nil(t, v, name)
		assert.Zero(t, cost, name)
	}
	_, _, err := New(sb, sc, Options{Limits: sandbox.Limits{Wall: -1, Output: -2}, Workers: -3}).Judge(context.Background(), s)
	for _, part := range []string{"Wall", "Output", "-3"} {
		assert.ErrorContains(t, err, part, "all faults at once")
	}
	v, _, err := New(sb, sc, Options{}).Judge(context.Background(), s)
	require.NoError(t, err)
	assert.Equal(t, Passes, v[0].Stage())
	v, _, err = New(sb, sc, Options{Limits: sandbox.Limits{Wall: 1, Output: 1}}).Judge(context.Background(), s)
	require.NoError(t, err, "the smallest limits are limits")
	assert.Contains(t, []Outcome{TimedOut, OutputLimit}, v[0].Public[0].Outcome)
	for _, l := range []sandbox.Limits{{CPU: -1, Wall: 1, Memory: 1, Output: 1, Files: 1}, {CPU: 1, Wall: 0, Memory: 1, Output: 1, Files: 1}} {
		_, err = sandbox.New(context.Background(), sandbox.Options{Limits: l})
		assert.ErrorContains(t, err, "must be positive")
	}
}

// The same program under two rules of what parses.
func TestWhatParsesIsAChoiceOfRule(t *testing.T) {
	sb, sc := machine(t)
	for source, only := range map[string]bool{"return eval(input())": true, "n = eval(input())\nbreak": true, "print(2 * eval(input()))": false, "print(eval(": false} {
		s := []Submission{{Problem: &double, Source: source}}
		ours, _, err := New(sb, sc, Options{}).Judge(context.Background(), s)
		require.NoError(t, err)
		theirs, _, err := New(sb, sc, Options{ASTParse: true}).Judge(context.Background(), s)
		require.NoError(t, err)
		assert.Equal(t, only, ours[0].ASTOnly, source)
		if !only {
			assert.Equal(t, ours, theirs, source)
			continue
		}
		assert.Equal(t, Unparsable, ours[0].Stage(), source)
		assert.Equal(t, scan.Syntax, ours[0].Status, source)
		assert.Empty(t, ours[0].Findings, "what is no program has no findings")
		assert.Equal(t, Parses, theirs[0].Stage(), source)
		assert.Equal(t, scan.OK, theirs[0].Status, source)
		assert.True(t, theirs[0].Flagged(scan.Medium), source)
		for _, r := range theirs[0].Public {
			assert.Equal(t, Crashed, r.Outcome, source)
			assert.Equal(t, "SyntaxError", r.Exception, source)
		}
	}
}
