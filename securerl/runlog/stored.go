package runlog

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
)

// Stored is a run that is only looked at: nothing in its folder is locked, made or
// changed. Its logs may be compressed (NAME.jsonl.gz), as in an extract.
type Stored struct {
	dir      string
	manifest Manifest
}

// Read looks at the run in dir. It refuses, with ErrRun, what is no run and what a
// newer version wrote.
func Read(dir string) (Stored, error) {
	b, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return Stored{}, fmt.Errorf("%w: %s holds no run (no run.json)", ErrRun, dir)
	}
	if err != nil {
		return Stored{}, fmt.Errorf("%w: %w", ErrRun, err)
	}
	s := Stored{dir: dir}
	if err := json.Unmarshal(b, &s.manifest); err != nil || s.manifest.Kind != kind {
		return Stored{}, fmt.Errorf("%w: %s is not the manifest of a run", ErrRun, filepath.Join(dir, "run.json"))
	}
	if s.manifest.Schema > Schema {
		return Stored{}, fmt.Errorf("%w: %s was written by a newer version (schema %d, this program knows %d): update the checkout", ErrRun, dir, s.manifest.Schema, Schema)
	}
	return s, nil
}

// Dir is the run's folder.
func (s *Stored) Dir() string { return s.dir }

// Path is a path inside the run's folder.
func (s *Stored) Path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// Facts are those of the manifest.
func (s *Stored) Facts() map[string]any { return maps.Clone(s.manifest.Facts) }

// Settings returns the text of settings.toml.
func (s *Stored) Settings() ([]byte, error) {
	b, err := os.ReadFile(s.Path("settings.toml"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRun, err)
	}
	return b, nil
}

// Log opens a log for reading, up to its last whole line: the run may be writing the
// next one. Errors wrap ErrRun, and fs.ErrNotExist where there is none.
func (s *Stored) Log(name string) (io.ReadCloser, error) {
	f, err := os.Open(s.Path(name + ".jsonl"))
	if err == nil {
		return &whole{in: bufio.NewReader(f), files: []io.Closer{f}}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrRun, err)
	}
	if f, err = os.Open(s.Path(name + ".jsonl.gz")); err != nil {
		return nil, fmt.Errorf("%w: %s has neither %s.jsonl nor %[3]s.jsonl.gz: %w", ErrRun, s.dir, name, err)
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s: %w", ErrRun, f.Name(), err), f.Close())
	}
	return &whole{in: bufio.NewReader(z), files: []io.Closer{z, f}}, nil
}

// whole passes on the lines that have their end.
type whole struct {
	in    *bufio.Reader
	rest  []byte // of a line, still to be read
	files []io.Closer
}

// Read gives the next bytes of a whole line.
func (l *whole) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		line, err := l.in.ReadBytes('\n')
		if err != nil {
			return 0, err
		}
		l.rest = line
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// Close closes the file and what decompresses it.
func (l *whole) Close() error {
	var errs []error
	for _, f := range l.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// Points reads metrics.jsonl. Errors wrap ErrRun and name the line.
func (s *Stored) Points() ([]Point, error) {
	f, err := s.Log("metrics")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var points []Point
	text := bufio.NewScanner(f)
	text.Buffer(nil, 1<<20)
	for n := 1; text.Scan(); n++ {
		var p Point
		if err := json.Unmarshal(bytes.TrimSpace(text.Bytes()), &p); err != nil {
			return nil, fmt.Errorf("%w: %s: line %d: %w", ErrRun, s.Path("metrics.jsonl"), n, err)
		}
		points = append(points, p)
	}
	if err := text.Err(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrRun, s.Path("metrics.jsonl"), err)
	}
	return points, nil
}

// Digest is the SHA-256 of the deterministic logs, metrics, samples and evaluation one
// after the other: the name of a run's numbers, in hexadecimal. A log that is absent
// counts as empty, and compression does not count.
func (s *Stored) Digest() (string, error) {
	h := sha256.New()
	for _, name := range []string{"metrics", "samples", "evaluation"} {
		f, err := s.Log(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = io.Copy(h, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return "", fmt.Errorf("%w: %s: %w", ErrRun, s.Path(name+".jsonl"), err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
