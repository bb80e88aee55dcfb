package engine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// FreeMemory is the number of bytes that can still be taken where tensors live: of the
// GPU, or of this machine and, if it is less, of the control group that this process is
// confined to. It returns ErrUnavailable where the system does not tell.
func (e *Engine) FreeMemory() (int64, error) {
	if e.info.Backend == "xla:cuda" {
		// PJRT's own counters are not wrapped by go-xla; the first GPU is the one in use.
		text, err := exec.Command("nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits").Output()
		if err != nil {
			return 0, fmt.Errorf("%w: free memory of the GPU: %w", ErrUnavailable, err)
		}
		return parseGPU(string(text))
	}
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, fmt.Errorf("%w: free memory: %w", ErrUnavailable, err)
	}
	free, err := parseMeminfo(string(text))
	if err != nil {
		return 0, err
	}
	limit, err1 := groupNumber("/sys/fs/cgroup/memory.max")
	used, err2 := groupNumber("/sys/fs/cgroup/memory.current")
	if errors.Join(err1, err2) == nil {
		free = min(free, max(0, limit-used))
	}
	return free, nil
}

// parseMeminfo finds what the kernel thinks can be taken without swapping.
func parseMeminfo(text string) (int64, error) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "MemAvailable:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%w: free memory: %w", ErrUnavailable, err)
			}
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("%w: free memory: /proc/meminfo has no MemAvailable", ErrUnavailable)
}

// parseGPU reads the first line of nvidia-smi's answer, in MiB.
func parseGPU(text string) (int64, error) {
	line, _, _ := strings.Cut(text, "\n")
	mib, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: free memory of the GPU: nvidia-smi says %q", ErrUnavailable, line)
	}
	return mib << 20, nil
}

// groupNumber reads a number of a control group; "max" is none.
func groupNumber(path string) (int64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
}
