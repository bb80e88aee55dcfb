package train

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/cpu"

	"securecoderl/securerl/runlog"
)

// manifest completes run.json with what the machine turned out to be. A run goes on
// only on the backend, and the number of devices, that it began on: others round
// differently, so the rest of it would not be the run that was started.
func (l *Lab) manifest() error {
	info := l.Engine.Info()
	if was, ok := l.Run.Facts()["backend"]; ok && was != info.Backend {
		return fmt.Errorf("%w: %s was begun on %v and cannot go on with %s; add -backend %v", runlog.ErrRun, l.Run.Dir(), was, info.Backend, was)
	}
	if _, begun := l.Run.Facts()["backend"]; begun && begunDevices(l.Run) != info.Devices {
		return fmt.Errorf("%w: %s was begun on %d devices and cannot go on with %d; add -devices %[3]d", runlog.ErrRun, l.Run.Dir(), begunDevices(l.Run), info.Devices)
	}
	sb, sc := l.sandbox.Info(), l.scanner.Info()
	facts := map[string]any{
		"backend": info.Backend, "device": info.Device, "devices": info.Devices, "simd": info.SIMD, "cpu": processor(),
		"sandbox": "tier " + sb.Tier, "landlock": sb.LandlockABI, "kernel": sb.Kernel,
		"python": sb.PythonVersion, "bandit": sc.Bandit, "rule_set": sc.Set, "rules": sc.Rules, "problems": l.Problems.Digest(),
	}
	for name, version := range map[string]string{"gomlx": info.GoMLX, "go_xla": info.GoXLA} {
		if version != "" {
			facts[name] = version
		}
	}
	for name, ask := range map[string]func() (int64, error){"memory_total": l.Engine.TotalMemory, "memory_free": l.Engine.FreeMemory} {
		if bytes, err := ask(); err == nil { // a system that does not tell is no reason to stop
			facts[name] = bytes
		}
	}
	if info.Plugin != "" {
		facts["plugin"] = info.Plugin + " " + info.PluginVersion
	}
	if info.XLAFlags != "" {
		facts["xla_flags"] = info.XLAFlags
	}
	if sb.Note != "" {
		facts["sandbox_note"] = sb.Note
	}
	return errors.Join(l.Run.AddFacts(facts), l.sameModel())
}

// begunDevices is the number of devices that a run was begun on; 1 for a new run, and for
// old ones that do not say. Numbers of run.json are float64 once they were read.
func begunDevices(run *runlog.Run) int {
	switch n := run.Facts()["devices"].(type) {
	case float64:
		return int(n)
	case int:
		return n
	}
	return 1
}

// processor names the processor and its widest vectors: compilers of graphs choose
// their instructions by it, and so do the last digits of a run.
func processor() string {
	name := runtime.GOARCH
	info, _ := os.ReadFile("/proc/cpuinfo") // absent elsewhere than on Linux
	for line := range strings.Lines(string(info)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			name = strings.TrimSpace(value)
			break
		}
	}
	switch {
	case cpu.X86.HasAVX512F:
		return name + ", AVX-512"
	case cpu.X86.HasAVX2:
		return name + ", AVX2"
	}
	return name
}
