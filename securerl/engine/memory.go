package engine

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// FreeMemory is the number of bytes that can still be taken where tensors live: of the
// GPU, or of this machine and, if it is less, of the control group that this process is
// confined to. It returns ErrUnavailable where the system does not tell.
func (e *Engine) FreeMemory() (int64, error) { return e.memory("free", "MemAvailable", true) }

// TotalMemory is the number of bytes there are where tensors live, taken or not;
// otherwise it is FreeMemory.
func (e *Engine) TotalMemory() (int64, error) { return e.memory("total", "MemTotal", false) }

// memory asks the driver of the GPU for one figure, or the kernel for another, which the
// control group's limit, less what it uses if wanted, may lower.
func (e *Engine) memory(gpu, kernel string, lessUsed bool) (int64, error) {
	if e.info.Backend == "xla:cuda" {
		return askGPU(gpu)
	}
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, fmt.Errorf("%w: memory: %w", ErrUnavailable, err)
	}
	n, err := parseKernel(string(text), kernel)
	if err != nil {
		return 0, err
	}
	limit, err := groupNumber("/sys/fs/cgroup/memory.max")
	if err == nil && lessUsed {
		var used int64
		used, err = groupNumber("/sys/fs/cgroup/memory.current")
		limit = max(0, limit-used)
	}
	if err == nil {
		n = min(n, limit)
	}
	return n, nil
}

// Memory is what a computation took, in bytes.
type Memory struct {
	Process int64 // most that this process had resident so far
	Device  int64 // what is taken of the first GPU now, freed memory that XLA keeps among it; 0 on a CPU, whose tensors are the process's own
}

// PeakMemory says what was taken so far, as far as the system tells: 0 where it does not.
func (e *Engine) PeakMemory() (m Memory) {
	if text, err := os.ReadFile("/proc/self/status"); err == nil {
		m.Process, _ = parseKernel(string(text), "VmHWM")
	}
	if e.info.Backend == "xla:cuda" {
		m.Device, _ = askGPU("used")
	}
	return m
}

// askGPU asks for a figure of the first GPU, the one that samples. PJRT's own counters
// are not wrapped by go-xla.
func askGPU(what string) (int64, error) {
	text, err := exec.Command("nvidia-smi", "--query-gpu=memory."+what, "--format=csv,noheader,nounits").Output()
	if err != nil {
		return 0, fmt.Errorf("%w: %s memory of the GPU: %w", ErrUnavailable, what, err)
	}
	return parseGPU(string(text))
}

// parseKernel finds a figure of the kernel's in a text of lines "name: number kB".
func parseKernel(text, name string) (int64, error) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%w: memory: %w", ErrUnavailable, err)
			}
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("%w: memory: the kernel does not tell %s", ErrUnavailable, name)
}

// parseGPU reads the first line of nvidia-smi's answer, in MiB.
func parseGPU(text string) (int64, error) {
	line, _, _ := strings.Cut(text, "\n")
	mib, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: memory of the GPU: nvidia-smi says %q", ErrUnavailable, line)
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
