//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// together makes a command the leader of a group of processes, which ends as a whole.
func together(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
