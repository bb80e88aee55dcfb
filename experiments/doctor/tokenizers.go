package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"securecoderl/securerl/tokenizer"
)

// tokenized reads every folder below dir that holds texts with known tokens
// (parity.jsonl or vectors.jsonl) and a tokenizer, and compares ids, ranges and
// decoded texts. Fields that a row lacks are not looked at.
func tokenized(dir string) (f found, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); name != "parity.jsonl" && name != "vectors.jsonl" {
			return nil
		}
		tok, err := tokenizer.Load(filepath.Dir(path))
		if err != nil {
			return err
		}
		return each(path, nil, func(r tokenRow) error {
			f.rows++
			r.check(tok, func(ok bool, format string, a ...any) {
				f.say(ok, "%s: %.60q: "+format, append([]any{filepath.Dir(path), r.Text}, a...)...)
			})
			return nil
		})
	})
	if err == nil && f.rows == 0 {
		err = fmt.Errorf("%w: no parity.jsonl or vectors.jsonl below %s: %w", errRow, dir, os.ErrNotExist)
	}
	return f, err
}

// tokenRow is a text with the library's answers.
type tokenRow struct {
	Text    string
	IDs     []int32
	Special []int32  `json:"ids_with_special"`
	Spans   [][2]int `json:"spans_byte"`
	Decoded *string
	Skip    *string `json:"decoded_skip_special"`
}

func (r tokenRow) check(tok *tokenizer.Tokenizer, say func(ok bool, format string, a ...any)) {
	e := tok.Encode(r.Text)
	say(slices.Equal(e.IDs, r.IDs), "ids %v, not %v", e.IDs, r.IDs)
	if r.Special != nil {
		full := tok.Wrap(e).IDs
		say(slices.Equal(full, r.Special), "ids with the template %v, not %v", full, r.Special)
	}
	if r.Spans != nil {
		var spans [][2]int
		for _, s := range e.Spans {
			spans = append(spans, [2]int{s.Start, s.End})
		}
		say(slices.Equal(spans, r.Spans), "ranges %v, not %v", spans, r.Spans)
	}
	for _, text := range []struct {
		want     *string
		specials bool
	}{{r.Decoded, true}, {r.Skip, false}} {
		if text.want != nil {
			got := tok.Text(r.IDs, text.specials)
			say(got == *text.want, "decoded to %q, not %q", got, *text.want)
		}
	}
}
