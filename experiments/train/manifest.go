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
// only on the backend it began on: others round differently, so the rest of it would
// not be the run that was started.
func (l *Lab) manifest() error {
	info := l.Engine.Info()
	if was, ok := l.Run.Facts()["backend"]; ok && was != info.Backend {
		return fmt.Errorf("%w: %s was begun on %v and cannot go on with %s; add -backend %v", runlog.ErrRun, l.Run.Dir(), was, info.Backend, was)
	}
	sb, sc := l.sandbox.Info(), l.scanner.Info()
	facts := map[string]any{
		"backend": info.Backend, "device": info.Device, "simd": info.SIMD, "cpu": processor(),
		"sandbox": "tier " + sb.Tier, "landlock": sb.LandlockABI, "kernel": sb.Kernel,
		"python": sb.PythonVersion, "bandit": sc.Bandit, "rule_set": sc.Set, "rules": sc.Rules, "problems": l.Problems.Digest(),
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
