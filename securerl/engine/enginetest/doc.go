// Package enginetest runs a test on every backend present, so that no result rests
// on one implementation.
//
//	func TestX(t *testing.T) { enginetest.Each(t, func(t *testing.T, e *engine.Engine) { ... }) }
package enginetest

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"securecoderl/securerl/engine"
)

// Each runs the test on the pure-Go backend, and on xla:cpu and xla:cuda where those are
// linked and their plugin and device are found. With SECURERL_REQUIRE_XLA=1 a missing
// xla:cpu is a failure.
func Each(t *testing.T, run func(t *testing.T, e *engine.Engine)) {
	t.Helper()
	for _, name := range []string{"go", "xla:cpu", "xla:cuda"} {
		e, err := engine.Open(name)
		if errors.Is(err, engine.ErrUnavailable) && (name == "xla:cuda" || name == "xla:cpu" && os.Getenv("SECURERL_REQUIRE_XLA") != "1") {
			t.Logf("%s is not tested here: %v", name, err)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			defer e.Close()
			run(t, e)
		})
	}
}

// Devices runs the test on xla:cpu with each number of logical devices, where its plugin
// is found. With SECURERL_REQUIRE_XLA=1 a missing one is a failure.
func Devices(t *testing.T, counts []int, run func(t *testing.T, e *engine.Engine)) {
	t.Helper()
	for _, n := range counts {
		e, err := engine.Open("xla:cpu", engine.WithDevices(n))
		if errors.Is(err, engine.ErrUnavailable) && os.Getenv("SECURERL_REQUIRE_XLA") != "1" {
			t.Logf("%d devices are not tested here: %v", n, err)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Run(fmt.Sprintf("%d devices", n), func(t *testing.T) {
			defer e.Close()
			run(t, e)
		})
	}
}
