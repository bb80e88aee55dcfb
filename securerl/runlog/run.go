package runlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// Schema is the version of the folder's layout.
const Schema = 1

// The errors of a run folder.
var (
	ErrRun  = errors.New("run folder")
	ErrBusy = errors.New("run folder is in use by another process")
)

// Logs are the files that a run appends to.
var Logs = []string{"metrics", "samples", "evaluation", "timings"}

// Point is one line of metrics.jsonl.
type Point struct {
	Phase   string             `json:"phase"`
	Variant string             `json:"variant,omitempty"`
	Seed    uint64             `json:"seed"`
	Step    int                `json:"step"`
	Values  map[string]float64 `json:"values"` // written in the order of their names, six digits after the point
}

// Rounded returns the point as it is stored.
func (p Point) Rounded() Point {
	values := make(map[string]float64, len(p.Values))
	for k, x := range p.Values {
		values[k] = math.Round(x*1e6)/1e6 + 0
	}
	p.Values = values
	return p
}

// Manifest is run.json: what a run was made with. It holds no secret and no path.
type Manifest struct {
	Schema int            `json:"schema"`
	Kind   string         `json:"kind"` // "securerl run"
	Facts  map[string]any `json:"facts"`
}

const kind = "securerl run"

// Run is an open run folder: what is stored, and the right to add to it. Not safe for
// concurrent use.
type Run struct {
	Stored
	lock    *os.File
	logs    map[string]*os.File
	offsets map[string]int64
}

// Create makes a new run in dir, which must be absent or empty. Errors wrap ErrRun
// or ErrBusy; nothing that is there is changed.
func Create(dir string, settings []byte, facts map[string]any) (*Run, error) {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return nil, fmt.Errorf("%w: %s is not empty; name another folder, or resume the run in it", ErrRun, dir)
	}
	if err := os.MkdirAll(filepath.Join(dir, checkpoints), 0o755); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRun, err)
	}
	r := &Run{Stored: Stored{dir: dir, manifest: Manifest{Schema: Schema, Kind: kind, Facts: facts}}}
	if err := r.acquire(); err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(r.manifest, "", "  ")
	if err == nil {
		err = errors.Join(writeFile(filepath.Join(dir, "settings.toml"), settings), writeFile(filepath.Join(dir, "run.json"), append(b, '\n')))
	}
	if err == nil {
		err = r.openLogs()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrRun, err), r.Close())
	}
	return r, nil
}

// Open opens an existing run to go on with it. To look at one, Read is enough.
func Open(dir string) (*Run, error) {
	stored, err := Read(dir)
	if err != nil {
		return nil, err
	}
	for _, log := range Logs {
		if _, err := os.Stat(stored.Path(log + ".jsonl.gz")); err == nil {
			return nil, fmt.Errorf("%w: %s is an extract (%s.jsonl.gz): it can be read, not gone on with", ErrRun, dir, log)
		}
	}
	r := &Run{Stored: stored}
	if err := r.acquire(); err != nil {
		return nil, err
	}
	if err := r.openLogs(); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrRun, err), r.Close())
	}
	return r, nil
}

// acquire takes the folder for this process; the kernel gives it back when it ends.
func (r *Run) acquire() error {
	f, err := os.OpenFile(filepath.Join(r.dir, checkpoints, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRun, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.Join(fmt.Errorf("%w: %s", ErrBusy, r.dir), f.Close())
	}
	r.lock = f
	return nil
}

func (r *Run) openLogs() error {
	r.logs, r.offsets = map[string]*os.File{}, map[string]int64{}
	for _, name := range Logs {
		f, err := os.OpenFile(r.Path(name+".jsonl"), os.O_CREATE|os.O_RDWR, 0o644)
		if err != nil {
			return err
		}
		r.logs[name] = f
		if r.offsets[name], err = f.Seek(0, 2); err != nil {
			return err
		}
	}
	return nil
}

// Append adds a line to a log. It is durable after the next Save.
func (r *Run) Append(log string, line []byte) error {
	f, ok := r.logs[log]
	if !ok {
		return fmt.Errorf("%w: no log %q; there are %v", ErrRun, log, Logs)
	}
	n, err := f.WriteAt(append(slices.Clone(line), '\n'), r.offsets[log])
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrRun, log, err)
	}
	r.offsets[log] += int64(n)
	return nil
}

// AppendJSON adds a value to a log.
func (r *Run) AppendJSON(log string, v any) error {
	if p, ok := v.(Point); ok {
		v = p.Rounded()
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrRun, log, err)
	}
	return r.Append(log, b)
}

// Close gives the folder back.
func (r *Run) Close() error {
	var errs []error
	for _, name := range Logs {
		if f := r.logs[name]; f != nil {
			errs = append(errs, f.Close())
		}
	}
	if r.lock != nil {
		errs = append(errs, r.lock.Close())
	}
	r.logs, r.lock = nil, nil
	return errors.Join(errs...)
}

// writeFile writes a file durably: beside its place, synced, renamed.
func writeFile(path string, b []byte) error {
	temp := path + ".tmp"
	f, err := os.Create(temp)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return os.Rename(temp, path)
}

// WriteFile writes a file of the run durably; the folders above it are made.
func (r *Run) WriteFile(b []byte, parts ...string) error {
	path := r.Path(parts...)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("%w: %w", ErrRun, err)
	}
	if err := writeFile(path, b); err != nil {
		return fmt.Errorf("%w: %w", ErrRun, err)
	}
	return nil
}

// AddFacts writes further facts into run.json. Those that are there already stay.
func (r *Run) AddFacts(facts map[string]any) error {
	if r.manifest.Facts == nil {
		r.manifest.Facts = map[string]any{}
	}
	for k, v := range facts {
		if _, ok := r.manifest.Facts[k]; !ok {
			r.manifest.Facts[k] = v
		}
	}
	b, err := json.MarshalIndent(r.manifest, "", "  ")
	if err != nil {
		return fmt.Errorf("%w: run.json: %w", ErrRun, err)
	}
	return r.WriteFile(append(b, '\n'), "run.json")
}
