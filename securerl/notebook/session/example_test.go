package session_test

import (
	"fmt"
	"os"

	"securecoderl/securerl/notebook/session"
)

// Outside a notebook a session belongs to the process that asks.
func ExampleKernel() {
	fmt.Println(session.Kernel() == os.Getpid())
	// Output: true
}
