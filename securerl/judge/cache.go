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
	"sync"
)

// cache keeps verdicts by the digest of all they depend on, in memory and, if it has
// a folder, on disk, where processes share it: a file per verdict, written beside
// its place and renamed, so that a reader never sees half of one. A file begins with
// a digest of key and content, so that a spoilt or misplaced one is never believed.
type cache struct {
	dir string

	mu    sync.Mutex
	mem   map[string]Verdict
	order []string // keys in the order they came, a ring of at most remembered
	next  int
}

// remembered bounds the verdicts in memory, at one or two kilobytes each.
const remembered = 1 << 15

func newCache(dir string) *cache { return &cache{dir: dir, mem: map[string]Verdict{}} }

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
	return nil
}

// replace writes a whole file at once, as far as others can see.
func replace(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "new-*")
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
