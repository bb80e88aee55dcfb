package tokenizer_test

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"securecoderl/securerl/tokenizer"
)

// spoil replaces one value somewhere in a JSON tree, or takes it away.
func spoil(t *rapid.T, node any) any {
	if rapid.IntRange(0, 3).Draw(t, "here") == 0 {
		return rapid.SampledFrom([]any{nil, true, false, 0, -1, 1.5, 511, 1 << 30, 1e300, "", "▁", "ByteLevel", "</s>", "Ġ", []any{}, map[string]any{},
			[]any{"a", "b"}, map[string]any{"type": "Sequence"}, map[string]any{"type": "NFC"}, map[string]any{"type": "ByteLevel"}}).Draw(t, "value")
	}
	switch x := node.(type) {
	case map[string]any:
		if len(x) > 0 {
			keys := make([]string, 0, len(x))
			for k := range x {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			key := rapid.SampledFrom(keys).Draw(t, "key")
			if rapid.IntRange(0, 9).Draw(t, "drop") == 0 {
				delete(x, key)
			} else {
				x[key] = spoil(t, x[key])
			}
		}
	case []any:
		if len(x) > 0 {
			i := rapid.IntRange(0, len(x)-1).Draw(t, "index")
			if rapid.IntRange(0, 9).Draw(t, "twice") == 0 {
				return append(x, x[i])
			}
			x[i] = spoil(t, x[i])
		}
	}
	return node
}

// A spoilt file is an error of one of two kinds, or a tokenizer that works.
func TestSpoiltFiles(t *testing.T) {
	files := map[string][]byte{}
	for _, family := range families {
		raw, err := os.ReadFile(data + family + "/tokenizer.json")
		require.NoError(t, err)
		files[family] = raw
	}
	rapid.Check(t, func(t *rapid.T) {
		raw := slices.Clone(files[rapid.SampledFrom(families).Draw(t, "family")])
		if rapid.Bool().Draw(t, "bytes") {
			at := rapid.IntRange(0, len(raw)-1).Draw(t, "at")
			end := min(len(raw), at+rapid.IntRange(0, 40).Draw(t, "length"))
			raw = slices.Concat(raw[:at], rapid.SliceOfN(rapid.SampledFrom([]byte(`{}[]",:0-e\u`)), 0, 4).Draw(t, "instead"), raw[end:])
		} else {
			var tree any
			require.NoError(t, json.Unmarshal(raw, &tree))
			for range rapid.IntRange(1, 2).Draw(t, "times") {
				tree = spoil(t, tree)
			}
			var err error
			raw, err = json.Marshal(tree)
			require.NoError(t, err)
		}
		tok, err := tokenizer.Parse(raw)
		if err != nil {
			assert.True(t, errors.Is(err, tokenizer.ErrFormat) || errors.Is(err, tokenizer.ErrUnsupported), "%v", err)
			assert.NotContains(t, err.Error(), "%!", "a message that was not formatted")
			assert.Less(t, len(err.Error()), 1000)
			return
		}
		checkEncoding(t, tok, "for i in range(3):\n    print('</s>', i, 'é')")
		tok.Wrap(tok.Encode("x"))
	})
}
