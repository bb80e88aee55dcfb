package sandboxtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ErrIndex reports a folder that is no set of hostile programs: no index, or an entry
// with a field missing, unknown or malformed.
var ErrIndex = errors.New("sandboxtest: malformed set")

// Program is one entry of index.json.
type Program struct {
	File, Why  string
	Source     []byte
	Stdin      []byte
	Expected   []byte         // output that earns AC, compared by lines
	Verdicts   []string       // those allowed: AC, WA, RE, SV, TLE, OLE
	OutRegex   *regexp.Regexp // standard output must match; nil = anything
	OutMustNot *regexp.Regexp // and must not match; nil = anything
	Timeout    time.Duration  // limit on real time
	MaxWall    time.Duration  // bound on real time, asserted; 0 = none
	MaxRSS     int64          // bound on resident memory in MiB, asserted; 0 = none
	After      []string       // what must hold after it: CanaryRuns, NothingRuns, NothingVisible
}

// What an entry may promise for the time after its program.
const (
	CanaryRuns     = "canary prints 42 in the same worker"
	NothingRuns    = "no process of the test is left"
	NothingVisible = "no file, IPC object or environment change is visible to the next test"
)

// row is an entry as it stands in the file. Every field must be there.
type row struct {
	File       *string  `json:"file"`
	Stdin      *string  `json:"stdin"`
	Expected   *string  `json:"expected"`
	TimeoutMS  *int64   `json:"timeout_ms"`
	Verdicts   []string `json:"verdicts"`
	Why        *string  `json:"why"`
	OutRegex   *string  `json:"out_regex"`    // may be null
	OutMustNot *string  `json:"out_must_not"` // may be null
	MaxWallMS  *int64   `json:"max_wall_ms"`  // may be null
	MaxRSSMiB  *int64   `json:"max_rss_mib"`  // may be null
	After      []string `json:"after"`
}

var fields = []string{"file", "stdin", "expected", "timeout_ms", "verdicts", "why", "out_regex", "out_must_not", "max_wall_ms", "max_rss_mib", "after"}

// Load reads a folder with index.json and the programs it names. All faults come at
// once, each with its entry; they wrap ErrIndex.
func Load(dir string) ([]Program, error) {
	b, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIndex, err)
	}
	var index struct{ Programs []json.RawMessage }
	if err := json.Unmarshal(b, &index); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrIndex, dir, err)
	}
	if len(index.Programs) == 0 {
		return nil, fmt.Errorf("%w: %s: index.json lists no programs", ErrIndex, dir)
	}
	var list []Program
	var faults []error
	for i, raw := range index.Programs {
		p, err := parse(dir, raw)
		if err != nil {
			faults = append(faults, fmt.Errorf("%w: %s: entry %d (%s): %w", ErrIndex, dir, i+1, p.File, err))
		}
		list = append(list, p)
	}
	return list, errors.Join(faults...)
}

func parse(dir string, raw json.RawMessage) (Program, error) {
	var present map[string]json.RawMessage
	if err := json.Unmarshal(raw, &present); err != nil {
		return Program{}, err
	}
	var p Program
	_ = json.Unmarshal(present["file"], &p.File) // for the message; checked below
	for _, f := range fields {
		if _, ok := present[f]; !ok {
			return p, fmt.Errorf("field %s is missing", f)
		}
	}
	var r row
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return p, err
	}
	if r.File == nil || r.Stdin == nil || r.Expected == nil || r.Why == nil || r.TimeoutMS == nil {
		return p, errors.New("file, stdin, expected, why and timeout_ms may not be null")
	}
	if *r.File != filepath.Base(*r.File) || *r.Why == "" {
		return p, fmt.Errorf("file %q must be a plain name, and why must say something", *r.File)
	}
	if err := r.check(); err != nil {
		return p, err
	}
	p.Why, p.Stdin, p.Expected, p.Verdicts, p.After = *r.Why, []byte(*r.Stdin), []byte(*r.Expected), r.Verdicts, r.After
	p.Timeout = time.Duration(*r.TimeoutMS) * time.Millisecond
	if r.MaxWallMS != nil {
		p.MaxWall = time.Duration(*r.MaxWallMS) * time.Millisecond
	}
	if r.MaxRSSMiB != nil {
		p.MaxRSS = *r.MaxRSSMiB
	}
	var errs [3]error
	p.OutRegex, errs[0] = pattern("out_regex", r.OutRegex)
	p.OutMustNot, errs[1] = pattern("out_must_not", r.OutMustNot)
	p.Source, errs[2] = os.ReadFile(filepath.Join(dir, *r.File))
	return p, errors.Join(errs[:]...)
}

func pattern(field string, text *string) (*regexp.Regexp, error) {
	if text == nil {
		return nil, nil
	}
	re, err := regexp.Compile(*text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	return re, nil
}

// check looks at values.
func (r row) check() error {
	for name, v := range map[string]*int64{"timeout_ms": r.TimeoutMS, "max_wall_ms": r.MaxWallMS, "max_rss_mib": r.MaxRSSMiB} {
		if v != nil && *v <= 0 {
			return fmt.Errorf("%s must be positive, got %d", name, *v)
		}
	}
	for _, set := range []struct {
		name             string
		stated, possible []string
	}{{"verdicts", r.Verdicts, []string{"AC", "WA", "RE", "SV", "TLE", "OLE"}}, {"after", r.After, []string{CanaryRuns, NothingRuns, NothingVisible}}} {
		if len(set.stated) == 0 {
			return fmt.Errorf("%s is empty", set.name)
		}
		for _, s := range set.stated {
			if !slices.Contains(set.possible, s) {
				return fmt.Errorf("%s holds %q, known are: %s", set.name, s, strings.Join(set.possible, "; "))
			}
		}
	}
	return nil
}
