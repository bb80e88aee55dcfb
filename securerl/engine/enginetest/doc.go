// Package enginetest runs a test on every backend present, so that no result rests
// on one implementation.
//
//	func TestX(t *testing.T) { enginetest.Each(t, func(t *testing.T, e *engine.Engine) { ... }) }
package enginetest

import (
	"errors"
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
