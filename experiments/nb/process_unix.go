//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// alone gives a cell a process group of its own, so that a timeout ends what it started
// too. The session leaves the group by itself and lives until this program ends.
func alone(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
