package call

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// said is standard output that ends in an answer.
func said(before, answer string) []byte {
	return fmt.Appendf(nil, "%s%s%08x%s", before, answer, len(answer), mark)
}

func TestAnswersThatAreNone(t *testing.T) {
	for _, s := range []string{
		"", "T", "t3:s8:returnedTd0", "t3:s8:returnedTd0:N", "t2:s8:returnedT", "t3:s8:returnedTl0:", "t3:b8:returnedTd0:", "l3:s8:returnedTd0:",
		"t3:s8:returned?d0:", "t3:s8:returnedi;d0:", "t3:s8:returnedi--1;d0:", "t3:s8:returnedi0x1;d0:", "t3:s8:returnediA;d0:", "t3:s8:returnedf3ff000000000000d0:",
		"t3:s8:returneds3:abd0:", "t3:s8:returneds-1:d0:", "t3:s8:returneds01:ad0:", "t3:s8:returneds+1:ad0:", "t3:s8:returneds99999999999:ad0:",
		"t3:s8:returneds1:\xffd0:", "t3:s8:returneds3:\xed\xa0\x00d0:", "t3:s8:returnedl2:Td0:", "t3:s8:returnedd1:l0:Td0:", "t3:s8:returnedS1:d0:d0:",
		"t3:s8:returnedZ1:t1:l0:d0:", "t3:s8:returnedri0;i1;i0;d0:", "t3:s8:returnedri0;Ti1;d0:", "t3:s8:returnedms1:xd0:", "t3:s8:returnedms7:1E99999d0:X", "t3:s8:returnedms8:1E999999d0:X",
		"t3:s8:returnedy4:evald0:", "t3:s8:returnedoX0:d0:", "t3:s8:returnedoT9:d0:", "t2:s7:missingN", "t7:s6:raisedNs1:xs1:xi1;t0:d0:", "t7:s6:raisedTs1:xs1:xi-1;t0:d0:",
		"t7:s6:raisedTs1:xs1:xiffffffff1;t0:d0:", "t6:s6:raisedTs1:xs1:xi1;d0:", "t3:s8:returned" + strings.Repeat("l1:", 200) + "Td0:",
	} {
		_, ok := parse(said("", s))
		assert.False(t, ok, s)
	}
	for _, b := range []string{"", mark, "00000000" + mark, "0000000g" + mark, "ffffffff" + mark, "t3:s8:returnedTd0:00000011" + mark + "\n", "00000012" + mark} {
		_, ok := parse([]byte(b))
		assert.False(t, ok, b)
	}
}

func TestAnswers(t *testing.T) {
	a, ok := parse(said("what it printed\n\x00answer\x00", "t3:s8:returnedl2:i-2a;s3:\xed\xa0\x80d1:i0;l0:"))
	assert.True(t, ok)
	assert.Equal(t, "l2:i-2a;s3:\xed\xa0\x80", string(a.returned))
	assert.True(t, a.called)
	a, ok = parse(said("", "t7:s6:raisedFs10:ValueErrors10:ValueErrori1f;t1:s1:xd0:"))
	assert.True(t, ok)
	assert.Equal(t, answer{text: a.text, exception: "ValueError", line: 31}, a)
	a, ok = parse(said("", "t7:s6:raisedTs4:a\nb<s1:xi0;t0:d0:"))
	assert.True(t, ok)
	assert.Equal(t, "Exception", a.exception, "a class may be called anything")
	a, ok = parse(said("", "t2:s7:missingd0:"))
	assert.True(t, ok)
	assert.Equal(t, answer{text: a.text, exception: "NameError"}, a)
}

// Whatever a program writes, the answer is a part of it, and what is taken for a
// value is taken so again.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"t3:s8:returnedTd0:", "t7:s6:raisedTs1:xs1:xi1;t0:d0:", "t2:s7:missingd0:", "t3:s8:returnedd1:s1:al2:f3ff0000000000000ri0;i1;i2;d0:"} {
		f.Add(said("x", s))
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, out := range [][]byte{b, said("x", string(b))} {
			a, ok := parse(out)
			if !ok {
				continue
			}
			assert.True(t, bytes.Contains(out, a.text))
			assert.True(t, a.returned == nil || a.called && a.exception == "")
			assert.GreaterOrEqual(t, a.line, 0)
			v, rest, err := scan(a.text, 0, 0)
			assert.NoError(t, err)
			assert.Empty(t, rest)
			assert.Equal(t, a.text, v.text)
		}
	})
}

func FuzzUnframe(f *testing.F) {
	f.Add(frame([]byte("a"), nil, []byte("bc")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if parts, ok := unframe(b); ok {
			assert.Equal(t, append([]byte{}, b...), append([]byte{}, frame(parts...)...))
		}
	})
}
