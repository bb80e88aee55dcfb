package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"securecoderl/experiments/train"
	"securecoderl/securerl/sandbox"
	"securecoderl/securerl/scan"
)

// opinions are sets of sources that scanners are compared on: files of JSON rows, or
// folders of Python files.
type opinions struct{ parity, agree string }

// opinions compares the scanner with others.
func (d *doctor) opinions(ctx context.Context, l *train.Lab, o opinions) {
	for _, set := range []struct {
		path string
		run  func(sources [][]byte)
	}{
		{o.parity, func(sources [][]byte) { d.parity(ctx, l.Scanner(), o.parity, sources) }},
		{o.agree, func(sources [][]byte) { d.agree(ctx, l.Scanner(), o.agree, sources) }},
	} {
		if set.path == "" {
			continue
		}
		sources, err := sourcesIn(set.path)
		if err != nil {
			d.check(set.path, err, "")
			continue
		}
		set.run(sources)
	}
}

// sourcesIn reads the Python files below a folder, or the sources in the rows of a
// file: texts named code or source, also inside lists named solutions.
func sourcesIn(path string) (list [][]byte, err error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		err := filepath.WalkDir(path, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || filepath.Ext(path) != ".py" {
				return err
			}
			b, err := os.ReadFile(path)
			list = append(list, b)
			return err
		})
		return list, err
	}
	err = each(path, nil, func(r struct {
		Code, Source *string
		Solutions    *[]struct{ Code string }
	}) error {
		switch {
		case r.Solutions != nil: // a problem, whose source is where it is from
			for _, s := range *r.Solutions {
				list = append(list, []byte(s.Code))
			}
		case r.Code != nil:
			list = append(list, []byte(*r.Code))
		case r.Source != nil:
			list = append(list, []byte(*r.Source))
		}
		return nil
	})
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%w: %s holds no sources", errRow, path)
	}
	return list, err
}

// parity compares findings and their places with those of stock Bandit.
func (d *doctor) parity(ctx context.Context, s *scan.Scanner, path string, sources [][]byte) {
	f, count, err := unlike(ctx, s, sources)
	if err == nil {
		err = f.err()
	}
	d.check(fmt.Sprintf("%s: %d sources, %d findings and their places, as stock Bandit %s has them", path, len(sources), count, s.Info().Bandit), err, "")
}

func unlike(ctx context.Context, s *scan.Scanner, sources [][]byte) (f found, count int, err error) {
	python, err := sandbox.FindPython()
	if err != nil {
		return f, 0, err
	}
	stock, err := scan.NewStock(ctx, python)
	if err != nil {
		return f, 0, err
	}
	defer func() { err = errors.Join(err, stock.Close()) }()
	reports, _, err := stock.Scan(sources)
	if err != nil {
		return f, 0, err
	}
	for i, source := range sources {
		ours, err := s.Scan(ctx, source)
		if err != nil {
			return f, count, err
		}
		f.rows++
		count += len(ours.Findings)
		differ := reports[i].Differs(source, ours)
		f.say(len(differ) == 0, "source %d (%.40q): %s", i+1, source, strings.Join(differ, ", "))
	}
	return f, count, nil
}

