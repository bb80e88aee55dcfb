package main

import (
	"compress/bzip2"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"securecoderl/securerl/tokenizer"
)

// sourcesVariable tells a peer which folder of Python sources is tokenized.
const sourcesVariable = "SECURERL_BENCH_SOURCES"

// sourcesBytes is about how much of it is.
const sourcesBytes = 1 << 20

// tokenizing encodes the same Python sources by a byte-level and by a sentencepiece-style
// tokenizer of testdata, one file after the other on one core. dir "" is the
// standard library of .venv.
func tokenizing(dir string) (works []work, err error) {
	if dir == "" {
		out, err := exec.Command(".venv/bin/python", "-c", "import sysconfig; print(sysconfig.get_paths()['stdlib'])").Output()
		if err != nil {
			return nil, fmt.Errorf("python sources: run make setup, or name a folder by -sources: %w", err)
		}
		dir = strings.TrimSpace(string(out))
	}
	if err := os.Setenv(sourcesVariable, dir); err != nil {
		return nil, err
	}
	texts, err := sources(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"phi-2", "phi-3-mini"} {
		f, err := os.Open(filepath.Join("testdata/tokenizer/published", name, "tokenizer.json.bz2"))
		if err != nil {
			return nil, err
		}
		raw, err := io.ReadAll(bzip2.NewReader(f))
		f.Close()
		if err != nil {
			return nil, err
		}
		tok, err := tokenizer.Parse(raw)
		if err != nil {
			return nil, err
		}
		works = append(works, work{name: "tokenize_" + name + "_cpu_ms", repeat: 1, run: func() error {
			for _, text := range texts {
				tok.Encode(text)
			}
			return nil
		}})
	}
	return works, nil
}

// sources reads the .py files of a folder in order until there is enough.
func sources(dir string) (texts []string, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.py"))
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	size := 0
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if size += len(b); size > sourcesBytes {
			break
		}
		if utf8.Valid(b) {
			texts = append(texts, string(b))
		}
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("no Python source in %s", dir)
	}
	return texts, nil
}
