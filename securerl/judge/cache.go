package judge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// cache keeps verdicts by the digest of all they depend on, in memory and, if it has
// a folder, on disk, where processes share it: a file per verdict, written beside
// its place and renamed, so that a reader never sees half of one.
type cache struct {
	dir string
	mu  sync.Mutex
	mem map[string]Verdict
}

func newCache(dir string) *cache { return &cache{dir: dir, mem: map[string]Verdict{}} }

func (c *cache) path(key string) string { return filepath.Join(c.dir, key[:2], key+".json") }

// get looks a verdict up. A file that cannot be read as a verdict is not there: it is
// judged again and written anew.
func (c *cache) get(key string) (Verdict, bool, error) {
	c.mu.Lock()
	v, ok := c.mem[key]
	c.mu.Unlock()
	if ok || c.dir == "" {
		return v, ok, nil
	}
	b, err := os.ReadFile(c.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return Verdict{}, false, nil
	}
	if err != nil {
		return Verdict{}, false, fmt.Errorf("%w: verdict cache: %w", ErrInfrastructure, err)
	}
	if json.Unmarshal(b, &v) != nil {
		return Verdict{}, false, nil
	}
	c.remember(key, v)
	return v, true, nil
}

func (c *cache) remember(key string, v Verdict) {
	c.mu.Lock()
	c.mem[key] = v
	c.mu.Unlock()
}

// put stores a verdict.
func (c *cache) put(key string, v Verdict) error {
	c.remember(key, v)
	if c.dir == "" {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%w: verdict cache: %v", ErrInfrastructure, err)
	}
	path := c.path(key)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("%w: verdict cache: %w", ErrInfrastructure, err)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "new-*")
	if err != nil {
		return fmt.Errorf("%w: verdict cache: %w", ErrInfrastructure, err)
	}
	_, err = temp.Write(b)
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temp.Name()) // it is of no use to anybody
		return fmt.Errorf("%w: verdict cache: %w", ErrInfrastructure, err)
	}
	return nil
}
