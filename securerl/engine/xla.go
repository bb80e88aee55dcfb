//go:build xla

package engine

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla" // without its autoinstall part: the network is never touched
	"github.com/gomlx/go-xla/pjrt"
)

func init() {
	openers["xla:cpu"] = func(n int) (compute.Backend, Info, error) { return openXLA("cpu", n) }
	openers["xla:cuda"] = func(n int) (compute.Backend, Info, error) { return openXLA("cuda", n) }
}

// What GoMLX is told on opening: host memory may be shared on the CPU. On a GPU float32
// is float32: with the 10 bits of TF32, the default there, sampler and trainer differ by
// 3e-3 in a log-probability, and a loss by 1e-3 from PyTorch's (measured on an H100).
var options = map[string]string{"cpu": ",shared_buffers=true", "cuda": ",tf32=false"}

// create is what a plugin is told on opening: the number of logical devices of a CPU,
// four if it is not told, and which of several GPUs are wanted, for it would take a part
// of the memory of every one.
func create(platform string, devices, present int) pjrt.NamedValuesMap {
	switch {
	case platform == "cpu":
		return pjrt.NamedValuesMap{"cpu_device_count": int64(devices)}
	case present > 1:
		wanted := make([]int64, devices)
		for i := range wanted {
			wanted[i] = int64(i)
		}
		return pjrt.NamedValuesMap{"visible_devices": wanted}
	}
	return nil
}

func openXLA(platform string, devices int) (compute.Backend, Info, error) {
	plugin, err := findPlugin(platform)
	if err != nil {
		return nil, Info{}, err
	}
	present := 0
	if platform == "cuda" {
		found, _ := filepath.Glob("/dev/nvidia[0-9]*")
		if present = visible(len(found), os.Getenv("CUDA_VISIBLE_DEVICES")); present < 1 {
			return nil, Info{}, fmt.Errorf("%w: xla:cuda: no GPU on this machine, or none is visible", ErrUnavailable)
		}
		if devices > present {
			return nil, Info{}, fmt.Errorf("%w: xla:cuda: %d devices are wanted, %d are visible", ErrUnavailable, devices, present)
		}
		if err := cudaData(plugin); err != nil {
			return nil, Info{}, err
		}
	}
	if err := wholeLibrary(plugin); err != nil {
		return nil, Info{}, err
	}
	// An absolute path: go-xla reads its search path before any code here runs.
	b, err := xla.NewWithOptions(plugin+options[platform], create(platform, devices, present))
	if err != nil {
		return nil, Info{}, fmt.Errorf("%w: xla:%s: %v", ErrUnavailable, platform, err)
	}
	if got := int(b.NumDevices()); got < devices {
		b.Finalize()
		return nil, Info{}, fmt.Errorf("%w: xla:%s: %d devices are wanted, the plugin opens %d", ErrUnavailable, platform, devices, got)
	}
	info := Info{Device: deviceName(platform)}
	info.Plugin, info.PluginVersion = wheelOf(plugin)
	return b, info, nil
}

// visible is how many of the GPUs present CUDA shows to this process, by the value of
// $CUDA_VISIBLE_DEVICES.
func visible(present int, listed string) int {
	if listed == "" {
		return present
	}
	n := 0
	for one := range strings.SplitSeq(listed, ",") {
		if strings.HasPrefix(one, "-") { // as CUDA reads it, the list ends at the first that cannot be
			break
		}
		n++
	}
	return min(present, n)
}

// cudaData tells XLA where the wheels of CUDA 13 keep ptxas and libdevice, unless
// $XLA_FLAGS says so already: beside the plugin's folder, in nvidia/cu13.
func cudaData(plugin string) error {
	const flag = "--xla_gpu_cuda_data_dir="
	dir := filepath.Join(filepath.Dir(filepath.Dir(plugin)), "nvidia", "cu13")
	flags := os.Getenv("XLA_FLAGS")
	if strings.Contains(flags, flag) || !exists(dir) {
		return nil
	}
	return os.Setenv("XLA_FLAGS", strings.TrimSpace(flags+" "+flag+dir))
}

// deviceName says what computes, without any path of this machine.
func deviceName(platform string) string {
	if platform == "cuda" {
		names, err := filepath.Glob("/proc/driver/nvidia/gpus/*/information")
		if err == nil && len(names) > 0 {
			if b, err := os.ReadFile(names[0]); err == nil {
				for line := range strings.Lines(string(b)) {
					if model, ok := strings.CutPrefix(line, "Model:"); ok {
						return strings.TrimSpace(model)
					}
				}
			}
		}
		return "GPU"
	}
	return "CPU"
}

// findPlugin looks in $PJRT_PLUGIN_LIBRARY_PATH, else for .venv/pjrt/PLATFORM upward
// from the working directory and from the program's own folder.
func findPlugin(platform string) (string, error) {
	file := "pjrt_c_api_" + platform + "_plugin.so"
	var tried []string
	if path := os.Getenv("PJRT_PLUGIN_LIBRARY_PATH"); path != "" {
		tried = filepath.SplitList(path)
	} else {
		var starts []string
		if dir, err := os.Getwd(); err == nil {
			starts = append(starts, dir)
		}
		if exe, err := os.Executable(); err == nil {
			starts = append(starts, filepath.Dir(exe))
		}
		for _, dir := range starts {
			for ; ; dir = filepath.Dir(dir) {
				tried = append(tried, filepath.Join(dir, ".venv", "pjrt", platform))
				if filepath.Dir(dir) == dir {
					break
				}
			}
		}
	}
	for _, dir := range tried {
		if path := filepath.Join(dir, file); exists(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: xla:%s: no %s found; run make %s", ErrUnavailable, platform, file, map[string]string{"cpu": "setup", "cuda": "cuda"}[platform])
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// wholeLibrary refuses a plugin file that was cut short: loading one kills the
// process with SIGBUS, which Go cannot turn into an error.
func wholeLibrary(path string) error {
	stat, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %s is no whole shared library (%v); remove .venv and run make setup", ErrUnavailable, path, err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if end := p.Off + p.Filesz; end > uint64(stat.Size()) {
			return fmt.Errorf("%w: %s is cut short (%d of at least %d bytes); remove .venv and run make setup", ErrUnavailable, path, stat.Size(), end)
		}
	}
	return nil
}
