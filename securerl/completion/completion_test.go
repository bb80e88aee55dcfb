package completion_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/securerl/completion"
)

func collect(ctx context.Context, m completion.Model, qs []completion.Request) (cs []completion.Completion, err error) {
	for c, err := range m.Complete(ctx, qs) {
		if err != nil {
			return cs, err
		}
		cs = append(cs, c)
	}
	return cs, nil
}

func TestARecordingGivesBackWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var file bytes.Buffer
		var qs []completion.Request
		var want []completion.Completion
		for i, text := range rapid.SliceOf(rapid.String()).Draw(t, "texts") {
			q := completion.Request{ProblemID: fmt.Sprint("p", i/2), Sample: i % 2}
			c := completion.Completion{Text: text, Finish: rapid.SampledFrom([]completion.Finish{completion.End, completion.Stop, completion.Length}).Draw(t, "finish")}
			if i%3 == 0 {
				c.IDs, c.LogProbs = []int32{int32(i), 3}, []float32{-0.5, -1e-7}
			}
			require.NoError(t, completion.WriteLine(&file, q, c))
			qs, want = append(qs, q), append(want, c)
		}
		rec, err := completion.ReadRecording("r", &file)
		require.NoError(t, err)
		assert.Equal(t, len(want), rec.Len())
		got, err := collect(context.Background(), rec, qs)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	})
}

func TestARecordingIsReadStrictly(t *testing.T) {
	good := `{"problem":"p","sample":0,"text":"","finish":"end"}`
	_, err := completion.ReadRecording("r", strings.NewReader(good))
	require.NoError(t, err, "an empty text is a text")
	for name, bad := range map[string]string{
		"no JSON":        `print(1)`,
		"cut short":      good[:30],
		"two values":     good + good,
		"unknown key":    `{"problem":"p","sample":0,"text":"","finish":"end","temperature":1}`,
		"no text":        `{"problem":"p","sample":0,"finish":"end"}`,
		"no problem":     `{"sample":0,"text":"","finish":"end"}`,
		"no finish":      `{"problem":"p","sample":0,"text":""}`,
		"unknown finish": `{"problem":"p","sample":0,"text":"","finish":"eos"}`,
		"negative":       `{"problem":"p","sample":-1,"text":"","finish":"end"}`,
		"logprobs":       `{"problem":"q","sample":0,"text":"","finish":"end","ids":[1],"logprobs":[-1,-2]}`,
		"twice":          good,
		"empty line":     "",
	} {
		_, err := completion.ReadRecording("file.jsonl", strings.NewReader(good+"\n"+bad+"\n"))
		require.ErrorIs(t, err, completion.ErrRecording, name)
		assert.Contains(t, err.Error(), "file.jsonl:2:", name)
	}
}

func TestWhatFailsIsAnErrorAndNeverAText(t *testing.T) {
	rec, err := completion.ReadRecording("r", strings.NewReader(`{"problem":"p","sample":0,"text":"x","finish":"end"}`))
	require.NoError(t, err)
	down := completion.Script(func(q completion.Request) (completion.Completion, error) {
		if q.Sample == 1 {
			return completion.Completion{Text: "half an ans"}, errors.New("server is down")
		}
		return completion.Completion{Text: "x", Finish: completion.End}, nil
	})
	qs := []completion.Request{{ProblemID: "p"}, {ProblemID: "p", Sample: 1}, {ProblemID: "p"}}
	for _, m := range []completion.Model{rec, down} {
		n := 0
		for c, err := range m.Complete(t.Context(), qs) {
			if n++; n == 2 {
				assert.ErrorIs(t, err, completion.ErrFailed)
				assert.Zero(t, c)
			}
		}
		assert.Equal(t, 2, n, "%s: an error ends the sequence", m.Name())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := collect(ctx, m, qs)
		assert.ErrorIs(t, err, completion.ErrFailed)
		assert.ErrorIs(t, err, context.Canceled)
	}
}

func TestATextThatJSONWouldChangeIsNotRecorded(t *testing.T) {
	var file bytes.Buffer
	assert.ErrorIs(t, completion.WriteLine(&file, completion.Request{ProblemID: "p"}, completion.Completion{Text: "print('\xc3", Finish: completion.Length}), completion.ErrRecording)
	assert.Zero(t, file.Len())
}

func TestFinish(t *testing.T) {
	assert.True(t, completion.Length.Truncated())
	assert.False(t, completion.End.Truncated())
	assert.False(t, completion.Stop.Truncated())
}

func FuzzReadRecording(f *testing.F) {
	f.Add(`{"problem":"p","sample":0,"text":"print(1)","finish":"end"}`)
	f.Add(`{"problem":"p","sample":0,"text":null,"finish":"end"}` + "\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		rec, err := completion.ReadRecording("r", strings.NewReader(text))
		if err != nil {
			assert.ErrorIs(t, err, completion.ErrRecording)
			return
		}
		assert.LessOrEqual(t, rec.Len(), strings.Count(text, "\n")+1)
	})
}

func ExampleRecording() {
	file := `{"problem":"twice","sample":0,"text":"print(int(input()) * 2)","finish":"end"}`
	model, err := completion.ReadRecording("yesterday.jsonl", strings.NewReader(file))
	if err != nil {
		panic(err)
	}
	for c, err := range model.Complete(context.Background(), []completion.Request{{ProblemID: "twice"}, {ProblemID: "thrice"}}) {
		fmt.Println(c.Text, err)
	}
	// Output:
	// print(int(input()) * 2) <nil>
	//  completion: request failed: yesterday.jsonl holds no sample 0 of problem "thrice"
}
