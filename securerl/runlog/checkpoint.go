package runlog

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// ErrCheckpoint reports a checkpoint that cannot be used.
var ErrCheckpoint = errors.New("checkpoint")

const (
	checkpoints  = "checkpoints"
	manifestName = "manifest.json"
	prefix       = "step-"
	keep         = 2 // newest checkpoints that stay
)

// Checkpoint is a moment a run can go on from. Names rise in time.
type Checkpoint struct {
	Name  string
	Files map[string][]byte
}

// checkpointManifest is written last: a folder without it is no checkpoint.
type checkpointManifest struct {
	Number  int               `json:"number"`
	Name    string            `json:"name"`
	Digests map[string]string `json:"digests"` // SHA-256 of every file
	Offsets map[string]int64  `json:"offsets"` // length of every log
}

// steps are the points at which tests stop a Save, in order.
var steps = func(string) error { return nil }

// Save makes the logs durable and writes a checkpoint: into a temporary folder, file
// by file, synced, then renamed. Only after that are old ones removed. Whatever
// happens in between, the previous checkpoint stays.
func (r *Run) Save(cp Checkpoint) error {
	for _, name := range Logs {
		if err := r.logs[name].Sync(); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrCheckpoint, name, err)
		}
	}
	old, err := r.saved()
	if err != nil {
		return err
	}
	m := checkpointManifest{Number: 1, Name: cp.Name, Digests: map[string]string{}, Offsets: r.offsets}
	if len(old) > 0 {
		m.Number = number(old[len(old)-1]) + 1
	}
	temp := r.Path(checkpoints, ".writing")
	if err := r.fill(temp, cp, m); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrCheckpoint, cp.Name, err)
	}
	name := fmt.Sprintf("%s%06d", prefix, m.Number)
	if err := errors.Join(steps("rename"), os.Rename(temp, r.Path(checkpoints, name)), syncDir(r.Path(checkpoints))); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrCheckpoint, cp.Name, err)
	}
	for _, folder := range old[:max(0, len(old)+1-keep)] {
		if err := errors.Join(steps("remove"), os.RemoveAll(r.Path(checkpoints, folder))); err != nil {
			return fmt.Errorf("%w: remove %s: %w", ErrCheckpoint, folder, err)
		}
	}
	return nil
}

func (r *Run) fill(temp string, cp Checkpoint, m checkpointManifest) error {
	if err := errors.Join(os.RemoveAll(temp), os.Mkdir(temp, 0o755)); err != nil {
		return err
	}
	var names []string
	for name := range cp.Files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := errors.Join(steps("file"), writeFile(filepath.Join(temp, name), cp.Files[name])); err != nil {
			return err
		}
		m.Digests[name] = digest(cp.Files[name])
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(steps("manifest"), writeFile(filepath.Join(temp, manifestName), b), syncDir(temp))
}

func digest(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) { // a file system that cannot sync folders
		err = nil
	}
	return errors.Join(err, d.Close())
}

// saved lists the checkpoint folders, oldest first.
func (r *Run) saved() ([]string, error) {
	entries, err := os.ReadDir(r.Path(checkpoints))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	var list []string
	for _, e := range entries {
		if e.IsDir() && number(e.Name()) > 0 {
			list = append(list, e.Name())
		}
	}
	slices.SortFunc(list, func(a, b string) int { return number(a) - number(b) })
	return list, nil
}

// number is a checkpoint folder's place in time, 0 for other folders.
func number(folder string) int {
	digits, ok := strings.CutPrefix(folder, prefix)
	n := 0
	if ok {
		if _, err := fmt.Sscanf(digits, "%d", &n); err != nil {
			return 0
		}
	}
	return n
}

// Latest returns the newest checkpoint that is whole, and cuts the logs back to the
// lengths it names. Newer ones that are damaged are passed over, each with a warning.
// It returns nil if there is none at all, with empty logs; but a run that has been
// evaluated had some, and losing them must not cost its logs too: ErrCheckpoint.
func (r *Run) Latest() (cp *Checkpoint, warnings []string, err error) {
	list, err := r.saved()
	if err != nil {
		return nil, nil, err
	}
	for _, folder := range slices.Backward(list) {
		cp, m, err := r.read(folder)
		if err == nil {
			err = r.truncate(m.Offsets)
		}
		if err == nil {
			return cp, warnings, nil
		}
		warnings = append(warnings, fmt.Sprintf("checkpoint %s is damaged and passed over: %v", folder, err))
	}
	if len(list) > 0 {
		return nil, warnings, fmt.Errorf("%w: none of the %d in %s is whole", ErrCheckpoint, len(list), r.Path(checkpoints))
	}
	if r.offsets["evaluation"] > 0 {
		return nil, warnings, fmt.Errorf("%w: %s has been evaluated and holds no checkpoint to go on from; its logs are left as they are", ErrCheckpoint, r.dir)
	}
	return nil, warnings, r.truncate(map[string]int64{})
}

func (r *Run) read(folder string) (*Checkpoint, checkpointManifest, error) {
	var m checkpointManifest
	b, err := os.ReadFile(r.Path(checkpoints, folder, manifestName))
	if err != nil {
		return nil, m, err
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, m, fmt.Errorf("%s: %w", manifestName, err)
	}
	cp := &Checkpoint{Name: m.Name, Files: map[string][]byte{}}
	for name, want := range m.Digests {
		b, err := os.ReadFile(r.Path(checkpoints, folder, filepath.Base(name)))
		if err != nil {
			return nil, m, err
		}
		if digest(b) != want {
			return nil, m, fmt.Errorf("%s has changed since it was written", name)
		}
		cp.Files[name] = b
	}
	return cp, m, nil
}

// truncate cuts the logs to the lengths of a checkpoint. A log that is shorter has
// lost lines that the checkpoint counts on.
func (r *Run) truncate(offsets map[string]int64) error {
	for _, name := range Logs {
		stat, err := r.logs[name].Stat()
		if err != nil {
			return err
		}
		if stat.Size() < offsets[name] {
			return fmt.Errorf("%s.jsonl has %d bytes, the checkpoint knows %d", name, stat.Size(), offsets[name])
		}
	}
	for _, name := range Logs {
		if err := r.logs[name].Truncate(offsets[name]); err != nil {
			return err
		}
		r.offsets[name] = offsets[name]
	}
	return nil
}
