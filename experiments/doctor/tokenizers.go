package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"securecoderl/experiments/doctor/golden"
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
		return each(path, nil, func(r golden.Text) error {
			f.rows++
			r.Compare(tok, func(_ string, ok bool, format string, a ...any) {
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