// agree says how far two other scanners agree with Bandit: dlint by its own rules, and
// ruff, which has Bandit's rules in another language, so that it tells of drift.
func (d *doctor) agree(ctx context.Context, s *scan.Scanner, path string, sources [][]byte) {
	second, done, err := openSecond(ctx)
	if err != nil {
		d.check(path+": a second opinion", err, "make second")
		return
	}
	defer done()
	var first, other []bool
	var reports []scan.Report
	var parsed [][]byte
	for i, source := range sources {
		r, err := s.Scan(ctx, source)
		if err != nil {
			d.check(fmt.Sprintf("%s: source %d", path, i+1), err, "")
			return
		}
		if !r.ParseOK {
			continue
		}
		o, err := second.Scan(ctx, source)
		if err != nil {
			d.check(fmt.Sprintf("%s: source %d", path, i+1), err, "")
			return
		}
		first, other = append(first, len(r.Findings) > 0), append(other, len(o.Findings) > 0)
		reports, parsed = append(reports, r), append(parsed, source)
	}
	a, err := scan.Agree(first, other)
	d.check(fmt.Sprintf("%s: %s and %s: %s", path, s.Info(), second.Info(), a), err, "")
	drift, err := drifted(ctx, parsed, reports)
	if err == nil && drift.files > 0 {
		err = fmt.Errorf("%d sources are flagged by one of them alone", drift.files)
	}
	d.check(fmt.Sprintf("%s: Bandit and ruff on %d sources, by rule and line: both %d, only Bandit %d, only ruff %d", path, len(parsed), drift.both, drift.onlyBandit, drift.onlyRuff), err, "make second")
}

// openSecond opens dlint in a sandbox of its own.
func openSecond(ctx context.Context) (s *scan.Scanner, done func(), err error) {
	sb, err := sandbox.New(ctx, sandbox.Options{Workers: 1})
	if err != nil {
		return nil, nil, err
	}
	if s, err = scan.New(ctx, sb, scan.Options{Set: scan.Dlint}); err != nil {
		return nil, nil, errors.Join(err, sb.Close())
	}
	return s, func() { _, _ = s.Close(), sb.Close() }, nil
}

// drift counts rules at lines, and sources that only one of two tools flags at all.
type drift struct{ both, onlyBandit, onlyRuff, files int }

// drifted runs ruff, from beside the interpreter, on the sources. It parses them only.
func drifted(ctx context.Context, sources [][]byte, reports []scan.Report) (n drift, err error) {
	python, err := sandbox.FindPython()
	if err != nil {
		return n, err
	}
	dir, err := os.MkdirTemp("", "doctor")
	if err != nil {
		return n, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for i, source := range sources {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.py", i)), source, 0o600); err != nil {
			return n, err
		}
	}
	out, err := exec.CommandContext(ctx, filepath.Join(filepath.Dir(python), "ruff"), "check", "--isolated", "--no-cache", "--quiet", "--select", "S", "--preview", "--ignore-noqa", "--output-format", "json", dir).Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) { // 1: findings
		return n, fmt.Errorf("ruff: %w", err)
	}
	return counted(out, reports)
}

var ruffRule = regexp.MustCompile(`^S\d+$`)

// counted compares ruff's report, about files 0.py, 1.py and so on, with Bandit's.
func counted(ruff []byte, reports []scan.Report) (n drift, err error) {
	var rows []struct {
		Code     string
		Filename string
		Location struct{ Row int }
	}
	if err := json.Unmarshal(ruff, &rows); err != nil {
		return n, fmt.Errorf("ruff: %w", err)
	}
	theirs := make([]map[string]bool, len(reports))
	for _, r := range rows {
		var i int
		if _, err := fmt.Sscanf(filepath.Base(r.Filename), "%d.py", &i); err != nil || i < 0 || i >= len(reports) {
			return n, fmt.Errorf("ruff: a report about %q", r.Filename)
		}
		if !ruffRule.MatchString(r.Code) {
			continue // a parser's complaint
		}
		if theirs[i] == nil {
			theirs[i] = map[string]bool{}
		}
		theirs[i][fmt.Sprintf("B%s %d", r.Code[1:], r.Location.Row)] = true
	}
	for i, r := range reports {
		ours := map[string]bool{}
		for _, f := range r.Findings {
			ours[fmt.Sprintf("%s %d", f.Rule, f.Line)] = true
		}
		if (len(ours) > 0) != (len(theirs[i]) > 0) {
			n.files++
		}
		for k := range ours {
			if theirs[i][k] {
				n.both++
			} else {
				n.onlyBandit++
			}
		}
		for k := range theirs[i] {
			if !ours[k] {
				n.onlyRuff++
			}
		}
	}
	return n, nil
}
