//go:build !linux

package train

import "os"

// schedulers are the signals that job schedulers send besides SIGTERM: none here.
var schedulers []os.Signal

// freeBytes is the space that this user may still fill; 0 means unknown.
func freeBytes(string) int64 { return 0 }

// processSeconds is not known here.
func processSeconds() float64 { return 0 }
