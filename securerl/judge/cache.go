package judge

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// cache keeps verdicts by the digest of all they depend on, in memory and, if it has
// a folder, on disk, where processes share it: a file per verdict, written beside
// its place and renamed, so that a reader never sees half of one. A file begins with
// a digest of key and content, so that a spoilt or misplaced one is never believed.
//
// The folder is pruned by size, the longest unused first: a hit renews a file's time.
// Another process may prune at any time; a verdict that is gone is judged again.
type cache struct {
	dir     string
	largest int64 // bytes of the folder
	written atomic.Int64

	mu    sync.Mutex
	mem   map[string]Verdict
	order []string // keys in the order they came, a ring of at most remembered
	next  int
}

// remembered bounds the verdicts in memory, at one or two kilobytes each.
const remembered = 1 << 15

// pruneEvery is after how many written verdicts the folder's size is looked at.
const pruneEvery = 4096

func newCache(dir string, largest int64) *cache {
	if largest <= 0 {
		largest = 1 << 30
	}
	return &cache{dir: dir, largest: largest, mem: map[string]Verdict{}}
}

func (c *cache) path(key string) string { return filepath.Join(c.dir, key[:2], key+".json") }

func seal(key string, body []byte) []byte {
	sum := sha256.Sum256(append([]byte(key), body...))
	return append([]byte(hex.EncodeToString(sum[:])), '\n')
}

// get looks a verdict up. A file that is not a whole verdict of this key is not
// there: the program is judged again and the file written anew.
func (c *cache) get(key string) (Verdict, bool, error) {
	c.mu.Lock()
	v, ok := c.mem[key]
	c.mu.Unlock()
	if ok || c.dir == "" {
		return v.clone(), ok, nil
	}
	b, err := os.ReadFile(c.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return Verdict{}, false, nil
	}
	if err != nil {
		return Verdict{}, false, fmt.Errorf("%w: verdict cache: %w", ErrInfrastructure, err)
	}
	head, body, _ := bytes.Cut(b, []byte("\n"))
	if !bytes.Equal(append(head, '\n'), seal(key, body)) || json.Unmarshal(body, &v) != nil {
		return Verdict{}, false, nil
	}
	now := time.Now()
	_ = os.Chtimes(c.path(key), now, now) // it was used; another process may just have pruned it
	c.remember(key, v)
	return v.clone(), true, nil
}

// remember keeps a verdict in memory, in the place of the oldest when there are many.
func (c *cache) remember(key string, v Verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.mem[key]; !known {
		if len(c.order) < remembered {
			c.order = append(c.order, key)
		} else {
			delete(c.mem, c.order[c.next])
			c.order[c.next] = key
			c.next = (c.next + 1) % remembered
		}
	}
	c.mem[key] = v
}

// put stores a verdict.
func (c *cache) put(key string, v Verdict) error {
	c.remember(key, v.clone())
	if c.dir == "" {
		return nil
	}
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%w: verdict cache: %v", ErrInfrastructure, err)
	}
	if err := replace(c.path(key), append(seal(key, body), body...)); err != nil {
		return fmt.Errorf("%w: verdict cache: %w", ErrInfrastructure, err)
	}
	if c.written.Add(1)%pruneEvery == 1 {
		if err := c.prune(time.Now()); err != nil {
			return fmt.Errorf("%w: verdict cache: %w", ErrInfrastructure, err)
		}
	}
	return nil
}

// prune removes the files that were not used for the longest time until four fifths of
// the size are left, and what a killed writer left behind.
func (c *cache) prune(now time.Time) error {
	type file struct {
		path string
		size int64
		used time.Time
	}
	var files []file
	total := int64(0)
	err := filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // another process was faster
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if strings.HasPrefix(d.Name(), temporary) {
			if now.Sub(info.ModTime()) > time.Hour {
				return remove(path)
			}
			return nil
		}
		files = append(files, file{path, info.Size(), info.ModTime()})
		total += info.Size()
		return nil
	})
	if err != nil || total <= c.largest {
		return err
	}
	slices.SortFunc(files, func(x, y file) int { return x.used.Compare(y.used) })
	for _, f := range files {
		if total <= c.largest/5*4 {
			break
		}
		if err := remove(f.path); err != nil {
			return err
		}
		total -= f.size
	}
	return nil
}

// remove removes a file that may be gone.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// temporary begins the names of files that are being written.
const temporary = "new-"

// replace writes a whole file at once, as far as others can see.
func replace(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), temporary+"*")
	if err != nil {
		return err
	}
	_, err = temp.Write(b)
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temp.Name()) // it is of no use to anybody
	}
	return err
}
